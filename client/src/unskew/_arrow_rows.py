"""Tables to write: batches of Arrow, each one stream in its IPC format. Shared by the sync and the asyncio client."""

from collections.abc import Iterator, Mapping
from typing import Any

from unskew._rows import EVENT_TIME, MAX_BATCH_BYTES, Batch
from unskew.errors import InvalidArgument


class ArrowBatch(Batch):
    """Rows of a table that are sent, and acknowledged, together."""

    def __init__(self, first: int, batch: Any, ipc: bytes) -> None:
        super().__init__(positions=list(range(first, first + batch.num_rows)), repeatable=_has_event_times(batch))
        self._ipc = ipc

    def content(self) -> dict[str, bytes]:
        """What to send, by the name of the member of the message that takes it."""
        return {"arrow_ipc": self._ipc}


def is_table(rows: object) -> bool:
    """Whether these are rows in columns: a table of pyarrow, pandas or polars, or anything of Arrow's interface."""
    return (
        hasattr(rows, "__arrow_c_stream__")
        or hasattr(rows, "__arrow_c_array__")
        or _is_pandas(rows)
        or hasattr(rows, "fetch_record_batch")
    )


def batches_of(table: Any, batch_size: int) -> Iterator[ArrowBatch]:
    """The rows of a table, at most `batch_size` at a time, fewer if they are large. It is read as it is sent.

    Raises:
        InvalidArgument: a column has no form in Arrow; the message says which.
    """
    first = 0
    for batch in record_batches(table, batch_size):
        for start in range(0, batch.num_rows, batch_size):
            for part, ipc in _encode(batch.slice(start, batch_size)):
                yield ArrowBatch(first, part, ipc)
                first += part.num_rows


def rows_of(table: Any, batch_size: int) -> Iterator[Mapping[str, Any]]:
    """The rows of a table as dicts, for the built-in view, whose rows are JSON."""
    for batch in record_batches(table, batch_size):
        yield from batch.to_pylist()


def record_batches(table: Any, batch_size: int) -> Iterator[Any]:
    """The record batches of a table."""
    import pyarrow as pa  # noqa: PLC0415 (only where it is used)

    try:
        if isinstance(table, pa.RecordBatch):
            yield table
        elif isinstance(table, pa.Table):
            yield from table.to_reader(max_chunksize=batch_size)
        elif isinstance(table, pa.RecordBatchReader):
            yield from table
        elif _is_pandas(table):
            # A part at a time: as a whole its texts would be in memory twice. A named index is a column like any other.
            index = any(name is not None for name in table.index.names)
            for start in range(0, len(table), batch_size):
                part = table.iloc[start : start + batch_size]
                yield from pa.Table.from_pandas(part, preserve_index=index).combine_chunks().to_batches()
        elif hasattr(table, "fetch_record_batch"):
            yield from table.fetch_record_batch(batch_size)
        elif hasattr(table, "__arrow_c_stream__"):
            yield from pa.RecordBatchReader.from_stream(table)
        else:
            yield pa.record_batch(table)
    except (pa.ArrowException, OverflowError) as error:
        raise InvalidArgument(f"rows can't be read as a table of Arrow: {error}") from None


def _encode(batch: Any) -> Iterator[tuple[Any, bytes]]:
    """A batch as IPC, in halves while it is too large for a message."""
    import pyarrow as pa  # noqa: PLC0415

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    ipc = sink.getvalue()
    if ipc.size <= MAX_BATCH_BYTES or batch.num_rows == 1:
        yield batch, ipc.to_pybytes()
        return
    half = batch.num_rows // 2
    yield from _encode(batch.slice(0, half))
    yield from _encode(batch.slice(half))


def _has_event_times(batch: Any) -> bool:
    place = batch.schema.get_field_index(EVENT_TIME)
    return bool(place >= 0 and batch.column(place).null_count == 0)


def _is_pandas(table: object) -> bool:
    return type(table).__module__.partition(".")[0] == "pandas" and hasattr(table, "iloc") and hasattr(table, "columns")
