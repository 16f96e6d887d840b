"""`unskew compact`."""

from __future__ import annotations

from typing import Any

import click

from unskew.cli._options import definitions_argument, json_option
from unskew.cli._output import Output, counted, printable
from unskew.cli._store import chosen, open_store, store_options

MEBIBYTE = 1 << 20


@click.command("compact")
@definitions_argument
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@click.option(
    "--target-size", type=click.IntRange(1), default=128, show_default=True, metavar="MIB", help="Of new files."
)
@store_options
@json_option
def command(definitions: str, sources: tuple[str, ...], target_size: int, output: Output, **where: Any) -> int:
    """Rewrite small files of the tables as larger ones; all tables if no SOURCE is named.

    Rows stay the same, and older snapshots keep their files until they expire.
    """
    store = open_store(definitions, **where)
    done = [store.compact(source, target_bytes=target_size * MEBIBYTE) for source in chosen(store, sources)]
    lines = [
        f"{printable(it.table)}: {it.files_before:,} files became {it.files_after:,}, {counted(it.rows, 'row')}"
        for it in done
    ]
    output.give({"tables": [vars(it) for it in done]}, lambda console: console.print("\n".join(lines), soft_wrap=True))
    return 0
