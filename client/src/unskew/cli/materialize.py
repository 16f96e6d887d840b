"""`unskew materialize`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from unskew._histories import MODEST_LIMIT
from unskew._times import to_micros
from unskew.cli._connect import connect, gateway_options, instant, time_text
from unskew.cli._options import definitions_argument, json_option
from unskew.cli._output import Output, console, counted, printable
from unskew.cli._store import open_store, store_options

if TYPE_CHECKING:
    from unskew.offline.materialize import MaterializedView

MEBIBYTE = 1 << 20


def _time(_context: click.Context, _parameter: click.Parameter, text: str | None) -> dt.datetime | int | None:
    return None if text is None else instant(text)


@click.command("materialize")
@definitions_argument
@click.argument("views", metavar="[VIEW...]", nargs=-1)
@click.option("--full", is_flag=True, help="Write everything, not only what is new.")
@click.option("--until", metavar="TIME", callback=_time, help="Leave rows with a later event time; now without it.")
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@click.option(
    "--concurrency", type=click.IntRange(1), default=4, show_default=True, help="Batches on their way at once."
)
@click.option(
    "--batch-rows", type=click.IntRange(1), default=1000, show_default=True, help="Rows or states of a batch."
)
@click.option(
    "--retry-for",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a batch is tried again when the gateway or its store is away, or has too much to do.",
)
@click.option(
    "--memory-limit",
    type=click.IntRange(1),
    default=MODEST_LIMIT // MEBIBYTE,
    show_default=True,
    metavar="MIB",
    help="What rows may take in memory, whatever the size of a table.",
)
@click.option("--threads", type=click.IntRange(1), help="How many may compute; one for each core without it.")
@store_options
@gateway_options
@json_option
def command(  # noqa: PLR0913 (one for each option)
    *,
    definitions: str,
    views: tuple[str, ...],
    full: bool,
    until: dt.datetime | int | None,
    dry_run: bool,
    concurrency: int,
    batch_rows: int,
    retry_for: float,
    memory_limit: int,
    threads: int | None,
    output: Output,
    catalog: str,
    warehouse: Any,
    properties: dict[str, str],
    **gateway: Any,
) -> int:
    """Write views from the offline store to the online one, through a gateway.

    Of a row view it is the newest row of each entity, of a window view the states of all. The first time everything is
    written, later what came since. A run that was broken off, by whatever, is given again. Without VIEW these are all
    whose source has an Iceberg table. Exit code 1: the gateway refuses rows.
    """
    store = open_store(definitions, catalog, warehouse, properties)
    done: list[MaterializedView] = []
    with connect(**gateway, retry_for=retry_for) as client, output.stages() as told:
        found = store.materialize(
            client,
            views or None,
            until=None if until is None else to_micros(until, "until"),
            full=full,
            dry_run=dry_run,
            concurrency=concurrency,
            batch_rows=batch_rows,
            threads=threads,
            memory_limit=memory_limit * MEBIBYTE,
            progress=told,
        )
        for view in found:
            done.append(view)
            if not output.json:
                _show(console(), view, dry_run)
    output.give({"dry_run": dry_run, "views": [_document(view) for view in done]}, lambda _console: None)
    return int(not all(view.ok for view in done))


def _document(view: MaterializedView) -> dict[str, Any]:
    return {
        "view": view.view,
        "kind": view.kind,
        "table": view.table,
        "mode": view.mode,
        "reason": view.reason or None,
        "since_snapshot": view.since_snapshot,
        "snapshot": view.snapshot,
        "until": time_text(view.cut),
        "rows": view.rows,
        "accepted": view.accepted,
        "without_key": view.without_key,
        "refused": dict(view.refused),
        "first_refused": [
            {"key": {name: str(part) for name, part in it.key.items()}, "code": it.code, "message": it.message}
            for it in view.first_refused
        ],
        "seconds": view.seconds,
        "rows_per_second": view.rate,
    }


def _show(console: Console, view: MaterializedView, dry_run: bool) -> None:
    why = f"all of {view.table}, {view.reason}" if view.mode == "full" else f"{view.table} since {view.since_snapshot}"
    upto = f"snapshot {view.snapshot}, until {time_text(view.cut)}"
    if dry_run:
        console.print(printable(f"{view.view}: {why}: at most {counted(view.rows, 'row')}; {upto}"), soft_wrap=True)
        return
    what = "row" if view.kind == "row" else "state"
    rate = f"{view.seconds:.1f} s, {view.rate:,.0f} rows/s"
    told = f"{counted(view.rows, 'row')} read, {counted(view.accepted, what)} written in {rate}; {upto}"
    console.print(printable(f"{view.view}: {why}: {told}"), soft_wrap=True)
    if view.without_key:
        console.print(f"  {counted(view.without_key, 'row')} without a key left out", soft_wrap=True)
    for code, count in view.refused.items():
        console.print(f"  {counted(count, what)} refused: {code}", soft_wrap=True)
    for it in view.first_refused:
        console.print(printable(f"  {it}"), soft_wrap=True)
    if view.refused:
        console.print("  the view is not marked as materialized: the next run writes the same again", soft_wrap=True)
