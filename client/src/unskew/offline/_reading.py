"""Which snapshot of each table a training set reads, and its rows as streams."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import BooleanExpression
from pyiceberg.table import Table
from pyiceberg.table.refs import MAIN_BRANCH
from pyiceberg.table.snapshots import SnapshotLogEntry, ancestors_of

from unskew import _tables, _times, errors
from unskew._origin import TableRead
from unskew.definitions import Definitions, Source
from unskew.offline import _catalog, _scan, _schema
from unskew.offline._forgotten import Forgotten
from unskew.offline._predicates import EVERYTHING, MAX_KEYS, any_of, of_keys

Snapshots = Mapping[str, int] | int | None


class AsOf:
    """Which snapshot is meant: one of a number, of a time, of a tag, or the newest."""

    def __init__(self, snapshot: Snapshots, time: dt.datetime | int | None, tag: str | None) -> None:
        given = [name for name, it in (("snapshot", snapshot), ("time", time), ("tag", tag)) if it is not None]
        if len(given) > 1:
            other = "tag" if given[1] == "tag" else f"as_of_{given[1]}"
            raise errors.InvalidArgument(f"as_of_{given[0]} and {other} both say what to read: give one")
        self._snapshot, self._tag = snapshot, tag
        self._millis = None if time is None else _times.to_micros(time, "as_of_time") // 1000

    def check(self, sources: list[str]) -> None:
        """Refuses what can't be said of these sources."""
        if isinstance(self._snapshot, Mapping):
            for name in self._snapshot:
                if name not in sources:
                    raise errors.UnknownName(f"as_of_snapshot names {name!r}, which is not read; read are {sources}")
        elif self._snapshot is not None and len(sources) > 1:
            raise errors.InvalidArgument(
                f"{len(sources)} tables are read, and each has snapshots of its own: give as_of_snapshot as a mapping "
                f"from {sources}, or as_of_time, or a tag"
            )

    def of(self, source: str, table: Table) -> int | None:
        """The snapshot of a table; None if it was empty then.

        Raises:
            NotFound: there is no such snapshot, or no such tag; or that of the time has expired.
        """
        name = ".".join(table.name())
        wanted = self._snapshot.get(source) if isinstance(self._snapshot, Mapping) else self._snapshot
        if wanted is not None:
            if table.snapshot_by_id(wanted) is None:
                raise _gone(name, wanted)
            return wanted
        if self._tag is not None:
            found = table.snapshot_by_name(self._tag)
            if found is None:
                there = sorted(ref for ref, it in table.refs().items() if it.snapshot_ref_type == "tag")
                raise errors.NotFound(f"the table {name!r} has no tag {self._tag!r}; it has {there or 'none'}")
            return found.snapshot_id
        if self._millis is not None:
            return _at(table, self._millis)
        current = table.current_snapshot()
        return None if current is None else current.snapshot_id


def _at(table: Table, millis: int) -> int | None:
    """What was the newest snapshot at a time; None if the table was empty then.

    Raises:
        NotFound: it has expired, or may have.
    """
    log = table.history()
    place = max((at for at, entry in enumerate(log) if entry.timestamp_ms <= millis), default=-1)
    # Entries of expired snapshots leave the log, so that those around them look like neighbours.
    complete = len(table.snapshots()) >= table.metadata.next_sequence_number() - 1
    if not (complete or _known(table, log, place)):
        name, time = ".".join(table.name()), _iso(millis)
        left = [_told(table, entry) for entry in log[max(place, 0) : place + 2]]
        there = f"; still there {'are' if len(left) > 1 else 'is'} {', and '.join(left)}" if left else ""
        raise errors.NotFound(f"the snapshot that the table {name!r} had at {time} has expired, or may have{there}")
    return log[place].snapshot_id if place >= 0 else None


def _known(table: Table, log: list[SnapshotLogEntry], place: int) -> bool:
    """Whether nothing that has expired was between an entry of the log and the next; -1: before the first."""
    if place + 1 == len(log):
        return bool(log)
    following = table.snapshot_by_id(log[place + 1].snapshot_id)
    if following is None or following.timestamp_ms != log[place + 1].timestamp_ms:
        # A rollback, which does not say what it took away.
        return False
    if place < 0:
        return following.sequence_number == 1
    return any(it.snapshot_id == log[place].snapshot_id for it in ancestors_of(following, table.metadata))


def _told(table: Table, entry: SnapshotLogEntry) -> str:
    """A snapshot with its time and its tags."""
    refs = table.refs().items()
    tags = [repr(name) for name, ref in refs if ref.snapshot_id == entry.snapshot_id and name != MAIN_BRANCH]
    named = f" (tag {', '.join(tags)})" if tags else ""
    return f"{entry.snapshot_id} of {_iso(entry.timestamp_ms)}{named}"


def _iso(millis: int) -> str:
    return _times.from_micros(millis * 1000).isoformat(timespec="milliseconds")


def _gone(table: str, snapshot_id: int) -> errors.NotFound:
    return errors.NotFound(
        f"the table {table!r} has no snapshot {snapshot_id}: it has expired, or never was; a tag keeps one"
    )


class Reading:
    """The histories that a service reads from a catalog."""

    def __init__(self, catalog: Catalog, definitions: Definitions, forgotten: Forgotten) -> None:
        self.catalog, self._definitions, self._forgotten = catalog, definitions, forgotten
        self.tables: dict[str, TableRead] = {}
        """What was read, by source."""

    def newest(self, source: str, as_of: AsOf, spine: pa.Table | None = None) -> pa.RecordBatchReader:
        """The history of a source. `spine`: rows of other keys than it has may be left out."""
        found = _schema.source_of(self._definitions, source)
        table = _catalog.table(self.catalog, _schema.table_of(found))
        return self._open(found, table, as_of.of(source, table), None, spine)

    def again(self, source: str, read: TableRead, spine: pa.Table | None = None) -> pa.RecordBatchReader:
        """The history of a source as it was read before.

        Raises:
            NotFound: the table, or the snapshot, is gone.
        """
        found = self._definitions.sources[source]
        table = _catalog.table(self.catalog, read.table)
        if str(table.metadata.table_uuid) != read.uuid:
            raise errors.NotFound(f"the table {read.table!r} is another than then: it was dropped and created again")
        if read.snapshot_id is not None and table.snapshot_by_id(read.snapshot_id) is None:
            raise _gone(read.table, read.snapshot_id)
        return self._open(found, table, read.snapshot_id, read.schema_id, spine)

    def _open(
        self, source: Source, table: Table, snapshot_id: int | None, schema_id: int | None, spine: pa.Table | None
    ) -> pa.RecordBatchReader:
        schema = _scan.schema_at(table, snapshot_id, source.columns, schema_id)
        uuid = str(table.metadata.table_uuid)
        self.tables[source.name] = TableRead(".".join(table.name()), uuid, snapshot_id, schema.schema_id)
        predicate = EVERYTHING if spine is None else self._predicate(source, spine)
        rows = _scan.batches(table, source.columns, snapshot_id, schema, predicate)
        kept = (self._forgotten.without(self._definitions, source, pa.Table.from_batches([batch])) for batch in rows)
        target = pa.schema([(column.name, _tables.arrow_type(column.dtype)) for column in source.columns])
        return pa.RecordBatchReader.from_batches(target, (batch for table in kept for batch in table.to_batches()))

    def _predicate(self, source: Source, spine: pa.Table) -> BooleanExpression:
        """Rows of no entity of the spine change nothing: each row of it is computed from those of its own entities.

        Times are not pushed down: a version of an event outside of the span replaces one that is inside of it.
        """
        read_by = {view.entity for view in self._definitions.views.values() if view.source == source.name}
        wanted = []
        for name in read_by:
            keys: dict[str, list[Any]] = {}
            for key in self._definitions.entities[name].keys:
                if key.name not in spine.column_names:
                    break
                distinct = spine[key.name].unique()
                if len(distinct) > MAX_KEYS or distinct.type != _tables.arrow_type(key.dtype):
                    break
                keys[key.name] = [it for it in distinct.to_pylist() if it is not None]
            wanted.append(of_keys(keys))
        return any_of(wanted)
