"""What the views of one entity read of each source, and for how long they need a row: what a join may forget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unskew.service import Service

UNITS = {"s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86_400 * 10**6}
"""Microseconds."""


@dataclass(frozen=True)
class Reads:
    """What views of one entity read of a source."""

    source: str
    columns: Mapping[str, str]
    """Types of the columns that are read, by name."""
    event_time: str
    event_id: str | None
    """None: events can't be told apart, or no window view reads them."""
    version: str | None
    created: str | None
    known_at: str | None
    row_views: tuple[str, ...]
    window_views: tuple[str, ...]
    span: int | None
    """An event is in no window any more when it is older, in microseconds; None: it is for ever."""


def reads_of(service: Service, entity: str) -> list[Reads]:
    """What the views of an entity that a service reads need, source by source."""
    canonical, definitions = service.canonical(), service.definitions
    by_source: dict[str, list[str]] = {}
    for name in service.views:
        view = definitions.views[name]
        if view.entity == entity and view.source is not None:
            by_source.setdefault(view.source, []).append(name)
    return [_reads(canonical, definitions.entities[entity].keys, source, views) for source, views in by_source.items()]


def _reads(canonical: Mapping[str, Any], keys: Any, source: str, views: list[str]) -> Reads:
    found = canonical["sources"][source]
    windows = {name: canonical["views"][name].get("windows") for name in views}
    window_views = tuple(name for name in views if windows[name])
    spans = [_span(windows[name]) for name in window_views]
    event_id = found["event_id"]
    return Reads(
        source=source,
        columns={**found["columns"], **{key.name: key.dtype for key in keys}},
        event_time=found["event_time"],
        event_id=event_id if window_views and isinstance(event_id, str) else None,
        version=found["version"],
        created=found["created"],
        known_at=found["known_at"],
        row_views=tuple(name for name in views if not windows[name]),
        window_views=window_views,
        span=None if None in spans else max((it for it in spans if it is not None), default=0),
    )


def _span(windows: Mapping[str, Any]) -> int | None:
    """How long after its time an event can be in a window: a tile is in it as a whole."""
    names = {name for it in windows["aggregations"].values() for name in it["windows"]}
    if "lifetime" in names:
        return None
    longest = max(int(name[:-1]) * UNITS[name[-1]] for name in names)
    return longest + int(windows["offset"]) + int(windows["resolution"] or 0)
