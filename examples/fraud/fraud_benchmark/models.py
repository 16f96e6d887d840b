"""The three models of the benchmark: they take vectors as they are served, and have no preprocessing of their own."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped, unused-ignore]
import numpy as np
from fraud_data.errors import InputError
from fraud_data.files import reason, write_whole
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-untyped, unused-ignore]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped, unused-ignore]

# It has to be chosen before Keras is imported; jax is the lightest.
os.environ.setdefault("KERAS_BACKEND", "jax")

import unskew
import unskew.keras

SEED = 0
EPOCHS = 20
BATCH = 512
HIDDEN = 200
DROPOUT = 0.2

Vectors = NDArray[np.float32]


class ScikitModel:
    """A classifier of scikit-learn."""

    suffix = ".joblib"

    def __init__(self, classifier: Any) -> None:
        """Take a fitted classifier."""
        self.classifier = classifier

    def predict(self, vectors: Vectors) -> NDArray[Any]:
        """How likely each is a fraud, as float64."""
        likely: NDArray[Any] = self.classifier.predict_proba(vectors)[:, 1]
        return likely

    def save(self, path: Path, service: unskew.Service) -> None:
        """Write the file, with the fingerprint of the vectors that it was trained on."""
        content = (service.fingerprint(), self.classifier)
        write_whole(path, lambda unfinished: joblib.dump(content, unfinished))

    @classmethod
    def load(cls, path: Path) -> "tuple[str, ScikitModel]":
        """Read what `save` wrote: the fingerprint, and the model."""
        fingerprint, classifier = joblib.load(path)
        return fingerprint, cls(classifier)


class KerasModel:
    """A network of Keras."""

    suffix = ".keras"

    def __init__(self, network: Any) -> None:
        """Take a trained network."""
        self.network = network

    def predict(self, vectors: Vectors) -> NDArray[Any]:
        """How likely each is a fraud, as float32."""
        return np.asarray(self.network.predict(vectors, batch_size=4096, verbose=0)).ravel()

    def save(self, path: Path, service: unskew.Service) -> None:
        """Write the file, with the fingerprint of the vectors that it was trained on."""
        unskew.keras.save(self.network, path, service)

    @classmethod
    def load(cls, path: Path) -> "tuple[str, KerasModel]":
        """Read what `save` wrote: the fingerprint, and the model."""
        import keras  # noqa: PLC0415 (it takes seconds)

        return unskew.keras.read_archive(path).fingerprint, cls(keras.saving.load_model(path))


Model = ScikitModel | KerasModel


def logistic_regression(vectors: Vectors, fraud: NDArray[Any]) -> Model:
    """Fit scikit-learn's logistic regression, with its defaults."""
    return ScikitModel(LogisticRegression().fit(vectors, fraud))


def random_forest(vectors: Vectors, fraud: NDArray[Any]) -> Model:
    """Fit scikit-learn's random forest, with its defaults."""
    forest = RandomForestClassifier(random_state=SEED, n_jobs=-1).fit(vectors, fraud)
    # Threads add up the votes of the trees in the order in which they end, and so the last bits would change.
    forest.n_jobs = 1
    return ScikitModel(forest)


def neural_network(vectors: Vectors, fraud: NDArray[Any]) -> Model:
    """Train a feed-forward network of Keras: two hidden layers with dropout."""
    import keras  # noqa: PLC0415 (it takes seconds)

    keras.utils.set_random_seed(SEED)
    network = keras.Sequential(
        [
            keras.Input((vectors.shape[1],), dtype="float32"),
            keras.layers.Dense(HIDDEN, activation="relu"),
            keras.layers.Dropout(DROPOUT),
            keras.layers.Dense(HIDDEN, activation="relu"),
            keras.layers.Dropout(DROPOUT),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    network.compile(optimizer=keras.optimizers.Adam(), loss="binary_crossentropy")
    network.fit(vectors, fraud.astype(np.float32), batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return KerasModel(network)


TRAINERS: dict[str, Callable[[Vectors, NDArray[Any]], Model]] = {
    "logistic regression": logistic_regression,
    "random forest": random_forest,
    "neural network": neural_network,
}


def file_of(folder: Path, name: str) -> Path:
    """Where a model is kept."""
    suffix = KerasModel.suffix if name == "neural network" else ScikitModel.suffix
    return folder / f"{name.replace(' ', '_')}{suffix}"


def load(folder: Path, name: str, service: unskew.Service) -> Model:
    """Read a model that was trained on the vectors of this service (InputError otherwise)."""
    path = file_of(folder, name)
    kind = KerasModel if path.suffix == KerasModel.suffix else ScikitModel
    try:
        fingerprint, model = kind.load(path)
    except (OSError, ValueError, unskew.UnskewError) as error:
        raise InputError(f"can't read {path}: {reason(error)}; `train.py` writes it") from error
    if fingerprint != service.fingerprint():
        raise InputError(f"{path} was trained on other vectors than {service.name} has now; run `train.py` again")
    return model
