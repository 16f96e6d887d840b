"""What differs between the canonical forms of a service: every difference with its place, and in words."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Form = Mapping[str, Any]

# What a canonical form has; what a later engine adds is told as it is.
KNOWN = {"semantics", "service", "time", "request", "entities", "sources", "views", "slots"}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    kind: str
    """What has changed: semantics, time, request, entity, source, view, feature, windows, slot, step, argument, fitted,
    definition."""
    name: str
    """Its name, such as `customer.keys` or `slot amount`, in words."""
    before: Any
    """What it was; None where it was not there."""
    after: Any
    """What it is; None where it is gone."""
    entry: bool = False
    """Whether a whole thing came or went where one is None, not a property of it that has no value."""

    def text(self) -> str:
        """In words."""
        if self.entry and self.before is None:
            return f"{self.name}: new, {shown(self.after)}"
        if self.entry and self.after is None:
            return f"{self.name}: gone, was {shown(self.before)}"
        return f"{self.name}: was {shown(self.before)}, is now {shown(self.after)}"

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"kind": self.kind, "name": self.name, "before": self.before, "after": self.after, "text": self.text()}


def shown(value: Any) -> str:
    """A value of a canonical form, as short JSON; a text as it is.

    >>> shown({"offset": 1.0}), shown("int64"), shown([1, None])
    ('{"offset": 1.0}', 'int64', '[1, null]')
    """
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def compare(before: Form, after: Form) -> list[Change]:
    """The differences of two canonical forms, in the order in which a definition is written.

    >>> [change.text() for change in compare({"time": "at", "slots": []}, {"time": "tx_time", "slots": []})]
    ['time: was at, is now tx_time']
    """
    found = [*_member("semantics", "the engine's semantics", before, after, "semantics")]
    found += _members("entity", "keys of entity", before, after, "entities")
    for name, old, new in _pairs(before, after, "sources"):
        found += _source(name, old, new)
    for name, old, new in _pairs(before, after, "views"):
        found += _view(name, old, new)
    found += _member("time", "time", before, after, "time")
    found += _members("request", "request column", before, after, "request")
    found += _slots(before.get("slots", ()), after.get("slots", ()))
    for key in sorted({*before, *after} - KNOWN):
        found += _member("definition", key, before, after, key)
    return found


def compare_fitted(before: Form, after: Form) -> Iterator[Change]:
    """The differences of the parameters in two fitted files of one definition."""
    for old, new in zip(before["slots"], after["slots"], strict=True):
        for number, (was, now) in enumerate(zip(old["steps"], new["steps"], strict=True), start=1):
            if was != now:
                yield Change("fitted", f"slot {new['name']}, step {number}, fitted parameters", was, now)


def _member(kind: str, words: str, before: Form, after: Form, key: str) -> Iterator[Change]:
    if before.get(key) != after.get(key):
        yield Change(kind, words, before.get(key), after.get(key))


def _members(kind: str, words: str, before: Form, after: Form, key: str) -> Iterator[Change]:
    """The differences of two mappings under a key, entry by entry."""
    for name, old, new in _pairs(before, after, key):
        if old != new:
            yield Change(kind, f"{words} {name}", old, new, entry=True)


def _pairs(before: Form, after: Form, key: str) -> Iterator[tuple[str, Any, Any]]:
    """Each name of two mappings under a key, with what it has in both."""
    old, new = before.get(key) or {}, after.get(key) or {}
    for name in sorted({*old, *new}):
        yield name, old.get(name), new.get(name)


def _source(name: str, before: Form | None, after: Form | None) -> Iterator[Change]:
    words = f"source {name}"
    if before is None or after is None:
        yield Change("source", words, before, after, entry=True)
        return
    for key in sorted({*before, *after} - {"columns"}):
        yield from _member("source", f"{words}, {key}", before, after, key)
    yield from _members("source", f"{words}, column", before, after, "columns")


def _view(name: str, before: Form | None, after: Form | None) -> Iterator[Change]:
    words = f"view {name}"
    if before is None or after is None:
        yield Change("view", words, before, after, entry=True)
        return
    for key in sorted({*before, *after} - {"features", "windows"}):
        yield from _member("view", f"{words}, {key}", before, after, key)
    for feature, old, new in _pairs(before, after, "features"):
        yield from _entries("feature", f"feature {name}.{feature}", old, new)
    old_windows, new_windows = before.get("windows") or {}, after.get("windows") or {}
    for key in sorted({*old_windows, *new_windows} - {"aggregations"}):
        yield from _member("windows", f"{words}, {key}", old_windows, new_windows, key)
    for aggregation, old, new in _pairs(old_windows, new_windows, "aggregations"):
        yield from _entries("windows", f"aggregation {name}.{aggregation}", old, new)


def _entries(kind: str, words: str, before: Form | None, after: Form | None) -> Iterator[Change]:
    """The differences of two mappings, or that one is new or gone."""
    if before is None or after is None:
        yield Change(kind, words, before, after, entry=True)
        return
    for key in sorted({*before, *after}):
        yield from _member(kind, f"{words}, {key}", before, after, key)


def _slots(before: Sequence[Form], after: Sequence[Form]) -> Iterator[Change]:
    """The differences of the slots, by name; and of their order, since it is that of the vector."""
    old, new = {slot["name"]: slot for slot in before}, {slot["name"]: slot for slot in after}
    for name in (name for name in old if name not in new):
        yield Change("slot", f"slot {name}", _source_of(old[name]), None, entry=True)
    for name, slot in new.items():
        if name in old:
            yield from _slot(name, old[name], slot)
        else:
            yield Change("slot", f"slot {name}", None, _source_of(slot), entry=True)
    kept_before = [name for name in old if name in new]
    kept_after = [name for name in new if name in old]
    if kept_before != kept_after:
        yield Change("slot", "order of the slots", kept_before, kept_after)


def _source_of(slot: Form) -> str:
    """What a slot reads: its input or its expression, and the names of its steps."""
    steps = "".join(f", {step['name']}" for step in slot["steps"])
    return f"{_read(slot)}{steps}"


def _read(slot: Form) -> str:
    return f"input {slot['input']}" if "input" in slot else f"expr {slot['expr']}"


def _slot(name: str, before: Form, after: Form) -> Iterator[Change]:
    if _read(before) != _read(after):
        yield Change("slot", f"slot {name}", _read(before), _read(after))
    for key in sorted({*before, *after} - {"name", "input", "expr", "steps"}):
        yield from _member("slot", f"slot {name}, {key}", before, after, key)
    old, new = before["steps"], after["steps"]
    matcher = difflib.SequenceMatcher(None, [it["name"] for it in old], [it["name"] for it in new], autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag == "equal":
            for number, (was, now) in enumerate(zip(old[old_from:old_to], new[new_from:new_to], strict=True), new_from):
                yield from _step(f"slot {name}, step {number + 1} {now['name']}", was, now)
            continue
        for number in range(old_from, old_to):
            yield Change("step", f"slot {name}, step {number + 1}", _written(old[number]), None, entry=True)
        for number in range(new_from, new_to):
            yield Change("step", f"slot {name}, step {number + 1}", None, _written(new[number]), entry=True)


def _written(step: Form) -> str:
    """A step with its arguments."""
    return f"{step['name']} {shown(step['arguments'])}" if step["arguments"] else str(step["name"])


def _step(words: str, before: Form, after: Form) -> Iterator[Change]:
    yield from _members("argument", f"{words}, argument", before, after, "arguments")
    for key in sorted({*before, *after} - {"name", "arguments"}):
        yield from _member("argument", f"{words}, {key}", before, after, key)
