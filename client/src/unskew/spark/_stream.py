"""The join on an executor: rows of a spine and of histories, sorted by entity and time, joined piece by piece.

Of the entity that a piece ends in, what later rows can need is carried over: events that a window can still have, and
the newest row of a row view. So an entity with more rows than the memory can hold is joined in pieces as any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from unskew import _tables
from unskew._engine import translated
from unskew.definitions import Definitions
from unskew.errors import ResourceExhausted
from unskew.spark._needs import Reads

AT = "unskew__at"
"""From when on a row can matter; of a row of the spine its t. In microseconds."""
KIND = "unskew__kind"
"""Which source a row is of; after the last one comes the spine."""
KEY = "unskew__key_"
"""Before the number of a key column."""
SPINE = "unskew__spine"
"""The columns of a row of the spine."""
HISTORY = "unskew__history_"
"""Before the number of a source: the columns of a row of it."""
STATUS = "unskew__status_"
"""Before the name of a feature: the column of its status."""
KEEP, COUNTS = "unskew__keep", "unskew__counts"

SHARE = 4
"""A join takes a few times the bytes of its events: a part of the limit is for those that are carried over."""
PIECES = 16
"""A piece has that part of the limit."""


@dataclass(frozen=True)
class Stage:
    """The views of one entity, joined in one pass. It is pickled."""

    definitions: Definitions
    service: str
    time: str
    """The column of t in the spine."""
    entity: str
    reads: tuple[Reads, ...]
    features: tuple[tuple[str, pa.DataType], ...]
    """The features that are added, in order, and their types."""
    limit: int
    """About how many bytes of memory a task may take."""


def run(stage: Stage, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of the spine with the features of the stage. `batches`: sorted by key, `AT` and `KIND`."""
    join = _Join(stage)
    for batch in batches:
        yield from join.add(batch)
    yield from join.flush()


class _Join:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._native = stage.definitions.services[stage.service]._native
        self._keys = len(stage.definitions.entities[stage.entity].keys)
        self._waiting: list[pa.RecordBatch] = []
        self._size = 0
        self._carried: list[pa.Table | None] = [None] * len(stage.reads)
        self._carried_size = 0
        self._carried_key: tuple[object, ...] | None = None

    def add(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Takes rows; gives those that are done."""
        self._waiting.append(batch)
        self._size += batch.nbytes
        # What is carried over is looked at again with each piece: a piece has as much, or most time would go there.
        if self._size >= max(self._stage.limit // PIECES, self._carried_size):
            yield from self.flush()

    def flush(self) -> Iterator[pa.RecordBatch]:
        """Joins what waits."""
        if not self._waiting:
            return
        block = _tables.one_batch(pa.Table.from_batches(self._waiting))
        self._waiting, self._size = [], 0
        if not block.num_rows:
            return
        histories = [self._history(block, number) for number in range(len(self._stage.reads))]
        spine = _rows_of(block, len(self._stage.reads), SPINE)
        if spine.num_rows:
            yield self._joined(spine, histories)
        self._carry(block, histories)

    def _history(self, block: pa.RecordBatch, number: int) -> pa.Table:
        new = _rows_of(block, number, f"{HISTORY}{number}")
        carried = self._carried[number]
        return new if carried is None else pa.concat_tables([carried, new])

    def _joined(self, spine: pa.Table, histories: list[pa.Table]) -> pa.RecordBatch:
        asked = self._stage.definitions.services[self._stage.service]
        entities = self._stage.definitions.entities
        keys = [key.name for name in asked.entities for key in entities[name].keys]
        needed = list(dict.fromkeys([*keys, *asked.request, self._stage.time]))
        rows = spine.select(needed)
        columns: dict[str, tuple[pa.Array, pa.Array]] = {}
        for reads, history in zip(self._stage.reads, histories, strict=True):
            events = history
            if reads.row_views and reads.window_views:
                events = history.filter(history[COUNTS])
            for view in (*reads.row_views, *reads.window_views):
                table = history if view in reads.row_views else events
                with translated():
                    values, statuses = self._native.join(view, rows, table, self._stage.time, 1)
                values, statuses = pa.record_batch(values), pa.record_batch(statuses)
                columns |= {name: (values[name], statuses[name]) for name in values.schema.names}
        for name, dtype in self._stage.features:
            spine = spine.append_column(name, columns[name][0].cast(dtype))
        for name, _ in self._stage.features:
            spine = spine.append_column(STATUS + name, columns[name][1].cast(pa.string()))
        return _tables.one_batch(spine)

    def _carry(self, block: pa.RecordBatch, histories: list[pa.Table]) -> None:
        """Keeps what rows of the next piece can need: of the last entity, and not too old."""
        last = block.num_rows - 1
        key = tuple(block[f"{KEY}{at}"][last].as_py() for at in range(self._keys))
        now = block[AT][last].as_py()
        in_entity = np.ones(block.num_rows, np.bool_)
        for at, value in enumerate(key):
            same = pc.equal(block[f"{KEY}{at}"], pa.scalar(value, block[f"{KEY}{at}"].type))
            in_entity &= _flags(same)
        kinds = block[KIND].to_numpy()
        self._carried_size = 0
        for number, (reads, history) in enumerate(zip(self._stage.reads, histories, strict=True)):
            carried = self._carried[number]
            before = 0 if carried is None else carried.num_rows
            was_same = key == self._carried_key and None not in key
            of_last = np.concatenate([np.full(before, was_same), in_entity[kinds == number]])
            rows = history.filter(pa.array(of_last))
            rows = rows.filter(pa.array(_needed(reads, rows, now)))
            # Without a copy the rows that are left would keep the memory of all.
            self._carried[number] = pa.Table.from_batches([_tables.one_batch(rows)]) if rows.num_rows else None
            self._carried_size += rows.nbytes
        self._carried_key = key
        if self._carried_size > self._stage.limit // SHARE:
            told = ", ".join(f"{part!r}" for part in key)
            raise ResourceExhausted(
                f"the {self._stage.entity} {told} has {self._carried_size >> 20} MiB of events in its longest window, "
                f"and memory_limit, {self._stage.limit >> 20} MiB, leaves a quarter of it for them: raise it, and "
                "spark.executor.pyspark.memory or the memory overhead of executors with it"
            )


def _needed(reads: Reads, rows: pa.Table, now: int | None) -> npt.NDArray[np.bool_]:
    """Which rows of an entity rows of the spine at or after a time can need.

    Rows without a time stay: the engine refuses them.
    """
    if now is None or not rows.num_rows:
        return np.ones(rows.num_rows, np.bool_)
    found = np.zeros(rows.num_rows, np.bool_)
    if reads.window_views:
        keep = rows[KEEP].fill_null(now)
        found |= np.ones(rows.num_rows, np.bool_) if reads.span is None else keep.to_numpy() + reads.span > now
        if reads.row_views:
            found &= _flags(rows[COUNTS])
    if reads.row_views:
        event_time = _micros(rows[reads.event_time])
        # A row that is known before its time is not there yet.
        later = event_time > now
        newest = ~later
        for times in (event_time, None if reads.created is None else _micros(rows[reads.created])):
            if times is not None and newest.any():
                newest &= times == times[newest].max()
        found |= newest | later
    return found


def _rows_of(block: pa.RecordBatch, kind: int, name: str) -> pa.Table:
    """The rows of a kind, as a table of their own columns."""
    rows = block[name].filter(pc.equal(block[KIND], kind))
    return pa.Table.from_arrays(rows.flatten(), names=[field.name for field in rows.type])


def _flags(flags: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    return np.asarray(flags.fill_null(False).to_numpy(zero_copy_only=False), np.bool_)


def _micros(times: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Times as numbers; one that is not there, which the engine refuses, is later than any."""
    numbers = times.cast(pa.timestamp("us")).cast(pa.int64()).fill_null(np.iinfo(np.int64).max)
    return np.asarray(numbers.to_numpy(), np.int64)
