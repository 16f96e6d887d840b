"""Materializing on an executor: data files are read, and what became of their rows is sent to a gateway."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.expressions import BooleanExpression
from pyiceberg.io import load_file_io
from pyiceberg.table import FileScanTask, StaticTable
from pyiceberg.table.metadata import TableMetadata

from unskew import bulk_load
from unskew._client import FeatureStoreClient
from unskew.definitions import Column, Definitions
from unskew.errors import ResourceExhausted
from unskew.offline import _latest
from unskew.offline._deliver import Delivered, Refused, deliver
from unskew.offline._forgotten import Forgotten
from unskew.offline._probe import Probe
from unskew.offline._snapshots import History
from unskew.offline._writing import as_written
from unskew.results import WriteResult
from unskew.spark._columns import carried_type

READ, WITHOUT_KEY = "unskew__read", "unskew__without_key"
"""Columns of a row of no entity that counts the rows of a partition: those read, and those of them without a key."""
COUNTS = pa.schema([(READ, pa.int64()), (WITHOUT_KEY, pa.int64())])
ACCEPTED, REFUSED, FIRST = "accepted", "refused", "first"
"""Columns of what became of the rows of a partition."""
SHARE = 4
"""States take about as much again as the rows of an entity, which may have a quarter of the limit."""

Connect = Callable[[], FeatureStoreClient]
Function = Callable[["Send", Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Files:
    """A table as executors read it. It is pickled."""

    identifier: tuple[str, ...]
    metadata: TableMetadata
    location: str
    properties: dict[str, str]
    """Of its files' storage."""
    columns: tuple[Column, ...]
    definitions: Definitions
    view: str
    forgotten: Forgotten
    wheres: tuple[BooleanExpression, ...]
    reduce: bool
    """Whether only the newest rows of each entity are wanted."""

    def history(self) -> History:
        """The table."""
        io = load_file_io(self.properties, self.location)
        table = StaticTable(self.identifier, self.metadata, self.location, io, NoopCatalog("unskew"))
        source = self.definitions.sources[self.definitions.views[self.view].source or ""]
        return History(table, self.columns, partial(self.forgotten.without, self.definitions, source))


@dataclass(frozen=True)
class Send:
    """How rows or states of a view are sent. It is pickled."""

    definitions: Definitions
    view: str
    connect: Connect
    concurrency: int
    batch_rows: int
    cut: int
    schema: pa.Schema
    """Of the rows, as the engine and the gateway take them."""
    piece: int
    """About how many bytes of rows are looked at at once."""
    memory_limit: int
    """About how many bytes a Python worker may take."""


def read(files: Files, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of data files, then one that counts them.

    Args:
        files: the table.
        batches: a pickled file and the number of its predicate each.
    """
    import pickle  # noqa: PLC0415 (what the driver made)

    history, probe = files.history(), Probe(files.definitions, files.view)
    keys, counts = [key.name for key in probe.keys], Counter[str]()

    def rows() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for text, number in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                task: FileScanTask = pickle.loads(text)  # noqa: S301 (what the driver made)
                for found in history.batches([task], files.wheres[number]):
                    kept = _latest.with_keys(found, keys)
                    counts[READ] += found.num_rows
                    counts[WITHOUT_KEY] += found.num_rows - kept.num_rows
                    yield kept

    schema = pa.schema([*((it.name, carried_type(it.dtype)) for it in files.columns), *COUNTS])
    for batch in _latest.reduced(rows(), probe) if files.reduce else rows():
        nulls = [pa.nulls(batch.num_rows, field.type) for field in COUNTS]
        arrays = [batch[it.name].cast(carried_type(it.dtype)) for it in files.columns]
        yield pa.RecordBatch.from_arrays([*arrays, *nulls], schema=schema)
    told = [pa.array([counts[field.name]], field.type) for field in COUNTS]
    yield pa.RecordBatch.from_arrays(
        [*(pa.nulls(1, carried_type(it.dtype)) for it in files.columns), *told], schema=schema
    )


def rows(send: Send, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Sends the newest row of each entity. `batches`: sorted by entity."""
    probe = Probe(send.definitions, send.view)
    keys, counts = [key.name for key in probe.keys], Counter[str]()

    def portions() -> Iterator[pa.RecordBatch]:
        newest = _latest.reduced(_uncounted(send, batches, counts), probe)
        for group in _groups(send, newest, keys):
            for portion in _latest.portions(_latest.latest(group, probe), keys, send.batch_rows):
                yield as_written(probe, portion)

    with send.connect() as client:
        write = partial(client.write_rows, send.view)
        yield _told(_delivered(send, portions(), keys, lambda batch: write(batch, batch_size=batch.num_rows)), counts)


def states(send: Send, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Sends the state of each entity. `batches`: sorted by entity."""
    probe, counts = Probe(send.definitions, send.view), Counter[str]()
    keys = [key.name for key in probe.keys]

    def made() -> Iterator[pa.RecordBatch]:
        for group in _groups(send, _uncounted(send, batches, counts), keys):
            for batch in bulk_load.states(send.definitions, send.view, group, cut=send.cut, threads=1):
                yield from (batch.slice(at, send.batch_rows) for at in range(0, batch.num_rows, send.batch_rows))

    with send.connect() as client:
        write = partial(client.write_states, send.view, cut=send.cut)
        sent = _delivered(send, made(), keys, lambda batch: write(batch, batch_size=batch.num_rows, done=False))
        yield _told(sent, counts)


def merged(told: Sequence[Sequence[Any]]) -> tuple[Delivered, int, int]:
    """What became of all rows; how many were read; how many of them have no key."""
    delivered = Delivered()
    read = without_key = 0
    for accepted, refused, first, rows, lacking in told:
        delivered.accepted += accepted
        delivered.refused.update(json.loads(refused))
        delivered.first.extend(Refused(**it) for it in json.loads(first))
        read += rows
        without_key += lacking
    return delivered, read, without_key


def _delivered(
    send: Send, batches: Iterable[pa.RecordBatch], keys: Sequence[str], write: Callable[[pa.RecordBatch], WriteResult]
) -> Delivered:
    return deliver(batches, write, keys=keys, concurrency=send.concurrency)


def _told(delivered: Delivered, counts: Counter[str]) -> pa.RecordBatch:
    first = json.dumps([asdict(it) for it in delivered.first], default=str)
    columns = [[delivered.accepted], [json.dumps(delivered.refused)], [first], [counts[READ]], [counts[WITHOUT_KEY]]]
    return pa.RecordBatch.from_arrays([*map(pa.array, columns)], names=[ACCEPTED, REFUSED, FIRST, *COUNTS.names])


def _uncounted(send: Send, batches: Iterator[pa.RecordBatch], counts: Counter[str]) -> Iterator[pa.RecordBatch]:
    """The rows without those that count, which are added up."""
    for batch in batches:
        is_row = batch[READ].is_null()
        if batch[READ].null_count < batch.num_rows:
            for name in COUNTS.names:
                counts[name] += int(np.nansum(batch[name].to_numpy(zero_copy_only=False)))
            batch = batch.filter(is_row)  # noqa: PLW2901
        # Spark has times in the zone of its session, and no lists of a fixed size.
        arrays = [batch[field.name].cast(field.type) for field in send.schema]
        yield pa.RecordBatch.from_arrays(arrays, schema=send.schema)


def _groups(send: Send, batches: Iterable[pa.RecordBatch], keys: Sequence[str]) -> Iterator[pa.Table]:
    """Rows that are sorted by entity in tables of about a piece, none of which ends within an entity.

    Raises:
        ResourceExhausted: one entity has more than may be looked at at once.
    """
    done: list[pa.RecordBatch] = []
    last: list[pa.RecordBatch] = []
    done_bytes = last_bytes = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        # Where its last entity begins: it alone is looked at, or an entity with many rows would be again and again.
        begin = int(np.append(-1, np.flatnonzero(_latest.changes(pa.Table.from_batches([batch]), keys)))[-1]) + 1
        if begin or (last and _is_other(last[-1], batch, keys)):
            done += [*last, batch.slice(0, begin)]
            done_bytes += last_bytes + done[-1].nbytes
            last, last_bytes = [], 0
        last.append(batch.slice(begin))
        last_bytes += last[-1].nbytes
        if last_bytes > send.memory_limit // SHARE:
            raise _too_large(send, last, keys)
        if done and done_bytes + last_bytes >= send.piece:
            yield pa.Table.from_batches(done)
            done, done_bytes = [], 0
    if done or last:
        yield pa.Table.from_batches([*done, *last])


def _is_other(before: pa.RecordBatch, batch: pa.RecordBatch, keys: Sequence[str]) -> bool:
    """Whether a batch begins with another entity than the one before it ends with."""
    rows = pa.Table.from_batches([before.slice(before.num_rows - 1), batch.slice(0, 1)])
    return bool(_latest.changes(rows, keys)[0])


def _too_large(send: Send, rows: Sequence[pa.RecordBatch], keys: Sequence[str]) -> ResourceExhausted:
    entity = send.definitions.views[send.view].entity
    key = ", ".join(repr(rows[0][name][0].as_py()) for name in keys)
    return ResourceExhausted(
        f"the {entity} {key} has more than {send.memory_limit // SHARE >> 20} MiB of rows, which have to be looked at "
        f"together, and memory_limit, {send.memory_limit >> 20} MiB, leaves no more for them: raise it, and "
        "spark.executor.pyspark.memory or the memory overhead of executors with it"
    )
