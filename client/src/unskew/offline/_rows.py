"""Rows to append, checked against the columns of their source and brought to their types."""

import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from unskew import _tables
from unskew.definitions import Source
from unskew.errors import DataError
from unskew.offline._schema import CREATED

BLOCK_BYTES = 128 << 20
"""Of rows that are sorted and written at once."""

NANOSECONDS = 1_000


def blocks(source: Source, table: _tables.Table, stamp: int) -> Iterator[pa.Table]:
    """The rows of a table in blocks, with all columns of the source and when they were accepted.

    Args:
        source: the source.
        table: as in `unskew.training_set`.
        stamp: microseconds; what `created` is where it is not given.

    Raises:
        DataError: a column lacks or is not declared, or a value does not fit; rows count from 0.
    """
    batches, names = _batches(table)
    _check_names(source, names)
    waiting: list[pa.RecordBatch] = []
    size = rows = done = 0
    for batch in batches:
        waiting.append(batch)
        size += batch.nbytes
        rows += batch.num_rows
        if size >= BLOCK_BYTES:
            yield _typed(source, pa.Table.from_batches(waiting), done, stamp)
            waiting, size, done = [], 0, rows
    if waiting:
        yield _typed(source, pa.Table.from_batches(waiting), done, stamp)


def now() -> int:
    """Microseconds since 1970, by the clock of who writes."""
    return time.time_ns() // NANOSECONDS


def _batches(table: _tables.Table) -> tuple[Iterator[pa.RecordBatch], list[str]]:
    stream = _tables.stream(table, None)
    if stream is not None:
        batches, schema, _ = stream
        return iter(batches), list(schema.names)
    whole = _tables.whole(table)
    return iter(whole.to_batches()), list(whole.column_names)


def _check_names(source: Source, names: list[str]) -> None:
    declared = [column.name for column in source.columns]
    if len(set(names)) < len(names):
        raise DataError(f"the rows have the column {next(it for it in names if names.count(it) > 1)!r} more than once")
    for name in names:
        if name not in declared:
            raise DataError(
                f"the rows have a column {name!r}, which the source {source.name!r} does not declare; it has {declared}"
            )
    for name in declared:
        if name not in names and name != source.created:
            raise DataError(
                f"the rows have no column {name!r}, which the source {source.name!r} has; they have {names}"
            )


def _typed(source: Source, rows: pa.Table, first: int, stamp: int) -> pa.Table:
    """The rows with the types of the source. `first`: the number of the first, for errors."""
    columns: dict[str, pa.ChunkedArray] = {}
    for column in source.columns:
        if column.name in rows.column_names:
            columns[column.name] = _cast(column.name, column.dtype, rows[column.name])
    # `none` says that there is no id; no column has that name beside it.
    for name in (source.event_time, source.event_id):
        if name in columns and columns[name].null_count:
            at = first + int(np.flatnonzero(pc.is_null(columns[name]).to_numpy())[0])
            what = "event time" if name == source.event_time else "event id"
            raise DataError(f"row {at}: {name!r} is null, and every row needs its {what}")
    created = source.created or CREATED
    stamped = pa.scalar(stamp, _tables.ARROW_TYPES["timestamp"])
    given = columns.get(created)
    if given is None:
        columns[created] = pa.chunked_array([pa.repeat(stamped, rows.num_rows)])
    elif given.null_count:
        columns[created] = given.fill_null(stamped)
    wanted = [column.name for column in source.columns]
    return pa.table({name: columns[name] for name in dict.fromkeys([*wanted, created])})


def _cast(name: str, dtype: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values as the declared type; what would change them is refused, but finer times, which are floored."""
    wanted = _stored(dtype)
    given = values.type.value_type if types.is_dictionary(values.type) else values.type
    if not _fits(given, wanted):
        raise DataError(f"column {name!r} is {given} in the rows, and {dtype} in the definitions")
    try:
        if types.is_dictionary(values.type):
            values = values.cast(given)
        if types.is_timestamp(given):
            return _micros(values)
        narrows = types.is_float64(given) and types.is_float32(wanted)
        cast = values.cast(wanted, safe=not narrows)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"column {name!r}, a {dtype}: {error}") from None
    if narrows and pc.any(pc.and_(pc.is_finite(values), pc.invert(pc.is_finite(cast)))).as_py():
        raise DataError(f"column {name!r}, a {dtype}: a number lies outside of float32")
    if dtype.startswith("vector<"):
        _check_lengths(name, dtype, cast)
    return cast


def _stored(dtype: str) -> pa.DataType:
    """The Arrow type as a table has it: a vector is a list of its numbers."""
    return pa.list_(pa.float32()) if dtype.startswith("vector<") else _tables.arrow_type(dtype)


def _fits(given: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether values of a type can be those of another, as far as the types say."""
    if types.is_null(given):
        return True
    if types.is_list(wanted):
        is_list = types.is_list(given) or types.is_large_list(given) or types.is_fixed_size_list(given)
        return is_list and _fits(given.value_type, wanted.value_type)
    if types.is_timestamp(wanted):
        return bool(types.is_timestamp(given))
    if types.is_floating(wanted):
        return bool(types.is_floating(given) or types.is_integer(given))
    of_kind = {
        "bool": (types.is_boolean,),
        "int": (types.is_integer,),
        "string": (types.is_string, types.is_large_string, types.is_string_view),
        "bytes": (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view),
    }
    return any(
        any(is_of(wanted) for is_of in kind) and any(is_of(given) for is_of in kind) for kind in of_kind.values()
    )


def _micros(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times in microseconds UTC; finer ones are floored, and a time without a zone is UTC."""
    wanted = _tables.ARROW_TYPES["timestamp"]
    if values.type.unit != "ns":
        return (
            values.cast(pa.timestamp(values.type.unit, "UTC") if values.type.tz else values.type)
            .cast(pa.timestamp("us"))
            .cast(wanted)
        )
    numbers = values.cast(pa.int64())
    down = pc.divide(numbers, NANOSECONDS)
    # Division rounds towards zero: before 1970 that is up.
    is_up = pc.less(numbers, pc.multiply(down, NANOSECONDS))
    return pc.subtract(down, is_up.cast(pa.int64())).cast(wanted)


def _check_lengths(name: str, dtype: str, values: pa.ChunkedArray) -> None:
    length = int(dtype[7:-1])
    lengths = pc.list_value_length(values)
    wrong = pc.filter(lengths, pc.not_equal(lengths, length))
    if len(wrong):
        raise DataError(f"column {name!r}, a {dtype}: a vector has {wrong[0].as_py()} numbers")
