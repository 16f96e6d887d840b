"""A real Airflow: an API server, a scheduler with its executor and a DAG processor, each a process group of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from parts import free_port, wait

STARTS = 180.0
RUNS = 600.0
"""Seconds that something may take on a busy machine."""
ENDED = {"success", "failed"}
LOCKED = {409, 500, 503}
"""What the API answers when the database is locked, or when what it began is not cleared away yet."""


class RefusedError(AssertionError):
    """The API answers with an error."""

    def __init__(self, code: int, message: str) -> None:
        """`code` is that of HTTP."""
        super().__init__(message)
        self.code = code


def eventually(what: str, is_so: Callable[[], bool], limit: float = RUNS, every: float = 1.0) -> None:
    """Waits until it is so, and asks rarely: to answer costs the API server as much as the scheduler's work does."""
    end = time.monotonic() + limit
    while not is_so():
        assert time.monotonic() < end, f"after {limit} s it is still not so: {what}"
        time.sleep(every)


class Airflow:
    """Airflow with SQLite and the LocalExecutor in a folder; it ends with its block, and all that it started."""

    def __init__(self, folder: Path, dags: Path, environment: Mapping[str, str]) -> None:
        """It is not started yet."""
        self.folder = folder
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._token = ""
        self._parts: list[subprocess.Popen[bytes]] = []
        settings = {
            "API__HOST": "127.0.0.1",
            "API__PORT": str(port),
            "API__WORKERS": "1",
            "API_AUTH__JWT_SECRET": "of a test, on loopback " * 3,
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__DAGS_FOLDER": str(dags),
            "CORE__DEFAULT_TASK_RETRY_DELAY": "1",
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__PARALLELISM": "2",
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
            "DAG_PROCESSOR__REFRESH_INTERVAL": "3600",
        }
        self.environment = {
            **os.environ,
            **environment,
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
            "AIRFLOW_HOME": str(folder),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }

    def __enter__(self) -> Airflow:
        try:
            self._run("db", "migrate")
            self._start("api-server")
            self._start("dag-processor")
            eventually("the API answers", self._answers, STARTS)
            self._token = self._ask("GET", f"{self.url}/auth/token")["access_token"]
            # Tasks need the API, and those that don't get it lose a try. Without the log server, which would listen on
            # all interfaces.
            self._start("scheduler", "--skip-serve-logs")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        if error is not None:
            for log in sorted(self.folder.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")  # noqa: T201 (pytest shows it)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the REST API; again while the scheduler holds the lock of SQLite."""
        answers: list[Any] = []

        def is_answered() -> bool:
            try:
                answers.append(self._ask(method, f"{self.url}/api/v2/{path}", body))
            except RefusedError as error:
                if error.code not in LOCKED:
                    raise
            return bool(answers)

        eventually(f"{method} {path} is answered", is_answered, STARTS)
        return answers[0]

    def runs(self, dag: str) -> dict[str, dict[str, Any]]:
        """The runs of a DAG, by their days."""
        found = self.ask("GET", f"dags/{dag}/dagRuns?limit=100")["dag_runs"]
        return {run["logical_date"][:10]: run for run in found}

    def task(self, dag: str, day: str, task: str) -> dict[str, Any]:
        """A task of the run of a day; empty if it has none yet."""
        run = self.runs(dag).get(day)
        if run is None:
            return {}
        found = self.ask("GET", f"dags/{dag}/dagRuns/{run['dag_run_id']}/taskInstances")["task_instances"]
        return next((it for it in found if it["task_id"] == task), {})

    def tries(self, dag: str, day: str, task: str) -> int:
        """How often a task was begun."""
        return int(self.task(dag, day, task).get("try_number", 0))

    def clear(self, dag: str, day: str, task: str) -> None:
        """Lets a task of the run of a day be done again."""
        run = self.runs(dag)[day]["dag_run_id"]
        body = {"dry_run": False, "dag_run_id": run, "task_ids": [task], "only_failed": False}
        self.ask("POST", f"dags/{dag}/clearTaskInstances", body)

    def pid_of(self, dag: str, day: str, task: str) -> int | None:
        """The process that runs a task; None: none does."""
        found = self.task(dag, day, task)
        return found["pid"] if found.get("state") == "running" else None

    def wait_for(self, dag: str, days: list[str]) -> dict[str, str]:
        """Waits until the runs of some days have ended; their states."""

        def states() -> dict[str, str]:
            runs = self.runs(dag)
            return {day: runs[day]["state"] if day in runs else "" for day in days}

        eventually(f"the runs of {days} ended", lambda: set(states().values()) <= ENDED)
        return states()

    def backfill(self, dag: str, first: datetime, last: datetime) -> None:
        """Runs the days from one to another, those that were run before again too; waits until that is done."""
        body = {
            "dag_id": dag,
            "from_date": first.isoformat(),
            "to_date": last.isoformat(),
            "reprocess_behavior": "completed",
        }
        made = self.ask("POST", "backfills", body)["id"]
        eventually("the backfill ended", lambda: self.ask("GET", f"backfills/{made}")["completed_at"] is not None)

    def log_of(self, dag: str, day: str, task: str, number: int) -> str:
        """What a try of a task has logged."""
        run = self.runs(dag)[day]["dag_run_id"]
        found = self.ask("GET", f"dags/{dag}/dagRuns/{run}/taskInstances/{task}/logs/{number}")
        return json.dumps(found["content"], ensure_ascii=False)

    def processes(self) -> dict[int, str]:
        """All processes of this Airflow, and what they call themselves."""
        sessions = {part.pid for part in self._parts}
        found = {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                # After the name, which is in parentheses: state, parent, process group, session.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if entry.name.isdigit() and int(fields[3]) in sessions:
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *command],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _start(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", *command],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._parts.append(process)

    def _end(self) -> None:
        """Ends each part with all that it started: a signal to the parent alone leaves the children."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            for part in self._parts:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(part.pid, how)
            for part in self._parts:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    part.wait(20)
        wait("all processes of Airflow ended", lambda: not self.processes())

    def _answers(self) -> bool:
        for part in self._parts:
            assert part.poll() is None, f"a part of Airflow ended with {part.returncode}"
        try:
            return bool(self._ask("GET", f"{self.url}/api/v2/version"))
        except OSError:
            return False

    def _ask(self, method: str, url: str, body: Any = None) -> Any:
        headers = {"content-type": "application/json", "accept": "application/json"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 (a URL of loopback)
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise RefusedError(
                    error.code, f"{method} {url}: {error.code}: {error.read().decode()[:2000]}"
                ) from None
