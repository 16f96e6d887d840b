"""Rows of a table at a snapshot, as a stream: never more than a few files of it are in memory."""

import itertools
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
from pyiceberg.expressions import BooleanExpression
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import ManifestEntryStatus
from pyiceberg.schema import Schema
from pyiceberg.table import FileScanTask, Table
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.types import IcebergType, ListType

from unskew import _tables, errors
from unskew.definitions import Column
from unskew.offline._faults import translated
from unskew.offline._predicates import EVERYTHING
from unskew.offline._schema import iceberg_type

GROUP_BYTES = 8 << 20
"""Of Parquet files that are read at once."""


def schema_at(table: Table, snapshot_id: int | None, columns: Iterable[Column], schema_id: int | None) -> Schema:
    """The schema that has the names to read: of the snapshot if it has all of them, else that of today.

    Raises:
        FailedPrecondition: the table has no such column.
    """
    names = [column.name for column in columns]
    schemas = table.schemas()
    snapshot = None if snapshot_id is None else table.snapshot_by_id(snapshot_id)
    wanted = [schema_id, None if snapshot is None else snapshot.schema_id, table.metadata.current_schema_id]
    for found in wanted:
        if found in schemas and {field.name for field in schemas[found].fields} >= set(names):
            return schemas[found]
    have = {field.name for field in table.schema().fields}
    lacking = next(name for name in names if name not in have)
    raise errors.FailedPrecondition(
        f"the table {'.'.join(table.name())!r} has no column {lacking!r}, which the definitions have: "
        "`unskew apply` adds it"
    )


def batches(
    table: Table,
    columns: Sequence[Column],
    snapshot_id: int | None,
    schema: Schema,
    wanted: BooleanExpression | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows at a snapshot, with these columns in their order and of their types.

    Args:
        table: the table.
        columns: what to read; other columns are not read from the files.
        snapshot_id: the snapshot; None: the table was empty.
        schema: the schema whose names the columns and the predicate have.
        wanted: a predicate: what does not meet it is left out, whole files by their statistics.
    """
    if snapshot_id is None:
        return
    identifier, names = ".".join(table.name()), [column.name for column in columns]
    target = pa.schema([(column.name, _tables.arrow_type(column.dtype)) for column in columns])
    predicate = _renamed(wanted, schema, table.schema())
    projected = schema.select(*names)
    with translated(f"the table {identifier!r} can't be read"):
        scan = table.scan(row_filter=predicate, snapshot_id=snapshot_id)
        for tasks in _groups(scan.plan_files()):
            reader = ArrowScan(table.metadata, table.io, projected, predicate)
            for batch in reader.to_record_batches(tasks):
                yield as_target(batch, target)


def added_by(table: Table, snapshot: Snapshot) -> Iterator[list[FileScanTask]]:
    """The files that a snapshot added, in groups that are read at once."""
    tasks = []
    for manifest in snapshot.manifests(table.io):
        if manifest.added_snapshot_id == snapshot.snapshot_id:
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
                if entry.status == ManifestEntryStatus.ADDED and entry.snapshot_id == snapshot.snapshot_id:
                    tasks.append(FileScanTask(entry.data_file))
    return _groups(tasks)


def _renamed(wanted: BooleanExpression | None, schema: Schema, now: Schema) -> BooleanExpression:
    """The predicate, if its columns have the same names today, by which PyIceberg looks them up; else none.

    It only saves work: who asks filters again.
    """
    if wanted is None:
        return EVERYTHING
    today = {field.field_id: field.name for field in now.fields}
    is_same = all(today.get(field.field_id, field.name) == field.name for field in schema.fields)
    return wanted if is_same and all(field.field_id in today for field in schema.fields) else EVERYTHING


def _groups(tasks: Iterable[FileScanTask]) -> Iterator[list[FileScanTask]]:
    """Files in groups that are read at once: PyIceberg would begin with all of them."""
    waiting: list[FileScanTask] = []
    size = 0
    for task in tasks:
        waiting.append(task)
        size += task.file.file_size_in_bytes
        if size >= GROUP_BYTES:
            yield waiting
            waiting, size = [], 0
    if waiting:
        yield waiting


def as_target(batch: pa.RecordBatch, target: pa.Schema) -> pa.RecordBatch:
    """The columns in their order, and as the engine knows their types: PyIceberg reads texts as large ones."""
    arrays = [batch.column(field.name).cast(field.type) for field in target]
    return pa.RecordBatch.from_arrays(arrays, schema=target)


def stored_type(dtype: str) -> IcebergType:
    """The Iceberg type of a declared one."""
    return iceberg_type(dtype, itertools.count(1))


def element(found: IcebergType) -> IcebergType:
    """What a list is of; the ids of its elements differ from table to table."""
    return found.element_type if isinstance(found, ListType) else found
