"""`unskew explain`."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click
from rich.console import Console

from unskew.cli._connect import age_text, as_of_option, columns, connect, gateway_options, number, time_text
from unskew.cli._options import json_option
from unskew.cli._output import Output, plain, printable, table
from unskew.explanation import ExplainedInput, ExplainedSlot, Explanation
from unskew.results import Reason, Status


@click.command("explain")
@click.argument("service")
@click.option("--entity", "entities", metavar="NAME=VALUE", multiple=True, help="A key of the row.")
@click.option("--request", metavar="NAME=VALUE", multiple=True, help="A request column of the row.")
@click.option("--fingerprint", metavar="HEX", help="That of the model; without it the service's default.")
@as_of_option
@gateway_options
@json_option
def command(
    *,
    service: str,
    entities: tuple[str, ...],
    request: tuple[str, ...],
    fingerprint: str | None,
    as_of: dt.datetime | int | None,
    output: Output,
    **gateway: Any,
) -> int:
    """Explain one row of a service, step by step.

    That is what the gateway reads for it, and what each step of SERVICE makes of it. A value is read as JSON where
    it is that, else as text: customer_id=596, region=north, code='"007"'.
    """
    keys, asked = _row(entities, "--entity"), _row(request, "--request")
    with connect(**gateway) as client:
        found = client.explain(service, keys, asked, fingerprint=fingerprint, as_of=as_of)
    output.give(_document(found), lambda console: _show(console, found))
    return 0


def _row(pairs: tuple[str, ...], option: str) -> dict[str, Any]:
    found = columns(pairs, option)
    for name, values in found.items():
        if len(values) > 1:
            raise click.BadParameter(f"{name!r} is given {len(values)} times: one row is explained", param_hint=option)
    return {name: values[0] for name, values in found.items()}


def _document(found: Explanation) -> dict[str, Any]:
    return {
        "service": found.service,
        "fingerprint": found.fingerprint,
        "as_of": time_text(found.as_of_us),
        "inputs": [_input(it) for it in found.inputs],
        "slots": [_slot(it) for it in found.slots],
    }


def _why(it: ExplainedInput | ExplainedSlot) -> dict[str, Any]:
    reason = None if it.reason is Reason.NONE else str(it.reason)
    return {"status": str(it.status), "reason": reason, "message": it.message or None}


def _input(it: ExplainedInput) -> dict[str, Any]:
    """An input as JSON. What a request column has not (view, key, event time, age) is None."""
    return {
        "name": it.name,
        "dtype": it.dtype,
        "value": it.value,
        **_why(it),
        "view": it.view or None,
        "key": it.key or None,
        "event_time": time_text(it.event_time_us),
        "age_us": it.age_us,
    }


def _slot(it: ExplainedSlot) -> dict[str, Any]:
    """A slot as JSON; a position without a finite number is None."""
    return {
        "name": it.name,
        "reads": list(it.reads),
        "source": it.source,
        "steps": [{"name": step.name, "value": step.value} for step in it.steps],
        "positions": [plain(number(position)) for position in it.positions],
        **_why(it),
    }


def _show(console: Console, found: Explanation) -> None:
    console.print(printable(f"{found.service} at {time_text(found.as_of_us)}"), style="bold", soft_wrap=True)
    inputs = table("input", "type", "value", "status", "key", "event time", "age", title="inputs")
    for it in found.inputs:
        key = f"{it.view} {it.key}" if it.view else "request"
        cells = (it.name, it.dtype, it.value, _status(it), key, time_text(it.event_time_us) or "", age_text(it.age_us))
        inputs.add_row(*map(printable, cells))
    console.print(inputs)
    slots = table("slot", "reads", "source", "steps", "positions", "status", title="slots")
    for slot in found.slots:
        # A value of a step can be a text of several lines; the steps are one line each.
        steps = "\n".join(printable(f"{step.name}: {step.value}") for step in slot.steps)
        positions = ", ".join(f"{number(position):g}" for position in slot.positions)
        slots.add_row(
            printable(slot.name),
            printable(", ".join(slot.reads)),
            printable(slot.source),
            steps,
            positions,
            printable(_status(slot)),
        )
    console.print(slots)
    console.print(f"fingerprint {found.fingerprint}", soft_wrap=True)


def _status(it: ExplainedInput | ExplainedSlot) -> str:
    """The status; its reason and the message with it, where there is one."""
    if it.status is Status.PRESENT:
        return str(it.status)
    reason = "" if it.reason is Reason.NONE else f" {it.reason}"
    return f"{it.status}{reason}{f': {it.message}' if it.message else ''}"
