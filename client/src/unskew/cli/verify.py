"""`unskew verify`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from unskew._times import to_micros
from unskew.cli._connect import as_of_option, connect, gateway_options, time_text
from unskew.cli._options import definitions_argument, json_option
from unskew.cli._output import Output, console, counted, printable
from unskew.cli._store import open_store, store_options

if TYPE_CHECKING:
    from unskew.offline.verify import VerifiedView

SHOWN = 20
"""Differences that are told one by one."""


@click.command("verify")
@definitions_argument
@click.argument("views", metavar="[VIEW...]", nargs=-1)
@click.option(
    "--entities", type=click.IntRange(1), default=100, show_default=True, help="How many of each view are compared."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Which ones.")
@click.option("--threads", type=click.IntRange(1), help="How many may compute; one for each core without it.")
@as_of_option
@store_options
@gateway_options
@json_option
def command(  # noqa: PLR0913 (one for each option)
    *,
    definitions: str,
    views: tuple[str, ...],
    entities: int,
    seed: int,
    threads: int | None,
    as_of: dt.datetime | int | None,
    output: Output,
    catalog: str,
    warehouse: Any,
    properties: dict[str, str],
    **gateway: Any,
) -> int:
    """Compare random entities online and offline.

    Offline they are computed from Iceberg, online read from a gateway, both at the same time: that of --as-of, else
    just after what was materialized. Without VIEW these are all whose source has an Iceberg table. Exit code 1: there
    is a difference.
    """
    store = open_store(definitions, catalog, warehouse, properties)
    done: list[VerifiedView] = []
    with connect(**gateway) as client, output.stages() as told:
        found = store.verify(
            client,
            views or None,
            entities=entities,
            seed=seed,
            as_of=None if as_of is None else to_micros(as_of, "as_of"),
            threads=threads,
            progress=told,
        )
        for view in found:
            done.append(view)
            if not output.json:
                _show(console(), view)
    output.give({"views": [_document(view) for view in done]}, lambda _console: None)
    return int(not all(view.ok for view in done))


def _document(view: VerifiedView) -> dict[str, Any]:
    return {
        "view": view.view,
        "table": view.table,
        "snapshot": view.snapshot,
        "behind": view.behind,
        "as_of": time_text(view.at),
        "entities": view.entities,
        "values": view.values,
        "differ": len(view.differences),
        "differences": [
            {
                "key": {name: str(part) for name, part in it.key.items()},
                "feature": it.feature,
                "offline": it.offline,
                "offline_status": it.offline_status,
                "online": it.online,
                "online_status": it.online_status,
            }
            for it in view.differences[:SHOWN]
        ],
        "not_compared": dict(view.not_compared),
        "unread": list(view.unread),
        "skipped": view.skipped or None,
    }


def _show(console: Console, view: VerifiedView) -> None:
    if view.skipped:
        console.print(printable(f"{view.view}: not compared: {view.skipped}"), soft_wrap=True)
        return
    found = f"{counted(view.values, 'value')} of {counted(view.entities, 'entity', 'entities')}"
    told = f"{counted(len(view.differences), 'difference')} in {found}, as of {time_text(view.at)}"
    behind = "; the table has a newer snapshot, which is not materialized" if view.behind else ""
    console.print(printable(f"{view.view}: {told}{behind}"), soft_wrap=True)
    for it in view.differences[:SHOWN]:
        console.print(printable(f"  {it}"), soft_wrap=True)
    for reason, count in view.not_compared.items():
        told = f"  {counted(count, 'value')} not compared, {reason}: the online store is ahead"
        console.print(told, soft_wrap=True)
    if view.unread:
        console.print(printable(f"  not compared: {', '.join(view.unread)}"), soft_wrap=True)
