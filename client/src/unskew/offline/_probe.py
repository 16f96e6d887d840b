"""What a view reads and computes, asked of the engine by a service that reads the view alone and whole."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from unskew import _native
from unskew._engine import translated
from unskew.definitions import Column, Definitions, View
from unskew.errors import DefinitionsError, InvalidArgument, UnknownName

SERVICE = "unskew_probe"
"""No service of the definitions is called so: the set that has it is thrown away."""
TIME = "unskew.t"
"""The column of t in the spine."""
SCALARS = frozenset(("bool", "int32", "int64", "float32", "float64", "string", "bytes", "timestamp"))
TOKENS: dict[str, Any] = {"list<string>": "a", "list<int32>": 1, "list<int64>": 1, "list<bool>": True}
"""Lists that a step takes, and a token of each; no service can read a list of another type."""


@dataclass(frozen=True)
class Read:
    """What an entity's features are at a time: a column for each feature, `view.feature`."""

    values: pa.Table
    statuses: pa.Table


class Probe:
    """A view of definitions, and what the engine makes of it."""

    def __init__(self, definitions: Definitions, view: str) -> None:
        """Look at a view.

        Raises:
            UnknownName: there is no such view.
            InvalidArgument: it has no source, so that there is no history of it.
        """
        if view not in definitions.views:
            there = ", ".join(map(repr, definitions.views)) or "none"
            raise UnknownName(f"there is no view {view!r}; there is {there}")
        self.definitions = definitions
        self.view: View = definitions.views[view]
        if self.view.source is None:
            raise InvalidArgument(f"the view {view!r} has no source: it is only written to, and has no history")
        self.source = definitions.sources[self.view.source]
        self.keys: tuple[Column, ...] = definitions.entities[self.view.entity].keys
        self.features = tuple(feature for feature in self.view.features if _slot(view, feature.name, feature.dtype))
        """Those that a service can read."""

    @property
    def unread(self) -> tuple[str, ...]:
        """The features that no service can read: lists that no step takes."""
        read = {feature.name for feature in self.features}
        return tuple(feature.name for feature in self.view.features if feature.name not in read)

    @cached_property
    def digest(self) -> str:
        """Changes with everything that can change a value of the view, its tables and types included."""
        form = {name: self._canonical[name] for name in ("entities", "sources", "views", "semantics")}
        described = [
            self.source.iceberg,
            [(feature.name, feature.dtype, self.column_of[feature.name]) for feature in self.view.features],
        ]
        text = json.dumps([form, described], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def created(self) -> str | None:
        """The source's column of the time at which a row was created."""
        name = self._source["created"]
        return None if name is None else str(name)

    @property
    def known_at(self) -> str | None:
        """The source's column of the time from which on training knows a row."""
        name = self._source["known_at"]
        return None if name is None else str(name)

    @property
    def has_ids(self) -> bool:
        """Whether events can be told apart."""
        return isinstance(self._source["event_id"], str)

    @property
    def resolution(self) -> int | None:
        """Microseconds of a tile of a window view; None: it is exact, or a row view."""
        found = self._windows.get("resolution")
        return None if found is None else int(found)

    @property
    def includes_request(self) -> bool:
        """Whether the view counts the row being scored."""
        return bool(self._windows.get("include_request"))

    @property
    def columns(self) -> dict[str, str]:
        """The columns of the source that the view reads, and their types."""
        return {str(name): str(dtype) for name, dtype in self._source["columns"].items()}

    def at(self, spine: pa.Table, history: pa.Table, threads: int) -> Read:
        """The features of the entities of a spine at its column `TIME`, from their history."""
        if self.includes_request:
            # The time of such a service is a request column.
            at = spine.schema.get_field_index(self.source.event_time)
            spine = spine.set_column(at, self.source.event_time, spine.column(TIME))
        with translated():
            parts = self._reader.join(self.view.name, spine, history, TIME, threads)
        values, statuses = (pa.Table.from_batches([pa.record_batch(part)]) for part in parts)
        return Read(values, statuses)

    @cached_property
    def _reader(self) -> _native.Service:
        slots = [_slot(self.view.name, feature.name, feature.dtype) for feature in self.features]
        if not slots:
            raise InvalidArgument(f"the view {self.view.name!r} has only lists that no service can read")
        vector = [{**slot, "name": f"s{at}"} for at, slot in enumerate(slots) if slot]
        try:
            return self._service({"vector": vector})
        except DefinitionsError:
            # A view that includes the request wants its columns.
            request = {column.name: column.dtype for column in self.source.columns}
            return self._service({"vector": vector, "request": request, "time": self.source.event_time})

    def _service(self, service: dict[str, Any]) -> _native.Service:
        files = [(os.fspath(file), text) for file, text in self.definitions._native.files]
        text = json.dumps({"services": {SERVICE: service}})
        with translated():
            return _native.Definitions.parse([*files, (f"{SERVICE}.yaml", text)]).service(SERVICE)

    @cached_property
    def _canonical(self) -> dict[str, Any]:
        return dict(json.loads(self._reader.canonical()))

    @property
    def _source(self) -> dict[str, Any]:
        return dict(self._canonical["sources"][self.source.name])

    @property
    def _view(self) -> dict[str, Any]:
        return dict(self._canonical["views"][self.view.name])

    @property
    def _windows(self) -> dict[str, Any]:
        return dict(self._view.get("windows", {}))

    @cached_property
    def column_of(self) -> dict[str, str]:
        """The column of the source that each feature of a row view is."""
        described = json.loads(self.definitions._native.describe())["views"][self.view.name]["features"]
        return {str(feature["name"]): str(feature["column"]) for feature in described}


def _slot(view: str, feature: str, dtype: str) -> dict[str, Any] | None:
    """A slot that reads a feature; None where none can."""
    name = f"{view}.{feature}"
    if dtype in SCALARS:
        quoted = '"' + name.replace('"', '""') + '"'
        return {"expr": f"case when {quoted} is null then 0 else 1 end"}
    if dtype.startswith("vector<"):
        return {"input": name}
    if dtype in TOKENS:
        return {"input": name, "steps": [{"multi_hot": {"tokens": [TOKENS[dtype]]}}]}
    return None
