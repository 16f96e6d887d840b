"""A sensor: waits until features are fresh."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseSensorOperator

from unskew.airflow._connection import DEFAULT_CONN_ID, Definitions, Settings
from unskew.airflow._interval import interval_of
from unskew.errors import InvalidArgument

__all__ = ["FreshnessSensor"]


class FreshnessSensor(BaseSensorOperator):  # type: ignore[misc]
    """Waits until the newest event of a source, or of what is materialized of a view, is recent enough.

    Recent enough is: not more than `max_age` before the end of the data interval; of a run without one, before now. Of
    a source it is the newest event of its Iceberg table, whoever wrote it. Of a view it is the time up to which the
    online store has it, so that a DAG which scores can wait for the one which materializes.

    Args:
        definitions: the directory or file of the definitions. A template.
        source: the name of a source with an Iceberg table. A template.
        view: or the name of a view. A template.
        max_age: how old the newest event may be.
        conn_id: the Airflow connection.
        options: those of every sensor; `mode` is `reschedule` unless given.

    Raises:
        UnskewError: the catalog or the gateway does not answer, or there is no such table.
    """

    template_fields: Sequence[str] = ("definitions", "source", "view", "conn_id")

    def __init__(
        self,
        *,
        definitions: Definitions,
        source: str | None = None,
        view: str | None = None,
        max_age: dt.timedelta,
        conn_id: str = DEFAULT_CONN_ID,
        **options: Any,
    ) -> None:
        super().__init__(**{"mode": "reschedule", **options})
        if (source is None) == (view is None):
            raise InvalidArgument("a FreshnessSensor waits for a source or for a view: give one of them")
        self.definitions = os.fspath(definitions)
        self.source = source
        self.view = view
        self.max_age = max_age
        self.conn_id = conn_id

    def poke(self, context: Mapping[str, Any]) -> bool:
        """What Airflow calls, again and again."""
        settings, interval = Settings.of(self.conn_id), interval_of(context)
        store = settings.store(self.definitions)
        end = dt.datetime.now(dt.timezone.utc) if interval is None else interval.end
        if self.source is not None:
            what, newest = f"the table of {self.source}", store.newest(self.source)
        else:
            with settings.client() as client:
                what, newest = f"the view {self.view}", store.materialized_until(client, str(self.view))
        wanted = end - self.max_age
        self.log.info("%s: the newest event is of %s, wanted is %s", what, newest, wanted)
        return newest is not None and newest >= wanted
