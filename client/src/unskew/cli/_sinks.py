"""Where vectors go: a Parquet file, or a NumPy array on disk. Both are written batch by batch."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from unskew.cli._faults import Fault

Vectors = npt.NDArray[np.float32]

GROUP_BYTES = 32 << 20
"""Of the batches that become a row group: a group for each batch would make many small ones."""


class Sink(Protocol):
    """Takes vectors in the order of the rows."""

    def write(self, batch: pa.RecordBatch, vectors: Vectors) -> None:
        """Takes the vectors of a batch, a row of the array for each of its rows."""

    def close(self) -> None:
        """All were written."""


class ParquetSink:
    """Columns kept from the table, then a float32 column for each position of the vector, by its name.

    A position without a finite number is NaN. The metadata of the file has `unskew.service` and `unskew.fingerprint`.
    """

    def __init__(self, file: BinaryIO, names: tuple[str, ...], keep: tuple[str, ...], metadata: dict[str, str]) -> None:
        both = sorted({*keep} & {*names})
        if both:
            raise Fault("INVALID_DATA", f"the column {both[0]!r} can't be kept: a position of the vector has that name")
        self._file, self._names, self._keep, self._metadata = file, names, keep, metadata
        self._writer: pa.parquet.ParquetWriter | None = None
        self._waiting: list[pa.RecordBatch] = []

    def write(self, batch: pa.RecordBatch, vectors: Vectors) -> None:
        """See `Sink.write`. The first batch says what types the kept columns have."""
        kept = batch.select(list(self._keep))
        columns = [pa.array(np.ascontiguousarray(column)) for column in vectors.T]
        writer = self._writer or self._open(kept.schema)
        self._waiting.append(pa.RecordBatch.from_arrays([*kept.columns, *columns], schema=writer.schema))
        if sum(waiting.nbytes for waiting in self._waiting) >= GROUP_BYTES:
            self._flush(writer)

    def close(self) -> None:
        """See `Sink.close`. A table without rows makes a file without rows."""
        writer = self._writer or self._open(pa.schema([(name, pa.null()) for name in self._keep]))
        self._flush(writer)
        writer.close()

    def _flush(self, writer: pa.parquet.ParquetWriter) -> None:
        if self._waiting:
            writer.write_table(pa.Table.from_batches(self._waiting))
            self._waiting.clear()

    def _open(self, kept: pa.Schema) -> pa.parquet.ParquetWriter:
        fields = [*kept, *(pa.field(name, pa.float32()) for name in self._names)]
        self._writer = pyarrow.parquet.ParquetWriter(self._file, pa.schema(fields, metadata=self._metadata))
        return self._writer


class NpySink:
    """A float32 array of rows and positions, as `numpy.load` reads it. The header is written again at the end."""

    HEADER = 128

    def __init__(self, file: BinaryIO, width: int) -> None:
        self._file, self._width, self._rows = file, width, 0
        file.write(self._header())

    def write(self, batch: pa.RecordBatch, vectors: Vectors) -> None:
        """See `Sink.write`."""
        self._rows += batch.num_rows
        self._file.write(np.ascontiguousarray(vectors, dtype="<f4").tobytes())

    def close(self) -> None:
        """See `Sink.close`."""
        self._file.seek(0)
        self._file.write(self._header())

    def _header(self) -> bytes:
        """Version 1.0 of the format, padded to a fixed length."""
        shape = (self._rows, self._width)
        text = repr({"descr": "<f4", "fortran_order": False, "shape": shape}).encode("latin-1")
        magic = b"\x93NUMPY\x01\x00"
        length = self.HEADER - len(magic) - 2
        return magic + length.to_bytes(2, "little") + text.ljust(length - 1) + b"\n"


def check_out(out: Path, keep: tuple[str, ...]) -> None:
    """Refuses what no sink can be made for, before anything is computed."""
    if out.suffix not in {".parquet", ".npy"}:
        raise Fault("FILE", f"{out}: vectors are written to a file whose name ends with .parquet or .npy")
    if out.suffix == ".npy" and keep:
        raise Fault("FILE", f"{out}: an array has no place for the column {keep[0]!r}; write a .parquet file")
