"""The data interval of a run: the span of event time that it is about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

from unskew.errors import InvalidArgument


class Interval(NamedTuple):
    """From `start` on, up to and without `end`; both in UTC."""

    start: dt.datetime
    end: dt.datetime

    def __str__(self) -> str:
        return "/".join(time.isoformat().replace("+00:00", "Z") for time in self)


def interval_of(context: Mapping[str, Any]) -> Interval | None:
    """The data interval of the run that a task belongs to; None: it has none, nor a logical date."""
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start is None or end is None:
        start = end = context.get("logical_date")
    if start is None or end is None:
        return None
    # Airflow has times of pendulum.
    first, last = (dt.datetime.fromtimestamp(it.timestamp(), dt.timezone.utc) for it in (start, end))
    return Interval(first, last)


def needed(context: Mapping[str, Any], what: str) -> Interval:
    """The data interval.

    Raises:
        InvalidArgument: the run has none; it says what for it is needed.
    """
    found = interval_of(context)
    if found is None:
        raise InvalidArgument(
            f"the run {context.get('run_id')!r} has neither a data interval nor a logical date, by which {what}: "
            "trigger it with a logical date (--logical-date), or by a schedule"
        )
    return found


def batch_of(context: Mapping[str, Any]) -> str:
    """What tells the batch of a task from all others: the same for each try, and for each run of one data interval.

    So a retry, a backfill and a run that is triggered by hand append what another one has appended only once.
    """
    task = context["ti"]
    found = f"{task.dag_id}.{task.task_id} {needed(context, 'a batch is known')}"
    return found if task.map_index < 0 else f"{found} {task.map_index}"
