"""Columns of a request: every kind of column, its nulls, and what is refused."""

import datetime as dt
import decimal
import enum
import json
import uuid
from collections import ChainMap
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unskew._columns import encode_columns
from unskew._generated import feature_store_pb2 as wire
from unskew._times import EPOCH
from unskew.errors import InvalidArgument

UTC = dt.timezone.utc
NOON = dt.datetime(2018, 4, 1, 12, 0, 0, 1, tzinfo=UTC)
MICROS = 1_522_584_000_000_001


class Colour(str, enum.Enum):
    """An enum of texts."""

    RED = "red"


def column_of(values: Any) -> wire.Column:
    (column,) = wire.FeatureVectorsRequest.FromString(encode_columns("request", {"c": values})).request
    assert column.name == "c"
    return column


def sent(values: Any) -> tuple[str, list[Any], list[int]]:
    """The field of a column, its values and its nulls."""
    column = column_of(values)
    field = column.WhichOneof("values")
    assert field is not None
    return field, list(getattr(column, field).values), list(column.nulls)


@pytest.mark.parametrize(
    ("values", "field", "expected", "nulls"),
    [
        ([1, 2], "ints", [1, 2], []),
        ((1, None, -(2**63)), "ints", [1, 0, -(2**63)], [1]),
        (range(3), "ints", [0, 1, 2], []),
        ({7: 0}.keys(), "ints", [7], []),
        ([0.1, None], "floats", [0.1, 0.0], [1]),
        ([1, 0.5, None], "floats", [1.0, 0.5, 0.0], [2]),
        (["a", "ż", None], "texts", ["a", "ż", ""], [2]),
        ([Colour.RED], "texts", ["red"], []),
        ([True, None, False], "bools", [True, False, False], [1]),
        ([b"a", bytearray(b"b"), None], "blobs", [b"a", b"b", b""], [2]),
        ([NOON, None], "timestamps", [MICROS, 0], [1]),
        ([NOON.astimezone(ZoneInfo("Europe/Warsaw"))], "timestamps", [MICROS], []),
        ([pd.Timestamp(NOON), pd.NaT, NOON], "timestamps", [MICROS, 0, MICROS], [1]),
        ([pd.Timestamp(MICROS * 1000 - 1, tz="UTC")], "timestamps", [MICROS - 1], []),
        ([dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)], "timestamps", [-1], []),
        ([None, None], "texts", ["", ""], [0, 1]),
        ([], "texts", [], []),
        ([pd.NA, 1], "ints", [0, 1], [0]),
        ([np.int8(1), np.uint64(2)], "ints", [1, 2], []),
        ([np.float32(0.1), 1], "floats", [float(np.float32(0.1)), 1.0], []),
        ([np.bool_(True)], "bools", [True], []),
        (np.array([1, 2], np.int32), "ints", [1, 2], []),
        (np.array([1, 2], np.uint64), "ints", [1, 2], []),
        (np.array([0.1, np.inf]), "floats", [0.1, np.inf], []),
        (np.array([0.1], np.float32), "floats", [float(np.float32(0.1))], []),
        (np.array([True]), "bools", [True], []),
        (np.array(["a", "żó"]), "texts", ["a", "żó"], []),
        (np.array([b"a"]), "blobs", [b"a"], []),
        (np.array([1, None], object), "ints", [1, 0], [1]),
        (pa.array([1, None]), "ints", [1, 0], [1]),
        (pa.array([1, 2], pa.uint8()), "ints", [1, 2], []),
        (pa.array([0.5, None]), "floats", [0.5, 0.0], [1]),
        (pa.array(np.array([0.5], np.float16)), "floats", [0.5], []),
        (pa.array([True, None]), "bools", [True, False], [1]),
        (pa.array(["a", None], pa.large_string()), "texts", ["a", ""], [1]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), "texts", ["a", "b", "a"], []),
        (pa.chunked_array([["a"], ["b", None]]), "texts", ["a", "b", ""], [2]),
        (pa.chunked_array([], pa.int64()), "ints", [], []),
        (pa.array([b"a"], pa.binary()), "blobs", [b"a"], []),
        (pa.array([NOON, None], pa.timestamp("us", "UTC")), "timestamps", [MICROS, 0], [1]),
        (pa.array([MICROS * 1000 - 1], pa.timestamp("ns", "Europe/Warsaw")), "timestamps", [MICROS - 1], []),
        (pa.array([-1], pa.timestamp("ns", "UTC")), "timestamps", [-1], []),
        (pa.array([-1], pa.timestamp("s", "UTC")), "timestamps", [-1_000_000], []),
        (pa.nulls(2), "texts", ["", ""], [0, 1]),
        (pa.array([1, 2, 3]).slice(1), "ints", [2, 3], []),
        (pd.Series([1, 2]), "ints", [1, 2], []),
        (pd.Series([1, None], dtype="Int64"), "ints", [1, 0], [1]),
        (pd.Series([True, None], dtype="boolean"), "bools", [True, False], [1]),
        (pd.Series(["a", None]), "texts", ["a", ""], [1]),
        (pd.Series(["a", np.nan], dtype=object), "texts", ["a", ""], [1]),
        (pd.Series(["a", None], dtype="string"), "texts", ["a", ""], [1]),
        (pd.Series(["a", None], dtype="category"), "texts", ["a", ""], [1]),
        (pd.Series([NOON, None]), "timestamps", [MICROS, 0], [1]),
        (pd.Series([NOON]).dt.tz_convert("Europe/Warsaw").dt.as_unit("ns"), "timestamps", [MICROS], []),
        (pd.Series([NOON, None], dtype=pd.ArrowDtype(pa.timestamp("us", "UTC"))), "timestamps", [MICROS, 0], [1]),
        (pd.DatetimeIndex([NOON]), "timestamps", [MICROS], []),
        (pd.Index([1, 2]), "ints", [1, 2], []),
        (pd.Series([1, 2], index=[5, 5])[5], "ints", [1, 2], []),
    ],
)
def test_a_column_is_sent_in_its_type(values: Any, field: str, expected: list[Any], nulls: list[int]) -> None:
    assert sent(values) == (field, expected, nulls)


def test_nan_is_a_number_and_no_null() -> None:
    makers: list[Callable[[list[float]], Any]] = [list, np.array, pd.Series, pa.array]
    for make in makers:
        field, values, nulls = sent(make([1.0, float("nan")]))
        assert (field, values[0], nulls) == ("floats", 1.0, [])
        assert np.isnan(values[1])


@pytest.mark.parametrize(
    ("values", "expected", "nulls"),
    [
        ([[1, 2.5], None, []], [[1, 2.5], None, []], [1]),
        ([{"a": [None, "ż"]}], [{"a": [None, "ż"]}], []),
        ([np.array([0.5, 1.0], np.float32)], [[0.5, 1.0]], []),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), [[1.0, 2.0], [3.0, 4.0]], []),
        (pa.array([[1], None], pa.list_(pa.int64())), [[1], None], [1]),
        (pd.Series([[1], None]), [[1], None], [1]),
        ([[NOON, b"\xff"]], [["2018-04-01T12:00:00.000001Z", "/w=="]], []),
    ],
)
def test_lists_are_sent_as_json(values: Any, expected: list[Any], nulls: list[int]) -> None:
    field, texts, given_nulls = sent(values)
    assert field == "json"
    assert [json.loads(text) for text in texts] == expected
    assert given_nulls == nulls


NAIVE = dt.datetime(2018, 4, 1)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([NOON, NAIVE], r"request\.c\[1\] 2018-04-01T00:00:00 has no time zone: give an aware datetime"),
        ([None, NAIVE], r"request\.c\[1\] .* has no time zone"),
        (np.array(["2018-04-01"], "datetime64[us]"), r"times without a zone .* pyarrow\.timestamp\('us', 'UTC'\)"),
        ([np.datetime64("2018-04-01")], r"\[0\] is 2018-04-01, a time without a zone"),
        (pd.Series([NAIVE]), r"times without a zone .* values\.dt\.tz_localize\('UTC'\)"),
        (pa.array([NAIVE]), r"times without a zone .*pyarrow\.compute\.assume_timezone"),
        ([dt.date(2018, 4, 1)], r"datetime\(2018, 4, 1, tzinfo=timezone\.utc\)"),
        ([1, "a"], r"several types \(int at 0, str at 1\)"),
        ([None, True, 1], r"several types \(bool at 1, int at 2\)"),
        ([0.5, 2**53 + 1], r"\[1\] is 9007199254740993, which is no float64"),
        ([2**63], r"\[0\] is 9223372036854775808, which is outside of int64"),
        (np.array([2**63], np.uint64), "outside of int64"),
        (["a", "\ud800"], r"\[1\] .* lone surrogate"),
        ([["\ud800"]], r"\[0\] holds a lone surrogate"),
        ([[float("nan")]], "NaN and infinities have no JSON form: give None"),
        ([decimal.Decimal(1)], r"is a Decimal \(Decimal\('1'\)\): give None, bool"),
        ([uuid.UUID(int=0)], "is a UUID"),
        (np.array([1j]), "values of complex128"),
        (pa.array([decimal.Decimal("1.5")]), "is a Decimal"),
        (pa.array([2**62], pa.timestamp("s", "UTC")), "outside of int64 microseconds"),
        ("596", r"must be a column, one value a row, not one str: write \['596'\]"),
        (596, r"not one int: write \[596\]"),
        (np.array(596), r"not a scalar: write \[596\]"),
        (pd.DataFrame({"a": [1]}), "must be a column, not a DataFrame"),
    ],
)
def test_what_is_no_column_is_refused(values: Any, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        column_of(values)


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        ([("a", [1])], TypeError, "must be a mapping of names to columns, not list"),
        ({1: [1]}, TypeError, "names of entities must be str, not int"),
        ({"a": [1], "\ud800": [1]}, InvalidArgument, "no Unicode text"),
    ],
)
def test_columns_have_names(columns: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        encode_columns("entities", columns)


ZONES = [dt.timezone.utc, dt.timezone(dt.timedelta(hours=-9, microseconds=1)), ZoneInfo("Europe/Warsaw")]
# The field, what stands at the place of a null, and values of the one type that the list has.
KINDS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "bools": (False, st.booleans()),
    "ints": (0, st.integers(-(2**63), 2**63 - 1)),
    "floats": (0.0, st.floats()),
    "texts": ("", st.text(st.characters(exclude_categories=["Cs"]))),
    "blobs": (b"", st.binary()),
    "timestamps": (0, st.datetimes(timezones=st.sampled_from(ZONES))),
}


@st.composite
def lists(draw: st.DrawFn) -> tuple[str, list[Any]]:
    field = draw(st.sampled_from(list(KINDS)))
    # The first value has the type: a list of nulls only is of texts.
    return field, [draw(KINDS[field][1]), *draw(st.lists(st.none() | KINDS[field][1], max_size=300))]


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), lists(), max_size=4))
def test_columns_are_written_as_protobuf_writes_them(columns: dict[str, tuple[str, list[Any]]]) -> None:
    expected = wire.FeatureVectorsRequest()
    for name, (field, values) in columns.items():
        column = expected.entities.add(name=name, nulls=[row for row, value in enumerate(values) if value is None])
        for value in values:
            is_time = isinstance(value, dt.datetime)
            on_wire = (value - EPOCH) // dt.timedelta(microseconds=1) if is_time else value
            getattr(column, field).values.append(KINDS[field][0] if value is None else on_wire)
    given_values = {name: values for name, (_, values) in columns.items()}
    assert encode_columns("entities", given_values) == expected.SerializeToString()


@given(st.lists(st.floats(), min_size=1), st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_arrays_are_written_as_lists_are(floats: list[float], ints: list[int]) -> None:
    array = np.array(floats)
    arrays = {"f": array, "big": array.astype(">f8"), "strided": np.repeat(array, 2)[::2], "i": np.array(ints)}
    expected = {"f": floats, "big": floats, "strided": floats, "i": ints}
    assert encode_columns("request", arrays) == encode_columns("request", expected)


def test_columns_may_be_any_mapping_and_change_while_they_are_read() -> None:
    columns: dict[str, Any] = {"a": [1]}

    def values() -> Iterator[int]:
        columns["b"] = [2]
        yield 1

    columns["c"] = values()
    written = wire.FeatureVectorsRequest.FromString(encode_columns("request", columns)).request
    assert [(column.name, list(column.ints.values)) for column in written] == [("a", [1]), ("c", [1])]
    assert encode_columns("request", ChainMap({"a": [1]})) == encode_columns("request", {"a": [1]})
