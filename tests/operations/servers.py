"""Redis and Prometheus, as the tests start them: on free ports of loopback, with all that they keep in a folder."""

import contextlib
import json
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT = 30.0
ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "dashboards" / "prometheus"


def free_port() -> int:
    """A port of loopback on which nothing listens at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait(what: str, is_so: Callable[[], bool], limit: float = LIMIT) -> None:
    """Waits until it is so."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError(f"after {limit} s it is still not so: {what}")


@contextlib.contextmanager
def running(command: Sequence[str], port: int, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of ours that listens on a port; it is ended with the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)

    def listens() -> bool:
        assert process.poll() is None, f"{command[0]} ended:\n{log.read_text()}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    try:
        wait(f"{command[0]} listens", listens)
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(LIMIT)


@dataclass(frozen=True)
class Redis:
    """A Redis that keeps nothing."""

    url: str
    process: "subprocess.Popen[bytes]"

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """It answers nobody, and its connections stay."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[Redis]:
    """A Redis on a free port."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with running(command, port, folder / "redis.log") as process:
        yield Redis(f"redis://127.0.0.1:{port}", process)


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that scrapes a gateway each second, and has our rules."""

    url: str

    def ask(self, path: str, **arguments: str) -> Any:
        """The data of an answer of its API."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(arguments)}"
        with urllib.request.urlopen(url, timeout=LIMIT) as response:  # noqa: S310 (of loopback)
            answer = json.load(response)
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """The labels and the value of each series that an expression gives now."""
        data = self.ask("query", query=expression)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(series["metric"], float(series["value"][1])) for series in data["result"]]

    def series(self, selector: str) -> list[dict[str, str]]:
        """The labels of all series that a selector names."""
        found: list[dict[str, str]] = self.ask("series", **{"match[]": selector})
        return found


@contextlib.contextmanager
def prometheus(folder: Path, gateway: str) -> Iterator[Prometheus]:
    """A Prometheus on a free port, over the rules of the repository."""
    port = free_port()
    config = folder / "prometheus.yml"
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES / "recording.yml"), str(RULES / "alerts.yml")],
        "scrape_configs": [{"job_name": "unskew", "static_configs": [{"targets": [gateway]}]}],
    }
    # JSON is YAML.
    config.write_text(json.dumps(settings), encoding="utf-8")
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with running(command, port, folder / "prometheus.log"):
        yield Prometheus(f"http://127.0.0.1:{port}")
