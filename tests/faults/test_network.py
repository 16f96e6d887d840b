"""The way between a client and its gateway falls silent: nothing is refused or reset, and nothing comes any more."""

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import unskew
from callers import SLACK
from parts import PATIENCE, Gateway, Way, wait
from unskew.errors import DeadlineExceeded, Unavailable

# Seconds of silence before a ping; its answer may take as long again.
KEEP_ALIVE = 0.5
# Of a call, in seconds.
SHORT = 0.2
# The silence, the ping, and connecting.
FOUND_OUT = 2 * KEEP_ALIVE + 3 * SHORT


@pytest.fixture
def way(binary: Path, tmp_path: Path) -> Iterator[Way]:
    """A way to a gateway that has a row, and that is at rest again after it."""
    with Gateway(binary, tmp_path, f"embedded:{tmp_path / 'store'}") as gateway:
        before = gateway.rest()
        assert gateway.status("/v1/views/default/rows", json.dumps([row(1)]).encode()) == 200
        with Way(int(gateway.address.split(":")[1])) as way:
            yield way
        gateway.settles(before)


def row(x: int) -> dict[str, Any]:
    return {"entity_id": "a", "event_time": f"2020-01-01T00:00:0{x}Z", "x": x}


def sync_client(way: Way) -> unskew.FeatureStoreClient:
    return unskew.FeatureStoreClient(f"127.0.0.1:{way.port}", keep_alive=KEEP_ALIVE, timeout=PATIENCE)


def test_calls_with_short_deadlines(way: Way, chance: random.Random, report: Callable[[str], None]) -> None:
    with sync_client(way) as client:
        assert client.online_features(["a"])["a"]["x"] == 1
        way.silence()
        start, late, answered = time.monotonic(), 0, False
        while not answered:
            called = time.monotonic()
            try:
                answered = client.online_features(["a"], timeout=SHORT)["a"]["x"] == 1
            # Unavailable: the client gave up the connection when the call had no time left to be made again.
            except (DeadlineExceeded, Unavailable):
                late += 1
            assert time.monotonic() - called < SHORT + SLACK
            # No call is under way at most moments, nor when a ping is due.
            time.sleep(chance.uniform(0, 3 * SHORT))
        took = time.monotonic() - start
        assert late > 0
        assert took < FOUND_OUT + SLACK, took
        report(f"{late} calls met their deadline; one was answered {took:.2f} s after the silence began")


def test_calls_that_have_time_are_made_again(way: Way, chance: random.Random, report: Callable[[str], None]) -> None:
    with sync_client(way) as client:
        assert client.online_features(["a"])["a"]["x"] == 1
        time.sleep(chance.uniform(0, KEEP_ALIVE))
        way.silence()
        start = time.monotonic()
        assert client.online_features(["a"])["a"]["x"] == 1
        report(f"a read was answered {time.monotonic() - start:.2f} s after the silence began")
        way.silence()
        assert client.write_rows("default", [row(2)], timeout=PATIENCE).accepted == 1
        assert client.online_features(["a"])["a"]["x"] == 2


def test_an_idle_client_finds_out_before_it_calls(way: Way) -> None:
    with sync_client(way) as client:
        assert client.online_features(["a"])["a"]["x"] == 1
        way.silence()
        wait("the client has given up its connection", lambda: way.open == 0)
        start = time.monotonic()
        assert client.online_features(["a"])["a"]["x"] == 1
        assert time.monotonic() - start < KEEP_ALIVE + SLACK


def test_an_idle_client_of_asyncio_does_too(way: Way) -> None:
    async def idle() -> None:
        address = f"127.0.0.1:{way.port}"
        async with unskew.AsyncFeatureStoreClient(address, keep_alive=KEEP_ALIVE, timeout=PATIENCE) as client:
            assert (await client.online_features(["a"]))["a"]["x"] == 1
            way.silence()
            await asyncio.to_thread(wait, "the client has given up its connection", lambda: way.open == 0)
            assert (await client.online_features(["a"]))["a"]["x"] == 1

    asyncio.run(idle())
