"""Files that appear whole or not at all, and tables read with their columns checked."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]

from .errors import InputError


def make_folder(folder: Path) -> None:
    """Create `folder` and its parents, and make sure that files can be written in it (InputError)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"can't write in the folder {folder}: {reason(error)}; name one that is writable") from error


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a file beside `path`, then put it in the place of `path` (InputError on a failed write)."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        write(unfinished)
        unfinished.replace(path)
    except OSError as error:
        raise InputError(f"can't write {path}: {reason(error)}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def write_parquet(table: Any, path: Path) -> None:
    """Write a pyarrow.Table as Parquet with zstd compression."""
    write_whole(path, lambda unfinished: pq.write_table(table, unfinished, compression="zstd"))


def read_parquet(path: Path, columns: Any) -> Any:
    """Read the columns of the schema `columns`, which must have its types and no nulls, as a pyarrow.Table.

    Raises InputError with the file, the column and what it should be.
    """
    try:
        with pq.ParquetFile(path) as file:
            _check_types(path, file.schema_arrow, columns)
            table = file.read(columns=columns.names).select(columns.names)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"can't read {path} as Parquet: {reason(error)}") from error
    for name in columns.names:
        nulls = table.column(name).null_count
        if nulls:
            raise InputError(f"{path}: column {name} has {nulls} nulls; every transaction needs a value")
    return table


def _check_types(path: Path, found: Any, wanted: Any) -> None:
    for field in wanted:
        places = found.get_all_field_indices(field.name)
        if len(places) != 1:
            raise InputError(f"{path}: there are {len(places)} columns {field.name}; there must be one, {field.type}")
        there = found.field(places[0]).type
        if there != field.type:
            raise InputError(f"{path}: column {field.name} is {there}; it must be {field.type}")


def reason(error: Exception) -> str:
    """Return the cause of an error on one line, without the number and path that OSError adds."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__
