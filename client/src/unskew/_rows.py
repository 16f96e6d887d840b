"""Rows to write: mappings become NDJSON batches; what the gateway says of a batch becomes positions in the rows given.

Shared by the sync and the asyncio client.
"""

import contextlib
import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from unskew import _times
from unskew._generated import feature_store_pb2 as wire
from unskew.errors import BadRows, Internal, InvalidArgument, UnskewError
from unskew.results import BadRow, WriteResult

EVENT_TIME = "event_time"
# A batch is sent at this size even if it holds few rows: gateways bound the size of a message.
MAX_BATCH_BYTES = 1 << 20


@dataclass(slots=True)
class Batch:
    """Rows that are sent, and acknowledged, together."""

    lines: list[bytes] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    """Of each line, the position of its row in the rows given."""
    bad: list[BadRow] = field(default_factory=list)
    """Rows that have no JSON form, and are not sent."""
    size: int = 0
    """Bytes of the lines."""
    repeatable: bool = True
    """Every row has an event time, so that writing it twice is writing it once."""

    @property
    def rows(self) -> int:
        return len(self.positions) + len(self.bad)

    def content(self) -> dict[str, bytes]:
        """What to send, by the name of the member of the message that takes it; empty if no row can be sent."""
        return {"ndjson": b"".join(self.lines)} if self.lines else {}


class Batcher:
    """Gathers rows into batches. Of events every member may be a datetime, of rows only the event time."""

    def __init__(self, batch_size: int, *, events: bool = False) -> None:
        check_batch_size(batch_size)
        self._batch_size = batch_size
        self._encode = encode_event if events else encode_row
        self._position = 0
        self._batch = Batch()

    def add(self, row: Mapping[str, Any]) -> Batch | None:
        """Takes a row; returns a batch when one is full. The row is then in it, or opens the next."""
        line = self._encode(row, self._position)
        full: Batch | None = None
        if isinstance(line, BadRow):
            self._batch.bad.append(line)
        else:
            if self._batch.lines and self._batch.size + len(line) > MAX_BATCH_BYTES:
                full, self._batch = self._batch, Batch()
            self._batch.lines.append(line)
            self._batch.positions.append(self._position)
            self._batch.size += len(line)
            self._batch.repeatable &= row.get(EVENT_TIME) is not None
        self._position += 1
        if full is None and self._batch.rows >= self._batch_size:
            full, self._batch = self._batch, Batch()
        return full

    def rest(self) -> Batch | None:
        """What is left at the end."""
        return self._batch if self._batch.rows else None


def check_batch_size(batch_size: int) -> None:
    """Refuses what is no number of rows."""
    if isinstance(batch_size, bool) or not isinstance(batch_size, int):
        raise TypeError(f"batch_size must be an int, not {type(batch_size).__name__}")
    if batch_size < 1:
        raise InvalidArgument(f"batch_size must be 1 or more, not {batch_size}")


def check_rows(rows: object) -> None:
    """Refuses what is iterable, but not over rows."""
    if isinstance(rows, Mapping | str | bytes):
        raise TypeError(f"rows must be an iterable of mappings, not one {type(rows).__name__}: write [row]")
    if hasattr(rows, "columns"):
        raise TypeError(
            f"rows must be an iterable of mappings, not a {type(rows).__name__}: give a table of pyarrow, pandas or "
            "polars, or write frame.to_dict('records')"
        )


class Reply(Protocol):
    """What the gateway says of a batch: the same members for rows, events and states."""

    accepted: int
    late: int

    @property
    def bad(self) -> Sequence[wire.BadRow]:
        """The rows that were refused."""


class Tally:
    """Adds up what became of the batches of one write. A strict one ends at the first bad row."""

    def __init__(self, strict: bool, result: WriteResult | None = None) -> None:
        self.result = WriteResult() if result is None else result
        self._strict = strict

    def add(self, batch: Batch, reply: Reply | None) -> None:
        """Counts a batch; `reply` is None if nothing was sent, or nothing came back.

        Raises:
            Internal: the reply is not one to this batch.
            BadRows: the write is strict, and rows were refused.
        """
        with self.on_error():
            refused = self._refused(batch, reply)
        self.result = WriteResult(
            rows=self.result.rows + batch.rows,
            accepted=self.result.accepted + (reply.accepted if reply else 0),
            late=self.result.late + (reply.late if reply else 0),
            bad=(*self.result.bad, *sorted([*batch.bad, *refused], key=lambda row: row.row)),
        )
        if self._strict and self.result.bad:
            first = self.result.bad[0]
            with self.on_error():
                raise BadRows(f"{len(self.result.bad)} rows were refused; the first: {first}", code=first.code)

    @contextlib.contextmanager
    def on_error(self) -> Iterator[None]:
        """Gives an error that leaves the block what was acknowledged before it."""
        try:
            yield
        except UnskewError as error:
            error.written = self.result
            raise

    @staticmethod
    def _refused(batch: Batch, reply: Reply | None) -> list[BadRow]:
        if reply is None:
            if batch.positions:
                raise Internal(f"the gateway ended the stream without acknowledging a batch of {len(batch.positions)}")
            return []
        if any(not 0 <= bad.row < len(batch.positions) for bad in reply.bad):
            raise Internal(f"the gateway refused a row that a batch of {len(batch.positions)} does not have")
        return [BadRow(batch.positions[bad.row], bad.code, bad.field, bad.message) for bad in reply.bad]


def encode_row(row: Mapping[str, Any], position: int) -> bytes | BadRow:
    """The row as a line of JSON, or why it has none."""
    return _line(row, position, (EVENT_TIME,))


def encode_event(event: Mapping[str, Any], position: int) -> bytes | BadRow:
    """The same of an event, any column of which may be a time."""
    return _line(event, position, event)


def _line(row: Mapping[str, Any], position: int, times: Iterable[str]) -> bytes | BadRow:
    """`times`: the members that may be datetimes."""
    if not isinstance(row, Mapping):
        return _bad(position, "", f"a row is a mapping of names to values, not {type(row).__name__}")
    for name in row:
        if not isinstance(name, str):
            return _bad(position, "", f"names must be str, not {type(name).__name__} ({name!r})")
    members = dict(row)
    for name in times:
        if isinstance(time := row.get(name), dt.datetime):
            try:
                members[name] = _times.to_rfc3339(time, name)
            except InvalidArgument as error:
                return _bad(position, name, error.message)
    try:
        return _encode(members) + b"\n"
    except (TypeError, ValueError, RecursionError):
        # Which member it was is found here, off the usual path.
        for name, value in members.items():
            try:
                _encode({name: value})
            except (TypeError, ValueError, RecursionError) as error:
                return _bad(position, name.encode(errors="backslashreplace").decode(), _reason(error))
        raise


def _bad(position: int, member: str, message: str) -> BadRow:
    return BadRow(position, "INVALID_ROW", member, message)


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):
        return "holds a lone surrogate, which is no Unicode text"
    if isinstance(error, RecursionError):
        return "is nested too deep"
    if "JSON compliant" in str(error):
        return "NaN and infinities have no JSON form: give None, or leave the feature out"
    return str(error)


def _plain(value: object) -> float | int | bool:
    """Called for what JSON does not know: numpy's scalars. A float32 is the double nearest its shortest decimal."""
    dtype = getattr(value, "dtype", None)
    if dtype is not None and getattr(value, "ndim", None) == 0:
        if dtype.kind == "f":
            return float(str(value))
        if dtype.kind in "iu":
            return int(value)  # type: ignore[call-overload, no-any-return]
        if dtype.kind == "b":
            return bool(value)
    raise TypeError(
        f"{type(value).__name__} has no JSON form: give None, bool, int, float, str, list or dict"
        + (" (datetime is understood as event_time only)" if isinstance(value, dt.date) else "")
    )


_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)


def _encode(members: Mapping[str, Any]) -> bytes:
    return _encoder.encode(members).encode()
