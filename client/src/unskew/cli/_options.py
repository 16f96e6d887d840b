"""Options and arguments that several offline commands have; `--json`, that all have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from unskew.cli._output import Output
from unskew.definitions import load
from unskew.errors import UnskewError

Function = TypeVar("Function", bound=Callable[..., Any])

FILE = click.Path(path_type=Path)
TABLES = "TABLE: Parquet, CSV, NDJSON or Arrow IPC, as the end of its name says."


def json_option(function: Function) -> Function:
    """`--json`: gives the command its `output`."""
    return click.option(
        "--json",
        "output",
        is_flag=True,
        callback=lambda _context, _parameter, value: Output(json=bool(value)),
        help="Print one JSON document, also of an error.",
    )(function)


def definitions_argument(function: Function) -> Function:
    """`DEFINITIONS`: a directory of YAML files, or one file."""
    return click.argument("definitions", type=click.Path())(function)


def service_argument(function: Function) -> Function:
    """`SERVICE`: the name of a service of the definitions."""
    return click.argument("service", shell_complete=_services)(function)


def tables_argument(function: Function) -> Function:
    """`TABLE...`: files of rows."""
    return click.argument("tables", metavar="TABLE...", nargs=-1, required=True, type=FILE)(function)


def _services(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of services that begin so; none where the definitions can't be read: a completion has nobody to tell."""
    try:
        services = load(context.params["definitions"]).services
    except (KeyError, OSError, UnskewError):
        return []
    return [CompletionItem(name) for name in services if name.startswith(incomplete)]
