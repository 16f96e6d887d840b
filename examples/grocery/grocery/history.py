"""The offline store of the example, and the folder in which a training leaves what is to be served."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]
from unskew import offline

from .command import InputError
from .weeks import before, numbers

DEFINITIONS = Path(__file__).resolve().parents[1] / "definitions"
SERVICE = "buys_again"
BASELINE = "buys_again_without_windows"
SERVICES = (SERVICE, BASELINE)


@dataclass(frozen=True)
class Folder:
    """The folder of `prepare.py`, and what `train.py` adds to it."""

    path: Path

    @property
    def definitions(self) -> Path:
        """What a gateway is to serve: the definitions of the example, with what was fitted beside them."""
        return self.path / "definitions"

    @property
    def warehouse(self) -> Path:
        """The Iceberg tables, and their catalog."""
        return self.path / "warehouse"

    def model(self, service: str) -> Path:
        """The network that was trained on the vectors of a service."""
        return self.path / f"{service}.keras"

    def read(self, name: str) -> Any:
        """A table of `prepare.py` (InputError if there is none)."""
        file = self.path / f"{name}.parquet"
        try:
            return pq.read_table(file)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"can't read {file}: {error}; `prepare.py --out {self.path}` writes it") from error

    def store(self) -> offline.OfflineStore:
        """The offline store: Iceberg tables in a folder beside. Its definitions are those that are served."""
        if not self.definitions.is_dir():
            shutil.copytree(DEFINITIONS, self.definitions)
        return offline.open(self.definitions, warehouse=self.warehouse)

    def clear(self) -> None:
        """Remove what an earlier training left: its purchases may have been of other households."""
        for folder in (self.definitions, self.warehouse):
            shutil.rmtree(folder, ignore_errors=True)


def append_months(store: offline.OfflineStore, purchases: Any) -> int:
    """Append purchases, sorted by time, a calendar month in a batch; return how many are new.

    A batch is named by its month and first line: one that is there already is not appended again.
    """
    appended = first = 0
    while first < purchases.num_rows:
        start = datetime.fromtimestamp(int(numbers(purchases, "purchased_at")[first]) / 1e6, UTC)
        after = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1, day=1)
        after = after.replace(hour=0, minute=0, second=0, microsecond=0)
        last = before(purchases, int(after.timestamp()) * 1_000_000)
        batch = f"{start:%Y-%m}-from-{int(numbers(purchases, 'line_id')[first])}"
        appended += store.append("purchases", purchases.slice(first, last - first), batch_id=batch).rows
        first = last
    return appended


def differing(found: Any, expected: Any) -> int:
    """How many rows of two matrices of float32 are not equal bit for bit."""
    if found.shape != expected.shape:
        return max(len(found), len(expected))
    return int(np.count_nonzero((found.view(np.uint32) != expected.view(np.uint32)).any(axis=1)))
