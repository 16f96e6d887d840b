"""Features declared once in YAML, and computed by one engine: offline on tables, and online by the gateway.

    definitions = unskew.load("definitions")
    service = definitions.services["fraud_model"]
    fitted = service.fit(table)
    vectors = service.transform(table, fitted)
    made = unskew.training_set(definitions, "fraud_model", spine, {"transactions": "transactions.parquet"})

    with unskew.FeatureStoreClient("127.0.0.1:50051") as client:
        reply = client.online_features(["customer_596"], ["nb_tx", "avg_amount"])
        nb_tx, avg_amount = reply["customer_596"].require(["nb_tx", "avg_amount"])

`unskew.AsyncFeatureStoreClient` is its asyncio twin, `unskew.errors` the tree of exceptions.
"""

from importlib.metadata import version

from unskew import aio, errors
from unskew._client import FeatureStoreClient
from unskew.aio import FeatureStoreClient as AsyncFeatureStoreClient
from unskew.bulk_load import states
from unskew.definitions import Definitions, load, parse
from unskew.errors import UnskewError
from unskew.explanation import ExplainedInput, ExplainedSlot, ExplainedStep, Explanation
from unskew.results import BadRow, FeatureRow, FeatureValue, OnlineFeatures, Reason, Status, WriteResult
from unskew.retry import RetryPolicy
from unskew.security import TLS
from unskew.served import GatewayColumn, GatewayDefinitions, GatewayService, GatewayView
from unskew.service import Fitted, Incomplete, OfflineVectors, Service, Slot
from unskew.training import TrainingSet, training_set
from unskew.training_statistics import FeatureStatistics, SlotStatistics, Statistics
from unskew.vectors import IncompleteRow, Vectors

__version__ = version("unskew")

__all__ = [
    "TLS",
    "AsyncFeatureStoreClient",
    "BadRow",
    "Definitions",
    "ExplainedInput",
    "ExplainedSlot",
    "ExplainedStep",
    "Explanation",
    "FeatureRow",
    "FeatureStatistics",
    "FeatureStoreClient",
    "FeatureValue",
    "Fitted",
    "GatewayColumn",
    "GatewayDefinitions",
    "GatewayService",
    "GatewayView",
    "Incomplete",
    "IncompleteRow",
    "OfflineVectors",
    "OnlineFeatures",
    "Reason",
    "RetryPolicy",
    "Service",
    "Slot",
    "SlotStatistics",
    "Statistics",
    "Status",
    "TrainingSet",
    "UnskewError",
    "Vectors",
    "WriteResult",
    "aio",
    "errors",
    "load",
    "parse",
    "states",
    "training_set",
]
