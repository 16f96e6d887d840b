"""Features as the inputs of a model, and a real Keras model on features that the real gateway serves."""

import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

import keras_client
from tests.gateway import Gateway, free_address
from unskew import FeatureRow, FeatureStoreClient, FeatureValue, Reason, Status

FEATURES = list(keras_client.DEFAULT_FEATURES)
ROWS = [
    {"entity_id": "keras_1", "nb_tx": 400, "avg_amount": 62.31, "last_amount": 12.5, "last_terminal": 7},
    {"entity_id": "keras_2", "nb_tx": 17, "avg_amount": 8.05, "last_amount": 220.01},
    {"entity_id": "keras_3", "nb_tx": 1, "avg_amount": 0.1, "last_amount": 0.1},
    {"entity_id": "keras_partial", "nb_tx": 3, "avg_amount": None},
    {"entity_id": "keras_text", "nb_tx": "3", "avg_amount": 1, "last_amount": 1},
]
IDS = [str(row["entity_id"]) for row in ROWS]
SKIPPED = {
    "keras_partial": "avg_amount is NULL; last_amount is MISSING",
    "keras_text": "nb_tx is no number but a str",
    "keras_nobody": "nb_tx is MISSING; avg_amount is MISSING; last_amount is MISSING",
}


def row_of(features: Mapping[str, FeatureValue]) -> FeatureRow:
    statuses = dict.fromkeys(features, Status.PRESENT)
    return FeatureRow("e", dict(features), statuses, {}, Status.PRESENT, Reason.NONE, "", None)


def test_features_are_ordered_as_asked() -> None:
    rows = {"e": row_of({"a": 1.0, "b": 0.1, "c": True}), "f": row_of({"c": 5e-324, "b": -2.0, "a": 0.0})}
    inputs = keras_client.to_inputs(rows, ["c", "a", "b"])
    assert inputs.matrix.dtype == np.float32
    assert inputs.matrix.tolist() == [[1.0, 1.0, float(np.float32(0.1))], [0.0, 0.0, -2.0]]
    assert (inputs.entity_ids, inputs.skipped) == (["e", "f"], {})


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("1", "a is no number but a str"),
        ([1.0], "a is no number but a list"),
        (1e39, "a is 1e+39, which is not finite in float32"),
        (math.nan, "a is nan, which is not finite in float32"),
    ],
)
def test_what_is_no_finite_number_is_skipped(value: FeatureValue, why: str) -> None:
    inputs = keras_client.to_inputs({"e": row_of({"a": value})}, ["a"])
    assert inputs.skipped == {"e": why}
    assert inputs.matrix.shape == (0, 1)


def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    command = [sys.executable, keras_client.__file__, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def forward(weights: Sequence[np.ndarray], matrix: keras_client.Matrix) -> list[float]:
    """What the built model computes, in float64: normalization, relu, sigmoid."""
    mean, variance, _count, kernel_1, bias_1, kernel_2, bias_2 = (np.asarray(w, dtype=np.float64) for w in weights)
    hidden = np.maximum((matrix - mean) / np.sqrt(variance) @ kernel_1 + bias_1, 0)
    return [float(value) for value in (1 / (1 + np.exp(-(hidden @ kernel_2 + bias_2)))).ravel()]


@pytest.mark.integration
@pytest.mark.keras
def test_a_model_predicts_from_served_features(client: FeatureStoreClient, tmp_path: Path) -> None:
    assert client.write_rows("default", ROWS).ok
    inputs = keras_client.fetch(client, [*IDS, "keras_nobody"], FEATURES)
    assert inputs.entity_ids == ["keras_1", "keras_2", "keras_3"]
    assert inputs.matrix.tolist() == np.array([[row[f] for f in FEATURES] for row in ROWS[:3]], np.float32).tolist()
    assert inputs.skipped == SKIPPED

    model = keras_client.build_model(inputs.matrix)
    predictions = keras_client.predict(model, inputs)
    assert list(predictions) == inputs.entity_ids
    scores = [score for (score,) in predictions.values()]
    assert scores == pytest.approx(forward(model.get_weights(), inputs.matrix), rel=1e-4)
    assert len(set(scores)) == 3
    assert keras_client.predict(keras_client.build_model(inputs.matrix), inputs) == predictions

    path = tmp_path / "model.keras"
    model.save(path)
    assert keras_client.predict(keras_client.load_model(path, 3), inputs) == predictions
    with pytest.raises(ValueError, match=r"reads \(None, 3\), not \(None, 2\)"):
        keras_client.load_model(path, 2)


@pytest.mark.integration
@pytest.mark.keras
def test_the_command_prints_predictions_and_skips(gateway: Gateway, client: FeatureStoreClient, tmp_path: Path) -> None:
    assert client.write_rows("default", ROWS).ok
    entities = ["--address", gateway.address, "--timeout", "5", "--entities", *IDS, "keras_nobody"]
    built = run_script(*entities)
    assert built.returncode == 0, built.stderr
    assert "no --model given" in built.stdout
    lines = built.stdout.splitlines()
    table = {line.split()[0]: line.split()[1:] for line in lines if line.startswith(("keras_", "entity"))}
    assert table["entity"] == [*FEATURES, "prediction"]
    assert list(table) == ["entity", "keras_1", "keras_2", "keras_3"]
    assert table["keras_1"][:3] == ["400", "62.31", "12.5"]
    assert all(0 < float(table[entity_id][3]) < 1 for entity_id in IDS[:3])
    for entity_id, why in SKIPPED.items():
        assert f"skipped {entity_id}: {why}" in lines

    path = tmp_path / "model.keras"
    keras_client.build_model(keras_client.fetch(client, IDS, FEATURES).matrix).save(path)
    loaded = run_script(*entities, "--model", str(path))
    assert loaded.returncode == 0, loaded.stderr
    assert "no --model given" not in loaded.stdout
    assert loaded.stdout in built.stdout


@pytest.mark.integration
@pytest.mark.keras
def test_the_command_says_what_is_wrong(gateway: Gateway, client: FeatureStoreClient, tmp_path: Path) -> None:
    assert client.write_rows("default", ROWS).ok
    broken = tmp_path / "broken.keras"
    broken.write_bytes(b"no model")
    known = ["--address", gateway.address, "--timeout", "5", "--entities", "keras_1"]
    for arguments, words in [
        (["--address", free_address(), "--entities", "keras_1"], "UNAVAILABLE"),
        (["--address", gateway.address, "--entities", "keras_nobody"], "nothing to predict"),
        ([*known, "--model", str(tmp_path / "none.keras")], "there is no model file"),
        ([*known, "--model", str(broken)], "broken.keras"),
    ]:
        run = run_script(*arguments)
        assert (run.returncode, "Traceback" in run.stderr) == (1, False), run.stderr
        assert run.stderr.startswith("keras_client: ")
        assert words in run.stderr


def test_a_wrong_command_line_is_refused() -> None:
    run = run_script("--address", "127.0.0.1:1")
    assert run.returncode == 2
    assert "--entities" in run.stderr
