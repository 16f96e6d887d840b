"""Definitions as the gateway reads them: entities, sources, views and services, validated by the same engine."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from unskew import _native
from unskew._engine import translated
from unskew._html import html_table
from unskew.errors import Diagnostic, UnknownName
from unskew.service import Fitted, Service

__all__ = ["Column", "Definitions", "Entity", "Feature", "QualityRule", "Source", "View", "load", "parse"]


@dataclass(frozen=True)
class Column:
    """A column and its type."""

    name: str
    dtype: str


@dataclass(frozen=True)
class Entity:
    """What features are about: a customer, a terminal."""

    name: str
    keys: tuple[Column, ...]
    description: str = ""


@dataclass(frozen=True)
class QualityRule:
    """What the rows of a source must keep to be appended to its history."""

    name: str
    column: str | None
    """The column that it looks at; None for `freshness`, which looks at the event time."""
    checks: Mapping[str, Any] = field(hash=False)
    """By their keys in the file, in this order: `not_null`, `min`, `max`, `one_of`, `unique`, `freshness`. Times are
    microseconds since 1970-01-01 UTC, `freshness` is microseconds, bytes are lists of their numbers."""
    on_failure: str
    """`fail`, `quarantine` or `warn`."""
    description: str = ""


@dataclass(frozen=True)
class Source:
    """Where rows or events come from."""

    name: str
    event_time: str
    """The column of the event time."""
    columns: tuple[Column, ...]
    event_id: str | None = None
    """The column that tells two events apart; `none` if repeats count, None if the source does not say."""
    version: str | None = None
    """The column whose greater value wins among events of one id."""
    created: str | None = None
    """The column that says when a row was created."""
    known_at: str | None = None
    """The column from which on training may know a row."""
    iceberg: str | None = None
    """The Iceberg table of its history, `namespace.table`."""
    kafka_topic: str | None = None
    """The topic of its live events."""
    schedule: str | None = None
    """When rows of it are due, as cron writes it, in UTC: `30 2 * * *`, or `@daily`."""
    quality: tuple[QualityRule, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Feature:
    """A feature of a view."""

    name: str
    dtype: str
    ttl: int | None = None
    """Microseconds after which a value is EXPIRED; None: never."""
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class View:
    """Features of an entity that are stored, or aggregated, together."""

    name: str
    kind: str
    """`row` or `window`."""
    entity: str
    source: str | None
    version: int
    features: tuple[Feature, ...]
    description: str = ""


class Definitions:
    """A validated set of definitions. Made by `unskew.load`."""

    def __init__(self, native: _native.Definitions, path: str | None) -> None:
        """Wrap what the engine read."""
        self._native = native
        self.path = path
        """Where it was read from; None for texts."""
        described = json.loads(native.describe())
        self.entities: Mapping[str, Entity] = _table(described["entities"], _entity)
        """By name."""
        self.sources: Mapping[str, Source] = _table(described["sources"], _source)
        """By name."""
        self.views: Mapping[str, View] = _table(described["views"], _view)
        """By name."""
        with translated():
            services = {
                name: Service(self, native.service(name), definition)
                for name, definition in described["services"].items()
            }
        self.services: Mapping[str, Service] = Named(services, "service")
        """By name."""

    def fingerprint(self, service: str, fitted: "Fitted | None" = None) -> str:
        """The fingerprint of a service, in hexadecimal: what a model trained on its vectors depends on.

        Args:
            service: its name.
            fitted: fitted parameters; None: the service's own file, or none for a service that learns nothing.

        Raises:
            UnknownName: there is no such service.
            NotFitted: it has steps to fit, and no fitted file.
        """
        return self.services[service].fingerprint(fitted)

    def incompatibilities(self, new: "Definitions") -> list[Diagnostic]:
        """What forbids a gateway to go over to a new set while rows of this one are stored; empty if nothing does."""
        return [Diagnostic(*place) for place in self._native.incompatibilities(new._native)]

    def __reduce__(self) -> tuple[Any, ...]:
        # The texts themselves: what is unpickled elsewhere is what was pickled.
        files = [(os.fspath(file), text) for file, text in self._native.files]
        return _restore, (files, self.path)

    def __repr__(self) -> str:
        lines = [f"Definitions({self.path!r})"] if self.path else ["Definitions"]
        for view in self.views.values():
            lines.append(f"  {view.kind} view {view.name} of {view.entity}")
            lines += [f"    {feature.name}: {feature.dtype}" for feature in view.features]
        lines += [f"  service {service.name}: {len(service.slots)} slots" for service in self.services.values()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """For notebooks: a table of the features, and one of the services."""
        features = [
            (view.name, view.entity, feature.name, feature.dtype, feature.description)
            for view in self.views.values()
            for feature in view.features
        ]
        services = [
            (service.name, ", ".join(service.entities), str(len(service.slots)), service.description)
            for service in self.services.values()
        ]
        return html_table("Views", ("view", "entity", "feature", "type", "description"), features) + html_table(
            "Services", ("service", "entities", "slots", "description"), services
        )


class Named(Mapping[str, Service]):
    """Services by name; a name that is not there is an error that lists those that are."""

    def __init__(self, entries: Mapping[str, Service], kind: str) -> None:
        """Wrap the entries."""
        self._entries = dict(entries)
        self._kind = kind

    def __getitem__(self, name: str) -> Service:
        try:
            return self._entries[name]
        except KeyError:
            there = ", ".join(map(repr, self._entries)) or "none"
            raise UnknownName(f"there is no {self._kind} {name!r}; there is {there}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return repr(self._entries)


def load(path: str | os.PathLike[str]) -> Definitions:
    """Read and validate a directory of definitions, or one file.

    Raises:
        DefinitionsError: they are not valid; it prints every fault with its place, as `unskew-gateway check` does.
    """
    place = os.fspath(path)
    with translated():
        return Definitions(_native.Definitions.load(place), place)


def parse(text: str, file: str = "definitions.yaml") -> Definitions:
    """Read and validate the text of one file, which errors name `file`.

    Example:
        >>> import unskew
        >>> definitions = unskew.parse('''
        ... services:
        ...   ratio:
        ...     request: {a: float64, b: float64}
        ...     vector: [{name: ratio, expr: "a / nullif(b, 0)", steps: [{impute: {value: 0}}]}]
        ... ''')
        >>> definitions.services["ratio"].vector({"a": 1.0, "b": 4.0}).tolist()
        [0.25]

    Raises:
        DefinitionsError: as `load`.
    """
    with translated():
        return Definitions(_native.Definitions.parse([(file, text)]), None)


def _restore(files: list[tuple[str, str]], path: str | None) -> Definitions:
    """What was pickled."""
    with translated():
        return Definitions(_native.Definitions.parse(files, path), path)


def _table(described: Mapping[str, Any], make: Any) -> Mapping[str, Any]:
    return MappingProxyType({name: make(name, it) for name, it in described.items()})


def _columns(described: Any) -> tuple[Column, ...]:
    return tuple(Column(it["name"], it["dtype"]) for it in described)


def _entity(name: str, it: Mapping[str, Any]) -> Entity:
    return Entity(name, _columns(it["keys"]), it["description"] or "")


def _source(name: str, it: Mapping[str, Any]) -> Source:
    return Source(
        name,
        it["event_time"],
        _columns(it["columns"]),
        event_id=it["event_id"],
        version=it["version"],
        created=it["created"],
        known_at=it["known_at"],
        iceberg=it["iceberg"],
        kafka_topic=it["kafka"] and it["kafka"]["topic"],
        schedule=it["schedule"],
        quality=tuple(_quality(rule) for rule in it["quality"]),
        description=it["description"] or "",
    )


def _quality(it: Mapping[str, Any]) -> QualityRule:
    order = ("not_null", "min", "max", "one_of", "unique", "freshness")
    checks = {name: it["checks"][name] for name in order if name in it["checks"]}
    return QualityRule(it["name"], it["column"], MappingProxyType(checks), it["on_failure"], it["description"] or "")


def _view(name: str, it: Mapping[str, Any]) -> View:
    features = tuple(
        Feature(
            feature["name"], feature["dtype"], feature.get("ttl"), feature["description"] or "", feature["owner"] or "",
            tuple(feature["tags"]),
        )
        for feature in it["features"]
    )  # fmt: skip
    return View(name, it["kind"], it["entity"], it["source"], it["version"], features, it["description"] or "")
