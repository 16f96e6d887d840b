"""Runs the command line in this process, as a user would: arguments in; exit code, output and errors out."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from unskew.cli import main

DEFINITIONS = """
entities:
  customer: {keys: {customer_id: int64}}
sources:
  rows:
    event_time: at
    columns: {customer_id: int64, at: timestamp, nb_tx: int64, avg_amount: float64}
views:
  history:
    entity: customer
    source: rows
    features: {nb_tx: int64, avg_amount: float64}
services:
  fraud:
    request: {tx_amount: float64, at: timestamp}
    vector:
      - {input: tx_amount, steps: [{log: {offset: 1}}, standardize]}
      - {name: hour, input: at, steps: [{date_part: {part: hour}}]}
      - {input: history.nb_tx, steps: [{impute: {value: 0}}]}
      - {name: ratio, expr: "tx_amount / nullif(history.avg_amount, 0)"}
  plain:
    request: {tx_amount: float64}
    vector:
      - {input: tx_amount, steps: [{rescale: {scale: 2}}]}
"""


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it printed, as JSON: one line, and nothing on the standard error."""
        assert self.err == ""
        assert self.out.count("\n") == 1
        return json.loads(self.out)


class Command:
    """The command line."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured

    def __call__(self, *arguments: str | Path) -> Ran:
        """Runs `unskew` with these arguments."""
        self._captured.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = self._captured.readouterr()
        return Ran(code, out, err)


def written(folder: Path, text: str = DEFINITIONS) -> Path:
    """A directory of definitions in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "definitions.yaml").write_text(text, encoding="utf-8")
    return folder
