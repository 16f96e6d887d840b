"""`unskew apply`."""

from __future__ import annotations

from typing import Any

import click

from unskew.cli._options import definitions_argument, json_option
from unskew.cli._output import Output, printable
from unskew.cli._store import open_store, pair, store_options


def _renames(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """`SOURCE.OLD=NEW`, each."""
    found: dict[str, dict[str, str]] = {}
    for text in given:
        column, new = pair(text, "a renaming")
        source, is_there, old = column.partition(".")
        if not (source and is_there and old):
            raise click.BadParameter(f"{text!r}: SOURCE.OLD=NEW is right, such as transactions.amount=tx_amount")
        found.setdefault(source, {})[old] = new
    return found


@click.command("apply")
@definitions_argument
@click.option(
    "--rename", "renames", metavar="SOURCE.OLD=NEW", multiple=True, callback=_renames, help="A column's new name."
)
@click.option("--allow-loss", is_flag=True, help="Drop columns that the definitions no longer have.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done; exit with 1 if there is something.")
@click.option(
    "--period",
    type=click.Choice(["day", "month", "none"]),
    default="day",
    show_default=True,
    help="Partitions of new tables, by event time.",
)
@click.option("--buckets", type=click.IntRange(0), default=4, show_default=True, help="Of the key, in each partition.")
@store_options
@json_option
def command(
    *,
    definitions: str,
    renames: dict[str, dict[str, str]],
    allow_loss: bool,
    dry_run: bool,
    period: str,
    buckets: int,
    output: Output,
    **where: Any,
) -> int:
    """Create and change the Iceberg tables of the sources.

    Tables become what DEFINITIONS say: columns are added, renamed, widened, ordered, and dropped where that is allowed.
    No data is rewritten. What is done is shown first; nothing is done if it would lose data unasked.
    """
    store = open_store(definitions, **where)
    from unskew.offline import Layout  # noqa: PLC0415 (the extra is there now)

    layout = Layout(period, buckets)
    plan = store.plan(renames=renames, layout=layout)
    changes = [{**vars(change), "loses": change.loses} for change in plan.changes]
    if not output.json:
        output.give({}, lambda console: console.print(printable_lines(str(plan)), soft_wrap=True))
    if not dry_run:
        store.apply(renames=renames, layout=layout, allow_loss=allow_loss)
    if output.json:
        output.give({"applied": not dry_run, "changes": changes, "without_table": list(plan.unmanaged)}, lambda _: None)
    return int(dry_run and bool(plan))


def printable_lines(text: str) -> str:
    """Lines for a terminal."""
    return "\n".join(map(printable, text.split("\n")))
