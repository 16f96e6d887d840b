"""Whether the online store has what the offline store says: random entities, computed and read at the same time t."""

from __future__ import annotations

import hashlib
import heapq
import time as clock
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import Catalog

from unskew._client import FeatureStoreClient
from unskew._histories import Progress, nobody, workers
from unskew.definitions import Definitions
from unskew.errors import InvalidArgument
from unskew.offline import _agreement, _catalog, _compare, _latest, _marks, _scored
from unskew.offline._forgotten import Forgotten
from unskew.offline._probe import TIME, Probe
from unskew.offline._snapshots import History, between
from unskew.offline._work import columns_of, table_of, views_of
from unskew.results import Status

__all__ = ["Difference", "VerifiedView", "verify"]

ENTITIES = 100
AT_ONCE = 500
"""Entities of one request."""


@dataclass(frozen=True)
class Difference:
    """A feature that is not the same online and offline."""

    key: Mapping[str, Any]
    feature: str
    offline_status: str
    offline: Any
    """In the form that the gateway serves."""
    online_status: str
    online: Any

    def __str__(self) -> str:
        key = ", ".join(f"{name}={value!r}" for name, value in self.key.items())
        ours, theirs = _shown(self.offline_status, self.offline), _shown(self.online_status, self.online)
        return f"{key}: {self.feature} is {ours} offline, {theirs} online"


@dataclass(frozen=True)
class VerifiedView:
    """What a comparison of a view found."""

    view: str
    table: str
    snapshot: int | None
    """The snapshot that was read: the last that was materialized, if the view has one."""
    behind: bool
    """The table has a newer snapshot than that."""
    at: int
    """The time t, in microseconds since 1970-01-01 UTC."""
    entities: int = 0
    values: int = 0
    """Features of entities that were compared."""
    differences: tuple[Difference, ...] = ()
    not_compared: Mapping[str, int] = field(default_factory=dict)
    """Values that can't be compared, by reason: the store has newer data than t."""
    unread: tuple[str, ...] = ()
    """Features that are not compared by themselves: no service can read them; or of a view that counts the row being
    scored, only expressions do."""
    skipped: str = ""
    """Why nothing of the view was compared; empty if it was."""

    @property
    def ok(self) -> bool:
        """There is no difference."""
        return not self.differences


def verify(  # noqa: PLR0913 (each is an option of its own)
    definitions: Definitions,
    views: Sequence[str] | None = None,
    *,
    client: FeatureStoreClient,
    catalog: Catalog,
    entities: int = ENTITIES,
    seed: int = 0,
    as_of: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Iterator[VerifiedView]:
    """Compares random entities of views: computed by the engine from Iceberg, and read from a gateway.

    Args:
        definitions: those that the gateway serves.
        views: their names; None: every view whose source has an Iceberg table.
        client: of the gateway.
        catalog: of PyIceberg.
        entities: how many of each view.
        seed: which ones: the same of the same table.
        as_of: the time t, in microseconds since 1970-01-01 UTC; None: just after the data that was materialized.
        threads: as in `unskew.training_set`.
        progress: is told what is being done, how much of it is done, and how much there is, or None.

    Yields:
        What was found for each view.

    Raises:
        NotFound: there is no such view, here or at the gateway, or no such table.
        FailedPrecondition: the gateway has other definitions.
        Unavailable: the gateway, its store or the catalog does not answer.
        DataError: a table can't be read.
    """
    if entities < 1:
        raise InvalidArgument(f"entities must be 1 or more, not {entities}")
    probes = [Probe(definitions, view) for view in (views_of(definitions) if views is None else views)]
    served = client.definitions()
    for probe in probes:
        _agreement.check(definitions, served, probe.view.name)
        found = _Verification(
            client, probe, catalog, (frozenset(served.services), progress or nobody, workers(threads))
        )
        yield found.run(entities, seed, as_of)


class _Verification:
    """The comparison of one view."""

    def __init__(
        self, client: FeatureStoreClient, probe: Probe, catalog: Catalog, how: tuple[frozenset[str], Progress, int]
    ) -> None:
        """`how`: the services that are served, who watches, and how many threads may work."""
        self._client, self._probe = client, probe
        self._services, self._told, self._threads = how
        self._keys = [key.name for key in probe.keys]
        table = _catalog.table(catalog, table_of(probe))
        mark = _marks.read(client, probe.view.name)
        if mark is not None and (
            mark.uuid != str(table.metadata.table_uuid) or table.snapshot_by_id(mark.snapshot) is None
        ):
            mark = None
        self._mark = mark
        kept = partial(Forgotten.load(catalog).without, probe.definitions, probe.source)
        self._history = History(table, columns_of(probe), kept, None if mark is None else mark.snapshot)

    def run(self, entities: int, seed: int, as_of: int | None) -> VerifiedView:
        probe, history = self._probe, self._history
        until, at = self._times(as_of)
        newest = history.table.current_snapshot()
        found = VerifiedView(
            view=probe.view.name,
            table=history.name,
            snapshot=history.snapshot,
            behind=newest is not None and newest.snapshot_id != history.snapshot,
            at=at,
            unread=probe.unread,
        )
        sample = self._sample(entities, seed, until)
        if not sample.num_rows:
            return found
        where = between(probe.source.event_time, None, until)
        parts = list(_latest.of_entities(self._batches("read", where), sample))
        rows = pa.Table.from_batches(parts, history.schema)
        if probe.includes_request:
            return self._scored(found, sample, rows)
        read = probe.at(_at(sample, at), rows, self._threads)
        return self._compared(found, sample.to_pylist(), read.values.to_pylist(), read.statuses.to_pylist())

    def _times(self, as_of: int | None) -> tuple[int, int]:
        """Up to which event time rows are read, and t."""
        time, is_row = self._probe.source.event_time, self._probe.view.kind == "row"
        cut = self._mark.cut if self._mark is not None else self._history.newest(time)
        now = clock.time_ns() // 1000
        if cut is None:
            cut = now
        # What is known only later than its event time is online before; then t must be late enough for all.
        at = now if self._probe.known_at else cut + (not is_row)
        at = at if as_of is None else as_of
        return min(cut, at), at

    def _batches(self, what: str, where: Any) -> Iterator[pa.RecordBatch]:
        done, tasks = 0, self._history.tasks(where)
        total = sum(task.file.record_count for task in tasks)
        for batch in self._history.batches(tasks, where):
            done += batch.num_rows
            self._told(f"{what} {self._history.name}", done, total)
            yield _latest.with_keys(batch, self._keys)

    def _sample(self, count: int, seed: int, until: int) -> pa.Table:
        """Random entities, each as likely as any other: those whose key and the seed have the least hashes."""
        where = between(self._probe.source.event_time, None, until)
        least: list[tuple[int, tuple[Any, ...]]] = []
        chosen: set[tuple[Any, ...]] = set()
        for batch in self._batches("choose of", where):
            distinct = pa.Table.from_batches([batch.select(self._keys)]).group_by(self._keys).aggregate([])
            for key in zip(*(column.to_pylist() for column in distinct.columns), strict=True):
                text = f"{seed}|{key!r}".encode()
                rank = -int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
                if key in chosen or (len(least) == count and rank <= least[0][0]):
                    continue
                chosen.add(key)
                if len(least) < count:
                    heapq.heappush(least, (rank, key))
                else:
                    chosen.discard(heapq.heapreplace(least, (rank, key))[1])
        schema = self._history.schema
        columns = zip(*(key for _, key in sorted(least, reverse=True)), strict=True)
        fields = [schema.field(name) for name in self._keys]
        arrays = [pa.array(column, it.type) for column, it in zip(columns, fields, strict=False)]
        return pa.table(arrays, schema=pa.schema(fields)) if arrays else pa.schema(fields).empty_table()

    def _scored(self, found: VerifiedView, sample: pa.Table, rows: pa.Table) -> VerifiedView:
        """Of a view that counts the row being scored: an event of each entity is scored again."""
        service = _scored.service_of(self._probe, self._services)
        if service is None:
            why = "it counts the row being scored, and no service that is fitted here and served reads it"
            return replace(found, skipped=why)
        events = _first_of_each(rows, self._keys)
        read = self._probe.at(_at(events, found.at), rows, self._threads)
        keys = events.select(self._keys).to_pylist()
        differences: list[Difference] = []
        not_compared: Counter[str] = Counter()
        values = 0
        for start in range(0, events.num_rows, AT_ONCE):
            part, features = (table.slice(start, AT_ONCE) for table in (events, read.values))
            for it in _scored.compared(self._client, self._probe, service, part, features, found.at):
                values += 1
                if it.reason in _compare.NEWER:
                    not_compared[it.reason] += 1
                elif not it.same:
                    status = f"ERROR {it.reason}" if it.reason else str(Status.PRESENT)
                    key = keys[start + it.row]
                    differences.append(Difference(key, it.name, str(Status.PRESENT), it.offline, status, it.online))
        known = _scored.read_by(service, found.view)
        return replace(
            found,
            entities=sample.num_rows,
            values=values - sum(not_compared.values()),
            differences=tuple(differences),
            not_compared=dict(not_compared),
            unread=tuple(it.name for it in self._probe.view.features if it.name not in known),
        )

    def _compared(
        self,
        found: VerifiedView,
        keys: list[dict[str, Any]],
        values: list[dict[str, Any]],
        statuses: list[dict[str, str]],
    ) -> VerifiedView:
        names = [f"{self._probe.view.name}.{feature.name}" for feature in self._probe.features]
        dtypes = {name: feature.dtype for name, feature in zip(names, self._probe.features, strict=True)}
        differences: list[Difference] = []
        not_compared: Counter[str] = Counter()
        for first in range(0, len(keys), AT_ONCE):
            ids = [_compare.key_text(list(key.values())) for key in keys[first : first + AT_ONCE]]
            reply = self._client.online_features(ids, names, as_of=found.at)
            for row, entity in enumerate(ids, first):
                for name in names:
                    ours = _compare.offline(statuses[row][name], values[row][name], dtypes[name])
                    theirs = _compare.online(reply[entity], name)
                    if theirs[0].removeprefix("ERROR ") in _compare.NEWER:
                        not_compared[theirs[0].removeprefix("ERROR ")] += 1
                    elif ours[0] != theirs[0] or not _compare.same(ours[1], theirs[1], dtypes[name]):
                        differences.append(Difference(keys[row], name, *ours, *theirs))
            self._told(f"compare {self._probe.view.name}", min(first + AT_ONCE, len(keys)), len(keys))
        count = len(keys) * len(names) - sum(not_compared.values())
        return replace(
            found,
            entities=len(keys),
            values=count,
            differences=tuple(differences),
            not_compared=dict(not_compared),
        )


def _at(entities: pa.Table, at: int) -> pa.Table:
    """A spine: entities, and t."""
    return entities.append_column(TIME, pa.array([at] * entities.num_rows, pa.timestamp("us", tz="UTC")))


def _first_of_each(rows: pa.Table, keys: Sequence[str]) -> pa.Table:
    """One row of each entity."""
    numbered = rows.select(list(keys)).append_column("unskew.row", pa.array(range(rows.num_rows), pa.int64()))
    return rows.take(numbered.group_by(list(keys)).aggregate([("unskew.row", "min")]).column("unskew.row_min"))


def _shown(status: str, value: Any) -> str:
    return repr(value) if status == "PRESENT" else status
