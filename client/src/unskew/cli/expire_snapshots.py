"""`unskew expire-snapshots`."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from unskew.cli._options import definitions_argument, json_option
from unskew.cli._output import Output, counted, printable
from unskew.cli._store import chosen, open_store, span, store_options


def _span(_context: click.Context, _parameter: click.Parameter, text: str) -> dt.timedelta:
    return span(text)


@click.command("expire-snapshots")
@definitions_argument
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@click.option("--older-than", metavar="AGE", required=True, callback=_span, help="Such as 7d or 12h.")
@click.option("--retain-last", type=click.IntRange(1), default=1, show_default=True, help="How many stay in any case.")
@click.option("--orphans", is_flag=True, help="Remove files too that no snapshot has, if they are three days old.")
@store_options
@json_option
def command(
    *,
    definitions: str,
    sources: tuple[str, ...],
    older_than: dt.timedelta,
    retain_last: int,
    orphans: bool,
    output: Output,
    **where: Any,
) -> int:
    """Remove old snapshots of the tables, and the files that only they had; all tables if no SOURCE is named.

    Snapshots with a tag stay, and so does what training sets need that were pinned.
    """
    store = open_store(definitions, **where)
    tables, lines = [], []
    for source in chosen(store, sources):
        done = store.expire_snapshots(source, older_than=older_than, retain_last=retain_last)
        removed = store.remove_orphans(source) if orphans else 0
        tables.append({**vars(done), "orphans": removed})
        counts = f"{counted(len(done.snapshots), 'snapshot')}, {counted(done.files, 'file')}"
        line = f"{printable(done.table)}: {counts} removed"
        lines.append(f"{line}, {counted(removed, 'orphan')}" if orphans else line)
    output.give({"tables": tables}, lambda console: console.print("\n".join(lines), soft_wrap=True))
    return 0
