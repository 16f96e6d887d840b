"""Histories of sources on Spark: tables at the snapshots that the offline store would read."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as t

from unskew import errors
from unskew._origin import TableRead
from unskew.definitions import Definitions, Source
from unskew.offline import _catalog, _scan, _schema
from unskew.offline._forgotten import Forgotten
from unskew.offline._reading import AsOf
from unskew.offline.store import OfflineStore
from unskew.spark._columns import column, keyed, micros, spark_type, without_path
from unskew.spark._faults import translated
from unskew.spark._needs import Reads

KEEP = "unskew__keep"
"""The event time from which on a row has to be kept, in microseconds."""
COUNTS = "unskew__counts"
"""Whether a row is the version of its event that counts."""
ARRIVES = "unskew__arrives"
"""From when on a row can matter, in microseconds."""


def of_table(spark: SparkSession, store: OfflineStore, source: str, as_of: AsOf) -> tuple[DataFrame, TableRead]:
    """The history of a source from its table, read by Spark; and what was read.

    Raises:
        FailedPrecondition: the session has no such catalog, or no jars.
        NotFound: the table, the snapshot or the tag is not there.
    """
    found = _schema.source_of(store.definitions, source)
    table = _catalog.table(store.catalog, _schema.table_of(found))
    snapshot = as_of.of(source, table)
    schema = _scan.schema_at(table, snapshot, found.columns, None)
    read = TableRead(".".join(table.name()), str(table.metadata.table_uuid), snapshot, schema.schema_id)
    if snapshot is None:
        return spark.createDataFrame([], _struct(found)), read
    name = store.catalog.name
    check_catalog(spark, name)
    known = table.snapshot_by_id(snapshot)
    # Spark gives the columns that the table had then; those that are wanted may be called otherwise now.
    then = table.schemas()[known.schema_id] if known is not None and known.schema_id is not None else table.schema()
    names = {field.field_id: field.name for field in then.fields}
    with translated(f"the table {read.table!r} can't be read by Spark's catalog {name!r}"):
        rows = spark.read.option("versionAsOf", str(snapshot)).table(f"{name}.{read.table}")
        columns = []
        for wanted in found.columns:
            then_called = names.get(schema.find_field(wanted.name).field_id)
            value = F.lit(None) if then_called is None else column(then_called)
            columns.append(value.cast(spark_type(wanted.dtype)).alias(wanted.name))
        rows = rows.select(*columns)
    return without_forgotten(spark, rows, store.definitions, found, Forgotten.load(store.catalog)), read


def check_catalog(spark: SparkSession, name: str) -> None:
    """Refuses a session that does not know the catalog.

    Raises:
        FailedPrecondition: it does not; the message says which it knows.
    """
    prefix = "spark.sql.catalog."
    if spark.conf.get(prefix + name, None) is None:
        known = sorted(it.removeprefix(prefix) for it in spark.conf.getAll if it.count(".") == prefix.count("."))
        there = [it for it in known if not it.startswith("spark.")]
        raise errors.FailedPrecondition(
            f"the session of Spark has no catalog {name!r} ({prefix}{name}); it has {there or 'none'}: start it with "
            "the settings that unskew.spark.confs(store) gives"
        )


def without_forgotten(
    spark: SparkSession, rows: DataFrame, definitions: Definitions, source: Source, forgotten: Forgotten
) -> DataFrame:
    """The rows of entities that are not forgotten."""
    for entity in _schema.entities_of(definitions, source):
        if keys := forgotten.of(entity):
            fields = [t.StructField(key.name, spark_type(key.dtype)) for key in entity.keys]
            gone = spark.createDataFrame([tuple(key) for key in keys], t.StructType(fields))
            rows = rows.join(F.broadcast(gone), [key.name for key in entity.keys], "left_anti")
    return without_path([it.name for it in source.columns], rows)


def given(definitions: Definitions, source: str, rows: DataFrame, reads: Mapping[str, str]) -> DataFrame:
    """A history that is given as a table, with the columns that are read.

    Raises:
        DataError: one is missing.
    """
    for name in reads:
        if name not in rows.columns:
            raise errors.DataError(f"{source}: the column `{name}` is missing; it has {rows.columns}")
    return without_path([it.name for it in definitions.sources[source].columns if it.name in rows.columns], rows)


def prepared(rows: DataFrame, reads: Reads, keys: Mapping[str, str]) -> DataFrame:
    """The columns that are read, and `ARRIVES`, `KEEP` and `COUNTS`; rows of no entity are left out."""
    time = micros(rows, reads.event_time, reads.source)
    enters = time if reads.known_at is None else micros(rows, reads.known_at, reads.source)
    # A row that is known before its time has taken the place of another version of its event already.
    arrives = enters if reads.event_id is not None else F.greatest(time, enters)
    columns = [column(name) for name in reads.columns]
    found = rows.where(" and ".join(f"`{name}` is not null" for name in keys))
    found = found.select(*columns, arrives.alias(ARRIVES), time.alias(KEEP), F.lit(True).alias(COUNTS))
    if reads.event_id is None:
        return found
    same = Window.partitionBy(*keyed(keys), column(reads.event_id))
    if reads.known_at is not None:
        # Which version counts changes with time: all are needed until none of them can.
        return found.withColumn(KEEP, F.max(column(KEEP)).over(same))
    version = F.lit(0) if reads.version is None else F.coalesce(column(reads.version), F.lit(0))
    # Those that are equal in both are told apart by the engine, by their bytes.
    found = found.withColumn(COUNTS, F.rank().over(same.orderBy(version.desc(), column(KEEP).desc())) == 1)
    return found if reads.row_views else found.where(column(COUNTS))


def empty(schema: t.StructType) -> pa.Table:
    """A table of Arrow without rows that has the columns of one of Spark, by their names alone."""
    return pa.Table.from_arrays([pa.nulls(0)] * len(schema.names), names=schema.names)


def _struct(source: Source) -> t.StructType:
    return t.StructType([t.StructField(it.name, spark_type(it.dtype)) for it in source.columns])
