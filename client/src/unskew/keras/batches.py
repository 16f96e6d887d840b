"""Vectors for training as a stream, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from unskew.errors import InvalidArgument
from unskew.keras._columns import Arrays, Columns
from unskew.keras._sources import batches_of

if TYPE_CHECKING:
    from unskew.service import Fitted, Service

__all__ = ["vector_batches"]

CHUNK = 4096
"""Rows whose vectors are computed together."""


def vector_batches(  # noqa: PLR0913 (each of them is one of a user)
    service: Service,
    source: Any,
    fitted: Fitted | None = None,
    *,
    label: str | Sequence[str] | None = None,
    weight: str | None = None,
    batch_size: int = 256,
    shuffle_buffer: int = 0,
    seed: int = 0,
    on_incomplete: str = "raise",
    drop_remainder: bool = False,
) -> Iterator[tuple[Any, ...]]:
    """Batches of vectors and labels, read and computed one after the other.

    For `fit` of any backend, or for `tf.data`:

        tf.data.Dataset.from_generator(
            lambda: unskew.keras.vector_batches(service, "rows.parquet", label="y"),
            output_signature=(tf.TensorSpec((None, width), tf.float32), tf.TensorSpec((None,), tf.int64)),
        )

    Memory holds one batch of the source, and `shuffle_buffer` vectors.

    Args:
        service: of some definitions.
        source: rows with a column for every input of the service, named as the input: whatever `VectorDataset` takes,
            or a stream that can be read once, such as a `pyarrow.RecordBatchReader`.
        fitted: what was fitted for the service; None: its default, or nothing for one that learns nothing.
        label: the column of the labels, or several; None: batches are vectors only.
        weight: a column of sample weights, or None.
        batch_size: rows of every batch but the last.
        shuffle_buffer: so many rows are put into random order among each other; 0: rows keep their order.
        seed: of that order.
        on_incomplete: what becomes of rows that lack a number: `"raise"`, `"nan"` (they stay, with NaN) or `"skip"`.
        drop_remainder: leaves out a last batch that is not full.

    Yields:
        (vectors,), (vectors, labels) or (vectors, labels, weights); vectors are float32, (rows, columns).

    Raises:
        InvalidArgument: a column is missing, a row lacks a number or a label, or an argument makes no sense.
    """
    if batch_size < 1 or shuffle_buffer < 0 or seed < 0:
        raise InvalidArgument(
            "batch_size must be 1 or more, shuffle_buffer and seed 0 or more, not "
            f"{batch_size}, {shuffle_buffer} and {seed}"
        )
    columns = Columns.of((service, fitted), label, weight, on_incomplete)
    return _batches(columns, source, (batch_size, drop_remainder), (shuffle_buffer, seed))


def _batches(
    columns: Columns,
    source: Any,
    sizes: tuple[int, bool],
    order: tuple[int, int],
) -> Iterator[Arrays]:
    """A generator of its own, so that wrong arguments are told at the call and not at the first batch."""
    (batch_size, drop_remainder), (buffer, seed) = sizes, order
    chunks = _computed(columns, source)
    if buffer:
        random = np.random.Generator(np.random.PCG64(seed))
        chunks = (_shuffled(chunk, random) for chunk in _regrouped(chunks, buffer))
    for batch in _regrouped(chunks, batch_size):
        if len(batch[0]) == batch_size or not drop_remainder:
            yield batch


def _computed(columns: Columns, source: Any) -> Iterator[Arrays]:
    first = 0
    for batch in batches_of(source, columns):
        for at in range(0, batch.num_rows, CHUNK):
            part = pa.Table.from_batches([batch.slice(at, CHUNK)])
            yield columns.arrays(part, first)
            first += part.num_rows


def _shuffled(chunk: Arrays, random: np.random.Generator) -> Arrays:
    order = random.permutation(len(chunk[0]))
    return tuple(array[order] for array in chunk)


def _regrouped(chunks: Iterable[Arrays], size: int) -> Iterator[Arrays]:
    """The same rows in chunks of `size`; the last has what is left."""
    held: list[Arrays] = []
    count = 0
    for chunk in chunks:
        held.append(chunk)
        count += len(chunk[0])
        if count < size:
            continue
        whole = _joined(held)
        full = count - count % size
        for at in range(0, full, size):
            yield tuple(array[at : at + size] for array in whole)
        held, count = [tuple(array[full:] for array in whole)], count - full
    if count:
        yield _joined(held)


def _joined(chunks: list[Arrays]) -> Arrays:
    return chunks[0] if len(chunks) == 1 else tuple(np.concatenate(arrays) for arrays in zip(*chunks, strict=True))
