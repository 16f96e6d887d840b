"""`unskew training-set`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from unskew._training_files import check_place
from unskew.cli._fitted import chosen
from unskew.cli._incomplete import FIRST, document_of, show_incomplete
from unskew.cli._options import FILE, definitions_argument, json_option, service_argument
from unskew.cli._output import Output, counted, printable, table
from unskew.definitions import load
from unskew.training import TrainingSet, training_set

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
@click.option("--strict", is_flag=True, help="Exit with 1 if a row is not complete.")
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
    strict: bool,
    output: Output,
) -> int:
    """Make a training set from the history of sources.

    For every row of SPINE it has what SERVICE in DEFINITIONS would have read at the row's own time, its vector, and
    the fitted parameters. SPINE has the key columns of the entities and the request columns of the service; its other
    columns, a label for instance, are kept. A history may be larger than memory.
    """
    check_place(out)
    found = load(definitions)
    with output.stages() as told:
        made = training_set(
            found,
            service,
            spine,
            sources,
            fitted=None if fitted is None else chosen(found.services[service], fitted),
            time_column=time_column,
            threads=threads,
            memory_limit=None if memory_limit is None else memory_limit * MEBIBYTE,
            progress=told,
        )
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
