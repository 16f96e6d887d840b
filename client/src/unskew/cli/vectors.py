"""`unskew vectors`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from unskew.cli._faults import Fault
from unskew.cli._files import replaced
from unskew.cli._fitted import chosen
from unskew.cli._incomplete import FIRST, document_of, show_incomplete
from unskew.cli._options import (
    FILE,
    TABLES,
    definitions_argument,
    json_option,
    service_argument,
    tables_argument,
)
from unskew.cli._output import Output, counted, printable
from unskew.cli._sinks import NpySink, ParquetSink, Sink, check_out
from unskew.cli._tables import Tables
from unskew.definitions import load
from unskew.errors import DataError
from unskew.service import Fitted, Incomplete, OfflineVectors, Service


@dataclass
class Tally:
    """What was computed."""

    rows: int = 0
    incomplete: int = 0
    first: list[Incomplete] = field(default_factory=list)
    """The first rows that are not complete."""
    causes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Rows by slot, status and reason."""

    def add(self, part: OfflineVectors) -> None:
        """Adds a batch, whose rows count from 0."""
        self.causes.update((it.slot, it.status, it.reason) for it in part.incomplete)
        for it in part.incomplete[: FIRST - len(self.first)]:
            self.first.append(Incomplete(self.rows + it.row, it.slot, it.status, it.reason, it.message))
        self.rows += len(part.values)
        self.incomplete += len(part.incomplete)


@click.command("vectors", epilog=TABLES)
@definitions_argument
@service_argument
@tables_argument
@click.option("--out", type=FILE, required=True, help="The file to write: .parquet, or .npy for the array alone.")
@click.option("--fitted", metavar="FILE|NAME", help="A fitted file, or the name of one beside the definitions.")
@click.option("--keep", metavar="COLUMN", multiple=True, help="A column to copy from the tables; can be given again.")
@click.option("--strict", is_flag=True, help="Exit with 1 if a row is not complete.")
@json_option
def command(  # noqa: PLR0913 (one for each option)
    *,
    definitions: str,
    service: str,
    tables: tuple[Path, ...],
    out: Path,
    fitted: str | None,
    keep: tuple[str, ...],
    strict: bool,
    output: Output,
) -> int:
    """Compute the vectors of tables.

    They are those of SERVICE in DEFINITIONS, for the rows of all TABLEs in their order. A table has a column for
    every input of the service: a request column, or `view.feature`. The vectors equal those that the gateway serves
    for the same inputs, bit by bit. Tables are read in batches, and may be larger than memory.
    """
    keep = tuple(dict.fromkeys(keep))
    check_out(out, keep)
    if any(out.exists() and path.exists() and out.samefile(path) for path in tables):
        raise Fault("FILE", f"{out}: is one of the tables to be read; write to another file")
    found = load(definitions).services[service]
    parameters = chosen(found, fitted)
    names, fingerprint = found.names(parameters), found.fingerprint(parameters)
    wanted = dict(found.inputs)
    for column in keep:
        wanted.setdefault(column, "")
    rows = Tables(tables, wanted)
    with replaced(out) as file:
        metadata = {"unskew.service": service, "unskew.fingerprint": fingerprint}
        array = out.suffix == ".npy"
        sink: Sink = NpySink(file, len(names)) if array else ParquetSink(file, names, keep, metadata)
        tally = _compute(found, parameters, rows, sink, output)
        sink.close()
    document = {
        "service": service,
        "file": str(out),
        "fingerprint": fingerprint,
        "rows": tally.rows,
        "columns": len(names),
        "incomplete": tally.incomplete,
        "first_incomplete": [document_of(it) for it in tally.first],
        "causes": [
            {"slot": slot, "status": status, "reason": reason or None, "rows": count}
            for (slot, status, reason), count in tally.causes.most_common()
        ],
    }
    output.give(document, lambda console: _show(console, document, tally))
    return int(strict and tally.incomplete > 0)


def _compute(service: Service, fitted: Fitted | None, rows: Tables, sink: Sink, output: Output) -> Tally:
    """Reads, computes and writes batch by batch."""
    tally = Tally()
    with output.progress("vectors", rows.rows) as advance:
        for batch in rows.batches():
            try:
                parts = list(service.transform_batches(batch, fitted, batch_rows=batch.num_rows))
            except DataError as error:
                last = tally.rows + batch.num_rows - 1
                raise Fault("INVALID_DATA", f"rows {tally.rows} to {last} of the tables: {error.message}") from error
            for part in parts:
                sink.write(batch, part.values)
                tally.add(part)
            advance(batch.num_rows)
    return tally


def _show(console: Console, document: dict[str, Any], tally: Tally) -> None:
    show_incomplete(console, tally.first, tally.incomplete)
    for cause in document["causes"]:
        why = f" {cause['reason']}" if cause["reason"] else ""
        said = f"{counted(cause['rows'], 'row')}: slot {cause['slot']} is {cause['status']}{why}"
        console.print(printable(said), soft_wrap=True)
    shape = f"{document['rows']:,} × {document['columns']:,} float32"
    console.print(f"{shape}, {counted(document['incomplete'], 'row')} not complete", soft_wrap=True)
    console.print(f"fingerprint {document['fingerprint']}", soft_wrap=True)
    console.print(f"written to {printable(document['file'])}", soft_wrap=True)
