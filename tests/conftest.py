"""What the Python tests of the gateway share: a real one, and their folder of the client's tests that starts it."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def _gateway_class() -> type:
    """`Gateway` of the client's tests: one place knows how to start the binary."""
    spec = importlib.util.spec_from_file_location("gateway_process", ROOT / "client" / "tests" / "gateway.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    gateway: type = module.Gateway
    return gateway


@pytest.fixture(scope="session")
def gateway_class() -> type:
    """The class that starts a gateway."""
    return _gateway_class()


@pytest.fixture(scope="session")
def settings() -> dict[str, str]:
    """What the environment of the gateway sets; a folder of tests may have its own."""
    return {}


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory, gateway_class: type, settings: dict[str, str]) -> Iterator[str]:
    """Where a gateway over an embedded store listens."""
    with gateway_class(tmp_path_factory.mktemp("gateway"), settings=settings) as gateway:
        yield gateway.address


@pytest.fixture(scope="session")
def random_cases() -> int:
    """How many random rows a test writes; more in the nightly run."""
    return int(os.environ.get("UNSKEW_RANDOM_CASES", "1500"))
