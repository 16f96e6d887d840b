"""Rows for training: by position, of a table in memory or of Parquet files, and one after the other, of any source."""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from unskew import _tables
from unskew.errors import DataError, InvalidArgument
from unskew.keras._columns import Columns

KEPT = 2
"""Row groups in memory: a batch may begin in one and end in the next."""


class Rows(Protocol):
    """Rows in the order of an epoch."""

    def __len__(self) -> int: ...

    def read(self, epoch: int, start: int, stop: int) -> pa.Table:
        """Some rows of an epoch."""


class TableRows:
    """Rows of a table in memory, shuffled all together if there is a seed."""

    def __init__(self, table: pa.Table, seed: int | None) -> None:
        # Rows are taken from everywhere: one chunk, or each take would look through all of them.
        self._table = table if seed is None else table.combine_chunks()
        self._seed = seed
        self._order: tuple[int, npt.NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def read(self, epoch: int, start: int, stop: int) -> pa.Table:
        """Some rows of an epoch."""
        if self._seed is None:
            return self._table.slice(start, stop - start)
        known = self._order
        if known is None or known[0] != epoch:
            known = (epoch, _permutation(len(self), self._seed, epoch))
            self._order = known
        return self._table.take(pa.array(known[1][start:stop]))

    def __getstate__(self) -> dict[str, Any]:
        """Without the order, which can be made again."""
        return {**self.__dict__, "_order": None}


class ParquetRows:
    """Rows of Parquet files; with a seed row groups are shuffled, and the rows within each."""

    def __init__(self, paths: list[str], columns: Columns, seed: int | None) -> None:
        self._columns = columns
        self._seed = seed
        self._groups: list[tuple[str, int]] = []
        counts: list[int] = []
        for path in paths:
            with _opened(path) as file:
                columns.places(file.schema_arrow.names)
                for group in range(file.metadata.num_row_groups):
                    self._groups.append((path, group))
                    counts.append(file.metadata.row_group(group).num_rows)
        self._counts = np.array(counts, dtype=np.int64)
        self._start()

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, int], pa.Table] = OrderedDict()
        self._order: tuple[int, npt.NDArray[np.int64], list[int]] | None = None

    def __len__(self) -> int:
        return int(self._counts.sum())

    def read(self, epoch: int, start: int, stop: int) -> pa.Table:
        """Some rows of an epoch."""
        with self._lock:
            groups, ends = self._groups_of(epoch)
            parts = []
            at = bisect_right(ends, start)
            while start < stop:
                first = ends[at] - int(self._counts[groups[at]])
                end = min(stop, ends[at])
                parts.append(self._group(epoch, int(groups[at])).slice(start - first, end - start))
                start, at = end, at + 1
        return pa.concat_tables(parts)

    def _groups_of(self, epoch: int) -> tuple[npt.NDArray[np.int64], list[int]]:
        """The row groups in the order of an epoch, and the position behind the last row of each."""
        known = self._order
        if known is None or known[0] != epoch:
            count = len(self._groups)
            groups = np.arange(count) if self._seed is None else _permutation(count, self._seed, epoch)
            known = (epoch, groups, np.cumsum(self._counts[groups]).tolist())
            self._order = known
        return known[1], known[2]

    def _group(self, epoch: int, group: int) -> pa.Table:
        """A row group, its rows in the order of an epoch."""
        key = (epoch if self._seed is not None else 0, group)
        table = self._kept.get(key)
        if table is None:
            path, index = self._groups[group]
            with _opened(path) as file:
                places = self._columns.places(file.schema_arrow.names)
                table = _named(
                    file.read_row_group(index, columns=list(dict.fromkeys(places))), places, self._columns.names
                )
            if self._seed is not None:
                table = table.combine_chunks().take(pa.array(_permutation(table.num_rows, self._seed, epoch, group)))
            self._kept[key] = table
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return table

    def __getstate__(self) -> dict[str, Any]:
        """Without what belongs to one process."""
        return {name: value for name, value in self.__dict__.items() if name not in {"_lock", "_kept", "_order"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()


def rows_of(source: Any, columns: Columns, seed: int | None) -> Rows:
    """The rows of what a user gives. `seed`: they are shuffled with it; None: they are not."""
    paths = paths_of(source)
    rows: Rows
    if paths:
        rows = ParquetRows(paths, columns, seed)
    else:
        batches = list(batches_of(source, columns))
        rows = TableRows(pa.Table.from_batches(batches) if batches else pa.table({}), seed)
    if len(rows) == 0:
        raise DataError("there are no rows to train on: the table is empty")
    return rows


def batches_of(source: Any, columns: Columns) -> Iterator[pa.RecordBatch]:
    """The rows of what a user gives, one after the other, with the columns that are read.

    Raises:
        DataError: a column is missing.
        InvalidArgument: the source is nothing that Arrow can read.
    """
    paths = paths_of(source)
    if paths:
        for path in paths:
            with _opened(path) as file:
                places = columns.places(file.schema_arrow.names)
                for batch in file.iter_batches(columns=list(dict.fromkeys(places))):
                    yield from _named(pa.Table.from_batches([batch]), places, columns.names).to_batches()
    elif (
        isinstance(source, Iterable)
        and not isinstance(source, Mapping | pa.RecordBatchReader)
        and not _is_table(source)
    ):
        for part in source:
            yield from batches_of(part, columns)
    else:
        try:
            batches = _tables.Batches(source, columns.names)
        except TypeError as error:
            raise InvalidArgument(f"{error}; or the path of a Parquet file, or an iterable of such tables") from None
        yield from batches


def _is_table(source: Any) -> bool:
    """Whether it is one table, and not several: tables can be iterated too, by columns."""
    return any(
        hasattr(source, name) for name in ("__arrow_c_stream__", "__arrow_c_array__", "iloc", "fetch_record_batch")
    )


def paths_of(source: Any) -> list[str]:
    """The files that a source names; none if it is no path and no list of paths."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        files = sorted(map(str, path.glob("*.parquet"))) if path.is_dir() else [str(path)]
        if not files:
            raise DataError(f"the folder {path} has no *.parquet files")
        return files
    if isinstance(source, list | tuple) and source and all(isinstance(item, str | os.PathLike) for item in source):
        return [path for item in source for path in paths_of(item)]
    return []


def _named(table: pa.Table, places: list[str], names: list[str]) -> pa.Table:
    """The columns at `places` by their names in the definitions."""
    return pa.Table.from_arrays([table.column(place) for place in places], names=names)


def _opened(path: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, pre_buffer=False)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} can't be read as Parquet: {error}") from error


def _permutation(count: int, *seeds: int) -> npt.NDArray[np.int64]:
    """The same for the same seeds, on every machine."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seeds))).permutation(count)
