"""The servers under test: started on free loopback ports, read through /proc, and stopped by their process id."""

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from bench_lib.errors import BenchError

TICK = os.sysconf("SC_CLK_TCK")
# The wait for a server to say where it listens, and for one to end, in seconds.
START_TIMEOUT = 15.0
STOP_TIMEOUT = 10.0


class Server:
    """A process that serves at `address`."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        """Take over a process that writes to the log."""
        self.name = name
        self.address = ""
        self._process = process
        self._log = log

    @classmethod
    def start(
        cls,
        command: list[str],
        folder: Path,
        find: Callable[[str], str | None],
        environment: dict[str, str] | None = None,
    ) -> "Server":
        """Start the command and wait until `find` gets an address out of a line of its output."""
        name = Path(command[0]).name
        log = folder / f"{name}.log"
        with log.open("wb") as sink:
            # In a session of its own: on Ctrl-C this script ends the servers, after the load on them.
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                start_new_session=True,
            )  # fmt: skip
        server = cls(name, process, log)
        try:
            server.address = server._await_address(find)
        except BaseException:
            server.stop()
            raise
        return server

    def _await_address(self, find: Callable[[str], str | None]) -> str:
        limit = time.monotonic() + START_TIMEOUT
        while time.monotonic() < limit:
            for line in self._log.read_text(errors="replace").splitlines():
                if address := find(line):
                    return address
            self.check()
            time.sleep(0.02)
        raise BenchError(f"{self.name} did not say where it listens within {START_TIMEOUT:.0f} s:\n{self.log_end()}")

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise when the process has ended."""
        if (code := self._process.poll()) is not None:
            raise BenchError(f"{self.name} ended with code {code}:\n{self.log_end()}")

    def log_end(self) -> str:
        """The last lines that the process wrote."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])

    def cpu_seconds(self) -> float:
        """CPU time of the process so far, in user and kernel mode, all threads."""
        self.check()
        # The second field is the name in brackets, which may hold spaces.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def rss_bytes(self) -> int:
        """Resident memory of the process."""
        self.check()
        match = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
        if not match:
            raise BenchError(f"/proc/{self.pid}/status has no VmRSS")
        return int(match[1]) * 1024

    def stop(self) -> None:
        """End the process: politely, then not."""
        if self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def start_redis(folder: Path, *, durable: bool = False) -> Server:
    """Start a Redis that keeps nothing on disk, or one that answers a write when the disk has it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    command += ["--appendonly", "yes", "--appendfsync", "always"] if durable else ["--appendonly", "no"]
    return Server.start(
        [*command, "--dir", str(folder)],
        folder,
        lambda line: f"127.0.0.1:{port}" if "Ready to accept connections" in line else None,
    )


def start_gateway(binary: Path, store: str, folder: Path, definitions: Path, pool: int | None = None) -> Server:
    """Start the gateway with its default settings on the store; `pool`: how many connections to Redis it has."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("APP__")} | {
        "APP__SERVER__ADDRESS": "127.0.0.1:0",
        # The clients keep their connections for a whole run.
        "APP__SERVER__MAX_CONNECTION_AGE": "0s",
        "APP__DEFINITIONS__PATH": str(definitions),
        "APP__STORE__URL": store,
        "APP__TELEMETRY__LOG_FORMAT": "json",
    }
    if pool:
        environment["APP__STORE__REDIS__POOL_SIZE"] = str(pool)
    return Server.start([str(binary), "serve"], folder, _listening, environment)


def _listening(line: str) -> str | None:
    try:
        record = json.loads(line)
        fields = record.get("fields", record)
        return str(fields["address"]) if fields.get("message") == "listening" else None
    except (ValueError, AttributeError, KeyError):
        return None


def start_baseline(binary: Path, redis: Server, pool: int, folder: Path) -> Server:
    """Start the baseline on the Redis."""

    def find(line: str) -> str | None:
        match = re.search(r"listens on (\S+)", line)
        return match[1] if match else None

    return Server.start([str(binary), "127.0.0.1:0", f"redis://{redis.address}", str(pool)], folder, find)
