"""What is to be materialized of a view: which rows of its table, and up to which event time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import BooleanExpression
from pyiceberg.table import FileScanTask

from unskew._client import FeatureStoreClient
from unskew._histories import Progress
from unskew.definitions import Column, Definitions
from unskew.errors import InvalidArgument
from unskew.offline import _catalog, _marks, _schema
from unskew.offline._forgotten import Forgotten
from unskew.offline._probe import Probe
from unskew.offline._snapshots import History, Since, between, rows_of, since


@dataclass(frozen=True)
class Run:
    """What all views of a run share."""

    client: FeatureStoreClient
    until: int
    concurrency: int
    batch_rows: int
    threads: int | None
    memory_limit: int
    told: Progress
    forgotten: Forgotten


@dataclass(frozen=True)
class Part:
    """Files to read, and which rows of them."""

    tasks: Sequence[FileScanTask]
    where: BooleanExpression


@dataclass
class Work:
    """A view that is to be materialized."""

    probe: Probe
    history: History
    since: Since | str
    mark: _marks.Mark | None
    cut: int
    parts: list[Part]
    """What is new."""
    rows: int = 0
    """Rows that were read of it."""
    without_key: int = 0

    @property
    def most(self) -> int:
        """Rows of its files, of which some may be left out."""
        return rows_of(task for part in self.parts for task in part.tasks)

    def batches(self, parts: Iterable[Part]) -> Iterator[pa.RecordBatch]:
        """The rows of parts of the table."""
        for part in parts:
            yield from self.history.batches(part.tasks, part.where)


def views_of(definitions: Definitions) -> list[str]:
    """The views whose source has an Iceberg table.

    Raises:
        InvalidArgument: there is none.
    """
    found = [
        view.name for view in definitions.views.values() if view.source and definitions.sources[view.source].iceberg
    ]
    if not found:
        raise InvalidArgument("no view has a source with an Iceberg table: name it by `iceberg: namespace.table`")
    return found


def work_of(run: Run, probe: Probe, catalog: Catalog, full: bool) -> Work:
    """What is to be done for a view. `full`: all of it."""
    name, time = probe.view.name, probe.source.event_time
    table = _catalog.table(catalog, table_of(probe))
    history = History(table, columns_of(probe), partial(run.forgotten.without, probe.definitions, probe.source))
    mark = _marks.read(run.client, name)
    cut = _cut(probe, history, run.until)
    found = "it was asked for" if full else _since(history, mark, probe.digest)
    if isinstance(found, str) or mark is None:
        where = between(time, None, cut)
        parts = [Part(history.tasks(where), where)]
    else:
        fresh, late = between(time, mark.cut, cut), between(time, None, min(mark.cut, cut))
        parts = [Part(history.tasks_since(found, late), late)]
        if cut > mark.cut:
            parts.append(Part(history.tasks(fresh), fresh))
    return Work(probe, history, found, mark, cut, parts)


def table_of(probe: Probe) -> str:
    if probe.source.iceberg is None:
        raise InvalidArgument(
            f"the source {probe.source.name!r} of the view {probe.view.name!r} has no `iceberg:` table"
        )
    return probe.source.iceberg


def _since(history: History, mark: _marks.Mark | None, digest: str) -> Since | str:
    """From where on the table is to be read; a text: all of it, and why."""
    if mark is None:
        return "this store has nothing of it yet"
    if mark.uuid != str(history.table.metadata.table_uuid):
        return "the table is another one than was materialized last"
    if mark.digest != digest:
        return "its definition has changed"
    return since(history.table, mark.snapshot)


def _cut(probe: Probe, history: History, until: int) -> int:
    """Up to which event time rows are taken.

    Live events may be ahead of the table: without ids, or in tiles, the load takes the place of all that the store has
    up to the cut, so that it must not lie beyond the newest event of the table.
    """
    if probe.view.kind == "row":
        return until
    newest = history.newest(probe.source.event_time)
    cut = until if newest is None else min(until, newest)
    if probe.resolution is None:
        return cut
    edge = cut // probe.resolution * probe.resolution
    # With ids live events are told apart up to the end of the tile; that has the events which the table has of it.
    is_all = newest is not None and newest <= until and probe.has_ids
    return edge + probe.resolution if is_all and edge < cut else edge


def columns_of(probe: Probe) -> list[Column]:
    """The columns of the source that a view reads, and those that tell whose a row is."""
    names = set(probe.columns)
    if probe.view.kind == "row":
        entities = _schema.entities_of(probe.definitions, probe.source)
        keys = {key.name for entity in entities for key in entity.keys}
        names = {*keys, *times_of(probe), *probe.column_of.values()}
    return [column for column in probe.source.columns if column.name in names]


def times_of(probe: Probe) -> list[str]:
    """What orders the rows of an entity."""
    return [probe.source.event_time, *([probe.created] if probe.created else [])]
