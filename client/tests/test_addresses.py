"""Several gateways: calls in turn, retries at another one, and a second request beside a slow one."""

import asyncio
import time
from pathlib import Path
from typing import Any

import grpc
import pytest

import unskew
from tests.gateway import Gateway, free_address
from tests.scripted import Failure, Slow, scripted
from unskew import FeatureStoreClient
from unskew._generated import feature_store_pb2 as wire
from unskew._targets import Balancer, parse_addresses
from unskew.errors import DeadlineExceeded, InvalidArgument, Unavailable

ANSWER = wire.OnlineFeaturesResponse(as_of=1, results={"a": wire.FeatureSet()})
WRITTEN = wire.WriteRowsResponse(accepted=1)
DOWN = Failure(grpc.StatusCode.UNAVAILABLE, trailing=(("x-request-id", "r"),))
ROW = {"entity_id": "a", "event_time": "2018-04-01T00:00:31Z"}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("a:1", ("a:1",)),
        ("a:1, b:2,c:3", ("a:1", "b:2", "c:3")),
        (["a:1", "b:2"], ("a:1", "b:2")),
        ("ipv4:10.0.0.1:1,10.0.0.2:1", ("ipv4:10.0.0.1:1,10.0.0.2:1",)),
        ("dns:///gateway:1", ("dns:///gateway:1",)),
    ],
)
def test_addresses_are_one_or_several(address: Any, expected: tuple[str, ...]) -> None:
    assert parse_addresses(address) == expected


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [
        ([], InvalidArgument, "not an empty list"),
        ("a:1,", InvalidArgument, "address '' must be host:port"),
        (["a:1", "a:1"], InvalidArgument, "there twice: a:1, a:1"),
        (["a:1", 2], TypeError, "address must be a str"),
        (b"a:1", TypeError, "not bytes"),
    ],
)
def test_wrong_addresses_are_refused(address: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        parse_addresses(address)


def test_turns_are_even_and_those_that_failed_come_last() -> None:
    balancer = Balancer(3)
    assert sorted(balancer.pick() for _ in range(9)) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    balancer.failed(1)
    assert 1 not in {balancer.pick() for _ in range(9)}
    assert 0 not in {balancer.pick(avoid=0) for _ in range(9)}
    assert balancer.has_healthy(0)
    for place in (0, 2):
        balancer.failed(place)
    assert not balancer.has_healthy(0)
    assert {balancer.pick() for _ in range(9)} == {0, 1, 2}
    balancer.succeeded(1)
    assert {balancer.pick() for _ in range(9)} == {1}
    assert Balancer(1).pick(avoid=0) == 0


def test_calls_go_to_all_in_turn() -> None:
    with scripted(ANSWER) as one, scripted(ANSWER) as two:
        with FeatureStoreClient(f"{one.address},{two.address}", timeout=5.0) as client:
            for _ in range(10):
                client.online_features(["a"])
        assert (len(one.requests), len(two.requests)) == (5, 5)


def test_a_gateway_that_is_away_costs_no_call() -> None:
    with scripted(ANSWER) as there, FeatureStoreClient([free_address(), there.address], timeout=5.0) as client:
        start = time.monotonic()
        for _ in range(20):
            client.online_features(["a"])
        assert time.monotonic() - start < 2.0
        assert len(there.requests) == 20


@pytest.mark.parametrize("retries", [1, 5])
def test_what_one_refuses_for_now_is_tried_at_another(retries: int) -> None:
    with scripted(DOWN) as down, scripted(ANSWER) as up:
        with FeatureStoreClient([down.address, up.address], timeout=5.0, retries=retries) as client:
            for _ in range(6):
                client.online_features(["a"])
        assert len(up.requests) == 6
        assert len(down.requests) <= 1


def test_writes_with_event_times_move_on_and_others_do_not() -> None:
    with scripted(DOWN) as down, scripted(WRITTEN) as up:
        addresses = [down.address, up.address]
        with FeatureStoreClient(addresses) as client:
            for _ in range(2):
                assert client.write_rows("default", [ROW]).accepted == 1
        assert (len(down.requests), len(up.requests)) == (1, 2)
    failed = 0
    with scripted(DOWN) as down, scripted(WRITTEN) as up, FeatureStoreClient([down.address, up.address]) as client:
        for _ in range(2):
            try:
                client.write_rows("default", [{"entity_id": "a"}])
            except Unavailable:
                failed += 1
        assert (failed, len(down.requests), len(up.requests)) == (1, 1, 1)


def test_without_retries_a_call_fails_at_once() -> None:
    addresses = [free_address(), free_address()]
    with FeatureStoreClient(addresses, timeout=5.0, retries=0) as client:
        start = time.monotonic()
        with pytest.raises(Unavailable):
            client.online_features(["a"])
        assert time.monotonic() - start < 2.0


def test_the_first_that_comes_up_is_taken() -> None:
    away, late = free_address(), free_address()
    with FeatureStoreClient([away, late], timeout=10.0) as client:
        with pytest.raises(Unavailable):
            client.online_features(["a"], timeout=0.2)
        with scripted(ANSWER, address=late) as server:
            client.online_features(["a"])
            assert len(server.requests) == 1


@pytest.mark.integration
def test_a_client_goes_on_when_one_of_two_gateways_stops(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with (
        Gateway(folders[0]) as one,
        Gateway(folders[1]) as two,
        FeatureStoreClient([one.address, two.address], timeout=5.0, write_timeout=5.0) as client,
    ):
        for _ in range(4):
            client.online_features(["a"], ["x"])
        assert one.stop() == 0
        for _ in range(20):
            assert client.online_features(["a"], ["x"])["a"].status is unskew.Status.MISSING


def test_a_slow_call_is_sent_again_and_the_first_answer_wins() -> None:
    with scripted(Slow(1.5, ANSWER)) as slow, scripted(ANSWER) as fast:
        addresses = [slow.address, fast.address]
        with FeatureStoreClient(addresses, timeout=5.0, hedge_after=0.05) as client:
            for _ in range(2):
                start = time.monotonic()
                assert list(client.online_features(["a"])) == ["a"]
                assert time.monotonic() - start < 1.2
            assert (len(slow.requests), len(fast.requests)) == (1, 2)
            time.sleep(1.8)
            assert slow.cancelled == 1


def test_asyncio_hedges_too() -> None:
    async def call(addresses: list[str]) -> float:
        async with unskew.AsyncFeatureStoreClient(addresses, timeout=5.0, hedge_after=0.05) as client:
            start = time.monotonic()
            for _ in range(2):
                assert list(await client.online_features(["a"])) == ["a"]
            return time.monotonic() - start

    with scripted(Slow(1.5, ANSWER)) as slow, scripted(ANSWER) as fast:
        assert asyncio.run(call([slow.address, fast.address])) < 1.3
        assert (len(slow.requests), len(fast.requests)) == (1, 2)


def test_one_address_is_hedged_with_itself() -> None:
    with scripted(Slow(1.5, ANSWER), ANSWER) as server:
        with FeatureStoreClient(server.address, timeout=5.0, hedge_after=0.05) as client:
            start = time.monotonic()
            client.online_features(["a"])
            assert time.monotonic() - start < 1.2
        assert len(server.requests) == 2


def test_a_good_answer_wins_over_a_first_failure() -> None:
    slow_failure = Slow(0.4, Failure(grpc.StatusCode.INTERNAL))
    with scripted(slow_failure, Slow(0.6, ANSWER)) as server:
        with FeatureStoreClient(server.address, timeout=5.0, hedge_after=0.05) as client:
            assert list(client.online_features(["a"])) == ["a"]

        async def call() -> None:
            async with unskew.AsyncFeatureStoreClient(server.address, timeout=5.0, hedge_after=0.05) as twin:
                await twin.online_features(["a"])

        server.requests.clear()
        asyncio.run(call())


def test_both_requests_end_with_the_deadline() -> None:
    with scripted(Slow(1.0, ANSWER)) as server:
        with FeatureStoreClient(server.address, timeout=0.3, hedge_after=0.05) as client:
            start = time.monotonic()
            with pytest.raises(DeadlineExceeded):
                client.online_features(["a"])
            assert time.monotonic() - start < 0.9
        assert len(server.requests) == 2


def test_a_hedged_call_is_retried() -> None:
    with scripted(DOWN, DOWN, ANSWER) as server:
        with FeatureStoreClient(server.address, timeout=5.0, hedge_after=2.0) as client:
            assert list(client.online_features(["a"])) == ["a"]
        assert len(server.requests) == 3


def test_writes_are_not_hedged() -> None:
    with scripted(Slow(0.4, WRITTEN)) as server, FeatureStoreClient(server.address, hedge_after=0.05) as client:
        assert client.write_rows("default", [ROW]).accepted == 1
        assert len(server.requests) == 1


def test_dns_targets_use_every_address() -> None:
    with scripted(ANSWER) as server:
        port = server.address.rpartition(":")[2]
        with FeatureStoreClient(f"dns:///127.0.0.1:{port}", timeout=5.0) as client:
            client.online_features(["a"])
    with scripted(ANSWER) as one, scripted(ANSWER) as two:
        with FeatureStoreClient(f"ipv4:{one.address},{two.address}", timeout=5.0) as client:
            deadline = time.monotonic() + 5.0
            while not (one.requests and two.requests) and time.monotonic() < deadline:
                client.online_features(["a"])
        assert one.requests
        assert two.requests


def test_a_client_of_asyncio_belongs_to_one_loop() -> None:
    with scripted(ANSWER) as server:
        client = unskew.AsyncFeatureStoreClient(server.address, timeout=5.0)

        async def call() -> None:
            await client.online_features(["a"])

        async def close() -> None:
            await client.close()

        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(call())
            with pytest.raises(unskew.errors.WrongEventLoop, match="make one for each loop"):
                asyncio.run(call())
            loop.run_until_complete(close())
        finally:
            loop.close()
