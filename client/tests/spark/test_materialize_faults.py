"""kill -9 of a materialization by Spark, of its gateway and of its store: in the end online is offline."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

import unskew
from tests.gateway import Gateway, free_address
from tests.offline.online import DEFINITIONS, Rows, assert_equal, loaded, patient
from tests.offline.test_materialize_faults import Redis
from tests.spark.conftest import SMALL
from unskew import errors, offline, spark

SEEDS = range(int(os.environ.get("UNSKEW_FAULT_SEEDS") or 3))
ROWS = 400
CHOSEN = ("owner", "spending", "visited")
"""Newest rows; events with ids; events without, of which none may count twice."""
LONGEST = 2.5
"""Seconds from the first write to the latest moment of a kill."""
LIMIT = 120.0
SLOW: dict[str, Any] = {"concurrency": 1, "batch_rows": 2}
"""So that there is a midst."""


class Driver:
    """A process that materializes views by a Spark of its own, again and again."""

    def __init__(self, folder: Path, address: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.spark.test_materialize_faults", str(folder), address],
            cwd=Path(__file__).parents[2],
            # What it starts is killed with it; workers have a process group of their own.
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> int:
        """`kill -9` of the driver, its machine and its workers; how many processes that were."""
        found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        found = [pid for pid in found if _session(pid) == self._process.pid]
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        self._process.wait()
        return len(found)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


class Online:
    """A gateway over a Redis, each of which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.address = free_address()
        self.redis = Redis(folder)
        self._folder = folder
        (folder / "definitions").mkdir()
        (folder / "definitions" / "all.yaml").write_text(DEFINITIONS)
        self.redis.start()
        self.start()

    def start(self) -> None:
        """Starts the gateway, or again."""
        settings = {"APP__DEFINITIONS__PATH": str(self._folder / "definitions")}
        self.gateway = Gateway(self._folder, self.address, store=self.redis.url, settings=settings).__enter__()

    def keys(self) -> int:
        """How many keys are in the Redis."""
        host, port = self.redis.url.removeprefix("redis://").split(":")
        with socket.create_connection((host, int(port)), 5) as connection:
            connection.sendall(b"DBSIZE\r\n")
            return int(connection.recv(100).strip().removeprefix(b":"))

    def wait_for_writes(self) -> None:
        """Until something of a view has come."""
        before, deadline = self.keys(), time.monotonic() + LIMIT
        while self.keys() <= before:
            assert time.monotonic() < deadline, "nothing is written"
            time.sleep(0.01)


@pytest.fixture
def online(tmp_path: Path) -> Iterator[Online]:
    """An online store without anything in it."""
    found = Online(tmp_path)
    yield found
    found.gateway.kill()
    found.redis.kill()


@pytest.fixture
def store(tmp_path: Path) -> offline.OfflineStore:
    """An offline store with rows."""
    found = offline.open(unskew.parse(DEFINITIONS), warehouse=tmp_path / "warehouse")
    found.apply(layout=offline.Layout(period="none", buckets=0))
    Rows(1).append_to(found, ROWS)
    return found


def assert_done_by_another_run(session: SparkSession, store: offline.OfflineStore, online: Online) -> None:
    """Another run does what is left, a third one has nothing to do, and all that is online is what is offline."""
    connect = partial(patient, online.address)
    assert {found.view for found in spark.materialize(session, store, connect, CHOSEN)} == set(CHOSEN)
    with connect() as client:
        assert {found.rows for found in loaded(store, client, CHOSEN).values()} == {0}
        assert_equal(store, client, CHOSEN)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_job_that_is_killed_is_done_by_the_next_one(
    seed: int, tmp_path: Path, started: SparkSession, store: offline.OfflineStore, online: Online
) -> None:
    driver = Driver(tmp_path, online.address)
    try:
        online.wait_for_writes()
        time.sleep(random.Random(seed).uniform(0, LONGEST))
    finally:
        killed = driver.kill()
    # Python, Java, and at least what forks workers.
    assert killed > 2
    assert_done_by_another_run(started, store, online)


@pytest.mark.parametrize("victim", ["gateway", "redis"])
def test_an_online_store_that_is_killed_is_told_by_executors(
    victim: str, started: SparkSession, store: offline.OfflineStore, online: Online
) -> None:
    impatient = partial(unskew.FeatureStoreClient, online.address, timeout=5.0, write_timeout=5.0, retries=1)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: list(spark.materialize(started, store, impatient, CHOSEN, **SLOW)))
        online.wait_for_writes()
        (online.gateway if victim == "gateway" else online.redis).kill()
        error = running.exception(LIMIT)
    assert isinstance(error, errors.Unavailable), error
    if victim == "gateway":
        online.start()
    else:
        online.redis.start()
    assert_done_by_another_run(started, store, online)


def work(folder: Path, address: str) -> None:
    """What the driver does."""
    store = offline.open(unskew.parse(DEFINITIONS), warehouse=folder / "warehouse")
    session = SparkSession.builder.config(map=SMALL).getOrCreate()
    parent = os.getppid()
    # Until it is killed; or the test was, and another is its parent now.
    while os.getppid() == parent:
        list(spark.materialize(session, store, partial(patient, address), CHOSEN, full=True, **SLOW))


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2])
