"""Appending to the history of a source: checked, typed, all of a batch or nothing, and each batch once."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table, Transaction

from unskew import _tables, _times, errors
from unskew.definitions import Definitions, Source
from unskew.offline import _catalog, _commits, _rows, _scan, _schema
from unskew.offline._forgotten import Forgotten, erase
from unskew.offline._predicates import EVERYTHING
from unskew.offline._predicates import between as span
from unskew.offline._quarantine import Quarantine
from unskew.offline.quality import Broken, Inspection

__all__ = ["Appended"]

OPERATION = "unskew.operation"
"""In the summary of a snapshot: what made it, as `append`, `overwrite`, `compact` and `forget`."""


@dataclass(frozen=True)
class Appended:
    """What an append did."""

    source: str
    table: str
    batch_id: str
    committed: bool
    """Whether this call did it; False: the batch was in the table already, and nothing was read or written."""
    snapshot_id: int | None
    """The snapshot with the rows; None if it expired since."""
    rows: int
    """Rows that this call wrote."""
    forgotten: int = 0
    """Rows that were left out, because their entity was forgotten."""
    quarantined: int = 0
    """Rows that broke a rule, and were put into the table `<table>__quarantine`."""
    broken: tuple[Broken, ...] = ()
    """Rules that rows broke."""


@dataclass
class _Written:
    """Files that wait for their commit."""

    files: list[DataFile] = field(default_factory=list)
    rows: int = 0
    forgotten: int = 0


@dataclass(frozen=True)
class Between:
    """A span of event time, in microseconds; None: without an end."""

    start: int | None
    end: int | None

    def holds(self, times: pa.ChunkedArray) -> np.ndarray[Any, Any]:
        """Which times are in it; null is not."""
        found = np.asarray(times.is_valid())
        at = times.cast(pa.int64()).fill_null(0).to_numpy()
        if self.start is not None:
            found = found & (at >= self.start)
        if self.end is not None:
            found = found & (at < self.end)
        return found


def append(
    catalog: Catalog, definitions: Definitions, name: str, rows: _tables.Table, batch_id: str | None
) -> Appended:
    """See `OfflineStore.append`."""
    source = _schema.source_of(definitions, name)

    def stage(written: _Written, properties: dict[str, str]) -> Callable[[Table, Transaction], None]:
        def add(_table: Table, transaction: Transaction) -> None:
            _add(transaction, written.files, properties)

        return add

    return _once(catalog, definitions, source, rows, batch_id, ("append", stage))


def overwrite(
    catalog: Catalog,
    definitions: Definitions,
    name: str,
    rows: _tables.Table,
    batch_id: str | None,
    between: Between,
) -> Appended:
    """See `OfflineStore.overwrite`."""
    source = _schema.source_of(definitions, name)

    def stage(written: _Written, properties: dict[str, str]) -> Callable[[Table, Transaction], None]:
        def replace(table: Table, transaction: Transaction) -> None:
            old, new = _rewritten(table, source.event_time, between)
            if not old:
                _add(transaction, written.files, properties)
                return
            # One snapshot for both: none has the span without its rows.
            with transaction.update_snapshot(snapshot_properties=properties).overwrite() as snapshot:
                for file in old:
                    snapshot.delete_data_file(file)
                for file in (*new, *written.files):
                    snapshot.append_data_file(file)

        return replace

    return _once(catalog, definitions, source, rows, batch_id, ("overwrite", stage), between)


def _rewritten(table: Table, time: str, between: Between) -> tuple[list[DataFile], list[DataFile]]:
    """The data files with rows of a span, and those that take their place, with their other rows."""
    old, new = list[DataFile](), list[DataFile]()
    for task in table.scan(row_filter=span(time, between.start, between.end)).plan_files():
        # Where the partition says that all of a file is in the span, it need not be read.
        if task.residual != EVERYTHING:
            rows = ArrowScan(table.metadata, table.io, table.schema(), EVERYTHING).to_table([task])
            inside = between.holds(rows[time])
            if not inside.any():
                continue
            if not inside.all():
                _commits.write(table, rows.filter(pa.array(~inside)), new)
        old.append(task.file)
    return old, new


def _add(transaction: Transaction, files: list[DataFile], properties: dict[str, str]) -> None:
    with transaction.update_snapshot(snapshot_properties=properties).fast_append() as snapshot:
        for file in files:
            snapshot.append_data_file(file)


def _once(
    catalog: Catalog,
    definitions: Definitions,
    source: Source,
    rows: _tables.Table,
    batch_id: str | None,
    how: tuple[str, Callable[[_Written, dict[str, str]], Callable[[Table, Transaction], None]]],
    between: Between | None = None,
) -> Appended:
    identifier, batch = _schema.table_of(source), batch_id or uuid.uuid4().hex
    table = _catalog.table(catalog, identifier)
    check_table(source, table)
    if there := _commits.find(table, batch):
        snapshot_id = there.snapshot.snapshot_id if there.snapshot else None
        return Appended(source.name, identifier, batch, False, snapshot_id, 0)
    forgotten, inspection = Forgotten.load(catalog), Inspection(source)
    operation, stage = how
    written, aside = _Written(), Quarantine(catalog, source, batch)
    with (
        aside.taken_back_on_failure(),
        _commits.removed_on_failure(table, written.files),
        _commits.removed_on_failure(table, aside.files),
    ):
        for block in _rows.blocks(source, rows, _rows.now()):
            if between is not None:
                _check_between(source, block, between)
            good, bad = inspection.block(block)
            kept = forgotten.without(definitions, source, good)
            written.forgotten += good.num_rows - kept.num_rows
            written.rows += kept.num_rows
            aside.add(None if bad is None else forgotten.without(definitions, source, bad))
            if kept.num_rows:
                _commits.write(table, kept, written.files)
        inspection.end(_rows.now())
        # First what is put aside: a batch whose rows are in the table has all of it done.
        aside.commit()
        properties = {OPERATION: operation, _commits.BATCH: batch}
        table, snapshot, is_new = _commits.committed(catalog, table, stage(written, properties), batch)
    aside.settle()
    snapshot_id = snapshot.snapshot_id if snapshot else None
    if not is_new:
        # Another writer of the same batch was faster.
        _commits.remove(table, (file.file_path for file in written.files))
        return Appended(source.name, identifier, batch, False, snapshot_id, 0)
    if Forgotten.load(catalog).snapshot_id != forgotten.snapshot_id:
        # An entity was forgotten while its rows were on their way: whoever forgot it has not seen them.
        erase(catalog, definitions, source)
    return Appended(
        source.name, identifier, batch, True, snapshot_id, written.rows, written.forgotten, aside.rows,
        inspection.broken,
    )  # fmt: skip


def check_table(source: Source, table: Table) -> None:
    """Refuses a table that lacks a column of the source, or has it with another type.

    Raises:
        FailedPrecondition: it does.
    """
    columns = _schema.columns_of(source)
    _scan.schema_at(table, None, columns, None)
    for column in columns:
        stored = table.schema().find_field(column.name).field_type
        wanted = _scan.stored_type(column.dtype)
        if str(_scan.element(stored)) != str(_scan.element(wanted)):
            raise errors.FailedPrecondition(
                f"the table {_schema.table_of(source)!r} has {column.name!r} as {stored}, the definitions as "
                f"{column.dtype}: "
                "`unskew apply` shows what to do"
            )


def _check_between(source: Source, block: pa.Table, between: Between) -> None:
    times = block[source.event_time].cast("int64").to_numpy()
    low, high = int(times.min()), int(times.max())
    if (between.start is not None and low < between.start) or (between.end is not None and high >= between.end):
        raise errors.DataError(
            f"the rows have event times from {_times.from_micros(low).isoformat()} to "
            f"{_times.from_micros(high).isoformat()}, which is not all within the span that is overwritten"
        )
