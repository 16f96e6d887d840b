"""Tables as streams of Arrow batches: one class a file format. Nothing reads a whole file into memory."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from unskew.cli._faults import Fault

BATCH_ROWS = 16_384
BUFFER = 1 << 20
CSV_BLOCK = 1 << 20
"""pyarrow reads some 40 blocks ahead."""

# What texts are read as, by declared type: the widest of its kind, from which the engine converts as it does for JSON.
TEXT_TYPES = {
    "bool": pa.bool_(),
    "int32": pa.int64(),
    "int64": pa.int64(),
    "float32": pa.float64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}

Wanted = Mapping[str, str]
"""The columns to read, each with its declared type; empty: that of the file."""


class Format(Protocol):
    """A file of a format."""

    rows: int | None
    names: list[str]
    is_sparse: bool
    """Whether there may be columns that `names` does not have."""

    def __init__(self, path: Path) -> None: ...

    def batches(self, wanted: Wanted) -> Iterator[pa.RecordBatch]:
        """The rows, with at least the columns wanted."""


class Parquet:
    """A Parquet file."""

    is_sparse = False

    def __init__(self, path: Path) -> None:
        with pyarrow.parquet.ParquetFile(path) as file:
            self.rows: int | None = file.metadata.num_rows
            self.names: list[str] = file.schema_arrow.names
        self._path = path

    def batches(self, wanted: Wanted) -> Iterator[pa.RecordBatch]:
        """Read through a buffer, and not ahead: else pyarrow keeps what it has read of the whole file."""
        with pyarrow.parquet.ParquetFile(self._path, buffer_size=BUFFER, pre_buffer=False) as file:
            yield from file.iter_batches(BATCH_ROWS, columns=list(wanted))


class Ipc:
    """An Arrow IPC file (Feather), or stream."""

    is_sparse = False

    MAGIC = b"ARROW1"

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            self._is_file = file.read(len(self.MAGIC)) == self.MAGIC
        self.rows: int | None = None
        with pa.OSFile(str(path)) as source:
            opened = pa.ipc.open_file(source) if self._is_file else pa.ipc.open_stream(source)
            self.names: list[str] = opened.schema.names

    def batches(self, wanted: Wanted) -> Iterator[pa.RecordBatch]:  # noqa: ARG002 (all columns come at once)
        """One batch of the file at a time."""
        with pa.OSFile(str(self._path)) as source:
            if self._is_file:
                file = pa.ipc.open_file(source)
                yield from (file.get_batch(index) for index in range(file.num_record_batches))
            else:
                yield from pa.ipc.open_stream(source)


class Csv:
    """A CSV file. The first row names the columns; an empty cell without quotes is null."""

    is_sparse = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: int | None = None
        with self._open(pyarrow.csv.ConvertOptions()) as reader:
            self.names: list[str] = reader.schema.names

    def batches(self, wanted: Wanted) -> Iterator[pa.RecordBatch]:
        """Columns of a declared type are read as such; others as the first block of the file suggests."""
        types = {name: text_type(self._path, name, dtype) for name, dtype in wanted.items() if dtype}
        options = pyarrow.csv.ConvertOptions(
            include_columns=list(wanted),
            column_types=types,
            strings_can_be_null=True,
            null_values=[""],
            quoted_strings_can_be_null=False,
        )
        with self._open(options) as reader:
            yield from reader

    def _open(self, convert: pyarrow.csv.ConvertOptions) -> pyarrow.csv.CSVStreamingReader:
        read = pyarrow.csv.ReadOptions(block_size=CSV_BLOCK)
        parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
        return pyarrow.csv.open_csv(self._path, read_options=read, parse_options=parse, convert_options=convert)


class Ndjson:
    """A file with a JSON object a line. A member that a line lacks is null."""

    is_sparse = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: int | None = None
        self.names: list[str] = list(_first_members(path))

    def batches(self, wanted: Wanted) -> Iterator[pa.RecordBatch]:
        """Some lines at a time, so that any version of pyarrow reads them in bounded memory."""
        declared = [(name, text_type(self._path, name, dtype, lists=True)) for name, dtype in wanted.items() if dtype]
        behavior = "ignore" if len(declared) == len(wanted) else "infer"
        options = pyarrow.json.ParseOptions(explicit_schema=pa.schema(declared), unexpected_field_behavior=behavior)
        unseen = {name: json.dumps(name).encode() for name in wanted if name.isascii()}
        first = 1
        with self._path.open("rb") as file:
            while lines := list(islice(file, BATCH_ROWS)):
                block = b"".join(lines)
                unseen = {name: text for name, text in unseen.items() if text not in block}
                if block.strip():
                    yield from self._parse(block, options, wanted, (first, first + len(lines) - 1))
                first += len(lines)
        # A name with a typing error would else be a column of nulls without a word.
        if unseen:
            raise Fault("INVALID_DATA", f"{self._path}: no line has the member {next(iter(unseen))!r}")

    def _parse(
        self, block: bytes, options: pyarrow.json.ParseOptions, wanted: Wanted, lines: tuple[int, int]
    ) -> Iterator[pa.RecordBatch]:
        try:
            # One block, so that no object lies across the end of one.
            read = pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1)
            table = pyarrow.json.read_json(io.BytesIO(block), read_options=read, parse_options=options)
        except pa.ArrowInvalid as error:
            raise Fault("INVALID_DATA", f"{self._path}, lines {lines[0]} to {lines[1]}: {error}") from error
        for name in wanted:
            if name not in table.column_names:
                table = table.append_column(name, pa.nulls(table.num_rows))
        yield from table.to_batches()


def _first_members(path: Path) -> dict[str, None]:
    """The members of the first object."""
    with path.open("rb") as file:
        line = next((line for line in file if line.strip()), b"{}")
    try:
        found = json.loads(line)
    except ValueError as error:
        raise Fault("INVALID_DATA", f"{path}: the first line is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Fault("INVALID_DATA", f"{path}: the first line is no JSON object")
    return dict.fromkeys(found)


def text_type(path: Path, name: str, dtype: str, *, lists: bool = False) -> pa.DataType:
    """The Arrow type that texts of a column are read as."""
    if dtype in TEXT_TYPES:
        return TEXT_TYPES[dtype]
    kind, _, rest = dtype.partition("<")
    if lists and kind == "vector":
        return pa.list_(pa.float64())
    if lists and kind == "list" and (item := TEXT_TYPES.get(rest.rstrip(">"))) is not None:
        return pa.list_(item)
    raise Fault("INVALID_DATA", f"{path}: the column {name!r} is {dtype}, which texts don't hold; use Parquet or Arrow")


FORMATS: dict[str, type[Format]] = {
    ".parquet": Parquet,
    ".pq": Parquet,
    ".csv": Csv,
    ".ndjson": Ndjson,
    ".jsonl": Ndjson,
    ".arrow": Ipc,
    ".arrows": Ipc,
    ".feather": Ipc,
    ".ipc": Ipc,
}
