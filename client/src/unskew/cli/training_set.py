"""`unskew training-set`."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from unskew._training_files import check_place
from unskew.cli._connect import instant
from unskew.cli._fitted import chosen
from unskew.cli._incomplete import FIRST, document_of, show_incomplete
from unskew.cli._options import FILE, definitions_argument, json_option, service_argument
from unskew.cli._output import Output, counted, printable, table
from unskew.cli._store import open_store, pair, store_options
from unskew.definitions import load
from unskew.training import TrainingSet, has_table, training_set

MEBIBYTE = 1 << 20


def _sources(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, Path]:
    """`NAME=PATH`, each."""
    found: dict[str, Path] = {}
    for text in given:
        name, is_there, path = text.partition("=")
        if not (name and is_there and path):
            raise click.BadParameter(f"{text!r}: NAME=PATH is right, the name of a source and a file or folder")
        if name in found:
            raise click.BadParameter(f"{name!r} is given twice: several files of a source lie in one folder")
        found[name] = Path(path)
    return found


def _snapshots(given: tuple[str, ...]) -> dict[str, int]:
    """`SOURCE=ID`, each."""
    found = dict(pair(text, "a snapshot") for text in given)
    for source, number in found.items():
        if not number.isdecimal():
            raise click.BadParameter(f"{source}={number}: SOURCE=ID is right, with the number of a snapshot")
    return {source: int(number) for source, number in found.items()}


@click.command("training-set", epilog="SPINE and histories: a Parquet file, or a folder of them.")
@definitions_argument
@service_argument
@click.argument("spine", type=FILE)
@click.option(
    "--source", "sources", metavar="NAME=PATH", multiple=True, callback=_sources, help="The history of a source."
)
@click.option("--out", type=FILE, required=True, help="The folder to write: a new one, or a training set to replace.")
@click.option(
    "--fitted",
    metavar="FILE|NAME",
    help="A fitted file, or the name of one beside the definitions: for a test set. Without it the steps are fitted on"
    " SPINE.",
)
@click.option(
    "--time-column", default="event_time", show_default=True, help="The time of a row, if the service names none."
)
@click.option("--memory-limit", type=click.IntRange(1), metavar="MIB", help="What events may take in memory.")
@click.option("--threads", type=click.IntRange(1), help="How many may work; one for each core without it.")
@click.option(
    "--as-of-snapshot",
    "snapshots",
    metavar="SOURCE=ID",
    multiple=True,
    callback=lambda _context, _parameter, given: _snapshots(given),
    help="The snapshot of a table to read; the newest without it.",
)
@click.option(
    "--as-of-time",
    metavar="TIME",
    callback=lambda _context, _parameter, text: None if text is None else instant(text),
    help="Read the tables as they were at a time.",
)
@click.option("--tag", metavar="NAME", help="Read the snapshots of a tag.")
@click.option("--pin", metavar="NAME", help="Give this tag to the snapshots that were read, which then never expire.")
@click.option("--strict", is_flag=True, help="Exit with 1 if a row is not complete.")
@store_options
@json_option
def command(  # noqa: PLR0913 (one for each option)
    *,
    definitions: str,
    service: str,
    spine: Path,
    sources: dict[str, Path],
    out: Path,
    fitted: str | None,
    time_column: str,
    memory_limit: int | None,
    threads: int | None,
    snapshots: dict[str, int],
    as_of_time: dt.datetime | int | None,
    tag: str | None,
    pin: str | None,
    strict: bool,
    output: Output,
    **where: Any,
) -> int:
    """Make a training set from the history of sources.

    Histories that are not given by --source are read from the Iceberg tables of their sources, and the snapshots that
    were read are kept in the training set. For every row of SPINE it has what SERVICE in DEFINITIONS would have read at
    the row's own time, its vector, and the fitted parameters. SPINE has the key columns of the entities and the request
    columns of the service; its other columns, a label for instance, are kept. A history may be larger than memory.
    """
    check_place(out)
    found = load(definitions)
    given: dict[str, Any] = {"as_of_snapshot": snapshots or None, "as_of_time": as_of_time, "tag": tag, "pin": pin}
    with output.stages() as told:
        options: dict[str, Any] = {
            "fitted": None if fitted is None else chosen(found.services[service], fitted),
            "time_column": time_column,
            "threads": threads,
            "memory_limit": None if memory_limit is None else memory_limit * MEBIBYTE,
            "progress": told,
        }
        if any(it is not None for it in given.values()) or has_table(found, service, sources):
            made = open_store(found, **where).training_set(service, spine, sources, **given, **options)
        else:
            made = training_set(found, service, spine, sources, **options)
    made.save(out)
    document = _document(made, out)
    output.give(document, lambda console: _show(console, document, made))
    return int(strict and bool(made.incomplete))


def _document(made: TrainingSet, out: Path) -> dict[str, Any]:
    causes = Counter((it.slot, it.status, it.reason) for it in made.incomplete)
    return {
        "service": made.service,
        "folder": str(out),
        "fingerprint": made.fingerprint,
        "rows": len(made),
        "columns": len(made.slots),
        "incomplete": len(made.incomplete),
        "first_incomplete": [document_of(it) for it in made.incomplete[:FIRST]],
        "causes": [
            {"slot": slot, "status": status, "reason": reason or None, "rows": count}
            for (slot, status, reason), count in causes.most_common()
        ],
        "statistics": made.statistics.to_dict(),
        "snapshots": {source: it.snapshot_id for source, it in made.origin.tables.items()} if made.origin else {},
    }


def _show(console: Console, document: dict[str, Any], made: TrainingSet) -> None:
    for name, columns, rows in made.statistics.tables():
        if rows:
            found = table(*columns, title=name)
            for row in rows:
                found.add_row(*map(printable, row))
            console.print(found)
    show_incomplete(console, made.incomplete[:FIRST], len(made.incomplete))
    shape = f"{document['rows']:,} × {document['columns']:,} float32"
    console.print(f"{shape}, {counted(document['incomplete'], 'row')} not complete", soft_wrap=True)
    console.print(f"fingerprint {document['fingerprint']}", soft_wrap=True)
    console.print(f"written to {printable(document['folder'])}", soft_wrap=True)
