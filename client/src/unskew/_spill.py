"""Histories that are larger than the memory: their rows on disk, in parts by the keys of an entity."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from unskew._room import room_in

PARTS = 256
"""Parts of a history: as many of them as fit are joined at once."""

ROW = "unskew.row"
"""The column of a part that tells which row of the whole each row was, for errors."""


class Spill:
    """One file of Arrow IPC, each batch of which has rows of one part."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        """`path`: a file that is not there yet."""
        self._path = path
        self._schema = pa.schema([*schema, pa.field(ROW, pa.int64())])
        self._sink = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._sink, self._schema)
        self._batches: list[list[int]] = [[] for _ in range(PARTS)]
        self._bytes = [0] * PARTS
        self._written = 0
        self._rows = 0

    def add(self, block: pa.RecordBatch, parts: npt.NDArray[np.uint32]) -> None:
        """Takes rows, and the part of each."""
        order = np.argsort(parts, kind="stable")
        rows = pa.array(np.arange(self._rows, self._rows + block.num_rows))
        numbered = pa.RecordBatch.from_arrays([*block.columns, rows], schema=self._schema).take(pa.array(order))
        bounds = np.searchsorted(parts[order], np.arange(PARTS + 1)).tolist()
        for part, (start, end) in enumerate(pairwise(bounds)):
            if end > start:
                piece = numbered.slice(start, end - start)
                with self._room():
                    self._writer.write_batch(piece)
                self._batches[part].append(self._written)
                self._bytes[part] += piece.nbytes
                self._written += 1
        self._rows += block.num_rows

    def close(self) -> None:
        """All rows were added."""
        with self._room():
            self._writer.close()
            self._sink.close()

    def release(self) -> None:
        """Nobody wants it: its file is closed, whole or not, or the disk would keep it."""
        self._sink.close()

    def _room(self) -> AbstractContextManager[None]:
        advice = "make some, set TMPDIR to a folder that has more, or raise memory_limit"
        return room_in(self._path.parent, "a history that is larger than memory_limit can't be kept on disk", advice)

    def groups(self, limit: int) -> Iterator[tuple[Sequence[int], pa.Table]]:
        """The parts, as many at once as have `limit` bytes, but at least one: their numbers and their rows."""
        waiting: list[int] = []
        size = 0
        with pa.OSFile(str(self._path)) as file, pa.ipc.open_file(file) as reader:
            for part in range(PARTS):
                if waiting and size + self._bytes[part] > limit:
                    yield waiting, self._read(reader, waiting)
                    waiting, size = [], 0
                waiting.append(part)
                size += self._bytes[part]
            yield waiting, self._read(reader, waiting)

    def _read(self, reader: pa.ipc.RecordBatchFileReader, parts: Sequence[int]) -> pa.Table:
        batches = [reader.get_batch(at) for part in parts for at in self._batches[part]]
        return pa.Table.from_batches(batches, self._schema)
