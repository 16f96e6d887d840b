"""How commands speak: one JSON document on the standard output, or text for people; progress on the standard error."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

# Where nobody's window says how wide lines may be.
PIPE_WIDTH = 200

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Output:
    """What a command prints to."""

    json: bool

    def give(self, document: Mapping[str, Any], show: Callable[[Console], None]) -> None:
        """Prints the result: the document as one line of JSON, or what `show` makes of it."""
        if self.json:
            write_json(document)
        else:
            show(console())

    @contextlib.contextmanager
    def progress(self, title: str, rows: int | None) -> Iterator[Advance]:
        """A bar of the rows done, for people who watch; `rows` is None where their number is not known."""
        errors = Console(stderr=True, highlight=False)
        if self.json or not errors.is_terminal:
            yield _nothing
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=errors, transient=True) as bar:
            task = bar.add_task(title, total=rows)
            yield lambda done: bar.advance(task, done)

    @contextlib.contextmanager
    def stages(self) -> Iterator[Callable[[str, int, int | None], None]]:
        """What is told of work in several stages: the name of the stage, how much of it is done, and how much there is.

        Each has a bar while it is under way.
        """
        with contextlib.ExitStack() as bar:
            under_way: tuple[str, int, Advance] = ("", 0, _nothing)

            def told(stage: str, done: int, total: int | None) -> None:
                nonlocal under_way
                if stage != under_way[0]:
                    bar.close()
                    under_way = (stage, 0, bar.enter_context(self.progress(stage, total)))
                _, before, advance = under_way
                advance(done - before)
                under_way = (stage, done, advance)

            yield told


def _nothing(_rows: int) -> None:
    """Nobody watches."""


def console() -> Console:
    """The standard output. Texts of files and of the gateway are printed as they are, and never read as markup."""
    found = Console(markup=False, highlight=False, emoji=False)
    return found if found.is_terminal else Console(markup=False, highlight=False, emoji=False, width=PIPE_WIDTH)


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table with these columns."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def write_json(document: Mapping[str, Any]) -> None:
    """Prints a document as one line."""
    sys.stdout.write(json.dumps(plain(document), ensure_ascii=False, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """A value as JSON can hold it: NaN and the infinities are null.

    >>> plain({"a": [1.5, float("nan")], "b": None})
    {'a': [1.5, None], 'b': None}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def printable(value: object) -> str:
    r"""A text for a terminal, which must not obey what a file or a gateway says.

    >>> printable("north\x1b[2J") == "north\ufffd[2J"
    True
    """
    return "".join(char if char == "\t" or not _is_control(char) else "\ufffd" for char in str(value))


def _is_control(char: str) -> bool:
    return char < " " or "\x7f" <= char < "\xa0"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number and its noun.

    >>> counted(1, "row"), counted(12000, "row")
    ('1 row', '12,000 rows')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
