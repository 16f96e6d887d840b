"""Fixtures: the real gateway, and a client of it."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import unskew
from tests.gateway import Gateway

# The backend of the extra; Keras would look for TensorFlow.
os.environ.setdefault("KERAS_BACKEND", "jax")

# They run in an environment that has it: `on_spark` of scripts/test.
collect_ignore = [] if importlib.util.find_spec("pyspark") else ["spark"]

DEFINITIONS = Path(__file__).parent / "definitions"


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway over an embedded store, one for all tests: each uses entity ids of its own."""
    settings = {"APP__DEFINITIONS__PATH": str(DEFINITIONS)}
    with Gateway(tmp_path_factory.mktemp("gateway"), settings=settings) as started:
        yield started


@pytest.fixture
def client(gateway: Gateway) -> Iterator[unskew.FeatureStoreClient]:
    """A client of the gateway. Its deadline leaves room for a busy machine."""
    with unskew.FeatureStoreClient(gateway.address, timeout=5.0) as client:
        yield client
