"""Columns of Spark: names, types and times."""

from collections.abc import Iterable, Mapping

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 (as everyone names it)
from pyspark.sql import types as t

from unskew import _tables, errors

SCALARS: dict[str, t.DataType] = {
    "bool": t.BooleanType(),
    "int32": t.IntegerType(),
    "int64": t.LongType(),
    "float32": t.FloatType(),
    "float64": t.DoubleType(),
    "string": t.StringType(),
    "bytes": t.BinaryType(),
    "timestamp": t.TimestampType(),
}


def spark_type(dtype: str) -> t.DataType:
    """The type of Spark for a declared one."""
    if dtype.startswith("list<"):
        return t.ArrayType(SCALARS[dtype[5:-1]])
    if dtype.startswith("vector<"):
        return t.ArrayType(t.FloatType())
    return SCALARS[dtype]


def carried_type(dtype: str) -> pa.DataType:
    """The type of Arrow in which a value of a declared type goes back to Spark, which has no lists of a fixed size."""
    return pa.list_(pa.float32()) if dtype.startswith("vector<") else _tables.arrow_type(dtype)


def column(name: str) -> Column:
    """A column by its name, whatever stands in it: a dot is no path."""
    quoted = name.replace("`", "``")
    return F.col(f"`{quoted}`")


def micros(frame: DataFrame, name: str, table: str) -> Column:
    """A column of times in microseconds since 1970; times without a zone are UTC.

    Raises:
        DataError: it holds no times.
    """
    dtype = frame.schema[name].dataType
    if isinstance(dtype, t.TimestampType):
        return F.unix_micros(column(name))
    if isinstance(dtype, t.TimestampNTZType | t.DateType):
        quoted = name.replace("`", "``")
        return F.expr(f"timestampdiff(MICROSECOND, timestamp_ntz'1970-01-01', cast(`{quoted}` as timestamp_ntz))")
    if isinstance(dtype, t.NullType):
        return F.lit(None).cast("bigint")
    raise errors.DataError(f"{table}: the column `{name}` is a {dtype.simpleString()}; a timestamp is right")


def without_path(names: Iterable[str], frame: DataFrame) -> DataFrame:
    """Some columns of a table, in this order."""
    return frame.select(*(column(name) for name in names))


def keyed(keys: Mapping[str, str]) -> list[Column]:
    """The key columns in their declared types; what does not fit is null, and told by the engine."""
    return [column(name).try_cast(spark_type(dtype)) for name, dtype in keys.items()]
