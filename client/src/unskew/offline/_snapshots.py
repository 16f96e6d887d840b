"""What an Iceberg table has at a snapshot, and what came to it since another one, in memory one data file at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.conversions import from_bytes
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression, GreaterThan, LessThanOrEqual
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.table import FileScanTask, Table
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.types import PrimitiveType

from unskew import _tables
from unskew.definitions import Column
from unskew.errors import DataError
from unskew.offline._faults import translated
from unskew.offline.append import OPERATION

ADDING = frozenset(("append", "replace"))
"""Operations of snapshots that take no row away, and add none but by `append`."""
KEEPING = frozenset(("compact", "forget"))
"""What made such snapshots that Iceberg calls otherwise: forgotten rows are left out by every reader."""

Kept = Callable[[pa.Table], pa.Table]
"""Leaves out rows of entities that were forgotten."""


class History:
    """A table as it is at a snapshot; `snapshot` None: it has none, and no row."""

    def __init__(self, table: Table, columns: Sequence[Column], kept: Kept, snapshot: int | None = None) -> None:
        """`columns`: those that are read, with their declared types. `snapshot`: None is the newest.

        Raises:
            DataError: the table lacks a column, or has no such snapshot.
        """
        self.table = table
        self.name = ".".join(table.name())
        self.schema = pa.schema([(column.name, _tables.arrow_type(column.dtype)) for column in columns])
        """What batches have."""
        self._kept = kept
        found = table.current_snapshot() if snapshot is None else table.snapshot_by_id(snapshot)
        if found is None and snapshot is not None:
            raise DataError(f"the table {self.name} has no snapshot {snapshot}: it was expired, or never was")
        self.snapshot: int | None = None if found is None else found.snapshot_id
        there = set(table.schema().column_names)
        missing = [name for name in self.schema.names if name not in there]
        if missing:
            raise DataError(
                f"the table {self.name} lacks the column {missing[0]!r} of the definitions: `unskew apply` adds it"
            )

    def tasks(self, where: BooleanExpression) -> list[FileScanTask]:
        """The data files that can have such rows, without those that were deleted."""
        if self.snapshot is None:
            return []
        with translated(f"the table {self.name} can't be read"):
            return list(self.table.scan(row_filter=where, snapshot_id=self.snapshot).plan_files())

    def tasks_since(self, since: Since, where: BooleanExpression) -> list[FileScanTask]:
        """The data files with such rows that came after a snapshot."""
        if since.snapshot == self.snapshot:
            return []
        with translated(f"the table {self.name} can't be read"):
            if since.only_adds:
                scan = self.table.incremental_append_scan(
                    from_snapshot_id_exclusive=since.snapshot, to_snapshot_id_inclusive=self.snapshot, row_filter=where
                )
                return list(scan.plan_files())
            before = self.table.scan(snapshot_id=since.snapshot).plan_files()
            known = {task.file.file_path for task in before}
        return [task for task in self.tasks(where) if task.file.file_path not in known]

    def batches(self, tasks: Iterable[FileScanTask], where: BooleanExpression) -> Iterator[pa.RecordBatch]:
        """The rows of data files, with the columns that are read."""
        table = self.table
        scan = ArrowScan(table.metadata, table.io, table.schema().select(*self.schema.names), where)
        for task in tasks:
            # One by one: all files that are given at once are read at once.
            with translated(f"the table {self.name} can't be read"):
                for batch in scan.to_record_batches([task]):
                    if batch.num_rows:
                        yield from self._kept(pa.Table.from_batches([self._typed(batch)])).to_batches()

    def _typed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        # PyIceberg gives columns in the order of the table, and texts as large ones.
        arrays = [batch.column(field.name).cast(field.type) for field in self.schema]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def newest(self, time: str) -> int | None:
        """The greatest value of a column of times, in microseconds, as the files' statistics bound it; None: no row."""
        field = self.table.schema().find_field(time)
        found: int | None = None
        for task in self.tasks(AlwaysTrue()):
            bound = (task.file.upper_bounds or {}).get(field.field_id)
            if bound is None or not isinstance(field.field_type, PrimitiveType):
                only = History(self.table, [Column(time, "timestamp")], lambda rows: rows, self.snapshot)
                value = _greatest(only.batches([task], AlwaysTrue()), time)
            else:
                value = int(from_bytes(field.field_type, bound))
            if value is not None and (found is None or value > found):
                found = value
        return found


@dataclass(frozen=True)
class Since:
    """A snapshot from which on a table is read."""

    snapshot: int
    only_adds: bool
    """No snapshot after it takes a row away."""


def since(table: Table, snapshot: int) -> Since | str:
    """How what came after a snapshot can be read; a text where it can't: why."""
    behind: list[Snapshot] = []
    at = table.current_snapshot()
    while at is not None and at.snapshot_id != snapshot:
        behind.append(at)
        if at.parent_snapshot_id is None:
            break
        parent = table.snapshot_by_id(at.parent_snapshot_id)
        if parent is None and at.parent_snapshot_id == snapshot:
            break
        at = parent
    reached = at is not None and snapshot in {at.snapshot_id, at.parent_snapshot_id}
    known = table.snapshot_by_id(snapshot) is not None
    if not reached:
        if known:
            return f"the table was rolled back: its snapshot {snapshot} is not in the line of the current one"
        return f"the snapshot {snapshot}, the last that was materialized, was expired"
    only_adds = all(map(_only_adds, behind))
    if not (only_adds or known):
        return f"rows were deleted or replaced since the snapshot {snapshot}, which was expired"
    return Since(snapshot, only_adds)


def _only_adds(snapshot: Snapshot) -> bool:
    if snapshot.summary is None:
        return False
    made_by = snapshot.summary.additional_properties.get(OPERATION)
    return snapshot.summary.operation.value in ADDING or made_by in KEEPING


def between(time: str, after: int | None, until: int) -> BooleanExpression:
    """Times after one, if there is one, up to another, in microseconds."""
    at_most: Any = LessThanOrEqual
    later: Any = GreaterThan
    upper: BooleanExpression = at_most(time, until)
    return upper if after is None else And(later(time, after), upper)


def rows_of(tasks: Iterable[FileScanTask]) -> int:
    """How many rows data files have, each file once, before any is left out."""
    return sum({task.file.file_path: task.file.record_count for task in tasks}.values())


def _greatest(batches: Iterable[pa.RecordBatch], column: str) -> int | None:
    found = [pc.max(batch.column(column).cast(pa.int64())).as_py() for batch in batches]
    return max((value for value in found if value is not None), default=None)
