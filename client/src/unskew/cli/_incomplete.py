"""Rows whose vector has a position without a number, offline and online."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from unskew.cli._output import counted, printable, table
from unskew.results import Reason
from unskew.service import Incomplete
from unskew.vectors import IncompleteRow

FIRST = 10

Row = Incomplete | IncompleteRow


def document_of(row: Row) -> dict[str, Any]:
    """A row that is not complete as JSON. `reason` is None unless the status is ERROR."""
    reason = None if row.reason in {"", Reason.NONE} else str(row.reason)
    why = {"reason": reason, "message": row.message or None}
    return {"row": row.row, "slot": row.slot, "status": str(row.status), **why}


def show_incomplete(console: Console, first: Sequence[Row], count: int) -> None:
    """Prints the first of them, and how many there are."""
    if not count:
        return
    title = f"{counted(count, 'row')} not complete" + (f", the first {len(first)}" if count > len(first) else "")
    found = table("row", "slot", "status", "reason", "message", title=title)
    for it in map(document_of, first):
        found.add_row(*("" if cell is None else printable(cell) for cell in it.values()))
    console.print(found)
