"""What the tests share: the commands as functions, a small data set, and the full one, generated once a session."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

HERE = Path(__file__).resolve().parent
# Beside the example: the folder that knows how to start a gateway and a Redis.
sys.path[:0] = [str(HERE.parent), str(HERE), str(HERE.parents[2] / "tests" / "skew")]

# Few enough to be quick, and close enough together that purchases share a second and leaks hit one twice.
SMALL = ["--customers", "120", "--terminals", "400", "--days", "45", "--radius", "25"]

Command = Callable[[Sequence[str] | None], int]


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, so that the tests run from any folder without a warning."""
    config.addinivalue_line("markers", "full: generates the whole published data set")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[[Command, Sequence[str]], Ended]:
    """Call the `main` of a command as the shell would, and return how it ended."""

    def end(main: Command, arguments: Sequence[str]) -> Ended:
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    return end


def run_command(name: str, *arguments: str) -> Ended:
    """Run a command of the example as a process of its own."""
    command = [sys.executable, str(HERE.parent / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


def generate(folder: Path, *arguments: str) -> Path:
    """Run generate.py as a process of its own; return the file that it wrote."""
    ended = run_command("generate.py", "--out", str(folder), *arguments)
    assert ended.code == 0, ended.err
    return folder / "transactions.parquet"


@pytest.fixture(scope="session")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the transactions of a small run."""
    return generate(tmp_path_factory.mktemp("small"), *SMALL)


@pytest.fixture(scope="session")
def full_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the transactions of the full run."""
    return generate(tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="session")
def full(full_file: Path) -> Any:
    """Return the full run as a pandas frame, with `day` counted from the first."""
    frame = pd.read_parquet(full_file)
    return frame.assign(day=(frame.tx_datetime - pd.Timestamp("2018-04-01", tz="UTC")).dt.days)


@pytest.fixture(scope="session")
def trained(full_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """Return the folder in which train.py wrote for the full run, and how it ended."""
    folder = tmp_path_factory.mktemp("trained")
    return folder, run_command("train.py", "--data", str(full_file.parent), "--out", str(folder))
