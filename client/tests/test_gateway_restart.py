"""The client while the real gateway starts late, stops and starts again."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import unskew
from tests.gateway import Gateway, binary, free_address
from unskew import Status
from unskew.errors import Unavailable

pytestmark = pytest.mark.integration

ROW = {"entity_id": "a", "event_time": "2018-04-01T12:00:00Z", "x": 1}


def test_a_gateway_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    binary()
    address = free_address()
    replies: list[unskew.OnlineFeatures] = []

    def call() -> None:
        with unskew.FeatureStoreClient(address, timeout=15.0) as client:
            replies.append(client.online_features(["a"], ["x"]))

    caller = threading.Thread(target=call)
    caller.start()
    caller.join(0.3)
    assert caller.is_alive()
    with Gateway(tmp_path, address):
        caller.join(15.0)
    assert [reply["a"].statuses for reply in replies] == [{"x": Status.MISSING}]


def test_asyncio_waits_for_it_too(tmp_path: Path) -> None:
    address = free_address()

    async def call() -> unskew.OnlineFeatures:
        async with unskew.aio.FeatureStoreClient(address, timeout=15.0) as client:
            task = asyncio.create_task(client.online_features(["a"], ["x"]))
            done, _ = await asyncio.wait([task], timeout=0.3)
            assert not done
            with Gateway(tmp_path, address):
                return await task

    assert asyncio.run(call())["a"].statuses == {"x": Status.MISSING}


def test_a_client_outlives_a_restart_and_acknowledged_rows_do_too(tmp_path: Path) -> None:
    with Gateway(tmp_path) as first:
        address = first.address
        client = unskew.FeatureStoreClient(address, timeout=5.0, write_timeout=15.0)
        assert client.write_rows("default", [ROW]).accepted == 1
        assert first.stop() == 0
    with pytest.raises(Unavailable):
        client.online_features(["a"], timeout=0.3)
    with Gateway(tmp_path, address):
        assert client.online_features(["a"])["a"]["x"] == 1.0
        assert client.write_rows("default", [ROW | {"event_time": "2018-04-01T12:00:01Z", "x": 2}]).accepted == 1
        assert client.online_features(["a"])["a"]["x"] == 2.0
    client.close()


def test_no_call_fails_when_connections_reach_their_age(tmp_path: Path) -> None:
    settings = {"APP__SERVER__MAX_CONNECTION_AGE": "50ms"}
    end = time.monotonic() + 3.0

    def call(address: str) -> int:
        with unskew.FeatureStoreClient(address, timeout=10.0, retries=0) as client:
            count = 0
            while time.monotonic() < end:
                client.online_features(["a"])
                count += 1
            return count

    with Gateway(tmp_path, settings=settings) as gateway, ThreadPoolExecutor(8) as callers:
        assert min(callers.map(call, [gateway.address] * 8)) > 10
