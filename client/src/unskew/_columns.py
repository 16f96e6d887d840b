"""Columns of a request: lists, numpy arrays, Arrow arrays and pandas Series become the typed columns of the wire.

What is null is None, NaT or pandas' NA, and a null of Arrow; in an object column of pandas NaN too. Else NaN is the
number NaN, as it is offline: the engine takes it for null, unless a step keeps it.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unskew import _cells, _native
from unskew._generated import feature_store_pb2 as wire
from unskew.errors import InvalidArgument

# The number of the field of a column, by the type of the values.
FIELDS: dict[type, int] = {
    kind: wire.Column.DESCRIPTOR.fields_by_name[name].number
    for kind, name in {
        int: "ints",
        float: "floats",
        str: "texts",
        bool: "bools",
        bytes: "blobs",
        dt.datetime: "timestamps",
        _cells.Json: "json",
    }.items()
}
# Those of the columns of a request; they are the same in all that have some.
ARGUMENTS = {name: field.number for name, field in wire.FeatureVectorsRequest.DESCRIPTOR.fields_by_name.items()}


def encode_columns(field: str, columns: Mapping[str, Any]) -> bytes:
    """Columns as a part of a request, each by its name. `field` is the argument, and the field of the request.

    Raises:
        InvalidArgument: a column has no values that the wire can carry; the message says where and what would be right.
    """
    if not isinstance(columns, Mapping):
        raise TypeError(f"{field} must be a mapping of names to columns, not {type(columns).__name__}")
    for name in columns:
        if not isinstance(name, str):
            raise TypeError(f"names of {field} must be str, not {type(name).__name__} ({name!r})")
        if not (name.isascii() or _cells.is_unicode(name)):
            raise InvalidArgument(f"{field}: the name {name!r} is no Unicode text")
    copied = columns if type(columns) is dict else dict(columns)
    return _native.encode_columns(copied, ARGUMENTS[field], field, _encode_other)


def _encode_other(where: str, values: Any) -> bytes:
    """A column that is not a list of one type, but for its name."""
    if type(values) is list:
        return _encode_list(where, values)
    library = type(values).__module__.partition(".")[0]
    if library == "numpy":
        return _encode_numpy(where, values)
    if library == "pandas":
        return _encode_pandas(where, values)
    if library == "pyarrow" or hasattr(values, "__arrow_c_stream__") or hasattr(values, "__arrow_c_array__"):
        return _encode_arrow(where, values)
    if isinstance(values, Iterable) and not isinstance(values, str | bytes | bytearray | Mapping):
        return _encode_list(where, list(values))
    raise InvalidArgument(
        f"{where} must be a column, one value a row, not one {type(values).__name__}: write [{_cells.shown(values)}]"
    )


def _encode_list(where: str, values: list[Any], nan_is_null: bool = False) -> bytes:
    kinds = set(map(type, values))
    kinds.discard(type(None))
    if nan_is_null or len(kinds) != 1 or (kind := kinds.pop()) not in FIELDS:
        values = [_cells.plain(where, row, value, nan_is_null) for row, value in enumerate(values)]
        kind = _cells.common_type(where, values)
    if kind is _cells.Json:
        nulls = [row for row, value in enumerate(values) if value is None]
        texts = ["null" if value is None else _cells.to_json(where, row, value) for row, value in enumerate(values)]
        return _encode(where, kind, texts, nulls)
    return _encode(where, kind, values)


def _encode(where: str, kind: type, values: list[Any] | bytes, nulls: Sequence[int] = ()) -> bytes:
    """Values of one type, or the bytes of float64; None is null, and whatever stands at `nulls`."""
    try:
        return _native.encode_values(values, FIELDS[kind], nulls)
    except (TypeError, ValueError, OverflowError):
        _cells.check(where, values, kind)
        raise


def _encode_numpy(where: str, array: Any, nan_is_null: bool = False) -> bytes:
    if array.ndim != 1:
        if array.ndim == 0:
            raise InvalidArgument(f"{where} must be a column, one value a row, not a scalar: write [{array}]")
        return _encode_list(where, list(array))
    kind = array.dtype.kind
    if kind == "f":
        return _encode(where, float, array.astype("<f8").tobytes())
    if kind in "iu":
        return _encode(where, int, array.tolist())
    if kind == "b":
        return _encode(where, bool, array.tolist())
    if kind == "M":
        raise InvalidArgument(
            f"{where} has times without a zone ({array.dtype}): give pandas.Series(values).dt.tz_localize('UTC'), "
            "pyarrow.array(values, pyarrow.timestamp('us', 'UTC')), or a list of aware datetimes"
        )
    if kind == "O":
        return _encode_list(where, array.tolist(), nan_is_null)
    if kind in "UST":
        return _encode_list(where, array.tolist())
    raise InvalidArgument(f"{where} has values of {array.dtype}: {_cells.RIGHT}")


def _encode_pandas(where: str, series: Any) -> bytes:
    dtype = getattr(series, "dtype", None)
    if dtype is None or getattr(series, "ndim", 1) != 1:
        raise InvalidArgument(f"{where} must be a column, not a {type(series).__name__}: take one column of it")
    if hasattr(dtype, "tz") and hasattr(dtype, "unit"):
        # int64 of the unit of the column; a DatetimeIndex and a Series have it in the same place.
        return _encode_ticks(where, series.array.asi8, dtype.unit)
    if type(dtype).__module__.partition(".")[0] == "numpy":
        if dtype.kind == "M":
            raise InvalidArgument(
                f"{where} has times without a zone ({dtype}): give values.dt.tz_localize('UTC'), or the zone that they "
                "are in"
            )
        return _encode_numpy(where, series.to_numpy(), nan_is_null=True)
    return _encode_arrow(where, series)


NAT = -(2**63)


def _encode_ticks(where: str, ticks: Any, unit: str) -> bytes:
    nulls = (ticks == NAT).nonzero()[0].tolist()
    return _encode_scaled(where, ticks.tolist(), unit, nulls)


def _encode_scaled(where: str, ticks: list[int], unit: str, nulls: Sequence[int]) -> bytes:
    """Times as numbers of a unit; finer ones than a microsecond are floored, as everywhere."""
    if unit == "ns":
        ticks = [tick // 1000 for tick in ticks]
    elif unit != "us":
        scale = {"ms": 1000, "s": 1_000_000}[unit]
        ticks = [tick * scale for tick in ticks]
    if nulls:
        ticks = list(ticks)
        for row in nulls:
            ticks[row] = 0
    try:
        return _native.encode_values(ticks, FIELDS[dt.datetime], nulls)
    except OverflowError:
        raise InvalidArgument(f"{where} has a time outside of int64 microseconds") from None


def _encode_arrow(where: str, values: Any) -> bytes:
    import pyarrow as pa  # noqa: PLC0415 (only where it is used)

    try:
        array = _arrow_array(pa, values)
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InvalidArgument(f"{where} can't be read as a column of Arrow: {error}") from None
    dtype = array.type
    nulls = _null_positions(array) if array.null_count else ()
    if pa.types.is_timestamp(dtype):
        if dtype.tz is None:
            raise InvalidArgument(
                f"{where} has times without a zone ({dtype}): give pyarrow.compute.assume_timezone(values, 'UTC'), or "
                "the zone that they are in"
            )
        return _encode_scaled(where, _numbers(array.cast(pa.int64()), nulls, 0), dtype.unit, nulls)
    if pa.types.is_integer(dtype):
        return _encode(where, int, _numbers(array, nulls, 0), nulls)
    if pa.types.is_floating(dtype):
        return _encode(where, float, _numbers(array, nulls, 0.0), nulls)
    if pa.types.is_boolean(dtype):
        return _encode(where, bool, _numbers(array, nulls, False), nulls)
    # Nested and variable values, and those with no type on the wire, go the way of lists.
    return _encode_list(where, array.to_pylist())


def _arrow_array(pa: Any, values: Any) -> Any:
    if isinstance(values, pa.Array):
        return values
    if isinstance(values, pa.ChunkedArray):
        chunks = values
    elif hasattr(values, "__arrow_c_stream__") and type(values).__module__.partition(".")[0] != "pandas":
        chunks = pa.chunked_array(values)
    else:
        made = pa.array(values, from_pandas=True)
        if isinstance(made, pa.Array):
            return made
        chunks = made
    return pa.concat_arrays(chunks.chunks) if chunks.num_chunks else pa.array([], chunks.type)


def _null_positions(array: Any) -> list[int]:
    return [row for row, is_null in enumerate(array.is_null().to_pylist()) if is_null]


def _numbers(array: Any, nulls: Sequence[int], placeholder: object) -> list[Any]:
    filled = array.fill_null(placeholder) if nulls else array
    return list(filled.to_numpy(zero_copy_only=False).tolist())
