"""Client of the unskew feature gateway.

    with unskew.FeatureStoreClient("127.0.0.1:50051") as client:
        reply = client.get_online_features(["customer_596"], ["nb_tx", "avg_amount"])
        nb_tx, avg_amount = reply["customer_596"].require(["nb_tx", "avg_amount"])

`unskew.aio.FeatureStoreClient` is its asyncio twin, `unskew.errors` the tree of exceptions.
"""

from importlib.metadata import version

from unskew import aio, errors
from unskew._client import FeatureStoreClient
from unskew.errors import UnskewError
from unskew.results import BadRow, FeatureRow, FeatureValue, OnlineFeatures, Reason, Status, WriteResult
from unskew.retry import RetryPolicy

__version__ = version("unskew")

__all__ = [
    "BadRow",
    "FeatureRow",
    "FeatureStoreClient",
    "FeatureValue",
    "OnlineFeatures",
    "Reason",
    "RetryPolicy",
    "Status",
    "UnskewError",
    "WriteResult",
    "aio",
    "errors",
]
