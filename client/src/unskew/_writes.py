"""What is written, cut into batches, whatever form it has. Shared by the sync and the asyncio client."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

from unskew import _arrow_rows
from unskew._rows import Batch, Batcher, check_batch_size, check_rows, check_view

BUILT_IN = ("", "default")


def batches(view: str, rows: Any, batch_size: int) -> Iterator[Batch]:
    """The rows, or the table, in batches; taken one batch at a time."""
    check_view(view)
    check_batch_size(batch_size)
    if _arrow_rows.is_table(rows):
        if view not in BUILT_IN:
            return _arrow_rows.batches_of(rows, batch_size)
        rows = _arrow_rows.rows_of(rows, batch_size)
    check_rows(rows)
    return _of_rows(rows, batch_size)


def _of_rows(rows: Iterable[Mapping[str, Any]], batch_size: int) -> Iterator[Batch]:
    batcher = Batcher(batch_size)
    for row in rows:
        if batch := batcher.add(row):
            yield batch
    if batch := batcher.rest():
        yield batch


async def batches_of_async(view: str, rows: Any, batch_size: int) -> AsyncIterator[Batch]:
    """The same; rows may be an asynchronous iterable."""
    if not isinstance(rows, AsyncIterable):
        for batch in batches(view, rows, batch_size):
            yield batch
        return
    check_view(view)
    batcher = Batcher(batch_size)
    async for row in rows:
        if full := batcher.add(row):
            yield full
    if rest := batcher.rest():
        yield rest
