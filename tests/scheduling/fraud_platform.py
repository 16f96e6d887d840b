"""The parts that run together when the fraud example is scheduled, and what its days must bring."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from airflow_server import Airflow
from fraud_benchmark.stream import events
from parts import Gateway, Redis, Way
from unskew import offline

FIRST = datetime(2018, 4, 1, tzinfo=UTC)
IS_NIGHTLY = bool(os.environ.get("UNSKEW_FRAUD_NIGHTLY"))
DAYS = 14 if IS_NIGHTLY else 11
"""Of transactions."""
CATCH_UP = 4
"""The last days of them are what the scheduler catches up with."""


def day(number: int) -> datetime:
    """A day, counted from the first transactions."""
    return FIRST + timedelta(days=number)


def text(number: int) -> str:
    """The same, as a run is named."""
    return f"{day(number):%Y-%m-%d}"


@dataclass(frozen=True)
class Platform:
    """All parts, running."""

    airflow: Airflow
    gateway: Gateway
    way: Way
    """To the Redis of the gateway."""
    redis: Redis
    store: offline.OfflineStore
    transactions: pa.Table
    folder: Path

    def expected(self, numbers: range) -> pa.Table:
        """What the table must hold when these days have run: their transactions, and the labels that they brought."""
        time = self.transactions["tx_datetime"]

        def between(first: datetime, last: datetime) -> pa.Table:
            at_least, before = (pa.scalar(it, time.type) for it in (first, last))
            return self.transactions.filter(pc.and_(pc.greater_equal(time, at_least), pc.less(time, before)))

        week = timedelta(days=7)
        happened = events(between(day(numbers[0]), day(numbers[-1] + 1)), labelled=False)
        labels = events(between(day(numbers[0]) - week, day(numbers[-1] + 1) - week), labelled=True)
        return pa.concat_tables([happened, labels])

    def appended(self) -> pa.Table:
        """What the table holds."""
        return self.store.read("transactions").read_all()

    def verify(self) -> tuple[int, list[dict[str, Any]]]:
        """`unskew verify` of all entities: its exit code, and what it found for each view."""
        done = self.unskew("verify", "--entities", "100000", "--json")
        return done.returncode, json.loads(done.stdout)["views"]

    def unskew(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        """A command of the package."""
        where = ["--warehouse", str(self.folder / "warehouse"), "--address", self.gateway.address, "--timeout", "60"]
        definitions = str(self.folder / "definitions")
        return subprocess.run(
            [sys.executable, "-m", "unskew.cli", command, definitions, *options, *where],
            capture_output=True,
            text=True,
            check=False,
        )
