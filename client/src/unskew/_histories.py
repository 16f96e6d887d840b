"""Histories of sources: in memory, or in parts on disk where they are larger than what they may take."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from unskew import _tables
from unskew._engine import translated
from unskew._spill import PARTS, Spill
from unskew.errors import DataError, UnknownName

if TYPE_CHECKING:
    from unskew.definitions import Definitions

Progress = Callable[[str, int, int | None], None]
"""Is told what is being done, how much of it is done, and how much there is, where that is known."""

SHARE = 4
"""A join takes about as much again as the events it is given, and results wait beside it: a quarter of the limit is for
events at once."""
BLOCK_BYTES = 32 << 20
"""Rows that are shared out at once, of which each part is a batch of its own; less under a low limit."""
BLOCKS = 8
"""What is shared out at once is copied a few times: so many blocks have the bytes that events may have at once."""

MODEST_LIMIT = 1 << 30
"""Bytes for what runs beside other work, often on the machine of a store, where nothing else is said."""


def nobody(_what: str, _done: int, _total: int | None) -> None:
    """Nobody watches."""


def workers(threads: int | None) -> int:
    """How many threads may work; None: one for each core."""
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be 1 or more, not {threads}")
    return threads or os.cpu_count() or 1


def default_limit() -> int:
    """Half of the machine's memory, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


class History:
    """The rows of a source, for each view that reads it."""

    def __init__(self, table: pa.Table | None, spills: Mapping[str, Spill], limit: int) -> None:
        """Either a table, or by entity its parts."""
        self._table, self._spills, self._limit = table, spills, limit

    def groups(self, entity: str) -> Iterator[tuple[Sequence[int] | None, pa.Table]]:
        """All rows, and the parts that they are: None for all. Rows of one entity are given together."""
        if self._table is not None:
            yield None, self._table
        else:
            yield from self._spills[entity].groups(self._limit)


class Histories:
    """Opens histories; what they wrote is gone when the block ends."""

    def __init__(self, definitions: "Definitions", limit: int | None, progress: Progress) -> None:
        """`limit`: about how many bytes of memory the events of a source may take; None: half of the machine's."""
        if limit is not None and limit < 1:
            raise ValueError(f"memory_limit must be a number of bytes, 1 or more, not {limit}")
        self._definitions = definitions
        self._limit = max((default_limit() if limit is None else limit) // SHARE, 1)
        self._progress = progress
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Histories":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def of_views(self, views: Sequence[str], tables: Mapping[str, _tables.Table]) -> dict[str, History]:
        """The histories that views read, by source.

        Raises:
            UnknownName: there is no such source.
            DataError: one is not given, or can't be read.
        """
        sources = self._definitions.sources
        for name in tables:
            if name not in sources:
                raise UnknownName(f"there is no source {name!r}; there is {', '.join(map(repr, sources)) or 'none'}")
        readers: dict[str, dict[str, str]] = {}
        for view in views:
            source, entity = self._definitions.views[view].source, self._definitions.views[view].entity
            if source is None:
                raise DataError(f"the view {view!r} has no source, and so no history")
            if source not in tables:
                raise DataError(
                    f"the view {view!r} needs the history of {source!r}: give sources={{{source!r}: table}}"
                )
            readers.setdefault(source, {}).setdefault(entity, view)
        return {source: self.open(source, tables[source], entities) for source, entities in readers.items()}

    def open(self, source: str, table: _tables.Table, entities: Mapping[str, str]) -> History:
        """The history of a source. `entities`: for each entity by whose keys it is read, a view that does."""
        names = [column.name for column in self._definitions.sources[source].columns]
        stream = _tables.stream(table, names)
        if stream is None:
            return History(_tables.whole(table, names), {}, self._limit)
        batches, schema, rows = stream
        read, size, done = [], 0, 0
        for batch in batches:
            read.append(batch)
            size += batch.nbytes
            done += batch.num_rows
            self._progress(f"read {source}", done, rows)
            if size > self._limit:
                break
        else:
            return History(pa.Table.from_batches(read, schema), {}, self._limit)
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="unskew-")))
        plain = pa.schema([pa.field(field.name, _plain(field.type)) for field in schema])
        spills = {entity: Spill(folder / f"{at}.arrow", plain) for at, entity in enumerate(entities)}
        for spill in spills.values():
            self._stack.callback(spill.release)
        size = min(BLOCK_BYTES, self._limit // BLOCKS)
        self._spill(source, _blocks(_taken(read), plain, size), (spills, entities), (0, rows))
        self._spill(source, _blocks(batches, plain, size), (spills, entities), (done, rows))
        for spill in spills.values():
            spill.close()
        return History(None, spills, self._limit)

    def _spill(
        self,
        source: str,
        blocks: Iterator[pa.RecordBatch],
        to: tuple[Mapping[str, Spill], Mapping[str, str]],
        rows: tuple[int, int | None],
    ) -> None:
        (spills, entities), (done, total) = to, rows
        for block in blocks:
            for entity, view in entities.items():
                with translated():
                    parts = self._definitions._native.parts(view, source, block, PARTS)
                spills[entity].add(block, parts)
            done += block.num_rows
            self._progress(f"read {source}", done, total)


def _taken(batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches of a list, each of which leaves it."""
    batches.reverse()
    while batches:
        yield batches.pop()


def _blocks(batches: Iterable[pa.RecordBatch], schema: pa.Schema, bytes_at_once: int) -> Iterator[pa.RecordBatch]:
    """The batches in blocks of about so many bytes."""
    waiting: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        waiting.append(batch.cast(schema) if batch.schema != schema else batch)
        size += batch.nbytes
        if size >= bytes_at_once:
            yield _tables.one_batch(pa.Table.from_batches(waiting))
            waiting, size = [], 0
    if waiting:
        yield _tables.one_batch(pa.Table.from_batches(waiting))


def _plain(dtype: pa.DataType) -> pa.DataType:
    """A dictionary's own values: batches with dictionaries of their own can't lie in one file."""
    return dtype.value_type if pa.types.is_dictionary(dtype) else dtype
