"""Fitted files beside definitions."""

from __future__ import annotations

import json
from pathlib import Path

from unskew.definitions import Definitions
from unskew.errors import NotFitted
from unskew.service import Fitted, Service

SUFFIX = ".fitted.json"


def folder(definitions: Definitions) -> Path:
    """Where the fitted files of definitions lie."""
    found = Path(definitions.path or ".")
    return found if found.is_dir() else found.parent


def file_name(service: str, name: str) -> str:
    """The name of a fitted file; `name` is empty for the one that has none.

    >>> file_name("fraud_model", ""), file_name("fraud_model", "2026-01")
    ('fraud_model.fitted.json', 'fraud_model.2026-01.fitted.json')
    """
    return f"{service}{'.' if name else ''}{name}{SUFFIX}"


def names_of(service: Service) -> list[str]:
    """The names of the fitted files of a service, sorted; empty for the one that has none."""
    files = folder(service.definitions).glob(f"{service.name}*{SUFFIX}")
    found = [path.name[len(service.name) : -len(SUFFIX)] for path in files]
    return sorted(name.removeprefix(".") for name in found if not name or name.startswith("."))


def chosen(service: Service, fitted: str | None) -> Fitted | None:
    """The parameters to compute with.

    Args:
        service: the service.
        fitted: a fitted file, or the name of one beside the definitions; None: what the gateway takes when it is not
            told, that is the file that the service names as its `default`, else the one without a name, and none for a
            service that takes nothing from data.
    """
    if fitted is not None and Path(fitted).is_file():
        return Fitted.load(fitted)
    if fitted is None and not service.needs_fit:
        return None
    name = _default(service) if fitted is None else fitted
    there = names_of(service)
    if name in there:
        return service.fitted(name)
    files = ", ".join(file_name(service.name, it) for it in there) or "none"
    wanted = file_name(service.name, name)
    raise NotFitted(
        f"the service {service.name!r} has no {wanted} beside its definitions (there is {files}): make it with "
        "`unskew fit`, or give a file with --fitted"
    )


def _default(service: Service) -> str:
    described = json.loads(service.definitions._native.describe())
    return described["services"][service.name]["default"] or ""
