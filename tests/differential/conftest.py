"""What the differential tests share: the engine as a program that reads and writes JSON lines."""

import json
import os
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

Runner = Callable[[str, Iterable[str]], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def runner() -> Runner:
    """`runner(command, lines)`: what `engine-runner command` answers to lines of JSON."""
    binary = Path(os.environ.get("UNSKEW_ENGINE_RUNNER", ROOT / "target" / "release" / "engine-runner"))
    if not binary.exists():
        pytest.fail(f"{binary} is missing: run cargo build --release -p engine-runner, or set UNSKEW_ENGINE_RUNNER")

    def run(command: str, lines: Iterable[str]) -> list[dict[str, Any]]:
        done = subprocess.run([binary, command], input="\n".join(lines).encode(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run
