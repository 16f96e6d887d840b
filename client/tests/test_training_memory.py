"""Histories that are larger than they may be in memory: joined in parts, with the same bits."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import unskew
from unskew import errors

DEFINITIONS = unskew.parse("""
entities:
  customer: {keys: {bank: string, customer: int64}}
  terminal: {keys: {terminal: int64}}
sources:
  payments:
    event_time: at
    event_id: id
    columns: {id: int64, bank: string, customer: int64, terminal: int64, at: timestamp, amount: float64, note: string}
  profiles:
    event_time: since
    columns: {bank: string, customer: int64, since: timestamp, limit: float64, name: string}
views:
  spending:
    entity: customer
    source: payments
    include_request: true
    aggregations:
      total: {function: sum, column: amount, windows: [1h, 1d]}
      notes: {function: last_n, column: note, n: 2, windows: [1d]}
  risk:
    entity: terminal
    source: payments
    offset: 1h
    aggregations: {nb: {function: count, windows: [1d]}}
  profile:
    entity: customer
    source: profiles
    features: {limit: {dtype: float64}, name: {dtype: string}}
services:
  model:
    time: at
    request: {at: timestamp, amount: float64, note: string}
    vector:
      - {input: risk.nb_1d}
      - {input: spending.total_1h}
      - {input: profile.limit, steps: [{impute: {value: -1}}]}
      - {name: name, input: profile.name, steps: [{hash_bucket: {bins: 16}}]}
      - {name: notes, input: spending.notes_1d, steps: [{multi_hot: {tokens: [a, b, c]}}]}
      - {input: spending.total_1d}
""")
ROWS = 40_000


def table(seed: int, rows: int, time: str) -> pa.Table:
    random = np.random.default_rng(seed)
    return pa.table(
        {
            "id": np.arange(rows),
            "bank": pa.array(random.choice(["north", "south", ""], rows)).dictionary_encode(),
            "customer": pa.array(random.integers(0, 300, rows), mask=random.random(rows) < 0.01),
            "terminal": random.integers(0, 50, rows),
            time: pa.array(random.integers(0, 5 * 86_400_000_000, rows), pa.timestamp("us", "UTC")),
            "amount": random.normal(0, 1e6, rows),
            "note": pa.array(random.choice(["a", "b", "c"], rows)),
            "limit": random.normal(0, 1, rows),
            "name": pa.array(random.choice(["ann", "bob"], rows)),
        }
    )


SPINE, PAYMENTS, PROFILES = table(1, 5_000, "at"), table(2, ROWS, "at"), table(3, 1_000, "since")


def made(payments: Any, profiles: Any, spine: pa.Table = SPINE, **options: Any) -> unskew.TrainingSet:
    return unskew.training_set(DEFINITIONS, "model", spine, {"payments": payments, "profiles": profiles}, **options)


@pytest.fixture(scope="module")
def whole() -> unskew.TrainingSet:
    return made(PAYMENTS, PROFILES)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where parts wait; nothing stays there."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def parquet(rows: pa.Table, place: Path) -> str:
    place.mkdir()
    for start in range(0, len(rows), 15_000):
        pq.write_table(rows.slice(start, 15_000), place / f"{start}.parquet", row_group_size=5_000)
    return str(place)


FORMS: dict[str, Callable[[pa.Table, Path], Any]] = {
    "parquet": parquet,
    "reader": lambda rows, _: rows.to_reader(max_chunksize=1_000),
    "duckdb": lambda rows, _: duckdb.from_arrow(rows),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("limit", [1, 100_000, 4_000_000])
def test_parts_give_the_same_bits_as_the_whole(
    form: str, limit: int, whole: unskew.TrainingSet, tmp_path: Path, temporary: Path
) -> None:
    payments, profiles = FORMS[form](PAYMENTS, tmp_path / "payments"), FORMS[form](PROFILES, tmp_path / "profiles")
    found = made(payments, profiles, memory_limit=limit)

    assert found.vectors.tobytes() == whole.vectors.tobytes()
    assert found.features.equals(whole.features)
    assert found.statuses.to_pydict() == whole.statuses.to_pydict()
    assert (found.incomplete, found.fingerprint) == (whole.incomplete, whole.fingerprint)
    assert list(temporary.iterdir()) == []


def test_a_spine_without_rows_is_joined_in_parts_too() -> None:
    found = made(PAYMENTS.to_reader(), PROFILES.to_reader(), SPINE.slice(0, 0), memory_limit=1)

    assert (len(found), found.features.num_columns) == (0, SPINE.num_columns + 6)


def test_a_fault_names_the_row_of_the_whole(temporary: Path) -> None:
    times = PAYMENTS["at"].to_pylist()
    times[31_234] = None
    broken = PAYMENTS.set_column(
        PAYMENTS.schema.get_field_index("at"), "at", pa.array(times, pa.timestamp("us", "UTC"))
    )

    with pytest.raises(errors.DataError, match="payments, row 31234: the column `at` is null"):
        made(broken.to_reader(max_chunksize=999), PROFILES, memory_limit=100_000)
    assert list(temporary.iterdir()) == []
    spine = broken.slice(31_000, 1_000)
    with pytest.raises(errors.DataError, match="the spine, row 234: the column `at` is null"):
        made(PAYMENTS.to_reader(max_chunksize=999), PROFILES, spine, memory_limit=100_000)


def test_what_is_wrong_with_a_stream_is_told(tmp_path: Path) -> None:
    with pytest.raises(errors.DataError, match="payments: the column `bank` is missing"):
        made(PAYMENTS.drop_columns("bank").to_reader(), PROFILES, memory_limit=1)
    with pytest.raises(errors.DataError, match="payments: the column `amount` is missing"):
        made(PAYMENTS.drop_columns("amount").to_reader(), PROFILES, memory_limit=1)
    torn = tmp_path / "torn.parquet"
    pq.write_table(PAYMENTS, torn)
    os.truncate(torn, torn.stat().st_size // 2)
    with pytest.raises(errors.DataError, match=r"torn\.parquet can't be read as Parquet"):
        made(torn, PROFILES, memory_limit=1)
    with pytest.raises(ValueError, match="memory_limit must be a number of bytes"):
        made(PAYMENTS, PROFILES, memory_limit=0)


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int | None]] = []
    made(PAYMENTS.to_reader(max_chunksize=1_000), PROFILES, memory_limit=100_000, progress=lambda *it: told.append(it))

    assert max(done for what, done, _ in told if what == "read payments") == ROWS
    assert [it for it in told if it[0] == "join"][-1] == ("join", 3, 3)
    assert told[-1] == ("vectors", len(SPINE), len(SPINE))
