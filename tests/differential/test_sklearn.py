"""Steps equal the transformers of scikit-learn of the same meaning. Scalers and imputers have a file of their own."""

import math
import random
from typing import Any

import numpy as np
import pytest
from sklearn import preprocessing
from sklearn.feature_extraction import FeatureHasher
from sklearn.impute import MissingIndicator

from engine_runner import Transform

ROWS = 2000


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.node.name)


def column(rows: list[Any], dtype: Any = object) -> Any:
    return np.array(rows, dtype=dtype).reshape(-1, 1)


def words(rng: random.Random) -> list[str]:
    return rng.choices(["", "a", "b", "ab", "ü", "漢", "Z"], k=ROWS)


@pytest.mark.parametrize("threshold", [0.0, -1.5, 2.0])
def test_binarize(rng: random.Random, threshold: float) -> None:
    rows = [threshold, *(rng.choice([rng.gauss(0, 2), float(rng.randint(-3, 3))]) for _ in range(ROWS))]
    expected = preprocessing.Binarizer(threshold=threshold).transform(column(rows, float))
    assert Transform("binarize", "float64", threshold=threshold).run(rows) == expected.ravel().tolist()


@pytest.mark.parametrize("strategy", ["uniform", "quantile", "kmeans"])
def test_bucketize(rng: random.Random, strategy: str) -> None:
    rows = [rng.gauss(0, 2) for _ in range(ROWS)]
    binner = preprocessing.KBinsDiscretizer(
        7, encode="ordinal", strategy=strategy, quantile_method="averaged_inverted_cdf", subsample=None
    ).fit(column(rows, float))
    # The outermost edges do not bound anything: the first and the last bin are open.
    boundaries = binner.bin_edges_[0][1:-1].tolist()
    data = [*rows, *boundaries, -100.0, 100.0]
    expected = binner.transform(column(data, float)).ravel().tolist()
    assert Transform("bucketize", "float64", boundaries=boundaries).run(data) == expected


@pytest.mark.parametrize("drop", [None, "first"])
def test_one_hot(rng: random.Random, drop: str | None) -> None:
    rows = words(rng)
    encoder = preprocessing.OneHotEncoder(sparse_output=False, handle_unknown="error" if drop else "ignore", drop=drop)
    encoder.fit(column(rows))
    data = rows if drop else [*rows, "new"]
    step = Transform("one_hot", "string", order="value", drop=drop or "none").fit(rows[:700], rows[700:])
    assert step.fitted["tokens"] == encoder.categories_[0].tolist()
    assert step.run(data) == encoder.transform(column(data)).tolist()


def test_vocabulary_is_the_ordinal_encoder(rng: random.Random) -> None:
    rows = rng.choices([5, -3, 0, 2**40], k=ROWS)
    encoder = preprocessing.OrdinalEncoder(dtype=np.int64).fit(column(rows, np.int64))
    step = Transform("vocabulary", "int64", order="value", num_oov=0).fit(rows)
    assert step.run(rows) == encoder.transform(column(rows, np.int64)).ravel().tolist()
    assert step.run([1])[0]["fault"] == "REFUSED"


def test_multi_hot_is_the_multi_label_binarizer(rng: random.Random) -> None:
    rows = [rng.sample(["x", "y", "z", "ü"], k=rng.randint(0, 4)) for _ in range(ROWS)]
    expected = preprocessing.MultiLabelBinarizer().fit_transform(rows)
    step = Transform("multi_hot", "list<string>", order="value").fit(rows)
    assert step.run(rows) == expected.tolist()


@pytest.mark.parametrize("bins", [1, 10, 1023, 2**20])
def test_murmur3_is_the_feature_hasher(rng: random.Random, bins: int) -> None:
    rows = ["".join(rng.choices("abcxyz äü漢", k=rng.randint(0, 40))) for _ in range(ROWS)]
    hashed = FeatureHasher(bins, input_type="string", alternate_sign=False).transform([[row] for row in rows])
    assert Transform("hash_bucket", "string", bins=bins, hash="murmur3").run(rows) == hashed.indices.tolist()


def test_missing_indicator(rng: random.Random) -> None:
    rows = [rng.choice([math.nan, rng.random()]) for _ in range(ROWS)]
    expected = MissingIndicator().fit_transform(column(rows, float))
    assert Transform("missing_indicator", "float64").run(rows) == expected.astype(int).ravel().tolist()
