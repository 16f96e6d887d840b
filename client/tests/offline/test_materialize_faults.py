"""kill -9 of whoever takes part, at random points: what is online in the end is what is offline."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import unskew
from tests.gateway import Gateway, free_address
from tests.offline.online import DEFINITIONS, Rows, assert_equal, loaded, patient
from unskew import offline
from unskew.errors import UnskewError

pytestmark = pytest.mark.integration

SEEDS = range(int(os.environ.get("UNSKEW_FAULT_SEEDS") or 3))
FAULTS = 4
BATCHES = 4
LIMIT = 600.0
"""Seconds after which something hangs."""


class Redis:
    """A Redis that writes down what it acknowledges."""

    def __init__(self, folder: Path) -> None:
        self._port = int(free_address().rpartition(":")[2])
        self._folder = folder
        self.url = f"redis://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts it, or again."""
        server = ["redis-server", "--port", str(self._port), "--bind", "127.0.0.1", "--appendonly", "yes", "--save", ""]
        self._process = subprocess.Popen([*server, "--dir", str(self._folder)], stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        """`kill -9`."""
        self._process.kill()
        self._process.wait()


class Job:
    """A process that appends batches to Iceberg and materializes, until it has done all of it."""

    def __init__(self, folder: Path, address: str, seed: int) -> None:
        self._arguments = [
            sys.executable,
            "-m",
            "tests.offline.test_materialize_faults",
            str(folder),
            address,
            str(seed),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, unless it runs."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(self._arguments, cwd=Path(__file__).parents[2])

    def kill(self) -> None:
        """`kill -9`."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def finish(self, deadline: float) -> None:
        """Starts it until it is done: it ends by itself where its gateway is away too long."""
        while time.monotonic() < deadline:
            self.start()
            assert self._process is not None
            if self._process.wait(max(deadline - time.monotonic(), 0.1)) == 0:
                return
        raise AssertionError("the job does not come to its end")


def work(folder: Path, address: str, seed: int) -> None:
    """What the job does; done again from its beginning it does nothing twice."""
    store = offline.open(unskew.parse(DEFINITIONS), warehouse=folder / "warehouse")
    rows = Rows(seed, (folder / "end").stat().st_mtime_ns // 1000)
    with patient(address) as client:
        for batch in range(BATCHES):
            for source in store.definitions.sources:
                store.append(source, getattr(rows, source)(300), batch_id=f"{source} {batch}")
            loaded(store, client, batch_rows=20)


@pytest.mark.parametrize("seed", SEEDS)
def test_online_is_offline_whoever_is_killed(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "all.yaml").write_text(DEFINITIONS)
    (tmp_path / "end").touch()
    store = offline.open(unskew.parse(DEFINITIONS), warehouse=tmp_path / "warehouse")
    store.apply(layout=offline.Layout(period="none", buckets=0))
    redis = Redis(tmp_path)
    redis.start()
    address = free_address()
    settings = {"APP__DEFINITIONS__PATH": str(tmp_path / "definitions")}
    job = Job(tmp_path, address, seed)

    def gateway() -> Gateway:
        return Gateway(tmp_path, address, store=redis.url, settings=settings).__enter__()

    running = gateway()
    deadline = time.monotonic() + LIMIT
    try:
        for _ in range(FAULTS):
            job.start()
            time.sleep(chance.uniform(0.3, 2.5))
            victim = chance.choice(["job", "gateway", "redis"])
            if victim == "job":
                job.kill()
            elif victim == "gateway":
                running.kill()
                running = gateway()
            else:
                redis.kill()
                redis.start()
        job.finish(deadline)
        with patient(address) as client:
            assert {found.rows for found in loaded(store, client).values()} == {0}
            assert_equal(store, client)
        counts = [store.read(source).read_all().num_rows for source in store.definitions.sources]
        assert counts == [300 * BATCHES] * len(counts)
    finally:
        job.kill()
        running.kill()
        redis.kill()


if __name__ == "__main__":
    try:
        work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    except UnskewError as error:
        sys.exit(str(error))
