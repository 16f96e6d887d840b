"""The newest row of each entity, of rows in any order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from unskew._engine import translated
from unskew.offline._probe import Probe

BLOCK_ROWS = 262_144
"""Rows that are reduced at once while they are read."""


def latest(rows: pa.Table, probe: Probe) -> pa.Table:
    """The rows that are the newest of their entity, side by side.

    Rows of an entity that are equal in all times stay: the gateway takes the one with the greater bytes.
    """
    with translated():
        kept = probe.definitions._native.newest(probe.view.name, rows)
    # Mostly each entity has one row, and there is nothing to move.
    is_all = len(kept) == rows.num_rows and bool(np.all(kept[1:] > kept[:-1]))
    return rows if is_all else rows.take(pa.array(kept))


def reduced(batches: Iterable[pa.RecordBatch], probe: Probe) -> Iterator[pa.RecordBatch]:
    """The same of each of several blocks of rows, as they come."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.num_rows
        if count >= BLOCK_ROWS:
            yield from latest(pa.Table.from_batches(waiting), probe).to_batches()
            waiting, count = [], 0
    if waiting:
        yield from latest(pa.Table.from_batches(waiting), probe).to_batches()


def portions(rows: pa.Table, keys: Sequence[str], count: int) -> Iterator[pa.RecordBatch]:
    """Rows that lie side by side by entity in batches of about so many, none of which ends within an entity."""
    if not rows.num_rows:
        return
    ends = np.append(np.flatnonzero(changes(rows, keys)) + 1, rows.num_rows)
    begin = 0
    while begin < rows.num_rows:
        end = int(ends[min(int(np.searchsorted(ends, begin + count)), len(ends) - 1)])
        yield _one(rows.slice(begin, end - begin))
        begin = end


def with_keys(batch: pa.RecordBatch, keys: Sequence[str]) -> pa.RecordBatch:
    """The rows that have a value in each key column: the others belong to no entity."""
    for key in keys:
        if batch.column(key).null_count:
            batch = batch.filter(pc.is_valid(batch.column(key)))
    return batch


def of_entities(batches: Iterable[pa.RecordBatch], wanted: pa.Table) -> Iterator[pa.RecordBatch]:
    """The rows of some entities. `wanted`: a column for each key."""
    keys = wanted.column_names
    for batch in batches:
        at = pa.array(np.arange(batch.num_rows))
        numbered = pa.Table.from_batches([batch.select(keys)]).append_column("unskew.row", at)
        found = numbered.join(wanted, keys, join_type="left semi").column("unskew.row")
        if len(found):
            yield batch.take(pa.array(np.sort(found.to_numpy())))


def changes(rows: pa.Table, keys: Sequence[str]) -> npt.NDArray[np.bool_]:
    """For each row but the first, whether it is of another entity than the one before it."""
    changes = np.zeros(rows.num_rows - 1, np.bool_)
    for key in keys:
        column = rows.column(key).combine_chunks()
        column = pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
        changes |= pc.not_equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False).astype(np.bool_)
    return changes


def _one(rows: pa.Table) -> pa.RecordBatch:
    batches = rows.combine_chunks().to_batches()
    return batches[0]
