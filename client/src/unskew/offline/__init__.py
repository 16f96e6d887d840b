"""The offline store: the histories of sources as tables of Apache Iceberg, without a server.

    from unskew import offline

    store = offline.open("definitions")           # PyIceberg's catalog `unskew`; else SQLite in the folder `warehouse`
    store.apply()
    store.append("transactions", "transactions.parquet", batch_id="2026-11-23")
    made = store.training_set("fraud_model", spine, pin="november")
    again = store.reproduce(made)

It needs the extra `iceberg`. Spark, Trino and others read and write the same tables by the same catalog.
"""

try:
    import pyiceberg  # noqa: F401 (whether it is there)
except ModuleNotFoundError as error:  # pragma: no cover
    raise ModuleNotFoundError(
        f"the offline store needs the extra `iceberg`: the module {error.name} is not installed; "
        "install it with: pip install 'unskew[iceberg]'",
        name=error.name,
    ) from None

from unskew._origin import Origin, TableRead
from unskew.offline._schema import Layout
from unskew.offline.append import Appended
from unskew.offline.forget import Erased, Erasure
from unskew.offline.maintenance import Compacted, Expired
from unskew.offline.materialize import MaterializedView
from unskew.offline.plan import Change, Plan
from unskew.offline.quality import Broken
from unskew.offline.snapshots import SnapshotInfo
from unskew.offline.store import OfflineStore, open  # noqa: A004 (as in `gzip.open`)
from unskew.offline.verify import Difference, VerifiedView

__all__ = [
    "Appended",
    "Broken",
    "Change",
    "Compacted",
    "Difference",
    "Erased",
    "Erasure",
    "Expired",
    "Layout",
    "MaterializedView",
    "OfflineStore",
    "Origin",
    "Plan",
    "SnapshotInfo",
    "TableRead",
    "VerifiedView",
    "open",
]
