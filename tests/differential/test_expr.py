"""Expressions of the engine against DuckDB: random ones of every kind over hard values, equal to the bit."""

import json
import math
import os
import random
import struct
from collections.abc import Iterable, Iterator
from typing import Any

import duckdb
import pytest
from conftest import Runner

from expr_corpus import COLUMNS, Expression, Generator, bits, rows

EXPRESSIONS = int(os.environ.get("UNSKEW_EXPRESSIONS", "10000"))
ROWS = 24
# Expressions of one query.
BATCH = 50
FAULT = "fault"


@pytest.fixture(scope="session")
def oracle() -> duckdb.DuckDBPyConnection:
    """DuckDB with the one setting and the one macro that docs/expressions.md names."""
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("SET error_on_division_by_zero = false")
    # The optimizer computes bounds of expressions, and fails where a bound overflows, whatever TRY says.
    connection.execute("PRAGMA disable_optimizer")
    connection.execute("CREATE MACRO fin(x) AS list_filter([x], lambda value: isfinite(value))[1]")
    return connection


def cell(value: Any, dtype: str) -> Any:
    """A value of a row as the runner reads it."""
    return bits(value) if value is not None and dtype.startswith("float") else value


def ours(runner: Runner, table: list[list[Any]], corpus: Iterable[Expression]) -> list[dict[str, Any]]:
    dtypes = [dtype for _, dtype, _, _ in COLUMNS]
    columns = json.dumps([[name, dtype] for name, dtype, _, _ in COLUMNS])
    cells = json.dumps([[cell(value, dtype) for value, dtype in zip(row, dtypes, strict=True)] for row in table])
    lines = (f'{{"columns": {columns}, "rows": {cells}, "expr": {json.dumps(one.ours)}}}' for one in corpus)
    return runner("expr", lines)


def fill(oracle: duckdb.DuckDBPyConnection, table: list[list[Any]]) -> None:
    declared = ", ".join(f"{name} {'BIGINT' if kind == 'TIMESTAMP' else kind}" for name, _, kind, _ in COLUMNS)
    oracle.execute(f"CREATE OR REPLACE TABLE raw (place BIGINT, {declared})")
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    oracle.executemany(f"INSERT INTO raw VALUES ({marks})", [[place, *row] for place, row in enumerate(table)])  # noqa: S608
    seen = ", ".join(
        f"make_timestamp({name}) AS {name}" if kind == "TIMESTAMP" else name for name, _, kind, _ in COLUMNS
    )
    oracle.execute(f"CREATE OR REPLACE TABLE typed AS SELECT place, {seen} FROM raw")  # noqa: S608


def theirs(oracle: duckdb.DuckDBPyConnection, batch: list[Expression], dtypes: list[str]) -> Iterator[list[Any]]:
    """The results of expressions over the rows; where there is an error, TRY makes the struct around the value null."""

    def plain(text: str, dtype: str) -> str:
        # Timestamps as microseconds: Python has none before year 1.
        return f"epoch_us({text})" if dtype == "timestamp" else text

    tried = (f"TRY(struct_pack(v := {plain(one.theirs, dtype)}))" for one, dtype in zip(batch, dtypes, strict=True))
    found = oracle.execute(f"SELECT {', '.join(tried)} FROM typed ORDER BY place").fetchall()  # noqa: S608
    for column in zip(*found, strict=True):
        yield [{FAULT: True} if value is None else value["v"] for value in column]


def ordered(value: float) -> int:
    """Its place among all floats."""
    (number,) = struct.unpack(">q", struct.pack(">d", value))
    return int(number) if number >= 0 else -(number & 0x7FFF_FFFF_FFFF_FFFF)


def is_same(mine: Any, other: Any, dtype: str, one: Expression) -> bool:
    if isinstance(mine, dict) or isinstance(other, dict):
        return isinstance(mine, dict) and isinstance(other, dict)
    if mine is None or other is None or dtype != "float64":
        return type(mine) is type(other) and mine == other
    value = struct.unpack(">d", bytes.fromhex(mine))[0]
    if one.ulps == 0:
        return bool(mine == bits(other))
    if one.ours.startswith("haversine") and other > 20000:
        # Near antipodes the arc sine is as steep as it gets: an ulp of its argument is metres.
        return math.isclose(value, other, abs_tol=0.01)
    return abs(ordered(value) - ordered(other)) <= one.ulps


def is_excused(mine: Any, other: Any, one: Expression) -> bool:
    """Whether one of the two ended before it met the error that the other met."""
    if isinstance(mine, dict) and other is None:
        # DuckDB may end at an operand that is null.
        return True
    ends_early = any(word in one.ours for word in (" AND ", " OR ", " IN (", "coalesce", "CASE"))
    return ends_early and (isinstance(mine, dict) or isinstance(other, dict))


def test_random_expressions(runner: Runner, oracle: duckdb.DuckDBPyConnection) -> None:
    random_ = random.Random(20260131)
    table = rows(random_, ROWS)
    fill(oracle, table)
    generator = Generator(random_)
    corpus = [generator.any(random_.randint(1, 4)) for _ in range(EXPRESSIONS)]
    answers = ours(runner, table, corpus)
    # What fails whatever the row is refused when it is loaded.
    refused = [(one, found) for one, found in zip(corpus, answers, strict=True) if "errors" in found]
    for one, found in refused:
        assert all("always fails" in error["message"] for error in found["errors"]), (one.ours, found)
    assert len(refused) < EXPRESSIONS / 20
    kept = [(one, found) for one, found in zip(corpus, answers, strict=True) if "errors" not in found]
    wrong, faults = [], 0
    for start in range(0, len(kept), BATCH):
        batch = kept[start : start + BATCH]
        expected = theirs(oracle, [one for one, _ in batch], [found["dtype"] for _, found in batch])
        for (one, found), others in zip(batch, expected, strict=True):
            for row, mine, other in zip(table, found["results"], others, strict=True):
                faults += isinstance(mine, dict)
                if not is_same(mine, other, found["dtype"], one) and not is_excused(mine, other, one):
                    inputs = {name: value for (name, *_), value in zip(COLUMNS, row, strict=True) if name in one.ours}
                    wrong.append(f"{one.ours}: {mine} here, {other} there, for {inputs}")
    assert faults > EXPRESSIONS / 10
    assert not wrong, f"{len(wrong)} differ, such as\n" + "\n".join(wrong[:: len(wrong) // 10 + 1])
