"""The features of a service for the rows of a spine, view by view, and part by part of a history that is on disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from unskew import _tables
from unskew._engine import translated
from unskew._histories import History, Progress
from unskew._spill import PARTS, ROW
from unskew.service import Service

SPINE = "the spine"


@dataclass(frozen=True)
class Joined:
    """Features in the order of the spine: a column for each, by its name."""

    values: pa.Table
    statuses: pa.Table


class Join:
    """Joins the rows of one spine."""

    def __init__(self, service: Service, rows: pa.Table, time: str, threads: int) -> None:
        """`time`: the column of t."""
        entities = service.definitions.entities
        keys = [key.name for name in service.entities for key in entities[name].keys]
        self._service, self._time, self._threads = service, time, threads
        self._rows = rows.select(list(dict.fromkeys([*keys, *service.request, time])))

    def views(self, histories: Mapping[str, History], told: Progress) -> Joined:
        """The features of all views of the service. `histories`: by source."""
        definitions, names = self._service.definitions, self._service.views
        columns: dict[str, tuple[pa.Array, pa.Array]] = {}
        for done, view in enumerate(names):
            told("join", done, len(names))
            columns |= self._view(view, histories[definitions.views[view].source or ""])
            told("join", done + 1, len(names))
        wanted = [name for name in self._service.inputs if name in columns]
        values, statuses = (pa.table([columns[name][at] for name in wanted], names=wanted) for at in (0, 1))
        return Joined(values, statuses)

    def _view(self, view: str, history: History) -> dict[str, tuple[pa.Array, pa.Array]]:
        """For each feature its values and its statuses."""
        entity = self._service.definitions.views[view].entity
        joined: list[tuple[pa.RecordBatch, pa.RecordBatch]] = []
        places: list[npt.NDArray[np.int64]] = []
        of_row: npt.NDArray[np.uint32] | None = None
        for parts, table in history.groups(entity):
            if parts is None:
                joined.append(self._join(view, self._rows, table))
                continue
            of_row = self._parts(view) if of_row is None else of_row
            rows = _rows_of(parts, of_row)
            if len(rows):
                numbers = pa.array(rows)
                spine = self._rows.take(numbers).append_column(ROW, numbers)
                joined.append(self._join(view, spine, table))
                places.append(rows)
        if not joined:
            joined.append(self._join(view, self._rows, table))
        return _in_order(joined, places)

    def _join(self, view: str, spine: pa.Table, history: pa.Table) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        with translated():
            parts = self._service._native.join(view, spine, history, self._time, self._threads)
        values, statuses = (pa.record_batch(part) for part in parts)
        return values, statuses

    def _parts(self, view: str) -> npt.NDArray[np.uint32]:
        """The part of each row of the spine."""
        native, parts = self._service.definitions._native, [np.empty(0, np.uint32)]
        for start in range(0, self._rows.num_rows, _tables.BATCH_ROWS):
            block = _tables.one_batch(self._rows.slice(start, _tables.BATCH_ROWS))
            with translated():
                parts.append(native.parts(view, SPINE, block, PARTS))
        return np.concatenate(parts)


def _rows_of(parts: Sequence[int], of_row: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """The rows that belong to these parts."""
    is_in = np.zeros(PARTS, np.bool_)
    is_in[list(parts)] = True
    return np.flatnonzero(is_in[of_row])


def _in_order(
    joined: Sequence[tuple[pa.RecordBatch, pa.RecordBatch]], places: Sequence[npt.NDArray[np.int64]]
) -> dict[str, tuple[pa.Array, pa.Array]]:
    """The columns of all parts in the order of the spine. `places`: the rows of each; none: they are in order."""
    first = joined[0][0]
    if not places:
        return {name: (first[name], joined[0][1][name]) for name in first.schema.names}
    order = np.concatenate(places)
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    indices = pa.array(back)

    def whole(name: str, at: int) -> pa.Array:
        return pa.concat_arrays([part[at][name] for part in joined]).take(indices)

    return {name: (whole(name, 0), whole(name, 1)) for name in first.schema.names}
