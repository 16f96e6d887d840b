"""Faults: writers that race, writers that are killed, damaged files, full disks, catalogs that are gone."""

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

from tests.offline.store import opened, payments, random_payments, store
from tests.offline.writer import ROWS
from unskew import errors, offline

PACKAGE = Path(__file__).resolve().parents[2]
SEEDS = range(30 if os.environ.get("UNSKEW_FRAUD_NIGHTLY") else 3)
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


def batches(found: offline.OfflineStore) -> Counter[int]:
    """How many rows of each batch are in the table."""
    rows = found.read("payments").read_all()
    assert len(set(rows["id"].to_pylist())) == rows.num_rows
    return Counter(it // ROWS for it in rows["id"].to_pylist())


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
    time.sleep(random.Random(seed).random() * 0.4)
    process.kill()
    process.wait(60)
    assert all(rows == ROWS for rows in batches(found).values())
    done = [
        found.append("payments", random_payments(it, ROWS, ROWS * it), batch_id=f"batch {it}") for it in range(count)
    ]

    assert not done[0].committed
    assert batches(found) == dict.fromkeys(range(count), ROWS)
    assert len(found.snapshots("payments")) == count


def test_a_full_disk_leaves_the_table_as_it_was(tmp_path: Path, started: list["subprocess.Popen[str]"]) -> None:
    found = store(tmp_path, layout=ONE_FILE)
    found.append("payments", payments((1_000, 7, 1, 1.0)))
    before = set(tmp_path.rglob("*.parquet"))
    process = writer(tmp_path, 0, 1, 1_000)
    started.append(process)
    told = process.communicate(timeout=300)[0]

    assert told.startswith("ResourceExhausted rows can't be written for the table 'shop.payments': "), told
    assert process.returncode == 3
    assert len(found.snapshots("payments")) == 1
    left = set(tmp_path.rglob("*.parquet")) - before
    assert all(path.stat().st_size <= 1_000 for path in left)
    assert found.append("payments", random_payments(0, ROWS), batch_id="batch 0").committed


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
