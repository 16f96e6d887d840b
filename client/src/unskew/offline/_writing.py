"""Writing what is to be materialized of a view: rows, or states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from unskew import bulk_load
from unskew._histories import Histories, nobody
from unskew.offline import _latest
from unskew.offline._deliver import Delivered, deliver
from unskew.offline._probe import Probe
from unskew.offline._snapshots import between
from unskew.offline._work import Part, Run, Work, times_of
from unskew.results import WriteResult

KEYS_SHARE = 8
"""The keys of what is new may take such a part of the memory limit: to bring them together takes a few times as much.
Where there are more, everything is written."""


def write(run: Run, work: Work) -> Delivered:
    """Writes a view."""
    return (rows if work.probe.view.kind == "row" else states)(run, work)


def rows(run: Run, work: Work) -> Delivered:
    """Writes the newest row of each entity."""
    probe, history = work.probe, work.history
    keys, times = [key.name for key in probe.keys], times_of(probe)
    newest = _latest.reduced(_counted(run, work), probe)
    if not isinstance(work.since, str) and probe.created is None:
        # The gateway takes what arrives later for newer: of equal times it has to be given all rows again.
        wanted = _distinct(newest, [*keys, *times], run.memory_limit // KEYS_SHARE)
        if wanted is None:
            newest = _latest.reduced(_whole(work), probe)
        else:
            newest = _latest.of_entities(work.batches([around(work, wanted.column(times[0]))]), wanted)
    reader = pa.RecordBatchReader.from_batches(history.schema, newest)
    with Histories(probe.definitions, run.memory_limit, nobody) as histories:
        opened = histories.open(probe.source.name, reader, {probe.view.entity: probe.view.name})
        portions = chain.from_iterable(
            _latest.portions(_latest.latest(group, probe), keys, run.batch_rows)
            for _, group in opened.groups(probe.view.entity)
        )
        batches = (as_written(probe, batch) for batch in portions)
        write = partial(run.client.write_rows, probe.view.name)
        return _deliver(run, work, batches, lambda batch: write(batch, batch_size=batch.num_rows))


def states(run: Run, work: Work) -> Delivered:
    """Writes the states of the entities that have something new."""
    probe, view = work.probe, work.probe.view.name
    events = _counted(run, work)
    if not isinstance(work.since, str):
        touched = _distinct(events, [key.name for key in probe.keys], run.memory_limit // KEYS_SHARE)
        if touched is not None and not touched.num_rows:
            return Delivered()
        events = _whole(work) if touched is None else _latest.of_entities(_whole(work), touched)
    reader = pa.RecordBatchReader.from_batches(work.history.schema, events)
    made = bulk_load.states(
        probe.definitions, view, reader, cut=work.cut, threads=run.threads, memory_limit=run.memory_limit
    )
    write = partial(run.client.write_states, view, cut=work.cut)
    batches = (batch.slice(at, run.batch_rows) for batch in made for at in range(0, batch.num_rows, run.batch_rows))
    delivered = _deliver(run, work, batches, lambda batch: write(batch, batch_size=batch.num_rows, done=False))
    if not delivered.refused:
        write(made.schema.empty_table())
    return delivered


def _whole(work: Work) -> Iterator[pa.RecordBatch]:
    """All rows up to the cut."""
    where = between(work.probe.source.event_time, None, work.cut)
    for batch in work.batches([Part(work.history.tasks(where), where)]):
        yield _latest.with_keys(batch, [key.name for key in work.probe.keys])


def around(work: Work, times: pa.ChunkedArray) -> Part:
    """All rows between the least and the greatest of some times."""
    bounds = pc.min_max(times.cast(pa.int64())).as_py()
    first = 0 if bounds["min"] is None else bounds["min"]
    where = between(work.probe.source.event_time, first - 1, first - 1 if bounds["max"] is None else bounds["max"])
    return Part(work.history.tasks(where), where)


def _deliver(
    run: Run, work: Work, batches: Iterable[pa.RecordBatch], send: Callable[[pa.RecordBatch], WriteResult]
) -> Delivered:
    done = 0

    def told(rows: int) -> None:
        nonlocal done
        done += rows
        run.told(f"write {work.probe.view.name}", done, None)

    keys = [key.name for key in work.probe.keys]
    return deliver(batches, send, keys=keys, concurrency=run.concurrency, told=told)


def _counted(run: Run, work: Work) -> Iterator[pa.RecordBatch]:
    """The new rows, of which is told."""
    total = work.most
    for batch in work.batches(work.parts):
        work.rows += batch.num_rows
        run.told(f"read {work.history.name}", work.rows, total)
        found = _latest.with_keys(batch, [key.name for key in work.probe.keys])
        work.without_key += batch.num_rows - found.num_rows
        yield found


def _distinct(batches: Iterable[pa.RecordBatch], columns: Sequence[str], limit: int) -> pa.Table | None:
    """The values that rows have in some columns, each once; None: they take more bytes than the limit."""
    found = pa.table({name: pa.array([], pa.int64()) for name in columns})
    waiting: list[pa.RecordBatch] = []
    count = 0
    is_held = True
    for batch in batches:
        # All are read in any case, as they are counted.
        if is_held:
            waiting.append(batch.select(list(columns)))
            count += batch.num_rows
        if count > max(found.num_rows, _latest.BLOCK_ROWS):
            found, waiting, count = _merged(found, waiting), [], 0
            is_held = found.nbytes <= limit
    found = _merged(found, waiting) if waiting else found
    return found if is_held and found.nbytes <= limit else None


def _merged(found: pa.Table, more: Sequence[pa.RecordBatch]) -> pa.Table:
    table = pa.Table.from_batches(more)
    if found.num_rows:
        table = pa.concat_tables([found, table])
    return table.group_by(table.column_names).aggregate([])


def as_written(probe: Probe, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of a source as rows of its view."""
    columns = {key.name: key.name for key in probe.keys} | {"event_time": probe.source.event_time}
    columns |= {name: column for name, column in probe.column_of.items() if name not in columns}
    if probe.created is not None:
        columns.setdefault(probe.created, probe.created)
    return pa.RecordBatch.from_arrays([batch.column(column) for column in columns.values()], names=list(columns))
