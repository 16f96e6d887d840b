"""Training sets: what a service reads for every row of a spine, at the row's own time, and the vectors made of it."""

import datetime as dt
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from unskew import _tables, _training_files
from unskew._engine import translated
from unskew._histories import Histories, Progress, nobody, workers
from unskew._html import html_table
from unskew._join import Join
from unskew._origin import Origin
from unskew.definitions import Definitions, load
from unskew.errors import DataError
from unskew.service import Fitted, Incomplete, Service
from unskew.training_statistics import Statistics

__all__ = ["TrainingSet", "training_set"]

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """What a model is trained on, and what it was made of. Row i of each part is row i of the spine."""

    service: str
    """The name of the service."""
    features: pa.Table
    """The columns of the spine, and one for each feature that the service reads, named `view.feature`; null where there
    is no value."""
    vectors: Array
    """rows × positions. A position without a finite number holds the quiet NaN."""
    slots: tuple[str, ...]
    """What each position is."""
    statuses: pa.Table
    """A column for each feature: `PRESENT`, `NULL`, `MISSING`, `EXPIRED`, or `ERROR` and its reason."""
    fitted: Fitted | None
    """The parameters of the steps; None where no step learns."""
    fingerprint: str
    """In hexadecimal: what a gateway must serve for a model that was trained on this."""
    incomplete: tuple[Incomplete, ...]
    """The rows with a position that has no finite number."""
    origin: Origin | None = None
    """The tables and snapshots that it was made from; None where all histories were given."""

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def complete(self) -> npt.NDArray[np.bool_]:
        """One bool a row: True if all its positions have a finite number."""
        flags = np.ones(len(self), dtype=np.bool_)
        flags[[row.row for row in self.incomplete]] = False
        return flags

    @cached_property
    def statistics(self) -> Statistics:
        """Counts, means and the like of every position, and the statuses of every feature."""
        return Statistics.of(self.vectors, self.slots, self.features, self.statuses)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write it into a folder of its own, as Parquet and JSON; a training set that is there is replaced.

        Raises:
            FileExistsError: the folder holds something else.
            ResourceExhausted: its disk is full; what was there stays.
        """
        _training_files.save(self, folder)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> "TrainingSet":
        """Read what `save` wrote.

        Raises:
            DataError: it holds no training set, or parts that do not belong together.
        """
        return cls(**_training_files.load(folder))

    def __repr__(self) -> str:
        head = (
            f"TrainingSet({self.service!r}, rows={len(self):,}, positions={len(self.slots)}, "
            f"incomplete={len(self.incomplete):,}, fingerprint={self.fingerprint[:12]}…)"
        )
        return f"{head}\n{self.statistics}"

    def _repr_html_(self) -> str:
        """For notebooks: a table of the positions, and one of the features."""
        facts = [("service", self.service), ("rows", f"{len(self):,}"), ("incomplete", f"{len(self.incomplete):,}")]
        facts.append(("fingerprint", self.fingerprint))
        return html_table("Training set", ("", ""), facts) + self.statistics._repr_html_()


def training_set(  # noqa: PLR0913 (each is an option of its own)
    definitions: Definitions | str | os.PathLike[str],
    service: str,
    spine: _tables.Table,
    sources: Mapping[str, _tables.Table] | None = None,
    *,
    fitted: Fitted | None = None,
    time_column: str = "event_time",
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
    as_of_snapshot: Mapping[str, int] | int | None = None,
    as_of_time: dt.datetime | int | None = None,
    tag: str | None = None,
    catalog: Any = None,
) -> TrainingSet:
    """What a service would have answered for every row of a spine, computed from the history of its sources.

    Each row is joined point in time: what lies after its own time is not seen, nor is its own event. The order of the
    spine and its duplicates are kept.

    Args:
        definitions: the definitions, or the path that `load` takes.
        service: the name of the service.
        spine: the rows to compute: a table of pyarrow, pandas, polars or DuckDB, a mapping of columns, or the path of a
            Parquet file or folder. It has the key columns of the entities and the request columns of the service; other
            columns, a label for instance, are kept in `features`. Times without a zone are UTC.
        sources: the history of each source that a view of the service reads, as a table or a path like the spine, or as
            a stream of batches. What is not given is read from the Iceberg table of the source (`unskew.offline`).
        fitted: parameters of the steps that learn, as those of the training set are for a test set; None: they are
            fitted on this spine.
        time_column: the time t of each row, where the service names none.
        threads: how many may work; None: one for each core. Their number changes no bit.
        memory_limit: about how many bytes the events of a source may take while they are joined; None: half of the
            machine's memory. A path or a stream that is larger is joined in parts, which wait in a temporary folder.
        progress: is told what is being done, how much of it is done, and how much there is, or None.
        as_of_snapshot: the snapshot of the table to read, or one by source where several are read.
        as_of_time: or what was the newest snapshot at a time.
        tag: or what a tag names; see `unskew.offline.OfflineStore.tag`.
        catalog: where the tables are, as in `unskew.offline.open`; None: the catalog `unskew`.

    Raises:
        UnknownName: there is no such service, or a source that is given.
        NotFound: there is no such table, snapshot or tag.
        DataError: a source or a column is missing, or a value does not fit its type.
        FitError: a step can't learn from this spine.

    Example:
        >>> import unskew
        >>> definitions = unskew.parse('''
        ... entities:
        ...   customer: {keys: {customer: int64}}
        ... sources:
        ...   payments:
        ...     event_time: at
        ...     event_id: id
        ...     columns: {id: int64, customer: int64, at: timestamp, amount: float64}
        ... views:
        ...   spending:
        ...     entity: customer
        ...     source: payments
        ...     aggregations: {total: {function: sum, column: amount, windows: [1d], empty: 0}}
        ... services:
        ...   model: {vector: [{input: spending.total_1d}]}
        ... ''')
        >>> hour = 3600 * 10**6
        >>> at = pa.array([0, 2 * hour, 20 * hour], pa.timestamp("us"))
        >>> payments = pa.table({"id": [1, 2, 3], "customer": [7, 7, 7], "at": at, "amount": [10.0, 5.0, 1.0]})
        >>> spine = {"customer": [7, 7, 8], "event_time": pa.array([hour, 24 * hour, hour], pa.timestamp("us"))}
        >>> found = unskew.training_set(definitions, "model", spine, {"payments": payments})
        >>> found.vectors.tolist()
        [[10.0], [6.0], [0.0]]
    """
    if not isinstance(definitions, Definitions):
        definitions = load(definitions)
    as_of: dict[str, Any] = {"as_of_snapshot": as_of_snapshot, "as_of_time": as_of_time, "tag": tag}
    options: dict[str, Any] = {
        "time_column": time_column,
        "threads": threads,
        "memory_limit": memory_limit,
        "progress": progress,
    }
    if catalog is not None or any(it is not None for it in as_of.values()) or has_table(definitions, service, sources):
        from unskew import offline  # noqa: PLC0415 (the extra can be missing)

        store = offline.open(definitions, *([] if catalog is None else [catalog]))
        return store.training_set(service, spine, sources, fitted=fitted, **as_of, **options)
    return join(definitions, service, spine, sources, fitted=fitted, **options)


def has_table(definitions: Definitions, service: str, given: Mapping[str, _tables.Table] | None) -> bool:
    """Whether a history that is not given lies in a table."""
    found = (definitions.views[view].source for view in definitions.services[service].views)
    lacking = [source for source in found if source is not None and source not in (given or {})]
    return any(definitions.sources[source].iceberg for source in lacking)


def join(  # noqa: PLR0913 (as above)
    definitions: Definitions,
    service: str,
    spine: _tables.Table,
    sources: Mapping[str, _tables.Table] | None = None,
    *,
    fitted: Fitted | None = None,
    time_column: str = "event_time",
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
) -> TrainingSet:
    """The training set of histories that are all given. Arguments and errors: as `training_set`."""
    asked = definitions.services[service]
    rows = _tables.whole(spine)
    time = asked.time or time_column
    _check_spine(asked, rows, time, fitted is None)
    told = progress or nobody
    with Histories(definitions, memory_limit, told) as histories:
        opened = histories.of_views(asked.views, sources or {})
        joined = Join(asked, rows, time, workers(threads)).views(opened, told)
    return _made(asked, _beside(rows, joined.values), joined.statuses, fitted, (time, told))


def _made(
    asked: Service, features: pa.Table, statuses: pa.Table, fitted: Fitted | None, how: tuple[str, Progress]
) -> TrainingSet:
    """The training set of joined features."""
    time, told = how
    if fitted is None and asked.needs_fit:
        fitted = _fit(asked, features, statuses, time)
    plan = asked._plan(fitted)
    vectors = np.empty((features.num_rows, plan.width), np.float32)
    incomplete: list[Incomplete] = []
    for start, batch, states in _blocks(features.select(list(asked.inputs)), statuses):
        with translated():
            found = plan.transform_into(batch, vectors[start : start + batch.num_rows], states)
        incomplete += [Incomplete(start + row, *rest) for row, *rest in found]
        told("vectors", start + batch.num_rows, features.num_rows)
    fingerprint = plan.fingerprint.hex()
    return TrainingSet(
        asked.name, features, vectors, tuple(plan.names), statuses, fitted, fingerprint, tuple(incomplete)
    )


def _fit(asked: Service, features: pa.Table, statuses: pa.Table, time: str) -> Fitted:
    wanted = list(dict.fromkeys([*asked.inputs, *asked.targets, time]))
    with translated():
        fitter = asked._native.fitter(time)
        while True:
            for _, batch, states in _blocks(features.select(wanted), statuses):
                fitter.update(batch, states)
            if (text := fitter.finish_pass()) is not None:
                return Fitted(asked.name, text)


def _blocks(features: pa.Table, statuses: pa.Table) -> Iterator[tuple[int, pa.RecordBatch, pa.RecordBatch]]:
    """The rows in parts: the position of the first row of each, its features and their statuses."""
    for start in range(0, features.num_rows, _tables.BATCH_ROWS):
        parts = (part.slice(start, _tables.BATCH_ROWS) for part in (features, statuses))
        yield start, *(_tables.one_batch(part) for part in parts)


def _check_spine(asked: Service, rows: pa.Table, time: str, fits: bool) -> None:
    """Refuses a spine that lacks a column, or has one of a name that is needed."""
    have = set(rows.column_names)
    if len(have) < rows.num_columns:
        twice = next(name for name in rows.column_names if rows.column_names.count(name) > 1)
        raise DataError(f"the spine has the column {twice!r} more than once")
    entities = asked.definitions.entities
    needed = {key.name: f"a key of {name!r}" for name in asked.entities for key in entities[name].keys}
    needed |= dict.fromkeys(asked.request, f"a request column of {asked.name!r}")
    needed |= dict.fromkeys(asked.targets, "a target of its steps") if fits else {}
    needed.setdefault(time, "the time of each row" if asked.time else "the time of each row; time_column names another")
    for name, what in needed.items():
        if name not in have:
            raise DataError(f"the spine has no column {name!r}, which is {what}; it has {rows.column_names}")
    for name in asked.inputs:
        if name in have and name not in asked.request:
            raise DataError(f"the spine has a column {name!r}, which is the name of a feature to compute: leave it out")


def _beside(rows: pa.Table, values: pa.Table) -> pa.Table:
    for field, column in zip(values.schema, values.columns, strict=True):
        rows = rows.append_column(field, column)
    return rows
