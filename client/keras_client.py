"""Predicts with a Keras 3 model from features that the gateway serves.

    python keras_client.py --address 127.0.0.1:50051 --entities customer_596 customer_1 --model model.keras

Without a model file a small one is built, with fixed weights: it shows the way of the data, its scores mean nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import unskew

if TYPE_CHECKING:
    import keras

DEFAULT_FEATURES = ("nb_tx", "avg_amount", "last_amount")
SEED = 596

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a model reads: a row of the matrix for each entity that has all features, in the order asked for."""

    entity_ids: list[str]
    matrix: Matrix
    """float32, one row an entity, one column a feature."""
    skipped: dict[str, str]
    """Entities that were left out, and why."""


def to_inputs(rows: Mapping[str, unskew.FeatureRow], features: Sequence[str]) -> Inputs:
    """Orders the features of each row into a matrix; leaves out, and reports, the rows that lack one."""
    entity_ids: list[str] = []
    vectors: list[list[float]] = []
    skipped: dict[str, str] = {}
    for entity_id, row in rows.items():
        lacking = [reason for name in features if (reason := why_unusable(row, name))]
        if lacking:
            skipped[entity_id] = "; ".join(lacking)
        else:
            entity_ids.append(entity_id)
            vectors.append([number for name in features if isinstance(number := row[name], int | float)])
    matrix = np.array(vectors, dtype=np.float32).reshape(len(vectors), len(features))
    return Inputs(entity_ids, matrix, skipped)


def why_unusable(row: unskew.FeatureRow, name: str) -> str | None:
    """Why a feature can't enter a float32 vector; None if it can."""
    value = row.get(name)
    if value is None:
        return f"{name} is {row.describe(name)}"
    if not isinstance(value, int | float):
        return f"{name} is no number but a {type(value).__name__}"
    with np.errstate(over="ignore"):
        finite = bool(np.isfinite(np.float32(value)))
    return None if finite else f"{name} is {value}, which is not finite in float32"


def fetch(client: unskew.FeatureStoreClient, entity_ids: Sequence[str], features: Sequence[str]) -> Inputs:
    """Fetches the features of several entities in one call, as the inputs of a model."""
    return to_inputs(client.online_features(entity_ids, features), features)


def import_keras() -> Any:
    """Keras, on jax unless KERAS_BACKEND names another backend: it has to be chosen before the import."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    try:
        import keras  # noqa: PLC0415 (see above)
    except ImportError as error:
        raise RuntimeError(f"{error}: install the extra, `pip install 'unskew[keras]'`") from error
    return keras


def build_model(matrix: Matrix) -> keras.Model:
    """A small model with weights of a fixed seed: a Normalization layer adapted to `matrix`, and dense layers."""
    keras = import_keras()
    keras.utils.set_random_seed(SEED)
    normalization = keras.layers.Normalization()
    normalization.adapt(matrix)
    return keras.Sequential(
        [
            keras.Input(shape=(matrix.shape[1],), dtype="float32"),
            normalization,
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


def load_model(path: Path, width: int) -> keras.Model:
    """The model in a file, which must read vectors of `width` features.

    Raises:
        ValueError: there is no model in the file, or it reads another number of features.
    """
    if not path.is_file():
        raise ValueError(f"there is no model file {path}")
    keras = import_keras()
    try:
        model = keras.saving.load_model(path)
    except Exception as error:  # Keras raises what it met inside the file: ValueError, KeyError, OSError, BadZipFile
        raise ValueError(f"{path} holds no model that Keras can read: {error}") from error
    shapes = [tensor.shape for tensor in getattr(model, "inputs", None) or ()]
    if len(shapes) != 1 or shapes[0][1:] != (width,):
        reads = ", ".join(map(str, shapes)) or "inputs of no declared shape"
        raise ValueError(f"the model {path} reads {reads}, not (None, {width}): name its features with --features")
    return model


def predict(model: keras.Model, inputs: Inputs) -> dict[str, list[float]]:
    """The outputs of the model for each entity, from one call of it."""
    outputs = np.asarray(model.predict(inputs.matrix, verbose=0), dtype=np.float64)
    flat = outputs.reshape(len(inputs.entity_ids), -1)
    return dict(zip(inputs.entity_ids, flat.tolist(), strict=True))


def table(inputs: Inputs, predictions: Mapping[str, Sequence[float]], features: Sequence[str]) -> str:
    """The features and the predictions, a line each entity; after them the entities that were skipped."""
    header = ["entity", *features, "prediction"]
    lines = [
        [entity_id, *(f"{value:g}" for value in vector), " ".join(f"{value:.6f}" for value in predictions[entity_id])]
        for entity_id, vector in zip(inputs.entity_ids, inputs.matrix.tolist(), strict=True)
    ]
    widths = [max(len(line[column]) for line in [header, *lines]) for column in range(len(header))]
    texts = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [header, *lines]
    ]
    texts += [f"skipped {entity_id}: {reason}" for entity_id, reason in inputs.skipped.items()]
    return "\n".join(texts)


def run(arguments: argparse.Namespace) -> int:
    """Fetches, predicts and prints; returns the exit code."""
    with unskew.FeatureStoreClient(arguments.address, timeout=arguments.timeout) as client:
        inputs = fetch(client, arguments.entities, arguments.features)
    if not inputs.entity_ids:
        print(table(inputs, {}, arguments.features))
        raise ValueError("no entity has all the features: there is nothing to predict")
    if arguments.model is None:
        model = build_model(inputs.matrix)
        print("no --model given: a small model with random weights (fixed seed); its predictions mean nothing\n")
    else:
        model = load_model(arguments.model, len(arguments.features))
    print(table(inputs, predict(model, inputs), arguments.features))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Predict with a Keras 3 model from features that the gateway serves.")
    parser.add_argument("--address", default="127.0.0.1:50051", help="host:port of the gateway (default: %(default)s)")
    parser.add_argument("--entities", nargs="+", required=True, metavar="ID", help="entity ids, e.g. customer_596")
    parser.add_argument(
        "--features",
        nargs="+",
        default=list(DEFAULT_FEATURES),
        metavar="NAME",
        help=f"features in the order the model reads them (default: {' '.join(DEFAULT_FEATURES)})",
    )
    parser.add_argument("--model", type=Path, help="a .keras file; without one a small model is built")
    parser.add_argument("--timeout", type=float, default=0.5, help="seconds for the call (default: %(default)s)")
    try:
        return run(parser.parse_args(argv))
    except (unskew.UnskewError, ValueError, RuntimeError) as error:
        print(f"keras_client: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
