"""Views that count the row being scored: the slots of a service that reads them are compared, for events of the past.

Nobody can read their features by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from unskew import _tables
from unskew._client import FeatureStoreClient
from unskew.errors import NotFitted
from unskew.offline._probe import Probe
from unskew.service import Service
from unskew.vectors import Vectors

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Position:
    """A position of a vector, as it is offline and online."""

    row: int
    """Of the spine."""
    name: str
    offline: float
    online: float
    reason: str
    """Why there is no number online; empty if there is one."""

    @property
    def same(self) -> bool:
        """Bit for bit."""
        return bool(np.float32(self.offline).tobytes() == np.float32(self.online).tobytes())


def service_of(probe: Probe, served: frozenset[str]) -> Service | None:
    """A service that reads a view, is fitted here, and served; the one with the most slots that read it alone."""
    found = [
        service
        for service in probe.definitions.services.values()
        if service.name in served and probe.view.name in service.views and _is_fitted(service)
    ]
    return max(found, key=lambda service: len(_slots(service, probe.view.name)), default=None)


def read_by(service: Service, view: str) -> set[str]:
    """The features of a view that the slots which are compared read by their names."""
    inputs = (slot.input for slot in service.slots if slot.input)
    return {name.partition(".")[2] for name in inputs if name.partition(".")[0] == view}


def compared(
    client: FeatureStoreClient, probe: Probe, service: Service, events: pa.Table, values: pa.Table, at: int
) -> Iterator[Position]:
    """The positions that a view alone decides, for each row of a spine.

    Args:
        client: of the gateway.
        probe: the view.
        service: one that reads it.
        events: rows of the source, which are scored.
        values: the features of the view for them, as the engine computes them.
        at: the time t, in microseconds.
    """
    request = _request(service, events, at)
    given = {name: values.column(name) if name in values.column_names else None for name in service.inputs}
    inputs = {
        name: column if column is not None else request.get(name, pa.nulls(events.num_rows, _type(service, name)))
        for name, column in given.items()
    }
    ours = service.vectors(pa.table(inputs))
    entities = probe.definitions.entities
    keys = {
        key.name: events.column(key.name).to_pylist() if key.name in events.column_names else [None] * events.num_rows
        for name in service.entities
        for key in entities[name].keys
    }
    as_of = None if service.time else at
    theirs = client.vectors(service.name, keys, request, as_of=as_of, fingerprint=ours.fingerprint)
    yield from _positions(service, probe.view.name, ours.values, theirs, ours.names)


def _positions(service: Service, view: str, ours: Array, theirs: Vectors, names: tuple[str, ...]) -> Iterator[Position]:
    slots, at = _slots(service, view), 0
    reasons = {row.row: str(row.reason) for row in theirs.incomplete}
    online = np.asarray(theirs.values)
    for slot, width in service._plan(None).slots:
        for position in range(at, at + width) if slot in slots else ():
            for row in range(len(ours)):
                value = float(online[row, position])
                reason = reasons.get(row, "") if np.isnan(value) else ""
                yield Position(row, f"{service.name}: {names[position]}", float(ours[row, position]), value, reason)
        at += width


def _slots(service: Service, view: str) -> set[str]:
    """The slots that read the view, and no other."""
    others = [f"{name}." for name in service.views if name != view]
    found = set()
    for slot in service.slots:
        reads = slot.input or slot.expr or ""
        if f"{view}." in reads and not any(other in reads for other in others):
            found.add(slot.name)
    return found


def _is_fitted(service: Service) -> bool:
    try:
        service.fingerprint()
    except NotFitted:
        return False
    return True


def _request(service: Service, events: pa.Table, at: int) -> dict[str, Any]:
    """The request columns: those that an event has, its time as t, and null for others."""
    found: dict[str, Any] = {}
    for name, dtype in service.request.items():
        wanted = _tables.arrow_type(dtype)
        if name == service.time:
            found[name] = pa.array([at] * events.num_rows, wanted)
        elif name in events.column_names and events.schema.field(name).type == wanted:
            found[name] = events.column(name)
        else:
            found[name] = pa.nulls(events.num_rows, wanted)
    return found


def _type(service: Service, name: str) -> pa.DataType:
    return _tables.arrow_type(service.inputs[name])
