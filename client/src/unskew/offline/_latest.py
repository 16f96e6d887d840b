"""The newest row of each entity, of rows in any order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

BLOCK_ROWS = 262_144
"""Rows that are reduced at once while they are read."""


def latest(rows: pa.Table, keys: Sequence[str], times: Sequence[str]) -> pa.Table:
    """The rows that are greatest in their entity by these columns of times, equal ones included, side by side.

    Rows of an entity that are equal in all times stay: the gateway takes the one with the greater bytes.
    """
    if rows.num_rows < 2:  # noqa: PLR2004 (nothing to compare)
        return rows
    order = pc.sort_indices(
        rows.select(list(dict.fromkeys([*keys, *times]))),
        sort_keys=[
            *((key, "ascending") for key in keys),
            *((time, "descending") for time in times if time not in keys),
        ],
    )
    rows = rows.take(order)
    first = np.ones(rows.num_rows, np.bool_)
    first[1:] = changes(rows, keys)
    group = np.cumsum(first) - 1
    start = np.flatnonzero(first)
    keep = np.ones(rows.num_rows, np.bool_)
    for time in times:
        micros = _micros(rows.column(time))
        keep &= micros == micros[start][group]
    return rows.filter(pa.array(keep))


def reduced(batches: Iterable[pa.RecordBatch], keys: Sequence[str], times: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The same of each of several blocks of rows, as they come."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.num_rows
        if count >= BLOCK_ROWS:
            yield from latest(pa.Table.from_batches(waiting), keys, times).combine_chunks().to_batches()
            waiting, count = [], 0
    if waiting:
        yield from latest(pa.Table.from_batches(waiting), keys, times).combine_chunks().to_batches()


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


def _micros(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Times as numbers; one that is not there is 0, as in training."""
    return np.asarray(column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64()).fill_null(0).to_numpy())


def _one(rows: pa.Table) -> pa.RecordBatch:
    batches = rows.combine_chunks().to_batches()
    return batches[0]
