"""`unskew append`."""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from unskew.cli._connect import instant
from unskew.cli._faults import Fault
from unskew.cli._formats import Csv
from unskew.cli._options import FILE, definitions_argument, json_option
from unskew.cli._output import Output, counted, printable
from unskew.cli._store import open_store, store_options
from unskew.cli._tables import Tables
from unskew.definitions import Source


def _time(_context: click.Context, _parameter: click.Parameter, text: str | None) -> dt.datetime | int | None:
    return None if text is None else instant(text)


def _texts(path: Path, source: Source) -> Tables:
    """The rows of a CSV file, read as the declared types."""
    wanted = {column.name: column.dtype for column in source.columns}
    rows = Tables([path], {name: dtype for name, dtype in wanted.items() if name != source.created})
    names = Csv(path).names
    for name in names:
        if name not in wanted:
            raise Fault(
                "INVALID_DATA",
                f"{path}: a column {name!r} is there, which the source {source.name!r} does not declare; it has "
                f"{list(wanted)}",
            )
    return Tables([path], wanted) if source.created in names else rows


@click.command(
    "append", epilog="ROWS: a Parquet file, a folder of them, or a CSV file, with exactly the columns of the source."
)
@definitions_argument
@click.argument("source")
@click.argument("rows", type=FILE)
@click.option("--batch-id", metavar="ID", help="What tells this batch from others: it is appended once, however often.")
@click.option("--overwrite", is_flag=True, help="Put ROWS in the place of what is there, from --start to --end.")
@click.option("--start", metavar="TIME", callback=_time, help="The first event time that is overwritten.")
@click.option("--end", metavar="TIME", callback=_time, help="The first event time that no longer is.")
@click.option("--strict", is_flag=True, help="Exit with 1 if rows broke a rule, also one that only warns.")
@store_options
@json_option
def command(  # noqa: PLR0913 (one for each option)
    *,
    definitions: str,
    source: str,
    rows: Path,
    batch_id: str | None,
    overwrite: bool,
    start: dt.datetime | int | None,
    end: dt.datetime | int | None,
    strict: bool,
    output: Output,
    **where: Any,
) -> int:
    """Append to the history of a SOURCE: all rows in one commit, or none.

    The rules of the source are checked. With --batch-id the same command can be given again after any fault.
    """
    if not overwrite and (start is not None or end is not None):
        raise Fault("USAGE", "--start and --end say what --overwrite replaces: give it, or leave them out")
    store = open_store(definitions, **where)
    with contextlib.ExitStack() as shown:
        given: Any = rows
        if rows.suffix.lower() == ".csv" and source in store.definitions.sources:
            texts = _texts(rows, store.definitions.sources[source])
            given = texts.stream(shown.enter_context(output.progress(f"append {rows.name}", texts.rows)))
        if overwrite:
            done = store.overwrite(source, given, start=start, end=end, batch_id=batch_id)
        else:
            done = store.append(source, given, batch_id=batch_id)
    document = {**vars(done), "broken": [vars(it) for it in done.broken]}

    def show(console: Console) -> None:
        what = f"{counted(done.rows, 'row')} in snapshot {done.snapshot_id}" if done.committed else "was there already"
        console.print(f"{printable(done.table)}: batch {printable(done.batch_id)}: {what}", soft_wrap=True)
        if done.forgotten:
            console.print(f"{counted(done.forgotten, 'row')} of forgotten entities left out", soft_wrap=True)
        for it in done.broken:
            told = "quarantined" if it.on_failure == "quarantine" else "warning"
            line = f"{told}: {printable(it.rule)}: {counted(it.rows, 'row')}, the first: {printable(it.reason)}"
            console.print(line, soft_wrap=True)

    output.give(document, show)
    return int(strict and bool(done.broken))
