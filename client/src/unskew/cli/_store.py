"""Options of the commands that work on the offline store."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from unskew.cli._faults import Fault
from unskew.cli._options import FILE

if TYPE_CHECKING:
    from unskew.definitions import Definitions
    from unskew.offline import OfflineStore

Function = TypeVar("Function", bound=Callable[..., Any])

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
SPAN = re.compile(r"(\d+)([smhd])")


def store_options(function: Function) -> Function:
    """`--catalog`, `--warehouse` and `--property`: what `open_store` takes."""
    options = [
        click.option(
            "--catalog",
            default="unskew",
            envvar="UNSKEW_CATALOG",
            show_default=True,
            show_envvar=True,
            help="The name of a catalog of PyIceberg's configuration.",
        ),
        click.option(
            "--warehouse",
            type=FILE,
            envvar="UNSKEW_WAREHOUSE",
            show_envvar=True,
            help="The folder of a catalog that is not configured; ./warehouse without it.",
        ),
        click.option(
            "--property",
            "properties",
            metavar="NAME=VALUE",
            multiple=True,
            callback=lambda _context, _parameter, given: dict(pair(text, "a property") for text in given),
            help="A property of the catalog, as PyIceberg knows it.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def open_store(
    definitions: Definitions | str, catalog: str, warehouse: Path | None, properties: dict[str, str]
) -> OfflineStore:
    """The store that these options ask for."""
    try:
        from unskew import offline  # noqa: PLC0415 (the extra can be missing)
    except ModuleNotFoundError as error:
        if "unskew[iceberg]" not in str(error):
            raise
        raise Fault("MISSING_EXTRA", str(error)) from None
    return offline.open(definitions, catalog, warehouse=warehouse, properties=properties)


def pair(text: str, what: str) -> tuple[str, str]:
    """The two sides of `NAME=VALUE`.

    >>> pair("a=b=c", "a key")
    ('a', 'b=c')
    """
    name, is_there, value = text.partition("=")
    if not (name and is_there):
        raise click.BadParameter(f"{text!r}: {what} is NAME=VALUE")
    return name, value


def span(text: str) -> dt.timedelta:
    """A length of time.

    >>> span("36h")
    datetime.timedelta(days=1, seconds=43200)
    """
    found = SPAN.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no length of time, such as 7d or 12h; units are s, m, h and d")
    return dt.timedelta(**{UNITS[found[2]]: int(found[1])})


def chosen(store: OfflineStore, sources: tuple[str, ...]) -> tuple[str, ...]:
    """The sources that are named; without a name all that have a table."""
    return sources or tuple(source.name for source in store.definitions.sources.values() if source.iceberg)
