"""The fraud example, scheduled by a real Airflow: day by day, killed, backfilled, over an online store that is damaged.

The tests go on from each other, in the order of the file: an Airflow takes long to start.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator

from airflow_server import eventually
from fraud_platform import CATCH_UP, DAYS, IS_NIGHTLY, Platform, day, text
from parts import wait

DAG = "unskew_transactions"
WRITTEN = "unskew_rows_written_total"
LONG = 300.0
PAST = range(DAYS - CATCH_UP, DAYS)
BACKFILLED = range(PAST[0] - 4, PAST[3]) if IS_NIGHTLY else range(PAST[0] - 2, PAST[1])
"""Days before, and some of those again: a week, or three days."""


def assert_whole(platform: Platform, days: range) -> None:
    """The table has what became known on these days, each row once, and online is what is offline."""
    by = [("transaction_id", "ascending"), ("label_version", "ascending")]
    appended, expected = platform.appended(), platform.expected(days)
    expected = expected.select(appended.column_names).cast(appended.schema)
    assert appended.num_rows == expected.num_rows
    assert appended.sort_by(by).equals(expected.sort_by(by))
    code, views = platform.verify()
    assert code == 0, views
    for view in views:
        assert view["values"], view
        assert (view["differ"], view["behind"], view["skipped"], view["not_compared"]) == (0, False, None, {}), view


def kill(platform: Platform, number: int, task: str, when: Callable[[], bool]) -> None:
    """Kills the process of a task when something is so."""
    pids: list[int] = []

    def runs() -> bool:
        found = platform.airflow.pid_of(DAG, text(number), task)
        pids.extend([found] if found else [])
        return bool(pids)

    eventually(f"{task} of {text(number)} runs", runs, every=0.2)
    wait(f"{task} of {text(number)} has begun to write", when, LONG)
    os.kill(pids[0], signal.SIGKILL)


@contextlib.contextmanager
def no_commits(platform: Platform) -> Iterator[None]:
    """The catalog can be read, and not be written."""
    connection = sqlite3.connect(platform.folder / "warehouse" / "catalog.db", timeout=LONG, isolation_level=None)
    with contextlib.closing(connection):
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_the_scheduler_catches_up_while_tasks_are_killed(platform: Platform) -> None:
    def tries(number: int, task: str) -> int:
        return platform.airflow.tries(DAG, text(number), task)

    def files() -> int:
        return len(list((platform.folder / "warehouse").rglob("*.parquet")))

    eventually("the first day is appended", lambda: tries(PAST[0], "materialize") > 0, every=0.2)
    # Its files are written, and it waits for its commit.
    with no_commits(platform):
        before = files()
        kill(platform, PAST[1], "append", lambda: files() > before)
    eventually("the second day is materialized", lambda: tries(PAST[1], "verify") > 0, every=0.2)
    # Slow enough to be met in the middle: one view is written, the other is not.
    platform.way.delay = 0.1
    there = platform.gateway.metric(WRITTEN)
    kill(platform, PAST[2], "materialize", lambda: platform.gateway.metric(WRITTEN) > there)
    platform.way.delay = 0.0
    days = [text(number) for number in PAST]
    assert platform.airflow.wait_for(DAG, days) == dict.fromkeys(days, "success")
    assert (tries(PAST[1], "append"), tries(PAST[2], "materialize")) == (2, 2)
    assert_whole(platform, PAST)


def test_a_backfill_of_days_before_and_again_adds_what_lacks(platform: Platform) -> None:
    platform.airflow.backfill(DAG, day(BACKFILLED[0]), day(BACKFILLED[-1]))
    days = [text(number) for number in BACKFILLED]
    assert platform.airflow.wait_for(DAG, days) == dict.fromkeys(days, "success")
    assert_whole(platform, range(BACKFILLED[0], DAYS))


def test_a_damaged_online_store_fails_the_run_until_it_is_mended(platform: Platform) -> None:
    for terminal in range(500):
        platform.redis.run(f"DEL fv:{{terminal|{terminal}}}:terminal_risk:1")
    last = text(PAST[-1])
    platform.airflow.clear(DAG, last, "verify")
    assert platform.airflow.wait_for(DAG, [last]) == {last: "failed"}
    log = platform.airflow.log_of(DAG, last, "verify", platform.airflow.tries(DAG, last, "verify"))
    assert "online is not offline" in log
    assert "terminal_risk.nb_tx_7d is" in log
    assert platform.verify()[0] == 1

    mended = platform.unskew("materialize", "--full")
    assert mended.returncode == 0, mended.stderr
    platform.airflow.clear(DAG, last, "verify")
    assert platform.airflow.wait_for(DAG, [last]) == {last: "success"}
    assert_whole(platform, range(BACKFILLED[0], DAYS))


def test_nothing_listens_but_on_loopback(platform: Platform) -> None:
    sockets = set()
    for pid in platform.airflow.processes():
        with contextlib.suppress(OSError):
            for file in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    sockets.add(os.readlink(f"/proc/{pid}/fd/{file}"))
    listening = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}") as lines:
            for line in list(lines)[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                    listening.add(fields[1].partition(":")[0])
    assert listening == {"0100007F"}
