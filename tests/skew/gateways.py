"""The gateway and Redis, as the tests start them."""

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("UNSKEW_GATEWAY_BIN") or ROOT / "target/release/unskew-gateway")
LIMIT = 30.0


class Gateway:
    """A gateway over a store (none: an embedded one) that serves definitions."""

    def __init__(self, folder: Path, store: str | None, definitions: Path) -> None:
        """Start it."""
        self._log = folder / "gateway.log"
        environment = {
            "PATH": os.environ["PATH"],
            "APP__SERVER__ADDRESS": "127.0.0.1:0",
            "APP__STORE__URL": store or f"embedded:{folder / 'store'}",
            "APP__DEFINITIONS__PATH": str(definitions),
            "APP__TELEMETRY__LOG_FORMAT": "json",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(BINARY), "serve"], env=environment, stdout=subprocess.DEVNULL, stderr=log
            )
        self.address = ""

    @staticmethod
    def nothing() -> contextlib.AbstractContextManager[None]:
        """No server beside the gateway."""
        return contextlib.nullcontext()

    def __enter__(self) -> "Gateway":
        limit = time.monotonic() + LIMIT
        while time.monotonic() < limit and self._process.poll() is None:
            for line in self._log.read_text().splitlines():
                with contextlib.suppress(ValueError):
                    record = json.loads(line)
                    fields = record.get("fields", record)
                    if fields.get("message") == "listening":
                        self.address = fields["address"]
                        return self
            time.sleep(0.02)
        self._process.kill()
        raise AssertionError(f"the gateway does not listen:\n{self._log.read_text()}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(LIMIT)


def free_port() -> int:
    """A port of loopback on which nothing listens at the moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis that keeps nothing; its URL."""
    port = free_port()
    command = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        limit = time.monotonic() + LIMIT
        while time.monotonic() < limit:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(LIMIT)
