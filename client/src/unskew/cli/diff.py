"""`unskew diff`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from unskew.cli._compare import Change, compare, compare_fitted
from unskew.cli._faults import place
from unskew.cli._fitted import file_name, names_of
from unskew.cli._options import json_option
from unskew.cli._output import Output, counted, printable
from unskew.definitions import Definitions, load
from unskew.errors import UnskewError
from unskew.service import Service


@dataclass(frozen=True, slots=True)
class Fitted:
    """The fingerprint with a fitted file under both sets; None where there is none that fits the definition."""

    file: str | None
    before: str | None
    after: str | None

    def text(self) -> str:
        """In words."""
        made = f" with {self.file}" if self.file else ""
        return f"fingerprint{made}: {self.before or 'none'} → {self.after or 'none'}"


@dataclass(frozen=True, slots=True)
class ServiceDiff:
    """A service under both sets."""

    name: str
    status: str
    """`added`, `removed`, `changed` or `same`."""
    changes: list[Change] = field(default_factory=list)
    fingerprints: list[Fitted] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name,
            "status": self.status,
            "changes": [change.document() for change in self.changes],
            "fingerprints": [{"file": it.file, "before": it.before, "after": it.after} for it in self.fingerprints],
        }

    def show(self, console: Console) -> None:
        """Prints it."""
        words = {"added": "is new", "removed": "is gone", "changed": "changes its fingerprint", "same": "is the same"}
        console.print(Text(f"{printable(self.name)} {words[self.status]}", style="bold"), soft_wrap=True)
        for line in [change.text() for change in self.changes] + [it.text() for it in self.fingerprints]:
            console.print(f"  {printable(line)}", soft_wrap=True)


@click.command("diff")
@click.argument("before", metavar="A", type=click.Path())
@click.argument("after", metavar="B", type=click.Path())
@json_option
def command(before: str, after: str, output: Output) -> int:
    """Tell what changes from definitions A to B.

    That is which services change their fingerprint, and why. A model is served only with the fingerprint that it was
    trained with, so a service that changes needs a new fit and a new model. Also told: what forbids to go over to B
    while rows of A are stored. The exit code is 1 if anything is told.
    """
    old, new = load(before), load(after)
    names = sorted({*old.services, *new.services})
    services = [_service(name, _find(old, name), _find(new, name)) for name in names]
    incompatible = [place(found) for found in old.incompatibilities(new)]
    differ = bool(incompatible) or any(service.status != "same" for service in services)

    def show(console: Console) -> None:
        for service in services:
            if service.status != "same":
                service.show(console)
        for found in incompatible:
            _show_incompatible(console, found)
        counts = Counter(service.status for service in services)
        said = ", ".join(f"{counts[status]} {status}" for status in ("changed", "added", "removed", "same"))
        rows = counted(len(incompatible), "incompatibility", "incompatibilities")
        console.print(f"services: {said}; {rows} of stored rows", soft_wrap=True)

    output.give(
        {
            "before": before,
            "after": after,
            "differ": differ,
            "services": [service.document() for service in services],
            "incompatibilities": incompatible,
        },
        show,
    )
    return int(differ)


def _find(definitions: Definitions, name: str) -> Service | None:
    # An unknown name raises, also of `get`.
    return definitions.services[name] if name in definitions.services else None  # noqa: SIM401


def _service(name: str, before: Service | None, after: Service | None) -> ServiceDiff:
    fingerprints = _fingerprints(name, before, after)
    if before is None or after is None:
        return ServiceDiff(name, "added" if before is None else "removed", fingerprints=fingerprints)
    changes = compare(before.canonical(), after.canonical())
    changes = changes or _refitted(before, after)
    if changes or any(it.before != it.after for it in fingerprints):
        return ServiceDiff(name, "changed", changes, fingerprints)
    return ServiceDiff(name, "same", fingerprints=fingerprints)


def _refitted(before: Service, after: Service) -> list[Change]:
    """What differs in the fitted files that both sets have."""
    found: list[Change] = []
    for name in sorted({*names_of(before)} & {*names_of(after)}):
        if _fingerprint(before, name) and _fingerprint(after, name):
            found += compare_fitted(before.fitted(name).summary, after.fitted(name).summary)
    return found


def _fingerprints(service: str, before: Service | None, after: Service | None) -> list[Fitted]:
    """The fingerprints by fitted file. Those of a service that takes nothing from data have no file."""
    names = {name for found in (before, after) if found for name in _files(found)}
    return [
        Fitted(
            None if name is None else file_name(service, name), _fingerprint(before, name), _fingerprint(after, name)
        )
        for name in sorted(names, key=lambda name: (name is not None, name or ""))
    ]


def _files(service: Service) -> list[str | None]:
    return [*names_of(service)] if service.needs_fit else [None]


def _fingerprint(service: Service | None, name: str | None) -> str | None:
    """In hexadecimal; None where there is no such file, or where it was fitted on another definition."""
    if service is None or name not in _files(service):
        return None
    try:
        return service.fingerprint(None if name is None else service.fitted(name))
    except UnskewError:
        return None


def _show_incompatible(console: Console, found: dict[str, Any]) -> None:
    console.print(Text("rows stored under A can't be read under B", style="bold"))
    where = f"{found['file']}:{found['line']}:{found['column']}: " if found["file"] else ""
    console.print(f"  {printable(where)}{printable(found['message'])}", soft_wrap=True)
    if found["help"]:
        console.print(f"  help: {printable(found['help'])}", soft_wrap=True)
