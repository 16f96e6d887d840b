"""Batches on their way to the gateway: several at once, and what became of their rows."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from unskew.errors import Unavailable
from unskew.results import BadRow, WriteResult

SHOWN = 20
"""Refused rows that are told one by one."""
ATTEMPTS = 6
"""How often rows are sent that the store could not take."""
BACK_OFF = 0.2
"""Seconds before they are sent again, doubled each time."""

Send = Callable[[pa.RecordBatch], WriteResult]


@dataclass(frozen=True)
class Refused:
    """A row that the gateway does not take."""

    key: dict[str, Any]
    code: str
    field: str
    message: str

    def __str__(self) -> str:
        key = ", ".join(f"{name}={value!r}" for name, value in self.key.items())
        member = f", member {self.field!r}" if self.field else ""
        return f"{key}{member}: {self.message} ({self.code})"


@dataclass
class Delivered:
    """What became of rows."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """How many rows of each code."""
    first: list[Refused] = field(default_factory=list)
    """The first of them."""


def deliver(
    batches: Iterable[pa.RecordBatch],
    send: Send,
    *,
    keys: Sequence[str],
    concurrency: int,
    told: Callable[[int], None] = lambda _: None,
) -> Delivered:
    """Sends batches, at most so many at once, and returns when all of them are acknowledged.

    Raises:
        UnskewError: a batch failed; others may be stored.
    """
    delivered = Delivered()
    waiting: set[Future[tuple[int, list[Refused]]]] = set()

    def settle(done: Iterable[Future[tuple[int, list[Refused]]]]) -> None:
        for future in done:
            accepted, refused = future.result()
            delivered.accepted += accepted
            delivered.refused.update(it.code for it in refused)
            delivered.first.extend(refused[: SHOWN - len(delivered.first)])
            told(accepted + len(refused))

    with ThreadPoolExecutor(concurrency, thread_name_prefix="unskew-materialize") as pool:
        try:
            for batch in batches:
                if len(waiting) >= concurrency:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    settle(done)
                waiting.add(pool.submit(_send, batch, send, keys))
            settle(waiting)
        except BaseException:
            for future in waiting:
                future.cancel()
            raise
    return delivered


def _send(batch: pa.RecordBatch, send: Send, keys: Sequence[str]) -> tuple[int, list[Refused]]:
    """Sends a batch, and again what the store could not take."""
    accepted, refused = 0, []
    for attempt in range(ATTEMPTS):
        result = send(batch)
        accepted += result.accepted
        again = [bad for bad in result.bad if bad.code == "STORE"]
        refused += [_refused(batch, bad, keys) for bad in result.bad if bad.code != "STORE"]
        if not again:
            return accepted, refused
        if attempt + 1 < ATTEMPTS:
            batch = batch.take(pa.array(sorted({bad.row for bad in again})))
            time.sleep(BACK_OFF * 2**attempt)
    raise Unavailable(f"the store of the gateway does not take a row: {_refused(batch, again[0], keys)}")


def _refused(batch: pa.RecordBatch, bad: BadRow, keys: Sequence[str]) -> Refused:
    row = batch.slice(bad.row, 1).select(list(keys)).to_pylist()[0]
    return Refused(row, bad.code, bad.field, bad.message)
