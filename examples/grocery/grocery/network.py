"""The network: it takes vectors as they are served, and has no preprocessing of its own."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

# It has to be chosen before Keras is imported; jax is the lightest.
os.environ.setdefault("KERAS_BACKEND", "jax")

SEED = 0
EPOCHS = 3
BATCH = 1024
HIDDEN = 64


def train(vectors: NDArray[np.float32], bought: NDArray[Any]) -> Any:
    """Train two hidden layers to tell who buys: a keras.Model. Equal vectors give an equal network on one machine."""
    import keras  # noqa: PLC0415 (it takes seconds)

    keras.utils.set_random_seed(SEED)
    network = keras.Sequential(
        [
            keras.Input((vectors.shape[1],), dtype="float32"),
            keras.layers.Dense(HIDDEN, activation="relu"),
            keras.layers.Dense(HIDDEN, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    network.compile(optimizer=keras.optimizers.Adam(), loss="binary_crossentropy")
    network.fit(vectors, bought.astype(np.float32), batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return network


def auc(bought: NDArray[Any], scores: Any) -> float:
    """How often one who buys is scored higher than one who does not."""
    from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415 (it takes seconds)

    return float(roc_auc_score(bought, np.asarray(scores).ravel()))
