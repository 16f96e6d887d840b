"""Training sets on Spark: the same rows and bits as `unskew.training_set`, from tables of any size."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as t
from pyspark.storagelevel import StorageLevel

from unskew import errors
from unskew._origin import Origin, TableRead, digest
from unskew._tables import arrow_type
from unskew.definitions import Definitions
from unskew.offline._reading import AsOf, Snapshots
from unskew.offline.snapshots import sources_of
from unskew.offline.store import OfflineStore
from unskew.service import Fitted, Incomplete, Service
from unskew.spark import _history, _stream, _vectors
from unskew.spark._columns import carried_type, column, keyed, micros, spark_type, without_path
from unskew.spark._faults import translated
from unskew.spark._needs import reads_of
from unskew.spark._shipping import mapped
from unskew.spark._stream import AT, HISTORY, KEY, KIND, SPINE, STATUS
from unskew.spark.fits import passes
from unskew.training import TrainingSet, _check_spine

__all__ = ["SparkTrainingSet", "training_set"]

MEMORY = 1 << 30
"""Bytes that a task may take, unless it is told otherwise."""


@dataclass(frozen=True, eq=False)
class SparkTrainingSet:
    """What a model is trained on, as a table of Spark, which is computed when it is written or counted."""

    service: str
    """The name of the service."""
    rows: DataFrame
    """The columns of the spine; one for each feature that the service reads, `view.feature`; `vector`, an array of
    float32 with a number for each position; `statuses`, with the status of each feature; `incomplete`, null where the
    vector has a finite number in each position, else which slot has none and why. In no order."""
    slots: tuple[str, ...]
    """What each position of a vector is."""
    fitted: Fitted | None
    """The parameters of the steps; None where no step learns."""
    fingerprint: str
    """In hexadecimal: what a gateway must serve for a model that was trained on this."""
    definitions: Definitions
    """Those that it was made with."""
    catalog: str | None
    """The catalog of the tables; None where all histories were given."""
    tables: Mapping[str, TableRead]
    """The tables and snapshots that it is made from, by source."""
    given: tuple[str, ...]
    """Sources whose histories were given."""
    time_column: str
    """The time of each row, where the service names none."""
    kept: DataFrame | None = None
    """The joined rows, if Spark keeps them since a fit."""

    @property
    def features(self) -> DataFrame:
        """The rows with the columns that `TrainingSet.features` has."""
        return self.rows.drop(_vectors.VECTOR, _vectors.STATUSES, _vectors.INCOMPLETE)

    def collect(self, order_by: Sequence[str]) -> TrainingSet:
        """The whole set in the memory of the driver, as `unskew.training_set` gives it: to save it, for instance.

        Args:
            order_by: columns of the spine that order the rows, which have no order else.

        Raises:
            DataError: the rows can't be computed.
        """
        with translated(f"the training set of {self.service!r} can't be computed"):
            table = self.rows.orderBy(*(column(name) for name in order_by)).toArrow()
        asked = self.definitions.services[self.service]
        read = table[_vectors.STATUSES].combine_chunks() if _vectors.STATUSES in table.column_names else None
        columns = {} if read is None else dict(zip([it.name for it in read.type], read.flatten(), strict=True))
        statuses = pa.table({name: status.dictionary_encode() for name, status in columns.items()})
        why = table[_vectors.INCOMPLETE].to_pylist()
        flat = table[_vectors.VECTOR].combine_chunks().flatten()
        vectors = np.ascontiguousarray(flat.to_numpy(), np.float32).reshape(table.num_rows, len(self.slots))
        added = {_vectors.VECTOR, _vectors.STATUSES, _vectors.INCOMPLETE}
        features = table.select([name for name in table.column_names if name not in added])
        made = TrainingSet(
            service=self.service,
            features=_as_engine(features, {name: asked.inputs[name] for name in statuses.column_names}),
            vectors=vectors,
            slots=self.slots,
            statuses=statuses,
            fitted=self.fitted,
            fingerprint=self.fingerprint,
            incomplete=tuple(Incomplete(row=at, **it) for at, it in enumerate(why) if it is not None),
        )
        if self.catalog is None:
            return made
        files = tuple((str(name), text) for name, text in self.definitions._native.files)
        origin = Origin(self.catalog, self.tables, self.given, files, self.time_column, digest(made))
        return replace(made, origin=origin)

    def unpersist(self) -> None:
        """Lets go of the rows that Spark keeps since the steps were fitted on them; they can be computed anew."""
        if self.kept is not None:
            self.kept.unpersist()


def training_set(  # noqa: PLR0913 (each is an option of its own)
    spark: SparkSession,
    store: OfflineStore | Definitions,
    service: str,
    spine: DataFrame,
    sources: Mapping[str, DataFrame] | None = None,
    *,
    fitted: Fitted | None = None,
    time_column: str = "event_time",
    memory_limit: int = MEMORY,
    as_of_snapshot: Snapshots = None,
    as_of_time: dt.datetime | int | None = None,
    tag: str | None = None,
) -> SparkTrainingSet:
    """What a service would have answered for every row of a spine, computed by the executors of Spark.

    The rows and their bits are those of `unskew.training_set`, whatever the partitions. Views are joined one entity
    after the other: the spine and the histories are shuffled by its key and sorted by time.

    Args:
        spark: a session; for tables one that has the catalog of the store, see `unskew.spark.confs`.
        store: the offline store; or definitions alone, where all histories are given.
        service: the name of the service.
        spine: the rows to compute, as in `unskew.training_set`.
        sources: the history of each source that is not to be read from its table.
        fitted: parameters of the steps that learn; None: they are fitted on this spine, by jobs that run at once, and
            the joined rows are kept by Spark until `SparkTrainingSet.unpersist`.
        time_column: the time t of each row, where the service names none.
        memory_limit: about how many bytes a Python worker may take; what one entity has in its longest window has to
            fit.
        as_of_snapshot: the snapshot of the table to read, or one by source where several are read.
        as_of_time: or what was the newest snapshot at a time.
        tag: or what a tag names.

    Raises:
        UnknownName: there is no such service, or a source that is given.
        NotFound: there is no such table, snapshot or tag.
        FailedPrecondition: the session has not the catalog, or executors have not the package.
        DataError: a source or a column is missing.
        FitError: a step can't learn from this spine.
    """
    definitions = store if isinstance(store, Definitions) else store.definitions
    asked, time = definitions.services[service], definitions.services[service].time or time_column
    histories = dict(sources or {})
    for name in histories:
        if name not in definitions.sources:
            raise errors.UnknownName(
                f"there is no source {name!r}; there is {', '.join(map(repr, definitions.sources))}"
            )
    _check_spine(asked, _history.empty(spine.schema), time, fitted is None)
    for name in (_vectors.VECTOR, _vectors.STATUSES, _vectors.INCOMPLETE):
        if name in spine.columns:
            raise errors.DataError(f"the spine has a column {name!r}, which is a column of the result: rename it")
    as_of, tables = AsOf(as_of_snapshot, as_of_time, tag), dict[str, TableRead]()
    wanted = sources_of(definitions, service, histories)
    as_of.check(wanted)
    for name in wanted:
        if isinstance(store, Definitions):
            raise errors.DataError(
                f"the history of {name!r} is not given, and there is no offline store to read it from"
            )
        histories[name], tables[name] = _history.of_table(spark, store, name, as_of)
    joined, statuses = _joined(asked, spine, histories, (time, memory_limit))
    needs_fit = fitted is None and asked.needs_fit
    if needs_fit:
        joined = joined.persist(StorageLevel.DISK_ONLY)
        places = {name: name for name in dict.fromkeys([*asked.inputs, *asked.targets, time])}
        try:
            fitted = passes(asked, joined, places, time, statuses)
        except BaseException:
            joined.unpersist()
            raise
    plan = asked._plan(fitted)
    how = _vectors.Vectors(_vectors.Asked(definitions, service, statuses), fitted)
    rows = mapped(joined, _vectors.vectors, how, _made(joined.schema, statuses))
    return SparkTrainingSet(
        service=service,
        rows=rows,
        slots=tuple(plan.names),
        fitted=fitted,
        fingerprint=plan.fingerprint.hex(),
        definitions=definitions,
        catalog=None if isinstance(store, Definitions) else store.catalog.name,
        tables=tables,
        given=tuple(sorted(sources or {})),
        time_column=time_column,
        kept=joined if needs_fit else None,
    )


def _joined(
    asked: Service, spine: DataFrame, histories: Mapping[str, DataFrame], how: tuple[str, int]
) -> tuple[DataFrame, tuple[str, ...]]:
    """The rows of the spine with all features and their statuses; and the names of the features."""
    rows, names = spine, dict[str, str]()
    for entity in asked.entities:
        rows, added = _stage(asked, entity, rows, histories, how)
        names |= added
    features = tuple(name for name in asked.inputs if name in names)
    wanted = [*spine.columns, *features, *(STATUS + name for name in features)]
    return without_path(wanted, rows), features


def _stage(
    asked: Service, entity: str, rows: DataFrame, histories: Mapping[str, DataFrame], how: tuple[str, int]
) -> tuple[DataFrame, dict[str, str]]:
    """The rows with the features of the views of an entity; and the types of these by name."""
    time, limit = how
    definitions, inputs = asked.definitions, asked.inputs
    keys = {key.name: key.dtype for key in definitions.entities[entity].keys}
    reads = reads_of(asked, entity)
    views = [view for it in reads for view in (*it.row_views, *it.window_views)]
    known = [f"{view}.{feature.name}" for view in views for feature in definitions.views[view].features]
    added = {name: inputs[name] for name in known if name in inputs}
    if not added:
        return rows, {}
    sides = [
        _history.prepared(_history.given(definitions, it.source, histories[it.source], it.columns), it, keys)
        for it in reads
    ]
    columns = [(SPINE, rows.schema), *((f"{HISTORY}{at}", _own(side)) for at, side in enumerate(sides))]
    union = _side(rows, (keys, micros(rows, time, "the spine"), len(reads)), (SPINE, columns))
    for number, side in enumerate(sides):
        head = (keys, column(_history.ARRIVES), number)
        union = union.unionAll(_side(side, head, (f"{HISTORY}{number}", columns)))
    order = [column(f"{KEY}{at}") for at in range(len(keys))]
    sorted_rows = union.repartition(*order).sortWithinPartitions(*order, column(AT), column(KIND))
    features = tuple((name, carried_type(dtype)) for name, dtype in added.items())
    stage = _stream.Stage(definitions, asked.name, time, entity, tuple(reads), features, limit)
    schema = t.StructType(
        [
            *rows.schema.fields,
            *(t.StructField(name, spark_type(dtype)) for name, dtype in added.items()),
            *(t.StructField(STATUS + name, t.StringType()) for name in added),
        ]
    )
    return mapped(sorted_rows, _stream.run, stage, schema), added


def _own(side: DataFrame) -> t.StructType:
    """The columns of a history that its rows have on an executor."""
    return t.StructType([field for field in side.schema.fields if field.name != _history.ARRIVES])


def _side(
    rows: DataFrame,
    head: tuple[Mapping[str, str], Column, int],
    own: tuple[str, Sequence[tuple[str, t.StructType]]],
) -> DataFrame:
    """Rows of the spine, or of a history, as all rows of the join are.

    Args:
        rows: the rows.
        head: the types of the key columns, the time from which on a row can matter, and which kind of row it is.
        own: the column that has these rows, and all columns that have rows, with their fields.
    """
    (keys, at, kind), (mine, columns) = head, own
    named = [key.alias(f"{KEY}{number}") for number, key in enumerate(keyed(keys))]

    def of(name: str, schema: t.StructType) -> Column:
        if name != mine:
            return F.lit(None).cast(schema).alias(name)
        return F.struct(*(column(field.name) for field in schema.fields)).alias(name)

    return rows.select(*named, at.alias(AT), F.lit(kind).alias(KIND), *(of(*it) for it in columns))


def _made(schema: t.StructType, features: Sequence[str]) -> t.StructType:
    """What rows with their features become."""
    statuses = t.StructType([t.StructField(name, t.StringType()) for name in features])
    return t.StructType(
        [
            *(field for field in schema.fields if not field.name.startswith(STATUS)),
            t.StructField(_vectors.VECTOR, t.ArrayType(t.FloatType())),
            *([t.StructField(_vectors.STATUSES, statuses)] if features else []),
            t.StructField(
                _vectors.INCOMPLETE, t.StructType([t.StructField(name, t.StringType()) for name in _vectors.WHY])
            ),
        ]
    )


def _as_engine(table: pa.Table, dtypes: Mapping[str, str]) -> pa.Table:
    """A table of Spark with some columns as the engine gives them: times in UTC, vectors of a fixed size."""
    for name, dtype in dtypes.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, table.column(name).cast(arrow_type(dtype)))
    return table
