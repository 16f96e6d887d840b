"""Operators: append to the offline store, materialize from it, and verify what is online.

Each can be repeated: by a retry, a backfill, or a run that is cleared. Arguments that are templates are told
as such; those of Airflow's `BaseOperator` come beside them.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from unskew import _times
from unskew.airflow._connection import DEFAULT_CONN_ID, Definitions, Settings
from unskew.airflow._interval import batch_of, interval_of, needed
from unskew.airflow._report import SHOWN, document
from unskew.errors import DataError, DataLoss, InvalidArgument

if TYPE_CHECKING:
    from unskew.offline.materialize import MaterializedView
    from unskew.offline.verify import VerifiedView

__all__ = ["AppendOperator", "MaterializeOperator", "VerifyOperator"]

Rows = str | os.PathLike[str] | Callable[[dt.datetime, dt.datetime], Any]
"""A Parquet file or folder, as a template; or a function of the data interval's start and end that gives a table."""


class AppendOperator(BaseOperator):  # type: ignore[misc]
    """Appends the rows of a data interval to the table of a source, in one commit, and each batch once.

    The batch is known by the DAG, the task and the data interval: what was committed is not appended again, whether a
    try was killed after its commit, a backfill comes to the day again, or somebody triggers the run by hand. XCom has
    what `OfflineStore.append` tells.

    Args:
        source: the name of a source with an Iceberg table. A template.
        rows: what to append: the path of a Parquet file or folder, a template such as `/landing/{{ ds }}.parquet`;
            or a function of the start and the end of the data interval, which gives a table of any library.
        definitions: the directory or file of the definitions. A template.
        conn_id: the Airflow connection.
        batch_id: what tells this batch from others, instead of the above. A template.
        options: those of every operator.

    Raises:
        UnskewError: as `OfflineStore.append`; nothing is half appended.
        InvalidArgument: the run has no data interval.
    """

    template_fields: Sequence[str] = ("source", "path", "definitions", "conn_id", "batch_id")

    def __init__(
        self,
        *,
        source: str,
        rows: Rows,
        definitions: Definitions,
        conn_id: str = DEFAULT_CONN_ID,
        batch_id: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.source = source
        # Airflow would call a function that is a template by itself, and store what it gives.
        self.path = None if callable(rows) else os.fspath(rows)
        self.make = rows if callable(rows) else None
        self.definitions = os.fspath(definitions)
        self.conn_id = conn_id
        self.batch_id = batch_id

    def execute(self, context: Mapping[str, Any]) -> Any:
        """What Airflow calls."""
        batch = self.batch_id or batch_of(context)
        store = Settings.of(self.conn_id).store(self.definitions)
        rows: Any = self.path
        if self.make is not None:
            rows = self.make(*needed(context, "`rows` is called"))
            if rows is None:
                raise InvalidArgument("`rows` gave None; it must give a table, an empty one where there is no row")
        done = store.append(self.source, rows, batch_id=batch)
        if done.committed:
            self.log.info("%s: batch %r: %d rows in snapshot %s", done.table, batch, done.rows, done.snapshot_id)
        else:
            self.log.info("%s: batch %r was there already, in snapshot %s", done.table, batch, done.snapshot_id)
        for broken in done.broken:
            self.log.warning("%s: %d rows: %s: %s", broken.on_failure, broken.rows, broken.rule, broken.reason)
        return document(done)


class MaterializeOperator(BaseOperator):  # type: ignore[misc]
    """Writes views from the offline store to the online one, up to the end of the data interval.

    What was materialized up to a later time before, stays: a backfill of older days adds what it brings. A try that was
    killed is done again, and repeats what it wrote without changing it. Two runs should not do it at once; in the DAGs
    of `feature_dags` they don't. XCom has what was done for each view.

    Args:
        definitions: the directory or file of the definitions, those that the gateway serves. A template.
        views: their names; None: every view whose source has an Iceberg table.
        full: write everything, not only what is new.
        conn_id: the Airflow connection.
        retry_for: seconds for which a batch is tried again while the gateway or its store is away.
        load: other arguments of `OfflineStore.materialize`: `concurrency`, `batch_rows`, `threads`, `memory_limit`.
        options: those of every operator.

    Raises:
        UnskewError: as `OfflineStore.materialize`.
        DataError: the gateway refuses rows; they are listed, and the next try writes the same again.
    """

    template_fields: Sequence[str] = ("definitions", "views", "conn_id")

    def __init__(
        self,
        *,
        definitions: Definitions,
        views: Sequence[str] | None = None,
        full: bool = False,
        conn_id: str = DEFAULT_CONN_ID,
        retry_for: float = 60.0,
        load: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.definitions = os.fspath(definitions)
        self.views = None if views is None else list(views)
        self.full = full
        self.conn_id = conn_id
        self.retry_for = retry_for
        self.load = dict(load or {})

    def execute(self, context: Mapping[str, Any]) -> Any:
        """What Airflow calls."""
        from unskew.offline._work import views_of  # noqa: PLC0415 (PyIceberg is slow to import)

        settings, interval = Settings.of(self.conn_id), interval_of(context)
        store = settings.store(self.definitions)
        done: list[MaterializedView] = []
        with settings.client(self.retry_for) as client:
            for view in views_of(store.definitions) if self.views is None else self.views:
                until = None
                if interval is not None:
                    there = store.materialized_until(client, view) or interval.end
                    until = _times.to_micros(max(interval.end, there), "until")
                for found in store.materialize(client, [view], until=until, full=self.full, **self.load):
                    done.append(found)
                    self._tell(found)
        refused = [f"{it.view}: {dict(it.refused)}, the first: {it.first_refused[0]}" for it in done if not it.ok]
        if refused:
            raise DataError(f"the gateway refuses rows, and the views are not marked as materialized: {refused}")
        return document(done)

    def _tell(self, view: MaterializedView) -> None:
        why = f"all of it, {view.reason}" if view.mode == "full" else f"since snapshot {view.since_snapshot}"
        told = (view.view, view.table, why, view.rows, view.accepted, _times.from_micros(view.cut).isoformat())
        self.log.info("%s: %s, %s: %d rows read, %d written, up to %s", *told)


class VerifyOperator(BaseOperator):  # type: ignore[misc]
    """Compares random entities, computed from the offline store and read from the gateway, and fails on a difference.

    It compares at the time up to which views are materialized. What another run is writing at the moment, a backfill
    beside the schedule, may differ; so give it retries. XCom has what was compared of each view.

    Args:
        definitions: the directory or file of the definitions, those that the gateway serves. A template.
        views: their names; None: every view whose source has an Iceberg table.
        entities: how many of each view.
        seed: which ones; None: others for each data interval.
        conn_id: the Airflow connection.
        options: those of every operator.

    Raises:
        DataLoss: there is a difference; the first ones are listed with entity, feature and both values.
        UnskewError: as `OfflineStore.verify`.
    """

    template_fields: Sequence[str] = ("definitions", "views", "conn_id")

    def __init__(
        self,
        *,
        definitions: Definitions,
        views: Sequence[str] | None = None,
        entities: int = 100,
        seed: int | None = None,
        conn_id: str = DEFAULT_CONN_ID,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.definitions = os.fspath(definitions)
        self.views = None if views is None else list(views)
        self.entities = entities
        self.seed = seed
        self.conn_id = conn_id

    def execute(self, context: Mapping[str, Any]) -> Any:
        """What Airflow calls."""
        settings, interval = Settings.of(self.conn_id), interval_of(context)
        seed = self.seed
        if seed is None:
            seed = 0 if interval is None else int(interval.end.timestamp())
        with settings.client() as client:
            store = settings.store(self.definitions)
            done = list(store.verify(client, self.views, entities=self.entities, seed=seed))
        for view in done:
            self._tell(view)
        if not all(view.ok for view in done):
            found = [it for view in done for it in view.differences]
            first = "; ".join(map(str, found[:SHOWN]))
            values = sum(view.values for view in done)
            raise DataLoss(f"online is not offline: {len(found)} of {values} values differ, the first: {first}")
        return document(done)

    def _tell(self, view: VerifiedView) -> None:
        if view.skipped:
            self.log.warning("%s: not compared: %s", view.view, view.skipped)
            return
        at = _times.from_micros(view.at).isoformat()
        told = (view.view, len(view.differences), view.values, view.entities, at)
        self.log.info("%s: %d differences in %d values of %d entities, as of %s", *told)
        for reason, count in view.not_compared.items():
            self.log.info("%s: %d values not compared, %s: the online store is ahead", view.view, count, reason)
