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
        for group in _groups(_uncounted(send, batches, counts), keys, send.piece):
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
        for group in _groups(_uncounted(send, batches, counts), keys, send.piece):
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


def _groups(batches: Iterator[pa.RecordBatch], keys: Sequence[str], size: int) -> Iterator[pa.Table]:
    """Rows that are sorted by entity in tables of about so many bytes, none of which ends within an entity."""
    waiting: list[pa.RecordBatch] = []
    bytes_of = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        waiting.append(batch)
        bytes_of += batch.nbytes
        if bytes_of >= size:
            table = pa.Table.from_batches(waiting)
            end = int(np.flatnonzero(np.append(True, _latest.changes(table, keys)))[-1])
            if end:
                yield table.slice(0, end)
                waiting = table.slice(end).combine_chunks().to_batches()
            bytes_of = sum(it.nbytes for it in waiting)
    if waiting:
        yield pa.Table.from_batches(waiting)
