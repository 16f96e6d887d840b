"""Scalers, binners, imputers and target encoding equal scikit-learn's of equal parameters, `standardize` also Keras's.

Sums are exact here and pairwise there, so results may differ by a few roundings: `close` says how many.
"""

import math
import os
import random
from collections.abc import Callable
from typing import Any

import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
from sklearn import preprocessing
from sklearn.impute import SimpleImputer

from engine_runner import Transform, ask

ROWS = 3000


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.node.name)


KINDS = ["normal", "skewed", "steps", "amounts", "tiny", "huge", "below"]
# Those that Box-Cox takes.
POSITIVE_KINDS = ["skewed", "amounts"]


def column(rng: random.Random, kind: str) -> list[float]:
    """A column of a kind that models meet."""
    make: dict[str, Callable[[], float]] = {
        "normal": lambda: rng.gauss(-3, 2),
        "skewed": lambda: rng.lognormvariate(1, 1.5),
        "steps": lambda: float(rng.choice([0, 0, 0, 1, 2, 5])),
        "amounts": lambda: round(rng.expovariate(0.02), 2) + 0.01,
        "tiny": lambda: rng.gauss(1, 1) * 1e-4,
        "huge": lambda: rng.gauss(0, 1) * 1e9,
        "below": lambda: -rng.expovariate(0.2),
    }
    return [make[kind]() for _ in range(ROWS)]


def with_nan(rng: random.Random, rows: list[float]) -> list[float | None]:
    """Every tenth value is missing, in either of its forms."""
    return [rng.choice([None, float("nan")]) if rng.random() < 0.1 else row for row in rows]


def array(rows: list[Any]) -> Any:
    return np.array([np.nan if row is None else row for row in rows], dtype=np.float64).reshape(-1, 1)


def fit(step: Transform, rows: list[Any]) -> Transform:
    return step.fit(rows[: ROWS // 3], rows[ROWS // 3 : ROWS // 2], [], rows[ROWS // 2 :])


def close(got: list[Any], expected: Any, tolerance: float = 1e-12) -> None:
    numbers = np.array([np.nan if value is None else value for value in got], dtype=np.float64)
    np.testing.assert_allclose(numbers, np.asarray(expected).ravel(), rtol=tolerance, atol=tolerance)


def is_missing(row: float | None) -> bool:
    return row is None or math.isnan(row)


def beyond(rows: list[Any]) -> list[Any]:
    """The rows, and values that training did not have."""
    known = [row for row in rows if not is_missing(row)]
    low, high = min(known), max(known)
    return [*rows, low, high, low - (high - low) / 3, high + (high - low) / 3, (low + high) / 2, 0.0, 1.0]


@pytest.mark.parametrize("kind", KINDS)
def test_standardize(rng: random.Random, kind: str) -> None:
    rows = with_nan(rng, column(rng, kind))
    scaler = preprocessing.StandardScaler().fit(array(rows))
    step = fit(Transform("standardize", "float64"), rows)
    close([step.fitted["mean"], step.fitted["var"]], [scaler.mean_[0], scaler.var_[0]])
    close(step.run(beyond(rows)), scaler.transform(array(beyond(rows))), 1e-10)
    for center, scale in [(True, False), (False, True)]:
        half = preprocessing.StandardScaler(with_mean=center, with_std=scale).fit(array(rows))
        close(
            fit(Transform("standardize", "float64", center=center, scale=scale), rows).run(rows),
            half.transform(array(rows)),
        )


def test_standardize_of_a_sample_is_that_of_numpy(rng: random.Random) -> None:
    rows = column(rng, "amounts")
    step = fit(Transform("standardize", "float64", ddof=1), rows)
    close([step.fitted["var"]], [np.var(rows, ddof=1)])


@pytest.mark.parametrize("kind", KINDS)
def test_standardize_is_the_normalization_of_keras(rng: random.Random, kind: str) -> None:
    rows = column(rng, kind)
    layer = keras.layers.Normalization(axis=None, dtype="float64")
    layer.adapt(np.array(rows))
    step = fit(Transform("standardize", "float64"), rows)
    # The layer keeps mean and variance, and divides, in float32.
    scale = max(abs(value) for value in step.run(rows)) + abs(step.fitted["mean"]) / step.fitted["var"] ** 0.5
    close(step.run(rows), keras.ops.convert_to_numpy(layer(np.array(rows))), 1e-6 * scale)
    given = keras.layers.Normalization(axis=None, mean=0.5, variance=4.0, dtype="float64")
    step = Transform("standardize", "float64", mean=0.5, var=4.0)
    close(step.run(rows), keras.ops.convert_to_numpy(given(np.array(rows))))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("clip", [False, True])
def test_min_max(rng: random.Random, kind: str, clip: bool) -> None:
    rows = with_nan(rng, column(rng, kind))
    scaler = preprocessing.MinMaxScaler((-1, 3), clip=clip).fit(array(rows))
    step = fit(Transform("min_max", "float64", range=[-1, 3], clip=clip), rows)
    assert [step.fitted["min"], step.fitted["max"]] == [scaler.data_min_[0], scaler.data_max_[0]]
    close(step.run(beyond(rows)), scaler.transform(array(beyond(rows))), 1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_max_abs(rng: random.Random, kind: str) -> None:
    rows = with_nan(rng, column(rng, kind))
    scaler = preprocessing.MaxAbsScaler().fit(array(rows))
    expected = scaler.transform(array(beyond(rows)))
    close(fit(Transform("max_abs", "float64"), rows).run(beyond(rows)), expected, 1e-15)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("low", "high"), [(25, 75), (5, 99)])
def test_robust_scale(rng: random.Random, kind: str, low: int, high: int) -> None:
    rows = with_nan(rng, column(rng, kind))
    scaler = preprocessing.RobustScaler(quantile_range=(low, high)).fit(array(rows))
    step = fit(Transform("robust_scale", "float64", q_low=low / 100, q_high=high / 100), rows)
    assert [step.fitted["median"], step.fitted["high"] - step.fitted["low"]] == [scaler.center_[0], scaler.scale_[0]]
    close(step.run(beyond(rows)), scaler.transform(array(beyond(rows))), 1e-15)


@pytest.mark.parametrize("kind", KINDS)
def test_winsorize_clips_at_the_quantiles_of_numpy(rng: random.Random, kind: str) -> None:
    rows = with_nan(rng, column(rng, kind))
    bounds = np.nanquantile(array(rows), [0.01, 0.99])
    expected = np.clip(array(beyond(rows)), *bounds)
    close(fit(Transform("winsorize", "float64"), rows).run(beyond(rows)), expected, 0)


@pytest.mark.parametrize(
    ("method", "kind"), [("yeo_johnson", kind) for kind in KINDS] + [("box_cox", kind) for kind in POSITIVE_KINDS]
)
def test_power_transform(rng: random.Random, method: str, kind: str) -> None:
    rows = with_nan(rng, column(rng, kind))
    scaler = preprocessing.PowerTransformer(method=method.replace("_", "-")).fit(array(rows))
    step = fit(Transform("power_transform", "float64", method=method), rows)
    # A power far from 1 has a likelihood so flat that its top, which scikit-learn looks for, is known no better.
    expected = scaler.lambdas_[0]
    assert step.fitted["lambda"] == pytest.approx(expected, abs=1e-6 if abs(expected) < 10 else 1e-5 * abs(expected))
    close(step.run(rows), scaler.transform(array(rows)), 1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("output", ["uniform", "normal"])
@pytest.mark.parametrize("knots", [2, 100, 1000])
def test_quantile_transform(rng: random.Random, kind: str, output: str, knots: int) -> None:
    rows = with_nan(rng, column(rng, kind))
    scaler = preprocessing.QuantileTransformer(n_quantiles=knots, output_distribution=output, subsample=None)
    scaler.fit(array(rows))
    step = fit(Transform("quantile_transform", "float64", n=knots, output=output), rows)
    assert step.fitted["knots"] == scaler.quantiles_.ravel().tolist()
    data = beyond(rows)
    if output == "normal":
        # There what is within 1e-7 of an end, in units of the column, is the end.
        low, high = step.fitted["knots"][0], step.fitted["knots"][-1]
        near = [row for row in data if not is_missing(row) and 0 < min(abs(row - low), abs(row - high)) < 1e-6]
        data = [row for row in data if row not in near]
    close(step.run(data), scaler.transform(array(data)), 1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bins", [2, 7, 10, 100])
@pytest.mark.parametrize("method", ["linear", "averaged_inverted_cdf", "inverted_cdf"])
@pytest.mark.filterwarnings("ignore:Bins whose width are too small")
def test_quantile_bucketize(rng: random.Random, kind: str, bins: int, method: str) -> None:
    rows = column(rng, kind)
    parameters = {"encode": "ordinal", "strategy": "quantile", "quantile_method": method, "subsample": None}
    binner = preprocessing.KBinsDiscretizer(bins, **parameters)
    binner.fit(array(rows))
    step = fit(Transform("quantile_bucketize", "float64", bins=bins, method=method), rows)
    assert step.fitted["boundaries"] == binner.bin_edges_[0][1:-1].tolist()
    assert step.run(beyond(rows)) == binner.transform(array(beyond(rows))).ravel().tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("strategy", "known_as"), [("mean", "mean"), ("median", "median"), ("mode", "most_frequent")])
def test_impute(rng: random.Random, kind: str, strategy: str, known_as: str) -> None:
    rows = with_nan(rng, column(rng, kind))
    expected = SimpleImputer(strategy=known_as).fit_transform(array(rows))
    close(fit(Transform("impute", "float64", strategy=strategy), rows).run(rows), expected, 1e-13)


def test_impute_texts(rng: random.Random) -> None:
    rows = [rng.choice([None, "b", "a", "ü", ""]) for _ in range(ROWS)]
    column = np.array(rows, dtype=object).reshape(-1, 1)
    for parameters, imputer in [
        ({"strategy": "mode"}, SimpleImputer(strategy="most_frequent", missing_values=None)),
        ({"value": "?"}, SimpleImputer(strategy="constant", fill_value="?", missing_values=None)),
    ]:
        step = Transform("impute", "string", **parameters)
        if "strategy" in parameters:
            fit(step, rows)
        assert step.run(rows) == imputer.fit_transform(column).ravel().tolist()


@pytest.mark.parametrize("smooth", ["auto", 0.0, 2.0, 33.3])
@pytest.mark.parametrize("binary", [False, True])
def test_target_encode(rng: random.Random, smooth: str | float, binary: bool) -> None:
    rows = rng.choices([*"abcdefgh", "ü", "", "rare"], weights=[50, 40, 30, 20, 10, 5, 3, 2, 9, 9, 0.1], k=ROWS)
    signal = [ord(row[:1] or "x") for row in rows]
    targets = [float(rng.random() < letter / 300) if binary else rng.gauss(letter, 9) for letter in signal]
    encoder = preprocessing.TargetEncoder(smooth=smooth, target_type="binary" if binary else "continuous")
    encoder.fit(np.array(rows, dtype=object).reshape(-1, 1), np.array(targets))
    data = [*sorted(set(rows)), "unseen"]
    cut = ROWS // 3
    line = {
        "step": "target_encode",
        "input": "string",
        "parameters": {"target": "y", "smooth": smooth},
        "fit": [rows[cut:], rows[:cut]],
        "targets": [targets[cut:], targets[:cut]],
        "rows": data,
    }
    (answer,) = ask("transform", [line])
    close(answer["values"], encoder.transform(np.array(data, dtype=object).reshape(-1, 1)), 1e-12)
