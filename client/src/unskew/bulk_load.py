"""States of window views computed from history, for `FeatureStoreClient.write_states`."""

import datetime as dt
import os
from collections.abc import Iterator
from typing import SupportsIndex

import pyarrow as pa

from unskew import _tables, _times
from unskew._engine import translated
from unskew._histories import Histories, Progress, nobody, workers
from unskew.definitions import Definitions, load
from unskew.errors import InvalidArgument, UnknownName

__all__ = ["states"]

BATCH_ROWS = 16_384


def states(
    definitions: Definitions | str | os.PathLike[str],
    view: str,
    events: _tables.Table,
    *,
    cut: dt.datetime | SupportsIndex,
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
) -> pa.RecordBatchReader:
    """The states that live events up to a cut would have made: a row for each entity that has one.

    Args:
        definitions: the definitions, or the path that `load` takes.
        view: the name of a window view.
        events: the history of its source, as in `training_set`; those after the cut are left out.
        cut: the time up to which the states have all events, the cut included: an aware datetime, or an int of
            microseconds since 1970-01-01 UTC. A multiple of the view's `resolution`, if it has one.
        threads: as in `training_set`.
        memory_limit: as in `training_set`.
        progress: as in `training_set`.

    Returns:
        A stream of batches, to be read once: the key columns of the view's entity, and `state`.

    Raises:
        UnknownName: there is no such view.
        InvalidArgument: it is no window view.
        DataError: a column is missing, a value does not fit its type, or the cut is no multiple of the resolution.

    Example:
        >>> import unskew
        >>> definitions = unskew.parse('''
        ... entities:
        ...   customer: {keys: {customer: int64}}
        ... sources:
        ...   payments: {event_time: at, event_id: id, columns: {id: int64, customer: int64, at: timestamp}}
        ... views:
        ...   spending: {entity: customer, source: payments, aggregations: {nb: {function: count, windows: [1d]}}}
        ... ''')
        >>> payments = {"id": [1, 2, 3], "customer": [7, 8, 7], "at": pa.array([10, 20, 30], pa.timestamp("us"))}
        >>> found = unskew.states(definitions, "spending", payments, cut=15).read_all()
        >>> found.column_names, found["customer"].to_pylist()
        (['customer', 'state'], [7])
    """
    if not isinstance(definitions, Definitions):
        definitions = load(definitions)
    if view not in definitions.views:
        raise UnknownName(f"there is no view {view!r}; there is {', '.join(map(repr, definitions.views)) or 'none'}")
    if definitions.views[view].kind != "window":
        raise InvalidArgument(f"{view!r} is no window view: it has no states, write its rows")
    micros = _times.to_micros(cut, "cut")
    made = _made(definitions, view, events, micros, workers(threads), memory_limit, progress or nobody)
    first = next(made)
    return pa.RecordBatchReader.from_batches(first.schema, _from(first, made))


def _made(
    definitions: Definitions,
    view: str,
    events: _tables.Table,
    cut: int,
    threads: int,
    memory_limit: int | None,
    told: Progress,
) -> Iterator[pa.RecordBatch]:
    entity = definitions.views[view].entity
    with Histories(definitions, memory_limit, told) as histories:
        source = definitions.views[view].source or ""
        history = histories.of_views([view], {source: events})[source]
        done = 0
        for _, table in history.groups(entity):
            with translated():
                found = pa.record_batch(definitions._native.states(view, table, cut, threads))
            done += found.num_rows
            told("states", done, None)
            yield from (found.slice(at, BATCH_ROWS) for at in range(0, max(found.num_rows, 1), BATCH_ROWS))


def _from(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest
