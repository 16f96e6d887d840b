"""Forgetting: rows go, keys are recorded, and neither writers nor readers bring an entity back."""

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.offline.store import DEFINITIONS, opened, payments, random_payments, random_profiles, spine, store
from unskew import errors, offline
from unskew.offline import _commits

TWO_KEYS = """
entities:
  account: {keys: {bank: string, number: int64}}
sources:
  transfers:
    iceberg: shop.transfers
    event_time: at
    columns: {bank: string, number: int64, at: timestamp, amount: float64}
views:
  account: {entity: account, source: transfers, features: {amount: float64}}
"""
QUARANTINED = "    quality: {amounts: {column: amount, min: 0, on_failure: quarantine}}\n"


def customers(found: offline.OfflineStore, table: str = "shop.payments") -> set[int]:
    """Who is in the files, whatever reads leave out."""
    return set(found.catalog.load_table(table).scan().to_arrow()["customer"].to_pylist())


def test_rows_of_forgotten_entities_leave_all_tables_and_stay_away(tmp_path: Path) -> None:
    found = store(tmp_path, layout=offline.Layout("month", 2))
    found.append("payments", random_payments(1, 500))
    found.append("profiles", random_profiles(1, 200))
    pinned = found.snapshots("payments")[0].snapshot_id
    found.tag("pinned", {"payments": pinned})
    mine = [it for it in random_payments(1, 500)["customer"].to_pylist() if it in (7, 8)]
    report = found.forget("customer", [{"customer": 7}, {"customer": 8}])

    assert {it.table: it.rows for it in report.tables}["shop.payments"] == len(mine)
    assert (report.keys, report.recorded, report.complete) == (2, 2, False)
    assert report.tables[0].kept_in == (pinned,)
    assert report.tables[0].tags == ("pinned",)
    assert report.online_left == ("profile", "spending")
    assert customers(found).isdisjoint({7, 8})
    assert found.forgotten("customer") == [{"customer": 7}, {"customer": 8}]
    # Older snapshots have the rows, and reads leave them out.
    assert {7, 8}.isdisjoint(found.read("payments", tag="pinned").read_all()["customer"].to_pylist())
    done = found.append("payments", payments((9_001, 7, 1, 1.0), (9_002, 9, 1, 1.0)))
    assert (done.rows, done.forgotten) == (1, 1)
    assert customers(found).isdisjoint({7, 8})
    again = found.forget("customer", [{"customer": 7}])
    assert (again.recorded, [it.rows for it in again.tables]) == (0, [0, 0])


def test_a_purge_leaves_the_rows_in_no_file(tmp_path: Path) -> None:
    found = store(tmp_path, layout=offline.Layout("none", 0))
    found.append("payments", payments((1, 7, 1, 1234.5), (2, 9, 1, 1.0)))
    made = found.training_set(
        "payments_only", {"customer": [7], "event_time": payments((1, 7, 9, 1.0))["at"]}, pin="old"
    )
    report = found.forget("customer", [{"customer": 7}], purge=True)

    assert report.tables[0].kept_in == ()
    assert len(found.snapshots("payments")) == 1
    assert len(list((tmp_path / "warehouse" / "shop" / "payments" / "data").rglob("*.parquet"))) == 1
    with pytest.raises(errors.NotFound, match="has no snapshot"):
        found.reproduce(made)


def test_a_training_set_with_forgotten_entities_is_not_made_again_as_if_it_were_the_same(tmp_path: Path) -> None:
    found = store(tmp_path, layout=offline.Layout("month", 2))
    found.append("payments", random_payments(1, 500))
    found.append("profiles", random_profiles(1, 200))
    made = found.training_set("model", spine(3, 300))
    found.forget("customer", [{"customer": 7}])

    with pytest.raises(errors.FailedPrecondition, match="1 entities were forgotten, and their rows are left out"):
        found.reproduce(made)


def test_keys_of_several_parts(tmp_path: Path) -> None:
    found = store(tmp_path, TWO_KEYS)
    at = payments(*[(n, n, n, 1.0) for n in range(4)])["at"]
    rows = {"bank": ["a", "a", "b", "b"], "number": [1, 2, 1, 2], "at": at, "amount": [1.0, 2.0, 3.0, 4.0]}
    found.append("transfers", rows)
    report = found.forget("account", [{"bank": "a", "number": 2}, {"bank": "b", "number": 1}])

    assert report.tables[0].rows == 2
    assert found.read("transfers").read_all()["amount"].to_pylist() == [1.0, 4.0]
    assert found.append("transfers", rows).forgotten == 2
    with pytest.raises(errors.InvalidArgument, match=r"a key of 'account' has .'bank', 'number'., not .'bank'."):
        found.forget("account", [{"bank": "a"}])
    with pytest.raises(errors.InvalidArgument, match="the key 'number' is 'x', and must be int64"):
        found.forget("account", [{"bank": "a", "number": "x"}])
    with pytest.raises(errors.UnknownName, match="there is no entity 'customer'; there is 'account'"):
        found.forget("customer", [{"customer": 1}])


@pytest.mark.parametrize("rules", ["", QUARANTINED], ids=["appended", "put aside"])
def test_who_appends_while_an_entity_is_forgotten_does_not_bring_it_back(
    rules: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = DEFINITIONS.replace("    version: version\n", f"    version: version\n{rules}")
    found, other = store(tmp_path, text), opened(tmp_path, text)
    written, go_on = threading.Event(), threading.Event()
    commit = _commits.committed

    def late(*arguments: Any) -> object:
        if threading.current_thread().name == "writer" and not written.is_set():
            written.set()
            assert go_on.wait(60)
        return commit(*arguments)

    monkeypatch.setattr(_commits, "committed", late)
    writer = threading.Thread(
        target=found.append, args=("payments", payments((1, 7, 1, 1.0), (2, 9, 1, 1.0), (3, 7, 1, -1.0))), name="writer"
    )
    writer.start()
    assert written.wait(60)
    assert other.forget("customer", [{"customer": 7}]).tables[0].rows == 0
    go_on.set()
    writer.join(60)

    assert customers(other) == {9}
    if rules:
        assert customers(other, "shop.payments__quarantine") == set()
