"""States computed from history: for which entities, in which form, and what is refused."""

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import unskew
from tests.training import HOUR, WINDOWS, at, payments
from unskew import errors

DEFINITIONS = unskew.parse("""
entities:
  account: {keys: {bank: string, number: int32, is_open: bool}}
sources:
  transfers:
    event_time: at
    event_id: id
    version: version
    columns: {id: string, version: int64, bank: string, number: int32, is_open: bool, at: timestamp, amount: float64}
  names: {event_time: at, columns: {bank: string, number: int32, is_open: bool, at: timestamp, name: string}}
views:
  sums:
    entity: account
    source: transfers
    aggregations: {total: {function: sum, column: amount, windows: [1d, 7d]}}
  tiles:
    entity: account
    source: transfers
    resolution: 1h
    aggregations: {total: {function: sum, column: amount, windows: [7d, lifetime]}}
  names: {entity: account, source: names, features: {name: {dtype: string}}}
""")
DAY = 24 * HOUR


def transfers(rows: int = 5_000) -> pa.Table:
    random = np.random.default_rng(5)
    return pa.table(
        {
            "id": [f"t{number}" for number in random.integers(0, rows, rows)],
            "version": random.integers(0, 3, rows),
            "bank": pa.array(random.choice(["north", "south|1"], rows), mask=random.random(rows) < 0.01),
            "number": pa.array(random.integers(0, 40, rows), pa.int32()),
            "is_open": random.random(rows) < 0.5,
            "at": pa.array(random.integers(0, 30 * DAY, rows), pa.timestamp("us")),
            "amount": random.normal(0, 1e6, rows),
        }
    )


def by_key(table: pa.Table) -> dict[tuple[Any, ...], bytes]:
    rows = table.to_pylist()
    found = {tuple(row[name] for name in ("bank", "number", "is_open")): row["state"] for row in rows}
    assert len(found) == len(rows)
    return found


def made(view: str, events: Any, cut: int = 20 * DAY, **options: Any) -> dict[tuple[Any, ...], bytes]:
    return by_key(unskew.states(DEFINITIONS, view, events, cut=cut, **options).read_all())


@pytest.mark.parametrize("view", ["sums", "tiles"])
def test_neither_order_nor_repeats_nor_parts_change_a_state(
    view: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    events = transfers()
    shuffled = events.take(pa.array(np.random.default_rng(6).permutation(len(events))))
    whole = made(view, events)

    assert len(whole) == 160
    assert made(view, pa.concat_tables([shuffled, events]), threads=5) == whole
    assert made(view, shuffled.to_reader(max_chunksize=100), memory_limit=10_000) == whole
    pq.write_table(shuffled, tmp_path / "transfers.parquet", row_group_size=1_000)
    assert made(view, tmp_path / "transfers.parquet", memory_limit=10_000) == whole
    assert list((tmp_path / "temporary").iterdir()) == []
    # Events after the cut change nothing, and those before it do.
    until = shuffled.filter(pa.compute.less_equal(shuffled["at"], pa.scalar(20 * DAY, pa.timestamp("us"))))
    assert made(view, until) == whole
    assert made(view, events, 21 * DAY) != whole


def test_columns_are_the_keys_and_the_state_and_batches_are_small() -> None:
    rows = pa.table(
        {
            "id": pa.array(range(40_000)),
            "customer": pa.array(range(40_000)),
            "at": pa.array([1] * 40_000, pa.timestamp("us")),
            "amount": pa.array([1.0] * 40_000),
        }
    )
    reader = unskew.states(unskew.parse(WINDOWS), "spending", rows, cut=1)
    batches = list(reader)

    assert reader.schema.names == ["customer", "state"]
    assert reader.schema.field("customer").type == pa.int64()
    assert [batch.num_rows for batch in batches] == [16_384, 16_384, 7_232]


def test_the_cut_is_included_and_entities_without_an_event_are_left_out() -> None:
    definitions = unskew.parse(WINDOWS)

    def customers(cut: Any) -> list[int]:
        return sorted(unskew.states(definitions, "spending", payments(), cut=cut).read_all()["customer"].to_pylist())

    assert customers(HOUR // 2 - 1) == []
    assert customers(HOUR // 2) == [7]
    assert customers(dt.datetime(1970, 1, 1, 20, tzinfo=dt.timezone.utc)) == [7, 9]
    empty = unskew.states(definitions, "spending", payments().slice(0, 0), cut=HOUR)
    assert (empty.schema.names, empty.read_all().num_rows) == (["customer", "state"], 0)


def test_what_has_no_states_is_refused(tmp_path: Path) -> None:
    events = transfers(10)
    with pytest.raises(errors.UnknownName, match="there is no view 'sum'; there is 'names', 'sums', 'tiles'"):
        made("sum", events)
    with pytest.raises(errors.InvalidArgument, match="'names' is no window view: it has no states, write its rows"):
        made("names", events)
    with pytest.raises(errors.DataError, match=r"no edge of the tiles.* the nearest are 1970-01-01T00:00:00Z and"):
        made("tiles", events, HOUR - 1)
    with pytest.raises(errors.DataError, match="transfers: the column `amount` is missing"):
        made("sums", events.drop_columns("amount"))
    times = at(*[1, 2, 3, None, *range(6)])
    broken = events.set_column(events.schema.get_field_index("at"), "at", times)
    with pytest.raises(errors.DataError, match="transfers, row 3: the column `at` is null"):
        made("sums", broken)
    with pytest.raises(errors.DataError, match="transfers, row 3: the column `at` is null"):
        made("sums", broken.to_reader(max_chunksize=1), memory_limit=1)
    with pytest.raises(errors.InvalidArgument, match="no time zone"):
        unskew.states(DEFINITIONS, "sums", events, cut=dt.datetime(2024, 1, 1))
    with pytest.raises(ValueError, match="threads must be 1 or more"):
        made("sums", events, threads=0)
    with pytest.raises(errors.DataError, match="can't be read as Parquet"):
        made("sums", tmp_path / "nowhere.parquet")
