"""A gateway over Redis under traffic, and a Prometheus that scrapes it and has our rules."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import Prometheus, Redis, prometheus, redis, wait
from traffic import Traffic

# Long enough for several scrapes in the range of every query.
ROUNDS = 60
# Longer than store.timeout: reads fail.
PAUSE = 1.5


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """The store of the gateway."""
    with redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def settings(store: Redis) -> dict[str, str]:
    """The environment of the gateway: states are full early."""
    return {
        "APP__STORE__URL": store.url,
        "APP__DEFINITIONS__PATH": str(Path(__file__).resolve().parent / "definitions"),
        "APP__LIMITS__MAX_STATE_BYTES": "256B",
    }


@pytest.fixture(scope="session")
def live(address: str, store: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has seen the gateway at work and in trouble, and sees it at work again."""
    with prometheus(tmp_path_factory.mktemp("prometheus"), address) as server, Traffic(address).flowing() as traffic:
        wait("clients have called", lambda: traffic.rounds > ROUNDS)
        with store.paused():
            time.sleep(PAUSE)
        before = traffic.rounds
        wait("clients call again", lambda: traffic.rounds > before + ROUNDS)
        wait("the trouble is seen", lambda: any(value > 0 for _, value in server.query("unskew_store_errors_total")))
        yield server
