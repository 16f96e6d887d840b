"""Snapshots by name and time, training sets made from them, and made again."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.table import Table, Transaction
from pyiceberg.table.snapshots import ancestors_of
from pyiceberg.table.update.snapshot import ManageSnapshots

from unskew import _native, _tables, errors
from unskew._engine import translated as engine
from unskew._origin import Origin, TableRead, digest
from unskew.definitions import Column, Definitions
from unskew.offline import _catalog, _commits, _scan, _schema
from unskew.offline._faults import translated
from unskew.offline._forgotten import Forgotten
from unskew.offline._predicates import EVERYTHING
from unskew.offline._reading import AsOf, Reading
from unskew.offline._snapshots import History
from unskew.training import TrainingSet, join

__all__ = ["SnapshotInfo"]


@dataclass(frozen=True)
class SnapshotInfo:
    """A snapshot of a table."""

    snapshot_id: int
    at: dt.datetime
    operation: str
    """`append`, `overwrite`, `compact` or `forget`; of other writers what Iceberg calls it."""
    batch_id: str | None
    rows: int | None
    """Rows of the whole table."""
    tags: tuple[str, ...]


def of_table(catalog: Catalog, identifier: str) -> tuple[SnapshotInfo, ...]:
    """See `OfflineStore.snapshots`."""
    table = _catalog.table(catalog, identifier)
    found = []
    for snapshot in sorted(table.snapshots(), key=lambda it: it.sequence_number or 0):
        facts = _commits.summary(snapshot)
        operation = facts.get("unskew.operation") or (snapshot.summary.operation.value if snapshot.summary else "")
        rows = facts.get("total-records")
        tags = [
            name for name, ref in table.refs().items() if ref.snapshot_id == snapshot.snapshot_id and name != "main"
        ]
        at = dt.datetime.fromtimestamp(snapshot.timestamp_ms / 1000, dt.timezone.utc)
        found.append(
            SnapshotInfo(
                snapshot.snapshot_id, at, operation, facts.get(_commits.BATCH), int(rows) if rows else None, tuple(tags)
            )
        )
    return tuple(found)


def newest(catalog: Catalog, definitions: Definitions, name: str) -> int | None:
    """See `OfflineStore.newest`; microseconds since 1970-01-01 UTC."""
    source = _schema.source_of(definitions, name)
    table = _catalog.table(catalog, _schema.table_of(source))
    return History(table, [Column(source.event_time, "timestamp")], lambda rows: rows).newest(source.event_time)


def training_set(
    reading: Reading,
    definitions: Definitions,
    service: str,
    spine: _tables.Table,
    given: Mapping[str, _tables.Table],
    *,
    as_of: AsOf,
    pin: str | None,
    **options: Any,
) -> TrainingSet:
    """See `OfflineStore.training_set`."""
    rows = _tables.whole(spine)
    wanted = sources_of(definitions, service, given)
    as_of.check(wanted)
    histories = {source: reading.newest(source, as_of, rows) for source in wanted}
    made = join(definitions, service, rows, {**given, **histories}, **options)
    files = tuple((str(name), text) for name, text in definitions._native.files)
    time_column = options.get("time_column", "event_time")
    used = tuple(sorted(given))
    origin = Origin(reading.catalog.name, dict(reading.tables), used, files, time_column, digest(made))
    if pin is not None:
        chosen = {source: read.snapshot_id for source, read in origin.tables.items() if read.snapshot_id is not None}
        tag(reading.catalog, definitions, pin, chosen)
    return replace(made, origin=origin)


def sources_of(definitions: Definitions, service: str, given: Mapping[str, Any]) -> list[str]:
    """The sources that a service reads and that are not given."""
    views = definitions.services[service].views
    found = (definitions.views[view].source for view in views)
    return [source for source in dict.fromkeys(found) if source is not None and source not in given]


def reproduce(catalog: Catalog, made: TrainingSet, **options: Any) -> TrainingSet:
    """See `OfflineStore.reproduce`."""
    origin = made.origin
    if origin is None or origin.given:
        what = f"the history of {origin.given[0]!r} was" if origin else "its histories were"
        raise errors.FailedPrecondition(
            f"the training set can't be made again: {what} given as a table, and is not kept"
        )
    if origin.catalog != catalog.name:
        raise errors.FailedPrecondition(
            f"the training set was made from the catalog {origin.catalog!r}, this is {catalog.name!r}"
        )
    with engine():
        definitions = Definitions(_native.Definitions.parse(list(origin.definitions)), None)
    spine = made.features.drop_columns(made.statuses.column_names)
    forgotten = Forgotten.load(catalog)
    reading = Reading(catalog, definitions, forgotten)
    histories = {source: reading.again(source, read, spine) for source, read in origin.tables.items()}
    again = join(
        definitions, made.service, spine, histories, fitted=made.fitted, time_column=origin.time_column, **options
    )
    if (found := digest(again)) != origin.digest:
        gone = sum(len(keys) for keys in forgotten.keys.values())
        if gone:
            raise errors.FailedPrecondition(
                f"the training set can't be made again as it was: {gone} entities were forgotten, and their "
                "rows are left out"
            )
        raise errors.DataLoss(f"the training set came out otherwise: {found} instead of {origin.digest}")
    return replace(again, origin=origin)


def tag(
    catalog: Catalog,
    definitions: Definitions,
    name: str,
    what: TrainingSet | Mapping[str, int] | Sequence[str] | None,
) -> dict[str, int]:
    """See `OfflineStore.tag`."""
    done: dict[str, int] = {}
    for identifier, source, snapshot_id in _chosen(catalog, definitions, what):
        table = _catalog.table(catalog, identifier)
        current = table.metadata.current_snapshot_id
        wanted = current if snapshot_id is None else snapshot_id
        if wanted is None:
            continue
        if table.snapshot_by_id(wanted) is None:
            raise errors.NotFound(f"the table {identifier!r} has no snapshot {wanted}: it has expired, or never was")
        _tag_one(catalog, table, name, wanted)
        done[source] = wanted
    return done


def _chosen(
    catalog: Catalog, definitions: Definitions, what: TrainingSet | Mapping[str, int] | Sequence[str] | None
) -> list[tuple[str, str, int | None]]:
    """Table, source and snapshot of each; None: the newest."""
    if isinstance(what, TrainingSet):
        if what.origin is None or what.origin.catalog != catalog.name:
            raise errors.FailedPrecondition(f"the training set was not made from the catalog {catalog.name!r}")
        tables: Mapping[str, TableRead] = what.origin.tables
        return [(read.table, source, read.snapshot_id) for source, read in tables.items() if read.snapshot_id]
    if what is None:
        what = [source.name for source in definitions.sources.values() if source.iceberg]
    snapshots: Mapping[str, int | None] = what if isinstance(what, Mapping) else dict.fromkeys(what)
    return [(_schema.table_of(_schema.source_of(definitions, it)), it, at) for it, at in snapshots.items()]


def _tag_one(catalog: Catalog, table: Table, name: str, snapshot_id: int) -> None:
    def stage(table: Table, transaction: Transaction) -> None:
        there = table.refs().get(name)
        if there is not None and there.snapshot_id == snapshot_id:
            return
        if there is not None:
            raise errors.AlreadyExists(
                f"the table {'.'.join(table.name())!r} has a {there.snapshot_ref_type} {name!r} for the snapshot "
                f"{there.snapshot_id}: remove it first, or take another name"
            )
        with ManageSnapshots(transaction) as manage:
            manage.create_tag(snapshot_id, name)

    _commits.committed(catalog, table, stage)


def untag(catalog: Catalog, definitions: Definitions, name: str) -> tuple[str, ...]:
    """See `OfflineStore.untag`."""
    found = []
    for source in definitions.sources.values():
        if not source.iceberg:
            continue
        table = _catalog.table(catalog, _schema.table_of(source))
        ref = table.refs().get(name)
        if ref is None or ref.snapshot_ref_type != "tag":
            continue

        def stage(table: Table, transaction: Transaction) -> None:
            if name in table.refs():
                with ManageSnapshots(transaction) as manage:
                    manage.remove_tag(name)

        _commits.committed(catalog, table, stage)
        found.append(source.name)
    return tuple(found)


def appended_since(
    catalog: Catalog, definitions: Definitions, name: str, snapshot_id: int | None
) -> tuple[int | None, pa.RecordBatchReader | None]:
    """See `OfflineStore.appended_since`."""
    source = _schema.source_of(definitions, name)
    table = _catalog.table(catalog, _schema.table_of(source))
    newest = table.metadata.current_snapshot_id
    if snapshot_id is None:
        forgotten = Forgotten.load(catalog)
        return newest, Reading(catalog, definitions, forgotten).newest(name, AsOf(newest, None, None))
    between = []
    for snapshot in ancestors_of(table.current_snapshot(), table.metadata):
        if snapshot.snapshot_id == snapshot_id:
            break
        between.append(snapshot)
    else:
        return newest, None
    made_by = {
        _commits.summary(it).get("unskew.operation") or (it.summary.operation.value if it.summary else "")
        for it in between
    }
    if not made_by <= {"append", "compact"}:
        return newest, None
    return newest, _appended(table, definitions, name, {it.snapshot_id for it in between}, Forgotten.load(catalog))


def _appended(
    table: Table, definitions: Definitions, name: str, snapshots: set[int], forgotten: Forgotten
) -> pa.RecordBatchReader:
    """The rows of the files that these snapshots appended."""
    source = definitions.sources[name]
    target = pa.schema([(column.name, _tables.arrow_type(column.dtype)) for column in source.columns])
    schema = _scan.schema_at(table, None, source.columns, None)
    chosen = sorted(
        (it for it in table.snapshots() if it.snapshot_id in snapshots), key=lambda it: it.sequence_number or 0
    )

    def batches() -> Any:
        for snapshot in chosen:
            if _commits.summary(snapshot).get("unskew.operation") == "compact":
                continue
            with translated(f"the table {source.iceberg!r} can't be read"):
                for tasks in _scan.added_by(table, snapshot):
                    reader = ArrowScan(table.metadata, table.io, schema.select(*target.names), EVERYTHING)
                    for batch in reader.to_record_batches(tasks):
                        rows = pa.Table.from_batches([_scan.as_target(batch, target)])
                        yield from forgotten.without(definitions, source, rows).to_batches()

    return pa.RecordBatchReader.from_batches(target, batches())
