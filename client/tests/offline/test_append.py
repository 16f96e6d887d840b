"""Appending: checked and typed, all of a batch or nothing, each batch once, whoever else writes."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.offline.store import HOUR, payments, random_payments, store, times
from unskew import errors, offline

ROWS = payments((1, 7, 1, 10.0), (2, 8, 2, 5.0))


def read(found: offline.OfflineStore, source: str = "payments", **as_of: Any) -> list[dict[str, Any]]:
    rows = found.read(source, **as_of).read_all()
    return list(rows.sort_by("id" if source == "payments" else "at").to_pylist())


def hour(count: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(3600 * count, dt.timezone.utc)


def test_rows_are_read_as_they_were_appended(tmp_path: Path) -> None:
    found = store(tmp_path)
    done = found.append("payments", ROWS)

    assert (done.committed, done.rows, done.table) == (True, 2, "shop.payments")
    assert read(found) == ROWS.to_pylist()
    assert [(it.operation, it.rows, it.batch_id) for it in found.snapshots("payments")] == [
        ("append", 2, done.batch_id)
    ]


def test_a_batch_is_appended_once(tmp_path: Path) -> None:
    found = store(tmp_path)
    first = found.append("payments", ROWS, batch_id="2026-11-23")
    again = found.append("payments", ROWS, batch_id="2026-11-23")

    assert (again.committed, again.rows, again.snapshot_id) == (False, 0, first.snapshot_id)
    assert read(found) == ROWS.to_pylist()
    assert found.append("payments", payments((3, 7, 3, 1.0)), batch_id="2026-11-24").committed


def test_rows_are_stamped_when_they_are_accepted(tmp_path: Path) -> None:
    found = store(tmp_path)
    rows = {"customer": [1, 2], "at": times(1, 1), "limit": [1.0, 2.0], "region": ["a", "b"]}
    before = dt.datetime.now(dt.timezone.utc)
    found.append("profiles", {**rows, "made": pa.array([None, times(5)[0].as_py()], times(1).type)})
    found.append("profiles", {"customer": [3], "at": times(9), "limit": [1.0], "region": ["c"]})
    made = [it["made"] for it in sorted(read(found, "profiles"), key=lambda it: it["customer"])]

    assert before <= made[0] <= dt.datetime.now(dt.timezone.utc)
    assert made[1] == dt.datetime(1970, 1, 1, 5, tzinfo=dt.timezone.utc)
    assert made[0] <= made[2]


REFUSED = [
    ({"customer": None}, r"no column 'customer', which the source 'payments' has"),
    ({"extra": [1, 2]}, r"a column 'extra', which the source 'payments' does not declare"),
    ({"amount": ["a", "b"]}, r"column 'amount' is string in the rows, and float64 in the definitions"),
    ({"id": [1.0, 2.0]}, r"column 'id' is double in the rows, and int64 in the definitions"),
    ({"at": [1, 2]}, r"column 'at' is int64 in the rows, and timestamp in the definitions"),
    ({"amount": [2**53 + 1, 1]}, r"column 'amount', a float64: Integer value 9007199254740993"),
    ({"id": pa.array([1, None])}, r"row 1: 'id' is null, and every row needs its event id"),
    ({"at": pa.array([None, 1], pa.timestamp("us"))}, r"row 0: 'at' is null, and every row needs its event time"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=[it[1][:30] for it in REFUSED])
def test_rows_that_do_not_fit_are_refused_whole(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    found = store(tmp_path)
    columns = {**{name: ROWS[name] for name in ROWS.column_names}, **change}

    with pytest.raises(errors.DataError, match=message):
        found.append("payments", {name: values for name, values in columns.items() if values is not None})
    assert found.snapshots("payments") == ()
    assert not list((tmp_path / "warehouse").rglob("*.parquet"))


def test_finer_times_are_floored_also_before_1970(tmp_path: Path) -> None:
    found = store(tmp_path)
    at = pa.array([-1, 1999], pa.timestamp("ns"))
    found.append("payments", ROWS.set_column(3, "at", at))

    assert [it["at"].microsecond for it in read(found)] == [999_999, 1]


def test_a_source_without_a_table_and_a_table_that_is_not_there_are_told(tmp_path: Path) -> None:
    found = offline.open(store(tmp_path).definitions, warehouse=tmp_path / "other")

    with pytest.raises(errors.NotFound, match=r"no table 'shop.payments' in the catalog 'unskew': `unskew apply`"):
        found.append("payments", ROWS)
    with pytest.raises(errors.UnknownName, match="there is no source 'nothing'; there is 'payments'"):
        found.append("nothing", ROWS)


def test_a_span_is_overwritten_in_one_commit(tmp_path: Path) -> None:
    found = store(tmp_path)
    found.append("payments", payments((1, 7, 1, 10.0), (2, 7, 30, 5.0), (3, 7, 60, 5.0)))
    done = found.overwrite("payments", payments((9, 7, 31, 1.0)), start=hour(2), end=hour(60), batch_id="mend")

    assert [it["id"] for it in read(found)] == [1, 3, 9]
    # No snapshot has neither the old rows nor the new.
    assert [(it.operation, it.rows) for it in found.snapshots("payments")] == [("append", 3), ("overwrite", 3)]
    assert not found.overwrite("payments", ROWS, start=hour(2), end=hour(60), batch_id="mend").committed
    assert done.snapshot_id == found.snapshots("payments")[-1].snapshot_id
    with pytest.raises(errors.DataError, match="not all within the span that is overwritten"):
        found.overwrite("payments", payments((9, 7, 61, 1.0)), start=hour(2), end=hour(60))
    assert [it["id"] for it in read(found)] == [1, 3, 9]
    found.overwrite("payments", ROWS)
    assert read(found) == ROWS.to_pylist()
    assert len(found.snapshots("payments")) == 3


SPANS = [(24 * 3 + 5, 24 * 9 + 1), (0, 24 * 31), (24 * 31, 24 * 99), (24 * 50, 24 * 60), (24 * 10, 24 * 11)]


@pytest.mark.parametrize("layout", [offline.Layout("day", 2), offline.Layout("month", 2), offline.Layout("none", 0)])
def test_what_is_outside_of_an_overwritten_span_stays(layout: offline.Layout, tmp_path: Path) -> None:
    found, rows, more = store(tmp_path, layout=layout), random_payments(1, 500), random_payments(2, 500, 500)
    hours = [it["at"].cast("int64").to_numpy() // HOUR for it in (rows, more)]
    for low, high in SPANS:
        found.overwrite("payments", rows)
        old, new = ((it >= low) & (it < high) for it in hours)
        found.overwrite("payments", more.filter(pa.array(new)), start=hour(low), end=hour(high))

        wanted = pa.concat_tables([rows.filter(pa.array(~old)), more.filter(pa.array(new))])
        assert found.read("payments").read_all().sort_by("id").equals(wanted.cast(found.read("payments").schema))
    assert [it.rows for it in found.snapshots("payments")][::2] == [500] * len(SPANS)


def test_files_and_streams_are_appended_in_bounded_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unskew.offline._rows.BLOCK_BYTES", 20_000)
    found = store(tmp_path, layout=offline.Layout("month", 2))
    rows = random_payments(1, 2_000)
    pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=500)
    found.append("payments", tmp_path / "rows.parquet")
    found.append("payments", random_payments(2, 1_000, 2_000).to_reader(max_chunksize=100))

    wanted = pa.concat_tables([rows, random_payments(2, 1_000, 2_000)])
    assert found.read("payments").read_all().sort_by("id").equals(wanted.cast(found.read("payments").schema))
    assert len(found.snapshots("payments")) == 2
