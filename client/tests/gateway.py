"""Starts the real gateway for the tests."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_BINARY = REPOSITORY / "target" / "release" / "unskew-gateway"
START_LIMIT = 20.0
STOP_LIMIT = 20.0


def binary() -> Path:
    """The gateway's binary: UNSKEW_GATEWAY_BIN, else that of the repository."""
    path = Path(os.environ.get("UNSKEW_GATEWAY_BIN", str(DEFAULT_BINARY)))
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no gateway at {path}: build it with `cargo build --release`, or set UNSKEW_GATEWAY_BIN"
        )
    return path


def free_address() -> str:
    """An address of loopback on which nothing listens at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listener.getsockname()[1]}"


class Gateway:
    """A gateway process; `address` is where it listens once it was started.

    Its store is the embedded one in `folder`, unless `store` is the URL of another. `settings` are more of
    its environment.
    """

    def __init__(
        self,
        folder: Path,
        address: str = "127.0.0.1:0",
        store: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._log = folder / "gateway.log"
        self.address = address
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(binary()), "serve"],
                cwd=folder,
                env={
                    "PATH": os.environ.get("PATH", ""),
                    "APP__SERVER__ADDRESS": address,
                    "APP__STORE__URL": store or f"embedded:{folder / 'data'}",
                    "APP__TELEMETRY__LOG_FORMAT": "json",
                    **(settings or {}),
                },
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def __enter__(self) -> "Gateway":
        try:
            self.address = self._wait_until_it_listens()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> int:
        """Asks it to stop, and returns its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"the gateway did not stop within {STOP_LIMIT} s of SIGTERM:\n{self.log()}") from None

    def kill(self) -> None:
        """Ends it as `kill -9` does."""
        self._process.kill()
        self._process.wait()

    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text(encoding="utf-8")

    def _wait_until_it_listens(self) -> str:
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise AssertionError(f"the gateway exited with {self._process.returncode}:\n{self.log()}")
            for line in self.log().splitlines():
                if "listening" in line and (address := _address(line)):
                    return address
            time.sleep(0.02)
        raise AssertionError(f"the gateway did not listen within {START_LIMIT} s:\n{self.log()}")


def _address(line: str) -> str | None:
    """The address in a line of the JSON log; None if the line is not whole yet, or holds none."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return None
    address = entry.get("address") or entry.get("fields", {}).get("address")
    return str(address) if address else None
