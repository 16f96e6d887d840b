"""Vectors for training: a `keras.utils.PyDataset`. Imports Keras; `unskew.keras` imports this when it is asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unskew.errors import DataError, InvalidArgument
from unskew.keras._ahead import Ahead
from unskew.keras._columns import Arrays, Columns
from unskew.keras._import import import_keras
from unskew.keras._sources import rows_of

if TYPE_CHECKING:
    from unskew.service import Fitted, Service

__all__ = ["VectorDataset"]

_PyDataset: Any = import_keras().utils.PyDataset


class VectorDataset(_PyDataset):  # type: ignore[misc]
    """Batches of vectors and labels for `fit`, `evaluate` and `predict`, computed when they are asked for.

    The same seed gives the same batches in the same order, whatever the number of threads. Each pass over the data is
    an epoch with an order of its own; `epoch` tells which, and can be set, to go on where a training stopped. Pass
    `shuffle=False` to `fit`, which otherwise draws the order of the batches at random.

    A table is held in memory as it is, and its vectors are not. Of Parquet files two row groups are held, and shuffled
    each by itself and among each other: write them in random order, or with large row groups.

    Args:
        service: of some definitions.
        source: rows with a column for every input of the service, named as the input: a table of pyarrow, pandas or
            polars, an iterable of record batches, or the path of a Parquet file, of a folder of such, or a
            list of paths.
        fitted: what was fitted for the service; None: its default, or nothing for one that learns nothing.
        label: the column of the labels, (rows,), whole numbers as they are and others as float32; several columns for
            labels (rows, columns); None: batches are vectors only.
        weight: a column of sample weights, or None.
        batch_size: rows of a batch; the last one may have fewer.
        shuffle: whether rows are drawn in random order.
        seed: of that order.
        on_incomplete: what becomes of rows that lack a number: an error, they stay with NaN, or they are left out.
        workers: threads that compute batches before they are asked for; with `use_multiprocessing`, processes.
        use_multiprocessing: lets Keras start processes, to which the dataset is sent. It hands on batches that one
            epoch left over to the next, so that the order of the batches depends on timing. Threads do as much: the
            engine works without the GIL.
        max_queue_size: how many batches are computed before they are asked for.

    Raises:
        InvalidArgument: a column is missing, or the source is empty or no such thing.
    """

    def __init__(  # noqa: PLR0913 (each of them is one of a user)
        self,
        service: Service,
        source: Any,
        fitted: Fitted | None = None,
        *,
        label: str | Sequence[str] | None = None,
        weight: str | None = None,
        batch_size: int = 256,
        shuffle: bool = False,
        seed: int = 0,
        on_incomplete: str = "raise",
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        least = {"batch_size": (batch_size, 1), "seed": (seed, 0), "workers": (workers, 1)}
        for name, (value, bound) in {**least, "max_queue_size": (max_queue_size, 1)}.items():
            if value < bound:
                raise InvalidArgument(f"{name} must be {bound} or more, not {value}")
        # Keras's own workers only where there have to be processes.
        super().__init__(workers if use_multiprocessing else 1, use_multiprocessing, max_queue_size)
        self._columns = Columns.of((service, fitted), label, weight, on_incomplete)
        self._rows = rows_of(source, self._columns, seed if shuffle else None)
        self._batch_size = batch_size
        threads = 0 if use_multiprocessing or workers == 1 else workers
        self._ahead: Ahead[tuple[int, int], Arrays] | None = Ahead(self._batch, threads) if threads else None
        self._is_whole = False
        self.epoch = 0
        """Of the next pass over the data, from 0."""

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return math.ceil(len(self._rows) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """A batch of the epoch: (vectors,), (vectors, labels), or (vectors, labels, weights)."""
        if not 0 <= index < len(self):
            raise IndexError(f"there is no batch {index}; there are {len(self)}")
        self._is_whole = self._is_whole or index == len(self) - 1
        if self._ahead is None:
            return self._batch((self.epoch, index))
        following = range(index + 1, min(index + 1 + self.max_queue_size, len(self)))
        return self._ahead.get((self.epoch, index), [(self.epoch, other) for other in following])

    def _batch(self, key: tuple[int, int]) -> Arrays:
        """The batch of an epoch and an index."""
        epoch, index = key
        start = index * self._batch_size
        stop = min(start + self._batch_size, len(self._rows))
        arrays = self._columns.arrays(self._rows.read(epoch, start, stop), start)
        if len(arrays[0]) == 0:
            raise DataError(
                f"batch {index} has no complete row: raise batch_size, or take unskew.keras.vector_batches, which "
                "fills its batches up"
            )
        return arrays

    def on_epoch_end(self) -> None:
        """Goes on to the order of the next epoch; Keras calls it, also after it had a look at the first batch."""
        if self._is_whole or self.use_multiprocessing:
            self.epoch += 1
            self._is_whole = False

    @property
    def fingerprint(self) -> str:
        """Of the service with its fitted parameters, in hexadecimal."""
        return self._columns.fixed.fingerprint

    @property
    def width(self) -> int:
        """Columns of a vector."""
        return len(self._columns.fixed.names)
