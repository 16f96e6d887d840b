"""What docs/expressions.md says differs from DuckDB: each case with what the engine gives and what DuckDB gives."""

import json
import struct
import sys
import unicodedata
from typing import Any

import duckdb
import pytest
from conftest import Runner

ERROR = "an error"

# An expression that both read, and what each makes of it; `ERROR`: it is refused, when it is loaded or for the row.
DIFFERENCES: list[tuple[str, Any, Any]] = [
    ("0.1 + 0.2 = 0.3", False, True),
    ("2147483647 + one", 2147483648, ERROR),
    ("cast('nan' as double)", None, "nan"),
    ("cast('inf' as double) > one", None, True),
    ("cast('nan' as double) = cast('nan' as double)", None, True),
    ("coalesce(cast(one as double) / 0, 5)", 5.0, "inf"),
    ("one // 0", None, ERROR),
    ("one % 0", None, ERROR),
    ("cast(5.5 as double) // 2", ERROR, 2.75),
    ("cast(cast('1e300' as double) * one as real)", None, ERROR),
    ("upper('ß' || letter)", "ßX", "ẞX"),
    ("cast('1.' || '5' as bigint)", ERROR, 2),
    ("cast('1e3' as bigint)", ERROR, 1000),
    ("cast('0x1f' as bigint)", ERROR, 31),
    ("cast('1_000' as bigint)", ERROR, 1000),
    ("cast('1_000.5' as double)", ERROR, 1000.5),
    ("epoch(cast('2026-01-31 09:30:00+02:00' as timestamp))", 1769844600.0, 1769851800.0),
    ("letter || one", ERROR, "x1"),
    ("timestamp '2026-01-31' = '2026-01-31'", ERROR, True),
    ("'1' = one", ERROR, True),
    ("letter like 'a!' escape '!'", ERROR, False),
    ("substr(letter, 4294967296)", "", ERROR),
]


def ours(runner: Runner, text: str) -> Any:
    columns = [["one", "int32"], ["letter", "string"]]
    (found,) = runner("expr", [json.dumps({"columns": columns, "rows": [[1, "x"]], "expr": text})])
    result = ERROR if "errors" in found else found["results"][0]
    if isinstance(result, dict):
        return ERROR
    if found.get("dtype") == "float64" and result is not None:
        return struct.unpack(">d", bytes.fromhex(result))[0]
    return result


def theirs(text: str) -> Any:
    try:
        row = duckdb.execute(f"SELECT {text} FROM (SELECT 1::INTEGER AS one, 'x' AS letter)").fetchone()  # noqa: S608
    except duckdb.Error:
        return ERROR
    assert row is not None
    return (
        str(row[0]) if isinstance(row[0], float) and not -sys.float_info.max <= row[0] <= sys.float_info.max else row[0]
    )


@pytest.mark.parametrize(("text", "mine", "other"), DIFFERENCES, ids=[text for text, _, _ in DIFFERENCES])
def test_differences_are_as_documented(runner: Runner, text: str, mine: Any, other: Any) -> None:
    assert (ours(runner, text), theirs(text)) == (mine, other)


def test_case_mapping(runner: Runner) -> None:
    """Every code point; those that differ are documented, or newer than one of the two Unicode tables."""
    points = [chr(point) for point in range(1, 0x110000) if not 0xD800 <= point < 0xE000]
    duck = duckdb.execute("SELECT lower(c), upper(c) FROM (SELECT unnest($1) AS c)", [points]).fetchall()
    cells = [[point] for point in points]
    lines = [
        json.dumps({"columns": [["c", "string"]], "rows": cells, "expr": f"{name}(c)"}) for name in ("lower", "upper")
    ]
    lower, upper = (found["results"] for found in runner("expr", lines))
    other = [
        (point, low, up) for point, low, up, pair in zip(points, lower, upper, duck, strict=True) if (low, up) != pair
    ]
    # Python's own table is of Unicode 14: what it does not know is newer than DuckDB's.
    assert [one for one in other if all(unicodedata.category(point) != "Cn" for point in one)] == [("ß", "ß", "ß")]
