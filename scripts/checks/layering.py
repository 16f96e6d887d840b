"""Checks which room of `src/` uses which: the table of CONTRIBUTING.md, as code. Test code is left out.

A room is a folder or file below `src/`. The tables say which rooms it may use, and which rooms may use a foreign crate;
all else is a finding.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import repository
import rust_source

EVERYTHING = frozenset({"*"})

# By room: the rooms that it may use. Those that no room is named for use nothing.
ROOMS: dict[str, frozenset[str]] = {
    "api": frozenset(),
    "clock": frozenset(),
    "error": frozenset(),
    "deadline": frozenset(),
    "capacity": frozenset(),
    "ending": frozenset(),
    "auth": frozenset(),
    "tls": frozenset(),
    "config": frozenset({"store", "auth"}),
    "store": frozenset({"clock", "error", "telemetry", "tls"}),
    "lookup": frozenset({"store", "error", "telemetry", "clock", "deadline"}),
    # Label values are those of the errors, the statuses and the store.
    "telemetry": frozenset({"config", "error", "lookup", "store", "clock"}),
    "rest": frozenset({"lookup", "error", "clock", "deadline", "auth"}),
    "grpc": frozenset({"lookup", "error", "clock", "deadline", "ending", "capacity", "api"}),
    "middleware": frozenset({"error", "telemetry", "deadline", "auth", "capacity"}),
    "load": frozenset({"api", "clock", "error", "lookup", "store", "config", "tls"}),
    "server": EVERYTHING,
    "cli": EVERYTHING,
    "lib": EVERYTHING,
    "main": EVERYTHING,
}
# Nobody but these may use a room.
USERS: dict[str, frozenset[str]] = {
    "server": frozenset({"cli", "main"}),
    "cli": frozenset({"main"}),
    "load": frozenset({"cli"}),
}
# Of a room that is used by its root alone: `crate::store::OnlineStore`, not `crate::store::redis::…`.
ROOT_ONLY: dict[str, dict[str, frozenset[str]]] = {
    # `order` holds the reserved members that both read and write.
    "store": {
        "lookup": frozenset({"order"}),
        "telemetry": frozenset(),
        "config": frozenset(),
        "load": frozenset({"order"}),
    },
}
# By crate: the rooms that may use it.
CRATES: dict[str, frozenset[str]] = {
    "axum": frozenset({"rest", "middleware", "server"}),
    # Spans go out by gRPC.
    "tonic": frozenset({"grpc", "server", "api", "load", "telemetry"}),
    "opentelemetry_proto": frozenset({"telemetry"}),
    "tonic_health": frozenset({"server"}),
    "tonic_reflection": frozenset({"server"}),
    "prost": frozenset({"grpc", "load"}),
    "prost_types": frozenset({"grpc"}),
    "fred": frozenset({"store"}),
    "fjall": frozenset({"store"}),
    "utoipa": frozenset({"rest"}),
    "figment": frozenset({"config"}),
    "clap": frozenset({"cli", "main", "load"}),
    "metrics": frozenset({"telemetry"}),
    "parquet": frozenset({"load"}),
    "csv": frozenset({"load"}),
    "indicatif": frozenset({"load"}),
    "unskew_engine": frozenset({"lookup", "cli"}),
    "arrow_ipc": frozenset({"lookup"}),
}

_CRATE_PATH = re.compile(r"\bcrate::(?=[a-z{])")
# A module of ours can have a crate's name: `telemetry::metrics`.
_OWN_MODULE = re.compile(r"\bmod (\w+)")
_OWN_USE = re.compile(r"\buse (?:super|self|crate)::(?:\w+::)*(\w+);")
_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


def room(path: Path) -> str:
    """The room of a file below `src/`."""
    return path.parts[1].removesuffix(".rs")


def paths(source: str, at: int) -> Iterator[tuple[str, ...]]:
    """The paths that begin at a position; those of a group `{a::b, c}` one by one."""
    yield from _tree(source, at)[0]


def _tree(source: str, at: int) -> tuple[list[tuple[str, ...]], int]:
    """The paths of one tree of a `use`, and where it ends."""
    at = _skip(source, at)
    if source[at : at + 1] == "{":
        found: list[tuple[str, ...]] = []
        at = _skip(source, at + 1)
        while at < len(source) and source[at] != "}":
            more, after = _tree(source, at)
            found += more
            after = _skip(source, after)
            if source[after : after + 1] == ",":
                after = _skip(source, after + 1)
            if after <= at:
                break
            at = after
        return found, at + 1
    name = _NAME.match(source, at)
    if name is None:
        return [()], at + (source[at : at + 1] == "*")
    at = name.end()
    if source[at : at + 2] == "::":
        below, at = _tree(source, at + 2)
        return [(name.group(), *path) for path in below], at
    rest = re.compile(r"\s+as\s+\w+").match(source, at)
    return [(name.group(),)], rest.end() if rest else at


def _skip(source: str, at: int) -> int:
    while at < len(source) and source[at].isspace():
        at += 1
    return at


def uses(source: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The paths below `crate::` that a source uses, with their lines."""
    for match in _CRATE_PATH.finditer(source):
        for path in paths(source, match.end()):
            yield rust_source.line_of(source, match.start()), path


def crates(source: str) -> Iterator[tuple[int, str]]:
    """The foreign crates with rooms of their own that a source uses, with their lines."""
    for name in CRATES:
        # A path of that crate, not a module in the middle of a path of ours (`telemetry::metrics::…`).
        for match in re.finditer(rf"(?<![\w:]){name}::", source):
            yield rust_source.line_of(source, match.start()), name


def faults(path: Path, text: str) -> Iterator[str]:
    """What a file uses and may not, in words."""
    source = rust_source.without_tests(text)
    here = room(path)
    if here not in ROOMS:
        yield f"{path}: the room {here!r} is in no table: say in {Path(__file__).name} what it may use"
        return
    for line, used in uses(source):
        if message := fault(here, used):
            yield f"{path}:{line}: {message}"
    # A module of ours can have a crate's name: `telemetry::metrics`.
    own_modules = {*_OWN_MODULE.findall(source), *_OWN_USE.findall(source)}
    for line, crate in crates(source):
        if here not in CRATES[crate] and crate not in own_modules:
            yield f"{path}:{line}: {here} uses the crate {crate}, which only {_listed(CRATES[crate])} may"


def fault(here: str, used: tuple[str, ...]) -> str | None:
    """Why a room may not use a path; None if it may."""
    there = used[0] if used else ""
    if there not in ROOMS or there == here:
        return None
    path = "crate::" + "::".join(used)
    if there in USERS and here not in USERS[there]:
        return f"{here} uses {path}; {there} is for {_listed(USERS[there])}"
    allowed = ROOMS[here]
    if allowed != EVERYTHING and there not in allowed and "::".join(used[:2]) not in allowed:
        return f"{here} uses {path}; it may use {_listed(allowed)}"
    below = used[1] if len(used) > 1 else ""
    only = ROOT_ONLY.get(there, {}).get(here)
    if only is not None and below[:1].islower() and below not in only:
        return f"{here} uses {path}; of {there} it may use the items of its root alone"
    return None


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def main() -> int:
    """Checks the tree."""
    sources = [
        path
        for path in repository.files(".rs")
        if path.parts[0] == "src" and path.name != "tests.rs" and "tests" not in path.parts
    ]
    found = [fault for path in sources for fault in faults(path, (repository.ROOT / path).read_text(encoding="utf-8"))]
    return repository.report("layering", found, f"{len(sources)} files keep to their rooms")


if __name__ == "__main__":
    sys.exit(main())
