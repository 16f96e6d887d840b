"""What goes wrong is chosen by seeds: UNSKEW_FAULT_SEEDS of them, 3 unless it is set."""

import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from parts import Redis

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "client" / "tests"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes a seed runs with each."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(1, int(os.environ.get("UNSKEW_FAULT_SEEDS") or 3) + 1))


@pytest.fixture
def chance(seed: int) -> random.Random:
    """What a seed chooses by."""
    return random.Random(seed)


@pytest.fixture(scope="session")
def binary() -> Path:
    """The gateway under test."""
    path = Path(os.environ.get("UNSKEW_GATEWAY_BIN") or ROOT / "target" / "release" / "unskew-gateway")
    assert path.is_file(), f"there is no gateway at {path}: build it with `cargo build --release`"
    return path


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis that syncs what it acknowledges."""
    with Redis(tmp_path) as server:
        yield server


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints a line that is seen also when the test passes."""
    manager = request.config.pluginmanager.getplugin("capturemanager")

    def tell(text: str) -> None:
        with manager.global_and_fixture_disabled():
            print(f"\n   {text}", end="")  # noqa: T201

    return tell
