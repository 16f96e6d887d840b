"""Keras models on the vectors of a service: trained offline, saved with what they were trained on, and served online.

    fitted = service.fit(table)
    model.fit(unskew.keras.VectorDataset(service, table, fitted, label="tx_fraud", shuffle=True))
    unskew.keras.save(model, "fraud.keras", service, fitted)

    online = unskew.keras.load("fraud.keras", client)
    online.predict({"customer_id": [596]}, {"tx_amount": [57.16], "tx_datetime": [now]}).values

Keras is imported when it is needed, on the backend that `KERAS_BACKEND` names. A model takes vectors and has no
preprocessing of its own: the engine did it, in training as in serving.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unskew.keras._predict import Policy, Predictions
from unskew.keras.archive import TrainedOn, read_archive
from unskew.keras.batches import vector_batches
from unskew.keras.layers import ExportedLayers, ExportedSlot, ExportedStep, export_layers
from unskew.keras.online import AsyncOnlineModel, OnlineModel, load, load_async, save

if TYPE_CHECKING:
    from unskew.keras.dataset import VectorDataset

__all__ = [
    "AsyncOnlineModel",
    "ExportedLayers",
    "ExportedSlot",
    "ExportedStep",
    "OnlineModel",
    "Policy",
    "Predictions",
    "TrainedOn",
    "VectorDataset",
    "export_layers",
    "load",
    "load_async",
    "read_archive",
    "save",
    "vector_batches",
]


def __getattr__(name: str) -> Any:
    if name == "VectorDataset":
        from unskew.keras.dataset import VectorDataset  # noqa: PLC0415 (it imports Keras)

        return VectorDataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
