"""Tables of other libraries: whatever holds the values, the vectors have the same bits."""

import datetime as dt
import math
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unskew
from unskew.errors import DataError

DEFINITIONS = """
services:
  model:
    request: {f: float64, g: float32, n: int64, b: bool, s: string, t: timestamp, l: list<string>}
    vector:
      - {input: f, steps: [{standardize: {mean: 1, var: 4}}, {impute: {value: -1}}]}
      - {name: g, input: g, steps: [{impute: {value: -2}}]}
      - {name: n, input: n, steps: [{impute: {value: -3}}]}
      - {name: b, input: b, steps: [{impute: {value: false}}]}
      - {name: s, input: s, steps: [{one_hot: {tokens: [north, south, ""]}}]}
      - {name: hour, input: t, steps: [{date_part: {part: hour}}, {impute: {value: -4}}]}
      - {name: l, input: l, steps: [{multi_hot: {tokens: [north, south]}}]}
"""
SERVICE = unskew.parse(DEFINITIONS).services["model"]
SCHEMA = pa.schema(
    [
        ("f", pa.float64()),
        ("g", pa.float32()),
        ("n", pa.int64()),
        ("b", pa.bool_()),
        ("s", pa.string()),
        ("t", pa.timestamp("us", "UTC")),
        ("l", pa.list_(pa.string())),
    ]
)
TEXT = st.sampled_from(["north", "south", "", "ü", "a|b"])
ROW = st.fixed_dictionaries(
    {
        "f": st.none() | st.floats(),
        "g": st.none() | st.floats(width=32),
        "n": st.none() | st.integers(-(2**63), 2**63 - 1),
        "b": st.none() | st.booleans(),
        "s": st.none() | TEXT,
        "t": st.none()
        | st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.timezone.utc)),
        "l": st.none() | st.lists(st.none() | TEXT, max_size=3),
    }
)
ROWS = st.lists(ROW, max_size=20)


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, SCHEMA)


def bits(table: Any) -> np.ndarray:
    return SERVICE.transform(table).view(np.uint32)


def chunked(table: pa.Table) -> pa.Table:
    """Columns in chunks that don't end at the same rows."""
    columns = []
    for position, column in enumerate(table.columns):
        at = min(position, len(column))
        columns.append(pa.chunked_array([*column.slice(0, at).chunks, *column.slice(at).chunks], column.type))
    return pa.Table.from_arrays(columns, schema=table.schema)


def sliced(table: pa.Table) -> pa.Table:
    padded = pa.concat_tables([table.slice(0, 1), table, table.slice(0, 1)])
    return padded.slice(min(1, len(table)), len(table)) if len(table) else table


def dictionary_encoded(table: pa.Table) -> pa.Table:
    return table.set_column(4, "s", table["s"].dictionary_encode())


def as_pandas(table: pa.Table) -> Any:
    """Numpy behind it, as most frames have; ints with nulls as pandas' own."""
    frame = table.select(["f", "g", "b", "s", "t"]).to_pandas()
    frame["n"] = pandas.array(table["n"].to_pylist(), dtype="Int64")
    frame["l"] = pandas.Series(table["l"].to_pylist(), dtype=object)
    return frame


def as_arrow_backed_pandas(table: pa.Table) -> Any:
    return table.to_pandas(types_mapper=pandas.ArrowDtype)


def as_polars(table: pa.Table) -> Any:
    return polars.from_arrow(table)


def as_duckdb(table: pa.Table) -> Any:
    return duckdb.from_arrow(table)


FORMS: list[Callable[[pa.Table], Any]] = [
    chunked,
    sliced,
    dictionary_encoded,
    lambda table: table.to_reader(),
    lambda table: table.combine_chunks().to_batches()[0] if len(table) else table,
    lambda table: {name: table[name] for name in table.column_names},
    lambda table: table.cast(
        pa.schema([(it.name, pa.large_string() if it.name == "s" else it.type) for it in table.schema])
    ),
    lambda table: table.select(["l", "t", "s", "b", "n", "g", "f"]),
    as_pandas,
    as_arrow_backed_pandas,
    as_polars,
    as_duckdb,
]


@settings(deadline=None, max_examples=25)
@given(rows=ROWS)
def test_every_form_of_a_table_gives_the_same_bits(rows: list[dict[str, Any]]) -> None:
    table = table_of(rows)
    expected = bits(table)
    assert expected.shape == (len(rows), len(SERVICE.names()))
    for form in FORMS:
        found = bits(form(table))
        assert found.shape == expected.shape, form
        assert (found == expected).all(), form
    if rows:
        assert (SERVICE.vector(rows).view(np.uint32) == expected).all()


@pytest.mark.parametrize("zone", ["UTC", "Europe/Brussels", "Asia/Kathmandu", None])
def test_a_time_is_an_instant_whatever_its_zone(zone: str | None) -> None:
    service = unskew.parse(
        "services: {m: {request: {t: timestamp}, vector: [{name: h, input: t, steps: [{date_part: {part: hour}}]}]}}"
    ).services["m"]
    moment = dt.datetime(2026, 7, 1, 23, 30, tzinfo=dt.timezone.utc)
    for unit in ("s", "ms", "us", "ns"):
        array = pa.array([moment], pa.timestamp(unit, zone))
        assert service.transform({"t": array}).tolist() == [[23.0]]
    if zone:
        assert service.vector({"t": moment.astimezone(ZoneInfo(zone))}).tolist() == [23.0]


def test_numpy_arrays_that_are_not_contiguous_or_not_writable() -> None:
    service = unskew.parse("services: {m: {request: {a: float64}, vector: [{input: a}]}}").services["m"]
    values = np.arange(12.0).reshape(4, 3)
    frozen = values[:, 0].copy()
    frozen.flags.writeable = False
    for column in (values[:, 0], values[::-1, 0][::-1], np.asfortranarray(values)[:, 0], frozen):
        assert service.transform({"a": column}).ravel().tolist() == [0.0, 3.0, 6.0, 9.0]


def test_numeric_columns_are_not_copied() -> None:
    service = unskew.parse("services: {m: {request: {a: float64}, vector: [{input: a}]}}").services["m"]
    size = 4_000_000
    table = pa.table({"a": np.zeros(size)})
    before = pa.total_allocated_bytes()
    batches = iter(service.transform_batches(table))
    next(batches)
    assert pa.total_allocated_bytes() - before < size  # bytes; the column has eight times as many


def test_long_streams_take_bounded_memory() -> None:
    service = unskew.parse("services: {m: {request: {a: float64}, vector: [{input: a}]}}").services["m"]
    schema = pa.schema([("a", pa.float64())])
    batch = pa.record_batch({"a": np.ones(100_000)})
    reader = pa.RecordBatchReader.from_batches(schema, (batch for _ in range(100)))
    rows, most = 0, 0
    for vectors in service.transform_batches(reader):
        rows += len(vectors.values)
        most = max(most, vectors.values.nbytes)
    assert rows == 10_000_000
    assert most <= 65_536 * 4


def test_bad_tables_say_what_would_be_right() -> None:
    with pytest.raises(DataError, match="no column 'g'"):
        SERVICE.transform({"f": [1.0]})
    with pytest.raises(DataError, match="not the same number of rows"):
        SERVICE.transform(
            {name: pa.array([None] * (1 + (name == "f")), SCHEMA.field(name).type) for name in SCHEMA.names}
        )
    table = table_of([dict.fromkeys(SCHEMA.names)])
    with pytest.raises(DataError, match=r"Utf8.*float64"):
        SERVICE.transform(table.set_column(0, "f", pa.array(["1"])))
    with pytest.raises(DataError, match="row 0 has 'x'"):
        SERVICE.vector({"x": 1})
    with pytest.raises(DataError, match="column 'n'"):
        SERVICE.vector({"n": 2**63})
    with pytest.raises(TypeError, match="a table must be"):
        SERVICE.transform(7)


def test_nan_is_null_unless_a_step_keeps_it() -> None:
    steps = "[{{clip: {{min: 0{keep}}}}}, {{impute: {{value: 5}}}}]"
    text = "services: {{m: {{request: {{a: float64}}, vector: [{{name: a, input: a, steps: " + steps + "}}]}}}}"
    for keep, expected in (("", 5.0), (", nan: keep", 5.0)):
        service = unskew.parse(text.format(keep=keep)).services["m"]
        for table in ({"a": [math.nan]}, pandas.DataFrame({"a": [math.nan]})):
            assert service.transform(table).tolist() == [[expected]]
