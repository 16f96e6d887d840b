"""`unskew online`."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import click
from rich.console import Console

from unskew.cli._connect import as_of_option, columns, connect, gateway_options, number, time_text
from unskew.cli._incomplete import FIRST, document_of, show_incomplete
from unskew.cli._options import json_option
from unskew.cli._output import Output, counted, printable, table
from unskew.results import FeatureRow, Reason, Status
from unskew.vectors import Vectors

# More vectors than this side by side are no longer a table for people.
SHOWN_ROWS = 8


@click.group("online")
def command() -> None:
    """Ask a running gateway for features or vectors."""


@command.command("features")
@click.argument("entity_ids", metavar="ID...", nargs=-1, required=True)
@click.option("--names", metavar="A,B", help="The features wanted; without it all that each entity has.")
@click.option("--strict", is_flag=True, help="Exit with 1 if a feature has no value.")
@as_of_option
@gateway_options
@json_option
def features(
    *,
    entity_ids: tuple[str, ...],
    names: str | None,
    strict: bool,
    as_of: dt.datetime | int | None,
    output: Output,
    **gateway: Any,
) -> int:
    """Features of entities, by their ids."""
    wanted = [name.strip() for name in names.split(",") if name.strip()] if names else None
    with connect(**gateway) as client:
        reply = client.online_features(entity_ids, wanted, as_of=as_of)
    document = {"as_of": time_text(reply.as_of_us), "entities": [_entity(row) for row in reply.values()]}
    output.give(document, lambda console: _show_features(console, list(reply.values())))
    lacking = any(row.status is not Status.PRESENT or _lacks(row) for row in reply.values())
    return int(strict and lacking)


def _lacks(row: FeatureRow) -> bool:
    return any(status is not Status.PRESENT for status in row.statuses.values())


def _entity(row: FeatureRow) -> dict[str, Any]:
    """A row as JSON; `reason` and `message` are None where nothing is wrong."""
    return {
        "entity_id": row.entity_id,
        "status": str(row.status),
        "reason": None if row.reason is Reason.NONE else str(row.reason),
        "message": row.message or None,
        "event_time": time_text(row.event_time_us),
        "features": dict(row.features),
        "statuses": {name: str(status) for name, status in row.statuses.items()},
        "reasons": {name: str(reason) for name, reason in row.reasons.items()},
    }


def _show_features(console: Console, rows: list[FeatureRow]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row.statuses))
    found = table("entity", "status", "event time", *map(printable, names))
    for row in rows:
        status = row.status.value + (f" {row.reason}" if row.reason is not Reason.NONE else "")
        cells = [_cell(row, name) for name in names]
        found.add_row(printable(row.entity_id), status, time_text(row.event_time_us) or "", *cells)
    console.print(found)
    for row in rows:
        if row.message:
            console.print(printable(f"{row.entity_id}: {row.message}"), soft_wrap=True)


def _cell(row: FeatureRow, name: str) -> str:
    """The value, or why there is none; both where a default is served."""
    status, value = row.statuses.get(name), row.features.get(name)
    reason = row.reasons.get(name, Reason.NONE)
    why = f"{status or ''}{'' if reason is Reason.NONE else f' {reason}'}"
    if value is None:
        return why
    text = printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if status is Status.PRESENT else f"{text} ({why})"


@command.command("vectors")
@click.argument("service")
@click.option("--entity", "entities", metavar="NAME=VALUE", multiple=True, help="A key; given again, of the next row.")
@click.option("--request", metavar="NAME=VALUE", multiple=True, help="A request column; given again, of the next row.")
@click.option("--fingerprint", metavar="HEX", help="That of the model; without it the service's default.")
@click.option("--strict", is_flag=True, help="Exit with 1 if a row is not complete.")
@as_of_option
@gateway_options
@json_option
def vectors(
    *,
    service: str,
    entities: tuple[str, ...],
    request: tuple[str, ...],
    fingerprint: str | None,
    strict: bool,
    as_of: dt.datetime | int | None,
    output: Output,
    **gateway: Any,
) -> int:
    """Vectors of SERVICE, one for each row.

    A value is read as JSON where it is that, else as text: customer_id=596, region=north, code='"007"'.
    """
    keys, asked = columns(entities, "--entity"), columns(request, "--request")
    with connect(**gateway) as client:
        reply = client.vectors(
            service, entities=keys, request=asked, fingerprint=fingerprint, as_of=as_of, as_numpy=False, names=True
        )
    document = {
        "service": service,
        "fingerprint": reply.fingerprint,
        "rows": reply.rows,
        "columns": reply.columns,
        "names": list(reply.names or ()),
        "vectors": [[None if it is None else number(it) for it in row] for row in reply.values],
        "incomplete": [document_of(row) for row in reply.incomplete],
        "oldest_event_time": time_text(reply.oldest_event_time_us),
    }
    output.give(document, lambda console: _show_vectors(console, document, reply))
    return int(strict and bool(reply.incomplete))


def _show_vectors(console: Console, document: dict[str, Any], reply: Vectors) -> None:
    rows = document["vectors"][:SHOWN_ROWS]
    found = table("column", *(f"row {row}" for row in range(len(rows))))
    for at, name in enumerate(document["names"]):
        found.add_row(printable(name), *("none" if row[at] is None else f"{row[at]:g}" for row in rows))
    console.print(found)
    if reply.rows > SHOWN_ROWS:
        console.print(f"{counted(reply.rows - SHOWN_ROWS, 'more row')}: --json has all", soft_wrap=True)
    show_incomplete(console, reply.incomplete[:FIRST], len(reply.incomplete))
    if document["oldest_event_time"]:
        console.print(f"oldest event time {document['oldest_event_time']}", soft_wrap=True)
    console.print(f"fingerprint {reply.fingerprint}", soft_wrap=True)
