"""Faults: writers that race, writers that are killed, damaged files, full disks, catalogs that are gone."""

import datetime as dt
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import unskew
from tests.disks import fill, needs_root, small_disk
from tests.offline.store import DEFINITIONS, opened, payments, random_payments, spine, store
from tests.offline.writer import ROWS
from unskew import errors, offline

PACKAGE = Path(__file__).resolve().parents[2]
SEEDS = range(int(os.environ.get("UNSKEW_FAULT_SEEDS") or 3))
ONE_FILE = offline.Layout("none", 0)


def writer(*arguments: object) -> "subprocess.Popen[str]":
    """Starts `tests.offline.writer`."""
    command = [sys.executable, "-m", "tests.offline.writer", *map(str, arguments)]
    return subprocess.Popen(command, cwd=PACKAGE, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def started() -> Iterator[list["subprocess.Popen[str]"]]:
    """Processes, which don't outlive the test."""
    found: list[subprocess.Popen[str]] = []
    yield found
    for process in found:
        process.kill()
        process.communicate()


def batches(found: offline.OfflineStore, snapshot: int | None = None) -> Counter[int]:
    """How many rows of each batch are in the table, or in a snapshot of it."""
    rows = found.read("payments", as_of_snapshot=snapshot).read_all()
    assert len(set(rows["id"].to_pylist())) == rows.num_rows
    return Counter(it // ROWS for it in rows["id"].to_pylist())


def check_snapshots(found: offline.OfflineStore) -> None:
    """Each snapshot has the batches of those before it and its own, and all files are those of snapshots."""
    for _ in range(2):
        for place, it in enumerate(found.snapshots("payments")):
            assert batches(found, it.snapshot_id) == dict.fromkeys(range(place + 1), ROWS)
        # Again without what a killed writer left.
        found.remove_orphans("payments", older_than=dt.timedelta(0))
    assert found.remove_orphans("payments", older_than=dt.timedelta(0)) == 0


def test_writers_that_race_lose_nothing_and_commit_each_batch_once(
    tmp_path: Path, started: list["subprocess.Popen[str]"]
) -> None:
    found = store(tmp_path, layout=ONE_FILE)
    # Each batch is appended by two of them.
    started += [writer(tmp_path, first, 4) for first in (0, 0, 2)]
    told = [process.communicate(timeout=300)[0] for process in started]

    assert [process.returncode for process in started] == [0, 0, 0], told
    assert batches(found) == dict.fromkeys(range(6), ROWS)
    committed = [line for text in told for line in text.splitlines() if line.endswith("True")]
    assert len(committed) == len(found.snapshots("payments")) == 6


@pytest.mark.parametrize("seed", SEEDS)
def test_a_writer_that_is_killed_leaves_whole_batches_and_goes_on(
    seed: int, tmp_path: Path, started: list["subprocess.Popen[str]"]
) -> None:
    found, count = store(tmp_path, layout=ONE_FILE), 8
    process = writer(tmp_path, 0, count)
    started.append(process)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(random.Random(seed).random() * 0.2)
    process.kill()
    process.wait(60)
    assert found.snapshots("payments")
    check_snapshots(found)
    done = [
        found.append("payments", random_payments(it, ROWS, ROWS * it), batch_id=f"batch {it}") for it in range(count)
    ]

    assert not done[0].committed
    assert len(found.snapshots("payments")) == count
    check_snapshots(found)


def changed(found: offline.OfflineStore, what: str) -> None:
    """One of the calls that write files."""
    more = random_payments(9, 2_000, 10_000)
    if what == "append":
        assert found.append("payments", more, batch_id="more").committed
    elif what == "overwrite":
        start, end = (dt.datetime.fromtimestamp(86_400 * day, dt.timezone.utc) for day in (0, 60))
        assert found.overwrite("payments", more, start=start, end=end, batch_id="more").committed
    elif what == "compact":
        assert found.compact("payments").files_before == 3
    else:
        found.forget("customer", [{"customer": 7}])


@needs_root
# Forgetting leaves metadata of another table behind each time.
@pytest.mark.parametrize(("what", "pages"), [("append", 1), ("overwrite", 1), ("compact", 1), ("forget", 8)])
def test_a_full_disk_leaves_the_table_as_it_was_and_room_is_enough_to_go_on(
    what: str, pages: int, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        found = store(disk, layout=ONE_FILE)
        for batch in range(3):
            found.append("payments", random_payments(batch, 1_000, 1_000 * batch))

        def rows() -> pa.Table:
            return found.catalog.load_table("shop.payments").scan().to_arrow()

        def state() -> tuple[object, ...]:
            data = {path for path in disk.rglob("*.parquet") if "payments" in path.parts}
            # Not by `read`, which leaves out an entity as soon as it is recorded that it is forgotten.
            return found.snapshots("payments"), rows().sort_by("id"), data

        before, filler, failed = state(), fill(disk), set[str]()
        while True:
            try:
                changed(found, what)
                break
            except errors.ResourceExhausted as error:
                told = error.message
            assert told.endswith(": make some, and give the same call again"), told
            assert f"no room left in file://{disk}/warehouse" in told
            failed.add(told.split(":")[0])
            assert state() == before
            found.remove_orphans("payments", older_than=dt.timedelta(0))
            # A little more: so it ends in the midst of each of the files, and of the catalog's own.
            os.truncate(filler, filler.stat().st_size - 4096 * pages)
        assert len(failed) > 1, failed
        ids = rows()["id"].to_pylist()
        assert len(ids) == len(set(ids))
        whole = {"append": 5_000, "overwrite": 2_000, "compact": 3_000}
        assert len(ids) == whole.get(what, len(ids))
        assert (7 in rows()["customer"].to_pylist()) == (what != "forget")


@needs_root
def test_a_full_disk_leaves_no_rows_aside_or_tells_how_they_are_not_put_there_again(tmp_path: Path) -> None:
    rule = "    quality: {most: {column: amount, max: 60, on_failure: quarantine}}\n"
    text = DEFINITIONS.replace("    columns: {id: int64, version", rule + "    columns: {id: int64, version")
    with small_disk(tmp_path / "disk", 8) as disk:
        found = store(disk, text, ONE_FILE)
        found.append("payments", random_payments(0, 1_000))

        def ids() -> tuple[list[int], list[int]]:
            tables = [found.catalog.load_table(f"shop.payments{it}") for it in ("", "__quarantine")]
            good, bad = (sorted(it.scan().to_arrow()["id"].to_pylist()) for it in tables)
            return good, bad

        before, filler, failed, left = ids(), fill(disk), 0, 0
        batch: str | None = None
        while True:
            try:
                found.append("payments", random_payments(1, 1_000, 1_000), batch_id=batch)
                break
            except errors.ResourceExhausted as error:
                told = error.message.split("has the batch id ")
            failed += 1
            if len(told) == 2:
                left, batch = left + 1, told[1].strip("'")
            assert batch is not None or ids() == before
            assert ids()[0] == before[0]
            found.remove_orphans("payments", older_than=dt.timedelta(0))
            # Each time leaves what it committed and took back, as files and as metadata.
            os.truncate(filler, filler.stat().st_size - 4096 * 5)
        assert failed > left
        good, bad = ids()
        assert sorted(good + bad) == list(range(2_000))


@needs_root
def test_a_full_disk_leaves_the_training_set_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = store(tmp_path, layout=ONE_FILE)
    found.append("payments", random_payments(1, 3_000))
    small, large = (found.training_set("payments_only", spine(5, count)) for count in (10, 2_000))
    with small_disk(tmp_path / "disk", 1) as disk:
        place = disk / "set"
        small.save(place)
        filler = fill(disk)
        with pytest.raises(
            errors.ResourceExhausted, match=rf"no room left in {place}: make some, or give another folder"
        ):
            large.save(place)
        assert unskew.TrainingSet.load(place).vectors.tobytes() == small.vectors.tobytes()
        assert set(disk.iterdir()) == {place, filler}
        filler.unlink()
        large.save(place)
        assert unskew.TrainingSet.load(place).vectors.tobytes() == large.vectors.tobytes()

        filler = fill(disk)
        monkeypatch.setattr("tempfile.tempdir", str(disk))
        with pytest.raises(
            errors.ResourceExhausted, match=rf"no room left in {disk}/unskew-.*: make some, set TMPDIR to"
        ):
            found.training_set("payments_only", spine(5, 2_000), memory_limit=20_000)
        assert set(disk.iterdir()) == {place, filler}
        filler.unlink()
        again = found.training_set("payments_only", spine(5, 2_000), memory_limit=20_000)
        assert again.vectors.tobytes() == large.vectors.tobytes()


def data_file(folder: Path) -> Path:
    return next((folder / "warehouse" / "shop" / "payments" / "data").rglob("*.parquet"))


@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_a_damaged_file_of_a_table_is_told(damage: str, tmp_path: Path) -> None:
    found = store(tmp_path, layout=ONE_FILE)
    found.append("payments", random_payments(1, 500))
    path = data_file(tmp_path)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-300] if damage == "cut" else b"no Parquet at all")

    with pytest.raises(errors.DataLoss, match=r"the table 'shop.payments' can't be read: "):
        found.read("payments").read_all()
    with pytest.raises(errors.DataLoss, match=r"the table 'shop.payments' can't be "):
        found.training_set("payments_only", {"customer": [7], "event_time": payments((1, 7, 1, 1.0))["at"]})


def test_rows_that_can_t_be_read_are_refused(tmp_path: Path) -> None:
    found = store(tmp_path, layout=ONE_FILE)
    path = tmp_path / "rows.parquet"
    pq.write_table(random_payments(1, 500), path)
    path.write_bytes(path.read_bytes()[:-300])

    with pytest.raises(errors.DataError, match=r"rows.parquet can't be read as Parquet"):
        found.append("payments", path)
    with pytest.raises(errors.DataError, match=r"absent.parquet can't be read as Parquet"):
        found.append("payments", tmp_path / "absent.parquet")
    assert found.snapshots("payments") == ()


def test_a_stream_that_breaks_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unskew.offline._rows.BLOCK_BYTES", 1)
    found = store(tmp_path, layout=ONE_FILE)

    def broken() -> Iterator[object]:
        yield from random_payments(1, 10).to_batches()
        raise RuntimeError("the source is gone")

    with pytest.raises(RuntimeError, match="the source is gone"):
        found.append("payments", pa.RecordBatchReader.from_batches(random_payments(1, 10).schema, broken()))
    assert found.snapshots("payments") == ()
    assert not list((tmp_path / "warehouse").rglob("*.parquet"))


def test_a_catalog_that_goes_away_is_told(tmp_path: Path) -> None:
    found = store(tmp_path, layout=ONE_FILE)
    found.append("payments", random_payments(1, 10))
    (tmp_path / "warehouse" / "catalog.db").rename(tmp_path / "elsewhere.db")
    with pytest.raises(errors.Unavailable, match=r"the table 'shop.payments' can't be (opened|committed to): "):
        found.append("payments", random_payments(2, 10))

    (tmp_path / "warehouse" / "catalog.db").write_bytes(b"no database" * 1_000)
    with pytest.raises(errors.Unavailable, match=r"the catalog 'unskew' can't be opened in .*: "):
        opened(tmp_path)
