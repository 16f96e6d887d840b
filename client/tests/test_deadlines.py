"""Deadlines and retries against servers that are not there, or do not answer."""

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

import unskew
from tests.gateway import free_address
from unskew.errors import DeadlineExceeded, Unavailable

# A busy machine may be late, but never by the seconds that a missing deadline would cost.
SLACK = 1.5


@pytest.fixture
def silent_address() -> Iterator[str]:
    """A socket that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_server_that_never_answers_costs_the_default_deadline(silent_address: str) -> None:
    with unskew.FeatureStoreClient(silent_address) as client:
        start = time.monotonic()
        with pytest.raises(DeadlineExceeded, match=r"no answer from 127\.0\.0\.1:\d+ within 0\.5 s"):
            client.online_features(["a"])
        assert 0.45 <= time.monotonic() - start <= 0.5 + SLACK


def test_a_call_may_have_its_own_deadline(silent_address: str) -> None:
    with unskew.FeatureStoreClient(silent_address, timeout=60.0, write_timeout=60.0) as client:
        start = time.monotonic()
        with pytest.raises(DeadlineExceeded, match=r"within 0\.1 s"):
            client.online_features(["a"], timeout=0.1)
        with pytest.raises(DeadlineExceeded, match=r"within 0\.1 s"):
            client.write_rows("default", [{"entity_id": "a"}], timeout=0.1)
        assert time.monotonic() - start <= 0.2 + SLACK


def test_asyncio_has_the_same_deadline(silent_address: str) -> None:
    async def call() -> None:
        async with unskew.aio.FeatureStoreClient(silent_address) as client:
            with pytest.raises(DeadlineExceeded):
                await client.online_features(["a"])
            with pytest.raises(DeadlineExceeded):
                await client.write_rows("default", [{"entity_id": "a"}], timeout=0.1)

    start = time.monotonic()
    asyncio.run(call())
    assert 0.55 <= time.monotonic() - start <= 0.6 + SLACK


def test_a_cancelled_task_is_cancelled(silent_address: str) -> None:
    async def call() -> None:
        async with unskew.aio.FeatureStoreClient(silent_address, timeout=60.0) as client:
            task = asyncio.create_task(client.online_features(["a"]))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(call())


def test_a_port_where_nothing_listens_is_unavailable_within_the_deadline() -> None:
    with unskew.FeatureStoreClient(free_address()) as client:
        start = time.monotonic()
        with pytest.raises(Unavailable):
            client.online_features(["a"])
        assert time.monotonic() - start <= 0.5 + SLACK


def test_a_name_that_is_no_host_is_unavailable() -> None:
    with (
        unskew.FeatureStoreClient("no-such-host.invalid:50051", retries=0) as client,
        pytest.raises((Unavailable, DeadlineExceeded)),
    ):
        client.online_features(["a"])
