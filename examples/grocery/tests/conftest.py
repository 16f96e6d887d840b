"""What the tests share: the data of a few households, or of all with UNSKEW_GROCERY_NIGHTLY, and what was trained."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
# Beside the example: the folder that knows how to start a gateway.
sys.path[:0] = [str(HERE.parent), str(HERE), str(HERE.parents[2] / "tests" / "skew")]

from commands import EVERY, Ended, run_command  # noqa: E402 (the path comes first)
from grocery.history import Folder  # noqa: E402


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """What prepare.py writes."""
    folder = tmp_path_factory.mktemp("grocery")
    ended = run_command("prepare", "--out", str(folder), "--every", str(EVERY))
    assert ended.code == 0, ended.err
    return Folder(folder)


@pytest.fixture(scope="session")
def trained(data: Folder) -> tuple[Folder, Ended]:
    """The same folder after train.py, and how that ended."""
    return data, run_command("train", "--data", str(data.path))
