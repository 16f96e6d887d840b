"""DAGs made of definitions: one for each source with a schedule."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from airflow.sdk import DAG, CronDataIntervalTimetable

from unskew.airflow._connection import DEFAULT_CONN_ID, Definitions
from unskew.airflow.operators import AppendOperator, MaterializeOperator, Rows, VerifyOperator
from unskew.airflow.sensors import FreshnessSensor
from unskew.definitions import Source, load
from unskew.errors import InvalidArgument

__all__ = ["feature_dags"]

RETRIES = 2


def feature_dags(
    definitions: Definitions,
    *,
    start_date: dt.datetime,
    rows: Mapping[str, Rows] | None = None,
    conn_id: str = DEFAULT_CONN_ID,
    entities: int = 100,
    prefix: str = "unskew_",
    **options: Any,
) -> dict[str, DAG]:
    """A DAG for each source that has a `schedule` and an Iceberg table, by its id: the prefix and the source.

    Its runs have data intervals: the first begins with the first time of the schedule that is not before `start_date`,
    and each runs when its interval is over. The tasks are

    - `append`, if `rows` has the source; else, if others write the table and the source has a `freshness` rule,
      `wait_for_rows`;
    - `materialize` and `verify`, of all views that read the source.

    One run comes after the other, and backfills beside them never materialize at once.

    Args:
        definitions: the directory or file of the definitions, which is read here for the sources and their schedules,
            and again by each task.
        start_date: from when on data is there; an aware datetime.
        rows: what to append, by source: a path as a template, or a function (see `AppendOperator`).
        conn_id: the Airflow connection.
        entities: how many of each view are verified.
        prefix: of the ids.
        options: others of `airflow.sdk.DAG`, `end_date`, `tags` or `default_args` for instance. Unless given: `catchup`
            is on, as every interval has rows of its own; `max_active_runs` is 1; tasks are tried twice again.

    Raises:
        DefinitionsError: the definitions are not valid.
        InvalidArgument: no source has a schedule; `rows` names one that has none; a source has no Iceberg table.
    """
    if start_date.tzinfo is None:
        raise InvalidArgument(f"start_date {start_date.isoformat()} has no time zone: give an aware datetime")
    loaded = load(definitions)
    given = dict(rows or {})
    scheduled = [source for source in loaded.sources.values() if source.schedule]
    if not scheduled:
        raise InvalidArgument(
            f"no source of {os.fspath(definitions)!r} has a schedule: say in the definition when its rows are due, "
            '`schedule: "@daily"`'
        )
    for name in given.keys() - {source.name for source in scheduled}:
        there = ", ".join(repr(source.name) for source in scheduled)
        raise InvalidArgument(f"rows are given for {name!r}, which is no source with a schedule; those are {there}")
    arguments: dict[str, Any] = {"definitions": definitions, "conn_id": conn_id}
    found = {}
    for source in scheduled:
        if source.iceberg is None:
            raise InvalidArgument(f"the source {source.name!r} has a schedule and no `iceberg:` table to append to")
        views = [view.name for view in loaded.views.values() if view.source == source.name]
        dag = _dag(f"{prefix}{source.name}", source, start_date, options)
        with dag:
            tasks: list[Any] = []
            age = _freshness(source)
            if source.name in given:
                made = AppendOperator(task_id="append", source=source.name, rows=given[source.name], **arguments)
                tasks.append(made)
            elif age is not None:
                tasks.append(FreshnessSensor(task_id="wait_for_rows", source=source.name, max_age=age, **arguments))
            if views:
                tasks += [
                    MaterializeOperator(task_id="materialize", views=views, max_active_tis_per_dag=1, **arguments),
                    VerifyOperator(task_id="verify", views=views, entities=entities, **arguments),
                ]
            for before, after in pairwise(tasks):
                before >> after
        found[dag.dag_id] = dag
    return found


def _dag(dag_id: str, source: Source, start_date: dt.datetime, options: Mapping[str, Any]) -> DAG:
    given: dict[str, Any] = {
        "description": source.description or None,
        "catchup": True,
        "max_active_runs": 1,
        "tags": ["unskew"],
        **options,
        "default_args": {"retries": RETRIES, **(options.get("default_args") or {})},
    }
    return DAG(dag_id, start_date=start_date, schedule=CronDataIntervalTimetable(str(source.schedule), "UTC"), **given)


def _freshness(source: Source) -> dt.timedelta | None:
    """How old the newest event may be, by the rule of the source that says it."""
    ages = [rule.checks["freshness"] for rule in source.quality if "freshness" in rule.checks]
    return dt.timedelta(microseconds=min(ages)) if ages else None
