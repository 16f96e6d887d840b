"""Files of rows, read in batches of bounded size with exactly the columns that a command needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from unskew._tables import resolve
from unskew.cli._faults import Fault
from unskew.cli._formats import BATCH_ROWS, FORMATS, Format, Wanted
from unskew.errors import DataError

T = TypeVar("T")


class Tables:
    """Some files of rows, one behind the other. Each pass over `batches` reads them anew.

    Args:
        paths: the files.
        wanted: the columns that every one of them must have, by the names of a service's inputs or the features' own.
    """

    def __init__(self, paths: Sequence[Path], wanted: Wanted) -> None:
        self._wanted = wanted
        self._files = [(path, _open(path)) for path in paths]
        self._places = [_places(path, file, wanted) for path, file in self._files]
        self._schema: pa.Schema | None = None

    @property
    def rows(self) -> int | None:
        """The number of all rows; None where only reading them tells."""
        counts = [file.rows for _, file in self._files]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, at most 16,384 at a time, with the columns wanted in their order, of the types of the first batch.

        Raises:
            Fault: a file that can't be read.
        """
        for (path, file), places in zip(self._files, self._places, strict=True):
            batches = file.batches({place: self._wanted[name] for name, place in places.items()})
            while (batch := _guarded(path, partial(next, batches, None))) is not None:
                named = _guarded(path, partial(self._named, batch, places))
                yield from (named.slice(start, BATCH_ROWS) for start in range(0, named.num_rows, BATCH_ROWS))

    def stream(self, count: Callable[[int], None]) -> pa.RecordBatchReader:
        """The rows as a stream, which tells `count` of the rows that it gave."""
        batches = self.batches()
        first = next(batches, None)
        if first is None:
            raise Fault("INVALID_DATA", f"there are no rows in {', '.join(str(path) for path, _ in self._files)}")

        def counted() -> Iterator[pa.RecordBatch]:
            yield first
            count(first.num_rows)
            for batch in batches:
                yield batch
                count(batch.num_rows)

        return pa.RecordBatchReader.from_batches(first.schema, counted())

    def _named(self, batch: pa.RecordBatch, places: dict[str, str]) -> pa.RecordBatch:
        columns = [batch.column(place) for place in places.values()]
        named = pa.RecordBatch.from_arrays(columns, names=list(places))
        if self._schema is None:
            self._schema = named.schema
        return named if named.schema == self._schema else named.cast(self._schema)


def _open(path: Path) -> Format:
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise Fault("FILE", f"{path}: the name of a table ends with one of {', '.join(FORMATS)}")
    if not path.is_file():
        raise Fault("FILE", f"{path}: there is no such file")
    return _guarded(path, partial(kind, path))


def _places(path: Path, file: Format, wanted: Wanted) -> dict[str, str]:
    """The column of a file for each that is wanted."""
    found = {}
    for name in wanted:
        try:
            found[name] = resolve(name, file.names, list(wanted))
        except DataError as error:
            if not file.is_sparse:
                raise Fault("INVALID_DATA", f"{path}: {error.message}") from error
            found[name] = name
        count = file.names.count(found[name])
        if count > 1:
            raise Fault("INVALID_DATA", f"{path}: there are {count} columns {found[name]!r}; rename all but one")
    return found


def _guarded(path: Path, read: Callable[[], T]) -> T:
    """What `read` gives. What pyarrow raises says what is wrong, and not in which file."""
    try:
        return read()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise Fault("INVALID_DATA", f"{path}: {error}") from error
