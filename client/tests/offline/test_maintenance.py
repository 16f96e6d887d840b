"""Compaction, expiry and what killed writers leave: files come and go, rows stay."""

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest

from tests.offline.store import payments, random_payments, store
from unskew import offline
from unskew.offline import maintenance

DAY = dt.timedelta(days=1)


def files(folder: Path, kind: str = "parquet") -> set[Path]:
    return set((folder / "warehouse").rglob(f"*.{kind}"))


def many(folder: Path) -> offline.OfflineStore:
    found = store(folder, layout=offline.Layout("month", 2))
    for batch in range(4):
        found.append("payments", random_payments(batch, 200, batch * 200), batch_id=f"batch {batch}")
    return found


def test_compaction_leaves_fewer_files_and_the_same_rows(tmp_path: Path) -> None:
    found = many(tmp_path)
    before = found.read("payments").read_all().sort_by("id")
    done = found.compact("payments")

    assert (done.files_before, done.files_after, done.rows) == (16, 4, 800)
    assert found.read("payments").read_all().sort_by("id").equals(before)
    assert found.snapshots("payments")[-1].operation == "compact"
    assert found.compact("payments").files_before == 0
    assert store(tmp_path / "empty").compact("payments").files_before == 0


def test_a_compaction_does_not_bring_back_what_was_deleted_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = many(tmp_path)
    read = maintenance._small

    def overtaken(tasks: Any, target_bytes: int) -> Any:
        # When the files are chosen, and before they are read.
        chosen = list(read(tasks, target_bytes))
        if not found.forgotten("customer"):
            found.forget("customer", [{"customer": 7}])
        return chosen

    monkeypatch.setattr(maintenance, "_small", overtaken)
    found.compact("payments")
    customers = found.catalog.load_table("shop.payments").scan().to_arrow()["customer"].to_pylist()
    assert customers
    assert 7 not in customers


def test_expired_snapshots_take_their_files_and_leave_those_of_tags(tmp_path: Path) -> None:
    found = many(tmp_path)
    tagged = found.snapshots("payments")[0].snapshot_id
    found.tag("kept", {"payments": tagged})
    found.compact("payments")
    before = files(tmp_path)
    done = found.expire_snapshots("payments", older_than=-DAY)

    left = [(it.snapshot_id, it.tags) for it in found.snapshots("payments")]
    assert left == [(tagged, ("kept",)), (left[1][0], ())]
    assert len(done.snapshots) == 3
    # The files of the first batch stay for the tag, those of the others were rewritten.
    assert (len(before), len(files(tmp_path))) == (20, 8)
    assert done.files > 12
    assert found.read("payments", tag="kept").read_all().num_rows == 200
    assert found.read("payments").read_all().num_rows == 800
    assert found.expire_snapshots("payments", older_than=-DAY).snapshots == ()
    assert found.expire_snapshots("payments", older_than=DAY, retain_last=3).snapshots == ()


def test_a_batch_whose_snapshot_expired_is_not_appended_again(tmp_path: Path) -> None:
    found = many(tmp_path)
    found.expire_snapshots("payments", older_than=-DAY)
    again = found.append("payments", random_payments(0, 200), batch_id="batch 0")

    assert (again.committed, again.snapshot_id) == (False, None)
    assert found.read("payments").read_all().num_rows == 800


def test_a_batch_that_a_tag_keeps_is_not_appended_again_when_those_after_it_expired(tmp_path: Path) -> None:
    found = many(tmp_path)
    found.tag("kept", {"payments": found.snapshots("payments")[1].snapshot_id})
    assert len(found.expire_snapshots("payments", older_than=-DAY).snapshots) == 2
    # The line of snapshots is broken at the third.
    for batch in range(4):
        again = found.append("payments", random_payments(batch, 200, batch * 200), batch_id=f"batch {batch}")
        assert not again.committed
    found.untag("kept")
    assert len(found.expire_snapshots("payments", older_than=-DAY).snapshots) == 1

    assert not found.append("payments", random_payments(1, 200, 200), batch_id="batch 1").committed
    assert found.read("payments").read_all().num_rows == 800


def test_a_batch_that_was_rolled_back_is_appended_again_also_when_it_expired(tmp_path: Path) -> None:
    found = many(tmp_path)
    table = found.catalog.load_table("shop.payments")
    table.manage_snapshots().rollback_to_snapshot(found.snapshots("payments")[2].snapshot_id).commit()
    assert len(found.expire_snapshots("payments", older_than=-DAY).snapshots) == 3

    assert not found.append("payments", random_payments(0, 200), batch_id="batch 0").committed
    assert found.append("payments", random_payments(3, 200, 600), batch_id="batch 3").committed
    assert found.read("payments").read_all().num_rows == 800


def test_a_batch_is_remembered_for_its_time_from_when_it_expired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = many(tmp_path)
    monkeypatch.setattr(maintenance, "BATCH_MEMORY", dt.timedelta(0))
    found.expire_snapshots("payments", older_than=-DAY)
    assert not found.append("payments", random_payments(0, 200), batch_id="batch 0").committed

    found.append("payments", payments((5_000, 7, 1, 1.0)))
    found.expire_snapshots("payments", older_than=-DAY)
    assert found.append("payments", random_payments(0, 200), batch_id="batch 0").committed


def test_files_that_no_snapshot_has_are_removed_when_they_are_old(tmp_path: Path) -> None:
    found = many(tmp_path)
    data = next(iter(files(tmp_path))).parent
    young, old = data / "young.parquet", data / "old.parquet"
    for path in (young, old):
        path.write_bytes(b"of a writer that was killed")
    os.utime(old, (0, 0))
    for path in files(tmp_path) - {young, old} | files(tmp_path, "avro") | files(tmp_path, "metadata.json"):
        if "payments" in path.parts:
            os.utime(path, (0, 0))

    assert found.remove_orphans("payments") == 1
    assert (young.exists(), old.exists()) == (True, False)
    assert found.read("payments").read_all().num_rows == 800
    found.append("payments", payments((5_000, 7, 1, 1.0)))
    assert found.read("payments").read_all().num_rows == 801
