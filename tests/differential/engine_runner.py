"""Drives the engine through `engine-runner`, built by `cargo build --release -p engine-runner`."""

import json
import math
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def binary() -> Path:
    """The runner: `UNSKEW_ENGINE_RUNNER`, or where cargo puts it."""
    return Path(os.environ.get("UNSKEW_ENGINE_RUNNER", ROOT / "target" / "release" / "engine-runner"))


def ask(command: str, lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers of a command to requests."""
    text = "".join(json.dumps(_writable(line), allow_nan=False) + "\n" for line in lines)
    done = subprocess.run([binary(), command], input=text, capture_output=True, check=False, encoding="utf-8")
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


class Transform:
    """A step of the engine: `fit` it, then `run` it over rows."""

    def __init__(self, name: str, dtype: str, **parameters: Any) -> None:
        self.line = {"step": name, "input": dtype, "parameters": parameters}
        self.fitted: Any = None
        self.names: list[str] | None = None

    def fit(self, *chunks: list[Any]) -> "Transform":
        """Fits on chunks, each apart; their states are merged."""
        answer = self._ask({**self.line, "fit": chunks, "rows": []})
        self.fitted, self.names = answer["fitted"], answer.get("names")
        return self

    def run(self, rows: list[Any], *others: tuple[str, list[Any]]) -> list[Any]:
        """The results for rows, given the types and values of other inputs."""
        inputs = [{"input": dtype, "rows": values} for dtype, values in others]
        values: list[Any] = self._ask({**self.line, "fitted": self.fitted, "rows": rows, "others": inputs})["values"]
        return [_readable(value) for value in values]

    @staticmethod
    def _ask(line: dict[str, Any]) -> dict[str, Any]:
        (answer,) = ask("transform", [line])
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer


WORDS = {math.inf: "Infinity", -math.inf: "-Infinity"}


def _writable(value: Any) -> Any:
    """With the numbers that JSON does not have as words."""
    if isinstance(value, dict):
        return {key: _writable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return WORDS.get(value, "NaN")
    return value


def _readable(value: Any) -> Any:
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value
