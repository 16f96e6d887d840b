"""From the offline store to the online one: the newest rows of row views, the states of window views."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pyiceberg.catalog import Catalog

from unskew._client import FeatureStoreClient
from unskew._histories import MODEST_LIMIT, Progress, nobody
from unskew.definitions import Definitions
from unskew.errors import InvalidArgument, Unavailable
from unskew.offline import _agreement, _catalog, _marks, _online, _rows, _writing
from unskew.offline._deliver import Delivered, Refused
from unskew.offline._forgotten import Forgotten
from unskew.offline._probe import Probe
from unskew.offline._work import Run, Work, table_of, views_of, work_of

__all__ = ["MaterializedView", "Refused", "materialize"]

BATCH_ROWS = 1000
CONCURRENCY = 4


@dataclass(frozen=True)
class MaterializedView:
    """What was done for a view."""

    view: str
    kind: str
    """`row` or `window`."""
    table: str
    mode: str
    """`full`, or `incremental` from the last materialized snapshot."""
    reason: str
    """Why it is full; empty if it is not."""
    since_snapshot: int | None
    """The snapshot that was materialized before."""
    snapshot: int | None
    """The snapshot that is materialized now; None: the table has no row yet."""
    cut: int
    """The event time up to which it is, in microseconds since 1970-01-01 UTC."""
    rows: int
    """Rows that were read because they are new; of a dry run the most that they can be."""
    accepted: int = 0
    """Rows or states that the store has now."""
    without_key: int = 0
    """Rows with a null in a key column: they are of no entity."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """How many rows or states the gateway does not take, by code."""
    first_refused: tuple[Refused, ...] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Nothing was refused."""
        return not self.refused

    @property
    def rate(self) -> float:
        """Rows read in a second."""
        return self.rows / self.seconds if self.seconds else 0.0


def materialize(  # noqa: PLR0913 (each is an option of its own)
    definitions: Definitions,
    views: Sequence[str] | None = None,
    *,
    client: FeatureStoreClient,
    catalog: Catalog,
    until: int | None = None,
    full: bool = False,
    dry_run: bool = False,
    concurrency: int = CONCURRENCY,
    batch_rows: int = BATCH_ROWS,
    threads: int | None = None,
    memory_limit: int = MODEST_LIMIT,
    progress: Progress | None = None,
) -> Iterator[MaterializedView]:
    """Writes views from the Iceberg tables of their sources to the online store, through a gateway.

    Of a row view it is the newest row of each entity, of a window view the states that all events up to a cut make.
    The first time, and where it can't be told what is new, everything is written; else what came since the snapshot
    that was materialized last, late rows too. Writing twice changes nothing, so that a run which was broken off is
    repeated; how far a view is materialized is kept in the online store itself, and written last.

    Args:
        definitions: those that the gateway serves.
        views: their names; None: every view whose source has an Iceberg table.
        client: of the gateway. Its `write_timeout` and `retries` say how long a gateway that is away is waited for.
        catalog: of PyIceberg.
        until: rows with a later event time are left for another run, in microseconds since 1970-01-01 UTC; None: now.
        full: write everything.
        dry_run: only say what would be written.
        concurrency: how many batches are on their way at once.
        batch_rows: rows or states of a batch.
        threads: as in `unskew.training_set`.
        memory_limit: about how many bytes the rows of a table may take, whatever its size; those of a larger one wait
            in a temporary folder.
        progress: is told what is being done, how much of it is done, and how much there is, or None.

    Yields:
        What was done for each view, when it is done.

    Raises:
        NotFound: there is no such view, here or at the gateway, or no such table.
        FailedPrecondition: the gateway has other definitions.
        Unavailable: the gateway, its store or the catalog does not answer.
        DataError: a table can't be read.
    """
    for name, value in (("concurrency", concurrency), ("batch_rows", batch_rows)):
        if value < 1:
            raise InvalidArgument(f"{name} must be 1 or more, not {value}")
    run = Run(
        client=client,
        until=until_now(until),
        concurrency=concurrency,
        batch_rows=batch_rows,
        threads=threads,
        memory_limit=memory_limit,
        told=progress or nobody,
        forgotten=Forgotten.load(catalog),
    )
    yield from written(definitions, views, run, catalog, _writing.write, full=full, dry_run=dry_run)


def until_now(until: int | None) -> int:
    """The event time up to which rows are taken: those of the future wait."""
    now = clock.time_ns() // 1000
    return now if until is None else min(until, now)


def written(
    definitions: Definitions,
    views: Sequence[str] | None,
    run: Run,
    catalog: Catalog,
    write: Callable[[Run, Work], Delivered],
    *,
    full: bool,
    dry_run: bool,
) -> Iterator[MaterializedView]:
    """Writes views, one after the other, and the mark of each when the gateway has all of it. `write`: writes one."""
    probes = [Probe(definitions, view) for view in (views_of(definitions) if views is None else views)]
    served = run.client.definitions()
    for probe in probes:
        _agreement.check(definitions, served, probe.view.name)
    for probe in probes:
        started = clock.monotonic()
        work = work_of(run, probe, catalog, full)
        if dry_run:
            work.rows = work.most
            yield _report(work, Delivered(), 0.0)
            continue
        delivered = write(run, work)
        forgotten = _forget(run, work, catalog)
        if not delivered.refused and work.history.snapshot is not None:
            _marks.write(run.client, probe.view.name, _mark(work, work.history.snapshot, forgotten))
        yield _report(work, delivered, clock.monotonic() - started)


def materialized_until(definitions: Definitions, view: str, client: FeatureStoreClient, catalog: Catalog) -> int | None:
    """See `OfflineStore.materialized_until`; microseconds since 1970-01-01 UTC."""
    mark = _marks.read(client, view)
    table = _catalog.table(catalog, table_of(Probe(definitions, view)))
    return mark.cut if mark is not None and mark.uuid == str(table.metadata.table_uuid) else None


def _forget(run: Run, work: Work, catalog: Catalog) -> int | None:
    """Deletes the entities online that were forgotten since the last mark; the snapshot of the record that has them.

    While rows were on their way the record may have grown: either who forgets deletes them, or this sees the record.
    Runs that were killed did not come so far, and a store may have gone back to a time before; the mark tells.
    """
    definitions, view = work.probe.definitions, work.probe.view
    now, before = Forgotten.load(catalog), Forgotten(None, {})
    if work.mark is not None and work.mark.forgotten is not None:
        before = now if work.mark.forgotten == now.snapshot_id else Forgotten.load(catalog, work.mark.forgotten)
    keys = now.since(before, definitions.entities[view.entity])
    if not _online.delete(run.client, definitions, view, keys, _rows.now()):
        raise Unavailable(f"the view {view.name!r} still has entities online that were forgotten: try again")
    return now.snapshot_id


def _mark(work: Work, snapshot: int, forgotten: int | None) -> _marks.Mark:
    uuid = str(work.history.table.metadata.table_uuid)
    return _marks.Mark(work.history.name, uuid, snapshot, work.cut, work.probe.digest, forgotten)


def _report(work: Work, delivered: Delivered, seconds: float) -> MaterializedView:
    is_full = isinstance(work.since, str)
    return MaterializedView(
        view=work.probe.view.name,
        kind=work.probe.view.kind,
        table=work.history.name,
        mode="full" if is_full else "incremental",
        reason=work.since if isinstance(work.since, str) else "",
        since_snapshot=None if is_full or work.mark is None else work.mark.snapshot,
        snapshot=work.history.snapshot,
        cut=work.cut,
        rows=work.rows,
        accepted=delivered.accepted,
        without_key=work.without_key,
        refused=dict(delivered.refused),
        first_refused=tuple(delivered.first),
        seconds=seconds,
    )
