"""The offline store of a set of definitions."""

import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyiceberg.catalog import Catalog

from unskew import _tables, _times, errors
from unskew.definitions import Definitions, load
from unskew.offline import _catalog, _schema, maintenance
from unskew.offline import append as appends
from unskew.offline import forget as erasures
from unskew.offline import materialize as materialization
from unskew.offline import plan as plans
from unskew.offline import snapshots as histories
from unskew.offline import verify as verification
from unskew.offline._forgotten import Forgotten
from unskew.offline._reading import AsOf, Reading, Snapshots
from unskew.training import TrainingSet

if TYPE_CHECKING:
    from unskew._client import FeatureStoreClient
    from unskew.service import Fitted

__all__ = ["OfflineStore", "open"]

Time = dt.datetime | int


def open(  # noqa: A001 (as in `gzip.open`)
    definitions: Definitions | str | os.PathLike[str],
    catalog: str | Catalog = _catalog.DEFAULT_NAME,
    *,
    warehouse: str | os.PathLike[str] | None = None,
    properties: Mapping[str, str] | None = None,
) -> "OfflineStore":
    """The offline store of definitions. Nothing is created before `apply`, but the catalog of a `warehouse`.

    Args:
        definitions: the definitions, or the path that `unskew.load` takes.
        catalog: the name of a catalog, or one of PyIceberg. What it is comes from PyIceberg's own configuration
            (`.pyiceberg.yaml`, or `PYICEBERG_CATALOG__<NAME>__URI` and the like): `sql`, `rest`, `hive`, `glue`.
        warehouse: where a catalog that is not configured lies: a folder of tables and one SQLite file; `./warehouse`.
        properties: of PyIceberg, which come before its configuration.

    Raises:
        Unavailable: the catalog does not answer.
    """
    if not isinstance(definitions, Definitions):
        definitions = load(definitions)
    if isinstance(catalog, str):
        catalog = _catalog.connect(catalog, warehouse, properties)
    elif warehouse is not None or properties:
        raise errors.InvalidArgument("a catalog that is open has its warehouse and its properties: leave them out")
    return OfflineStore(definitions, catalog)


class OfflineStore:
    """The tables of the sources of a set of definitions, in one catalog. Made by `unskew.offline.open`."""

    def __init__(self, definitions: Definitions, catalog: Catalog) -> None:
        """Wrap a catalog."""
        self.definitions = definitions
        self.catalog = catalog

    def plan(self, *, renames: plans.Renames | None = None, layout: _schema.Layout | None = None) -> plans.Plan:
        """What `apply` would change.

        Args:
            renames: by source the new name of a column by its old one; without it, it is one dropped and one added.
            layout: how the files of new tables are cut.

        Raises:
            FailedPrecondition: a change that Iceberg can't make without rewriting data; all of them are told.
        """
        return plans.plan(self.catalog, self.definitions, renames or {}, layout or _schema.Layout())

    def apply(
        self,
        *,
        renames: plans.Renames | None = None,
        layout: _schema.Layout | None = None,
        allow_loss: bool = False,
    ) -> plans.Plan:
        """Creates or changes the tables, so that they are what the definitions say; no data is rewritten.

        Args:
            renames: as in `plan`.
            layout: as in `plan`.
            allow_loss: whether columns may be dropped, which the definitions no longer have.

        Raises:
            FailedPrecondition: as `plan`, or a column would be dropped; nothing was done.
        """
        found = self.plan(renames=renames, layout=layout)
        if found.loses and not allow_loss:
            raise errors.FailedPrecondition(
                f"{'; '.join(map(str, found.loses))}: nothing was changed; allow_loss (--allow-loss) drops it, and a "
                "renaming (--rename SOURCE.OLD=NEW) keeps its values"
            )
        plans.apply(self.catalog, self.definitions, found, renames or {}, layout or _schema.Layout())
        return found

    def append(self, source: str, rows: _tables.Table, *, batch_id: str | None = None) -> appends.Appended:
        """Appends rows: all of them in one snapshot, or none.

        Args:
            source: the name of a source.
            rows: a table, a stream or the path of a Parquet file or folder, with exactly the columns of the source;
                `created` may lack or be null, and is then the time of this call. Read in bounded memory.
            batch_id: what tells this batch from others. A batch that is in the table is not appended again, so that
                after any fault the same call can be made again.

        Raises:
            DataError: a column lacks or is not declared, a value does not fit, or the rows can't be read.
            FailedPrecondition: the table is not as defined: `apply` comes first.
            Aborted: others committed all the time.
            Unavailable: the catalog does not answer; with the same `batch_id` the call can be made again.
        """
        return appends.append(self.catalog, self.definitions, source, rows, batch_id)

    def overwrite(
        self,
        source: str,
        rows: _tables.Table,
        *,
        start: Time | None = None,
        end: Time | None = None,
        batch_id: str | None = None,
    ) -> appends.Appended:
        """Puts rows in the place of all those with start ≤ event time < end, in one commit. Errors: as `append`.

        Args:
            source: the name of a source.
            rows: as in `append`; all within the span.
            start: the begin of the span; None: without one.
            end: the end of the span; None: without one.
            batch_id: as in `append`.
        """
        low, high = (
            None if it is None else _times.to_micros(it, name) for name, it in (("start", start), ("end", end))
        )
        between = appends.Between(low, high)
        return appends.overwrite(self.catalog, self.definitions, source, rows, batch_id, between)

    def read(
        self,
        source: str,
        *,
        as_of_snapshot: int | None = None,
        as_of_time: Time | None = None,
        tag: str | None = None,
    ) -> pa.RecordBatchReader:
        """The history of a source as a stream of bounded memory, without entities that were forgotten.

        Raises:
            NotFound: there is no such table, snapshot or tag.
            DataLoss: a file is missing or damaged.
        """
        return self._reading().newest(source, AsOf(as_of_snapshot, as_of_time, tag))

    def appended_since(self, source: str, snapshot_id: int | None) -> tuple[int | None, pa.RecordBatchReader | None]:
        """What was appended after a snapshot: for those who copy the history elsewhere, step by step.

        Args:
            source: the name of a source.
            snapshot_id: the snapshot up to which all is copied; None: nothing is.

        Returns:
            The newest snapshot, and the rows appended until it. The rows are None where that does not tell all:
            rows were deleted or overwritten since, or the snapshot is gone; all has to be copied then.
        """
        return histories.appended_since(self.catalog, self.definitions, source, snapshot_id)

    def snapshots(self, source: str) -> tuple[histories.SnapshotInfo, ...]:
        """The snapshots of a table that are there, oldest first."""
        return histories.of_table(self.catalog, self._table_of(source))

    def tag(self, name: str, what: TrainingSet | Mapping[str, int] | Sequence[str] | None = None) -> dict[str, int]:
        """Gives snapshots a name, and so keeps them from expiring.

        Args:
            name: the tag.
            what: a training set; snapshots by source; or the sources whose newest are meant; None: all sources.

        Returns:
            The snapshots, by source.

        Raises:
            AlreadyExists: a table has the tag for another snapshot.
        """
        return histories.tag(self.catalog, self.definitions, name, what)

    def untag(self, name: str) -> tuple[str, ...]:
        """Removes a tag from all tables; gives the sources that had it."""
        return histories.untag(self.catalog, self.definitions, name)

    def training_set(  # noqa: PLR0913 (each is an option of its own)
        self,
        service: str,
        spine: _tables.Table,
        sources: Mapping[str, _tables.Table] | None = None,
        *,
        as_of_snapshot: Snapshots = None,
        as_of_time: Time | None = None,
        tag: str | None = None,
        pin: str | None = None,
        fitted: "Fitted | None" = None,
        **options: Any,
    ) -> TrainingSet:
        """`unskew.training_set` from the tables; `sources` come before them.

        Args:
            service: the name of the service.
            spine: the rows to compute.
            sources: histories that are not read from their tables.
            as_of_snapshot: what to read: the snapshot, or one by source where several are read.
            as_of_time: or what was the newest at a time.
            tag: or what a tag names.
            pin: a tag to give to the snapshots that were read.
            fitted: parameters of the steps that learn; None: they are fitted on this spine.
            options: the others of `unskew.training_set`.
        """
        return histories.training_set(
            self._reading(), self.definitions, service, spine, sources or {},
            as_of=AsOf(as_of_snapshot, as_of_time, tag), pin=pin, fitted=fitted, **options,
        )  # fmt: skip

    def reproduce(self, made: TrainingSet, **options: Any) -> TrainingSet:
        """Makes a training set again from the same snapshots, with the definitions of then.

        Args:
            made: a training set that was made from tables.
            options: `threads`, `memory_limit` and `progress` of `unskew.training_set`.

        Raises:
            NotFound: a snapshot is gone.
            FailedPrecondition: it can't be the same: a history was given as a table, or entities were forgotten since.
            DataLoss: it came out otherwise.
        """
        return histories.reproduce(self.catalog, made, **options)

    def forget(
        self,
        entity: str,
        keys: Sequence[Mapping[str, Any]],
        *,
        purge: bool = False,
        client: "FeatureStoreClient | None" = None,
    ) -> erasures.Erasure:
        """Forgets entities: deletes their rows, and records their keys so that nothing brings them back.

        Every table whose source has the key columns loses the rows; no append writes them again, and no read gives
        them, of older snapshots either.

        Args:
            entity: the name of the entity.
            keys: a mapping for each, from key columns to values.
            purge: whether to remove all older snapshots too, with their tags and files: then no file has the rows.
                Training sets made from them can't be made again.
            client: deletes the rows and states of the entity's views online, too.
        """
        return erasures.forget(self.catalog, self.definitions, entity, keys, purge=purge, client=client)

    def forgotten(self, entity: str) -> list[dict[str, Any]]:
        """The keys of an entity that were forgotten."""
        found = self.definitions.entities[entity]
        names = [column.name for column in found.keys]
        return [dict(zip(names, key, strict=True)) for key in Forgotten.load(self.catalog).of(found)]

    def compact(self, source: str, *, target_bytes: int = maintenance.TARGET_BYTES) -> maintenance.Compacted:
        """Rewrites small files of a table as larger ones. Its rows stay the same, and so do older snapshots."""
        return maintenance.compact(self.catalog, self._table_of(source), target_bytes)

    def expire_snapshots(
        self, source: str, *, older_than: dt.datetime | dt.timedelta, retain_last: int = 1
    ) -> maintenance.Expired:
        """Removes snapshots that are older, and the files that only they had. Those with a tag stay.

        Args:
            source: the name of a source.
            older_than: a time, or an age.
            retain_last: how many of the newest stay in any case.
        """
        if retain_last < 1:
            raise errors.InvalidArgument(f"retain_last must be 1 or more, not {retain_last}")
        until = dt.datetime.now(dt.timezone.utc) - older_than if isinstance(older_than, dt.timedelta) else older_than
        _times.to_micros(until, "older_than")
        return maintenance.expire(self.catalog, self._table_of(source), until, retain_last)

    def remove_orphans(self, source: str, *, older_than: dt.timedelta = maintenance.ORPHANS_AFTER) -> int:
        """Removes files of a table that no snapshot has, as writers leave that were killed; gives their number."""
        return maintenance.remove_orphans(self.catalog, self._table_of(source), older_than)

    def materialize(
        self, client: "FeatureStoreClient", views: Sequence[str] | None = None, **options: Any
    ) -> Iterator[materialization.MaterializedView]:
        """Writes views to the online store, as `unskew.offline.materialize.materialize` tells, which has the options.

        Args:
            client: of the gateway.
            views: their names; None: every view whose source has a table.
            options: `until`, `full`, `dry_run`, `concurrency`, `batch_rows`, `threads`, `memory_limit`, `progress`.
        """
        return materialization.materialize(self.definitions, views, client=client, catalog=self.catalog, **options)

    def verify(
        self, client: "FeatureStoreClient", views: Sequence[str] | None = None, **options: Any
    ) -> Iterator[verification.VerifiedView]:
        """Compares random entities online and offline, as `unskew.offline.verify.verify` tells, which has the options.

        Args:
            client: of the gateway.
            views: their names; None: every view whose source has a table.
            options: `entities`, `seed`, `as_of`, `threads`, `progress`.
        """
        return verification.verify(self.definitions, views, client=client, catalog=self.catalog, **options)

    def newest(self, source: str) -> dt.datetime | None:
        """The event time of the newest event of a table, as the statistics of its files tell it; None: it is empty."""
        found = histories.newest(self.catalog, self.definitions, source)
        return None if found is None else _times.from_micros(found)

    def materialized_until(self, client: "FeatureStoreClient", view: str) -> dt.datetime | None:
        """Up to which event time the online store has what the table has; None: nothing of this table was materialized.

        Args:
            client: of the gateway.
            view: the name of a view whose source has a table.
        """
        found = materialization.materialized_until(self.definitions, view, client, self.catalog)
        return None if found is None else _times.from_micros(found)

    def _table_of(self, source: str) -> str:
        return _schema.table_of(_schema.source_of(self.definitions, source))

    def _reading(self) -> Reading:
        return Reading(self.catalog, self.definitions, Forgotten.load(self.catalog))

    def __repr__(self) -> str:
        tables = [source.iceberg for source in self.definitions.sources.values() if source.iceberg]
        return f"OfflineStore(catalog={self.catalog.name!r}, tables={tables})"
