"""`unskew fit`."""

from __future__ import annotations

import contextlib
import re
from itertools import count
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
from rich.console import Console

from unskew.cli._faults import Fault
from unskew.cli._files import replaced
from unskew.cli._fitted import file_name, folder
from unskew.cli._options import (
    FILE,
    TABLES,
    definitions_argument,
    json_option,
    service_argument,
    tables_argument,
)
from unskew.cli._output import Output, counted, printable, table
from unskew.cli._tables import Tables
from unskew.definitions import load
from unskew.service import Fitted, Service

NAME = re.compile(r"[A-Za-z0-9_-]*")
SLOT = ("name", "count", "null_count", "error_count", "min", "max")


@click.command("fit", epilog=TABLES)
@definitions_argument
@service_argument
@tables_argument
@click.option(
    "--out", type=FILE, help="The file to write, instead of SERVICE[.NAME].fitted.json beside the definitions."
)
@click.option("--time-column", metavar="COLUMN", help="The column with the time of a row, if the service names none.")
@click.option("--name", default="", help="Which of several fitted files of the service this is.")
@json_option
def command(
    *,
    definitions: str,
    service: str,
    tables: tuple[Path, ...],
    out: Path | None,
    time_column: str | None,
    name: str,
    output: Output,
) -> int:
    """Fit a service to tables, and write its fitted file.

    The parameters of the steps of SERVICE in DEFINITIONS are taken from the rows of all TABLEs. A table has a
    column for every input of the service: a request column, or `view.feature`. It is read in batches, as often as
    the fit takes passes.
    """
    if not NAME.fullmatch(name):
        raise click.BadParameter(f"{name!r}: letters, digits, _ and - are right", param_hint="--name")
    if out and name:
        raise click.UsageError("--out and --name both say which file to write: give one of them")
    found = load(definitions).services[service]
    if not found.needs_fit:
        raise Fault("NOTHING_TO_FIT", f"no step of the service {service!r} takes parameters from data: use it as it is")
    target = out or folder(found.definitions) / file_name(service, name)
    fitted = _fit(found, tables, time_column, output)
    with replaced(target) as file:
        file.write(fitted.text.encode())
    summary = fitted.summary
    document = {
        "service": service,
        "file": str(target),
        "fingerprint": found.fingerprint(fitted),
        "rows": summary["rows"],
        "interval": summary["interval"],
        "slots": [{key: slot[key] for key in SLOT} for slot in summary["slots"]],
    }
    output.give(document, lambda console: _show(console, document))
    return 0


def _fit(service: Service, paths: tuple[Path, ...], time_column: str | None, output: Output) -> Fitted:
    wanted = dict(service.inputs)
    for column in service.targets:
        wanted.setdefault(column, "")
    if time_column:
        wanted.setdefault(time_column, "timestamp")
    rows, passes = Tables(paths, wanted), count(1)
    with contextlib.ExitStack() as bars:

        def opened() -> pa.RecordBatchReader:
            """Each pass reads the files anew, and has a bar of its own."""
            bars.close()
            return rows.stream(bars.enter_context(output.progress(f"pass {next(passes)}", rows.rows)))

        return service.fit(opened, time_column=time_column)


def _show(console: Console, document: dict[str, Any]) -> None:
    found = table("slot", "values", "nulls", "errors", "least", "greatest")
    for slot in document["slots"]:
        found.add_row(*("" if slot[key] is None else printable(slot[key]) for key in SLOT))
    console.print(found)
    interval = document["interval"]
    when = f" from {interval['from']} to {interval['to']}" if interval else ""
    console.print(f"{counted(document['rows'], 'row')}{when}", soft_wrap=True)
    console.print(f"fingerprint {document['fingerprint']}", soft_wrap=True)
    console.print(f"written to {printable(document['file'])}", soft_wrap=True)
