"""`unskew forget`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from unskew.cli._connect import DEFAULT_TIMEOUT, connect
from unskew.cli._options import FILE, definitions_argument, json_option
from unskew.cli._output import Output, counted, printable
from unskew.cli._store import open_store, pair, store_options
from unskew.definitions import Definitions, load
from unskew.errors import UnknownName

BOOLS = {"true": True, "false": False}


@click.command("forget")
@definitions_argument
@click.argument("entity")
@click.argument("key", metavar="NAME=VALUE...", nargs=-1, required=True)
@click.option("--purge", is_flag=True, help="Remove all older snapshots, tags and files too, which have the rows.")
@click.option(
    "--address", envvar="UNSKEW_ADDRESS", show_envvar=True, help="A gateway, to delete rows of views there too."
)
@click.option("--tls", is_flag=True, help="Connect by TLS.")
@click.option("--ca", type=FILE, metavar="FILE", help="Connect by TLS, and trust the authorities of this PEM file.")
@store_options
@json_option
def command(  # noqa: PLR0913 (one for each option)
    *,
    definitions: str,
    entity: str,
    key: tuple[str, ...],
    purge: bool,
    address: str | None,
    tls: bool,
    ca: Path | None,
    output: Output,
    **where: Any,
) -> int:
    """Forget one ENTITY: customer customer_id=596.

    Its rows are deleted from every table that has its keys, and its key is recorded, so that no append and no
    materialization brings it back. The exit code is 1 if something of it is left: in older snapshots without --purge,
    online without --address, or where a writer goes on.
    """
    found = load(definitions)
    wanted = _key(found, entity, key)
    store = open_store(found, **where)
    if address is None:
        done = store.forget(entity, [wanted], purge=purge)
    else:
        with connect(address, DEFAULT_TIMEOUT, tls, ca, None, None, False) as client:
            done = store.forget(entity, [wanted], purge=purge, client=client)
    document = {
        **vars(done),
        "at": done.at.isoformat(),
        "tables": [vars(table) for table in done.tables],
        "complete": done.complete,
    }

    def show(console: Console) -> None:
        for it in done.tables:
            left = f", still in {counted(len(it.kept_in), 'older snapshot')}" if it.kept_in else ""
            tags = f" (tags {', '.join(map(printable, it.tags))})" if it.tags else ""
            console.print(f"{printable(it.table)}: {counted(it.rows, 'row')} deleted{left}{tags}", soft_wrap=True)
        if done.online:
            console.print(f"deleted online: {', '.join(done.online)}", soft_wrap=True)
        if done.online_left:
            console.print(f"online it may still be in: {', '.join(done.online_left)}", soft_wrap=True)
        console.print("not looked at: the built-in view, whose rows belong to no entity", soft_wrap=True)

    output.give(document, show)
    return int(not done.complete)


def _key(definitions: Definitions, name: str, texts: tuple[str, ...]) -> dict[str, Any]:
    """The key of the command line, with values of the declared types."""
    if name not in definitions.entities:
        raise UnknownName(
            f"there is no entity {name!r}; there is {', '.join(map(repr, definitions.entities)) or 'none'}"
        )
    dtypes = {column.name: column.dtype for column in definitions.entities[name].keys}
    found: dict[str, Any] = {}
    for text in texts:
        column, value = pair(text, "a key")
        dtype = dtypes.get(column, "string")
        if dtype in {"int32", "int64"} and value.removeprefix("-").isdecimal():
            found[column] = int(value)
        elif dtype == "bool":
            found[column] = BOOLS.get(value, value)
        else:
            found[column] = value.encode() if dtype == "bytes" else value
    return found
