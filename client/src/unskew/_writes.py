"""What is written, cut into batches, whatever form it has, and the message of each. Shared by both clients."""

import datetime as dt
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, SupportsIndex

from unskew import _arrow_rows, _times
from unskew._generated import feature_store_pb2 as wire
from unskew._rows import Batch, Batcher, check_batch_size, check_rows

BUILT_IN = ("", "default")


@dataclass(frozen=True)
class Write:
    """What one call of a client writes."""

    method: str
    """The method of the stubs."""
    message: Callable[..., Any]
    """Makes the message of a batch of its content."""
    rows: Any
    batch_size: int
    repeatable: bool | None
    """Whether a batch may be written twice; None: as the batch says."""
    as_json: bool = False
    """Whether a table is sent row by row: the built-in view takes JSON alone."""

    def batches(self) -> Iterator[Batch]:
        """The rows, or the table, in batches; taken one batch at a time."""
        check_batch_size(self.batch_size)
        rows = self.rows
        if _arrow_rows.is_table(rows):
            if not self.as_json:
                return _arrow_rows.batches_of(rows, self.batch_size)
            rows = _arrow_rows.rows_of(rows, self.batch_size)
        check_rows(rows)
        return self._of_rows(rows)

    def _of_rows(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Batch]:
        batcher = self._batcher()
        for row in rows:
            if batch := batcher.add(row):
                yield batch
        if batch := batcher.rest():
            yield batch

    async def batches_async(self) -> AsyncIterator[Batch]:
        """The same; rows may be an asynchronous iterable."""
        if not isinstance(self.rows, AsyncIterable):
            for batch in self.batches():
                yield batch
            return
        batcher = self._batcher()
        async for row in self.rows:
            if full := batcher.add(row):
                yield full
        if rest := batcher.rest():
            yield rest

    def _batcher(self) -> Batcher:
        return Batcher(self.batch_size, events=self.method == "write_events")

    def request(self, batch: Batch) -> Any | None:
        """The message of a batch; None if it has no row to send."""
        content = batch.content()
        return self.message(**content) if content else None

    def is_repeatable(self, batch: Batch) -> bool:
        """Whether the batch may be written twice."""
        return batch.repeatable if self.repeatable is None else self.repeatable


def of_rows(view: str, rows: Any, batch_size: int, ignore_unknown: bool) -> Write:
    """Rows of a view."""
    _check_name("view", view, "rows")

    def message(**content: bytes) -> wire.WriteRowsRequest:
        return wire.WriteRowsRequest(view=view, ignore_unknown=ignore_unknown, **content)

    return Write("write_rows", message, rows, batch_size, None, view in BUILT_IN)


def of_events(source: str, events: Any, batch_size: int, ignore_unknown: bool, idempotent: bool) -> Write:
    """Events of a source."""
    _check_name("source", source, "events")

    def message(**content: bytes) -> wire.WriteEventsRequest:
        return wire.WriteEventsRequest(source=source, ignore_unknown=ignore_unknown, **content)

    return Write("write_events", message, events, batch_size, idempotent)


@dataclass(frozen=True)
class States:
    """The states of a view, and the message that ends their load."""

    write: Write
    end: wire.WriteStatesRequest


def of_states(
    view: str,
    states: Any,
    cut: dt.datetime | SupportsIndex,
    complete_since: dt.datetime | SupportsIndex | None,
    batch_size: int,
) -> States:
    """States of a view, as `unskew.states` makes them."""
    _check_name("view", view, "states")
    since = None if complete_since is None else _times.to_micros(complete_since, "complete_since")
    at = _times.to_micros(cut, "cut")

    def message(arrow_ipc: bytes = b"") -> wire.WriteStatesRequest:
        return wire.WriteStatesRequest(view=view, cut=at, complete_since=since, arrow_ipc=arrow_ipc)

    if not _arrow_rows.is_table(states):
        raise TypeError(
            "states must be a table of the key columns and `state`, as unskew.states makes it, not "
            f"{type(states).__name__}"
        )
    end = message()
    end.done = True
    return States(Write("write_states", message, states, batch_size, True), end)


def _check_name(name: str, value: object, what: str) -> None:
    """Refuses what is no name; the rows stand behind it."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, the name of a {name}, before the {what}; not {type(value).__name__}")
