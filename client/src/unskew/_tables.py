"""Tables of any library as batches of Arrow, without copies where their memory is laid out as Arrow's is."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from unskew.errors import DataError

BATCH_ROWS = 65_536
"""Rows of a batch: its vectors stay small, and its cost per call does not show."""

ARROW_TYPES: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "string": pa.string(),
    "bytes": pa.binary(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}

Table = Any
"""Of pyarrow, pandas, polars or DuckDB, anything with `__arrow_c_stream__`, or a mapping of columns."""

Path = str | os.PathLike[str]


def arrow_type(dtype: str) -> pa.DataType:
    """The Arrow type of a declared one: `float64`, `list<string>`, `vector<4>`."""
    if dtype.startswith("list<"):
        return pa.list_(ARROW_TYPES[dtype[5:-1]])
    if dtype.startswith("vector<"):
        return pa.list_(pa.float32(), int(dtype[7:-1]))
    return ARROW_TYPES[dtype]


def from_rows(rows: Sequence[Mapping[str, Any]], inputs: Mapping[str, str]) -> pa.RecordBatch:
    """Dicts as a batch of the declared types; a column that a row lacks is null there."""
    known = set(inputs)
    for position, row in enumerate(rows):
        unknown = sorted(set(row) - known)
        if unknown:
            raise DataError(
                f"row {position} has {unknown[0]!r}, which the service does not read; it reads {sorted(known)}"
            )
    arrays = []
    for name, dtype in inputs.items():
        try:
            arrays.append(pa.array([row.get(name) for row in rows], arrow_type(dtype)))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
            raise DataError(f"column {name!r}, a {dtype}: {error}") from None
    return pa.RecordBatch.from_arrays(arrays, names=list(inputs))


def whole(table: Table | Path, columns: Sequence[str] | None = None) -> pa.Table:
    """All rows of a table, or of a Parquet file or folder. `columns`: those wanted, as far as they are there."""
    if isinstance(table, str | os.PathLike):
        found = parquet(table)
        return found.to_table(columns=_there(columns, found.schema.names))
    if isinstance(table, Mapping):
        return pa.Table.from_batches([_from_mapping(table, _there(columns, list(table)))])
    if _is_pandas(table):
        return pa.Table.from_batches([_from_pandas(table, _there(columns, [str(name) for name in table.columns]))])
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    if not isinstance(table, pa.Table):
        table = _reader(table).read_all()
    return table if columns is None else table.select(_there(columns, table.column_names))


def stream(
    table: Table | Path, columns: Sequence[str] | None
) -> tuple[Iterator[pa.RecordBatch], pa.Schema, int | None] | None:
    """The batches of what is not in memory yet, with the columns wanted as far as they are there; None of what is.

    Without `columns` all of them are wanted.

    Beside them their schema, and the number of rows where it is known.
    """
    if isinstance(table, str | os.PathLike):
        found = parquet(table)
        wanted = _there(columns, found.schema.names)
        schema = pa.schema([found.schema.field(name) for name in wanted])
        return _read(table, _scanned(found, wanted)), schema, found.count_rows()
    is_stream = isinstance(table, pa.RecordBatchReader) or (
        not isinstance(table, pa.Table | pa.RecordBatch | Mapping)
        and not _is_pandas(table)
        and (not hasattr(table, "__len__") or _duckdb(table) is not None)
    )
    if not is_stream:
        return None
    reader = _reader(table)
    wanted = _there(columns, reader.schema.names)
    schema = pa.schema([reader.schema.field(name) for name in wanted])
    return (batch.select(wanted) for batch in reader), schema, None


def _scanned(found: Any, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The batches of a dataset of Parquet, one row group after the other.

    A scan of all of them has up to a gigabyte in memory that nobody has taken yet, and unless it is told otherwise
    whole files.
    """
    import pyarrow.dataset as ds  # noqa: PLC0415 (it takes long to load)

    options = ds.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)
    for fragment in found.get_fragments():
        for group in fragment.split_by_row_group():
            yield from group.to_batches(
                schema=found.schema, columns=columns, batch_size=BATCH_ROWS, fragment_scan_options=options
            )


def _read(path: Path, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{os.fspath(path)} can't be read as Parquet: {error}") from None


def one_batch(table: pa.Table) -> pa.RecordBatch:
    """The rows of a table, which are copied if they lie in several chunks."""
    batches = table.to_batches()
    if len(batches) == 1:
        return batches[0]
    arrays = [column.combine_chunks() for column in table.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=table.schema)


def parquet(path: Path) -> Any:
    """A Parquet file, or a folder of them, as a dataset.

    Raises:
        DataError: it is not there, or can't be read.
    """
    import pyarrow.dataset as ds  # noqa: PLC0415 (it takes long to load)

    try:
        return ds.dataset(os.fspath(path), format="parquet")
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{os.fspath(path)} can't be read as Parquet: {error}") from None


def _there(columns: Sequence[str] | None, names: Sequence[str]) -> list[str]:
    return list(names) if columns is None else [name for name in columns if name in names]


def _reader(table: Table) -> pa.RecordBatchReader:
    """The rows of a table of another library as a stream."""
    if isinstance(table, pa.RecordBatchReader):
        return table
    if hasattr(table, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(table)
    if (read := _duckdb(table)) is not None:
        return read(BATCH_ROWS)
    raise no_table(table)


class Batches:
    """The batches of a table, each with the columns wanted; again and again, unless the table is a stream."""

    def __init__(self, table: Table, wanted: Iterable[str], rows: int = BATCH_ROWS) -> None:
        """`wanted`: names of columns; one that is not there is asked for by the part after its last dot."""
        self._wanted = list(wanted)
        self._rows = rows
        if _is_pandas(table) or isinstance(table, Mapping):
            table = _one_batch(table, self._wanted)
        self._open, self._is_stream = _opener(table, self._wanted)
        self._was_read = False
        self.num_rows: int | None = table.num_rows if isinstance(table, pa.Table | pa.RecordBatch) else None
        """Rows in all, where that is known before they are read."""

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        if self._is_stream and self._was_read:
            raise DataError(
                "a stream can be read once, and more than one pass is needed: give a table, or a function that opens it"
            )
        self._was_read = True
        for batch in self._open():
            named = self._named(batch)
            for start in range(0, named.num_rows, self._rows):
                yield named.slice(start, self._rows)

    def _named(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        places = [resolve(name, batch.schema.names, self._wanted) for name in self._wanted]
        return pa.RecordBatch.from_arrays([batch.column(place) for place in places], names=self._wanted)


def resolve(name: str, columns: Sequence[str], wanted: Sequence[str]) -> str:
    """The column that is meant by an input: that of its name, else of the feature's own, if no other input has that."""
    if name in columns:
        return name
    _, dot, bare = name.rpartition(".")
    others = [other for other in wanted if other != name and other.rpartition(".")[2] == bare]
    if dot and bare in columns and not others:
        return bare
    if dot and bare in columns:
        raise DataError(f"the column {bare!r} may be {name!r} or {others[0]!r}: name it in full")
    short = f", nor {bare!r}" if dot else ""
    raise DataError(f"the table has no column {name!r}{short}; it has {list(columns)}")


def _opener(table: Table, wanted: Sequence[str]) -> tuple[Callable[[], Iterable[pa.RecordBatch]], bool]:
    """What gives the batches of a table, and whether that works once only."""
    if isinstance(table, pa.RecordBatch) or _is_pandas(table) or isinstance(table, Mapping):
        batch = _one_batch(table, wanted)
        return lambda: [batch], False
    if isinstance(table, pa.Table):
        return table.to_batches, False
    if isinstance(table, pa.RecordBatchReader):
        return partial(iter, table), True
    if hasattr(table, "__arrow_c_stream__"):
        return partial(pa.RecordBatchReader.from_stream, table), not hasattr(table, "__len__")
    if (read := _duckdb(table)) is not None:
        return partial(read, BATCH_ROWS), True
    if callable(table):
        return partial(_open_anew, table, wanted), False
    raise no_table(table)


def _duckdb(table: Table) -> Callable[[int], pa.RecordBatchReader] | None:
    """What reads the result of a query of DuckDB, which is read once."""
    return getattr(table, "to_arrow_reader", None) or getattr(table, "fetch_record_batch", None)


def no_table(table: object) -> TypeError:
    """What is raised for anything that is no table."""
    return TypeError(
        "a table must be of pyarrow, pandas, polars or DuckDB, a mapping of columns, or have __arrow_c_stream__; it is"
        f" {type(table).__module__}.{type(table).__qualname__}"
    )


def _open_anew(make: Callable[[], Table], wanted: Sequence[str]) -> Iterable[pa.RecordBatch]:
    """The batches of a stream that a function opens."""
    return _opener(make(), wanted)[0]()


def _one_batch(table: Table, wanted: Sequence[str]) -> pa.RecordBatch:
    if isinstance(table, pa.RecordBatch):
        return table
    return _from_mapping(table, wanted) if isinstance(table, Mapping) else _from_pandas(table, wanted)


def _is_pandas(table: Table) -> bool:
    return type(table).__module__.partition(".")[0] == "pandas" and hasattr(table, "iloc")


def _columns(columns: Sequence[str], wanted: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(resolve(name, columns, wanted) for name in wanted))


def _from_pandas(frame: Any, wanted: Sequence[str]) -> pa.RecordBatch:
    """NaN of a float column stays NaN, null unless a step keeps it; all else that pandas takes for missing is null."""
    names = _columns([str(name) for name in frame.columns], wanted)
    by_text = {str(name): name for name in frame.columns}
    arrays = []
    for name in names:
        series = frame[by_text[name]]
        if getattr(series, "ndim", 1) != 1:
            raise DataError(f"the frame has the column {name!r} more than once")
        is_float = getattr(series.dtype, "kind", "") == "f" and hasattr(series.dtype, "newbyteorder")
        arrays.append(_array(name, partial(pa.array, series, from_pandas=not is_float)))
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _from_mapping(columns: Mapping[str, Any], wanted: Sequence[str]) -> pa.RecordBatch:
    names = _columns(list(columns), wanted)
    arrays = [_array(name, partial(_as_array, columns[name])) for name in names]
    lengths = {len(array) for array in arrays}
    if len(lengths) > 1:
        told = ", ".join(f"{name!r} has {len(array)}" for name, array in zip(names, arrays, strict=True))
        raise DataError(f"the columns have not the same number of rows: {told}")
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _as_array(column: Any) -> Any:
    # pyarrow would read its own chunks value by value.
    return column if isinstance(column, pa.Array | pa.ChunkedArray) else pa.array(column)


def _array(name: str, make: Callable[[], Any]) -> pa.Array:
    try:
        array = make()
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        raise DataError(f"column {name!r}: {error}") from None
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
