"""The clients against the real gateway over an embedded store."""

import asyncio
import datetime as dt
import math
import random
import struct
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import unskew
from tests.gateway import Gateway, free_address
from unskew import FeatureStoreClient, Reason, Status
from unskew.errors import BadRows, FeatureUnavailable, InvalidArgument, ResourceExhausted, Unavailable

pytestmark = pytest.mark.integration

NOON = dt.datetime(2018, 4, 1, 12, 0, 0, 250_001, tzinfo=dt.timezone.utc)
VALUES: dict[str, Any] = {
    "number": 0.1,
    "integer": 7,
    "text": "zażółć\n\u2028🦀",
    "flag": False,
    "list": [1.5, None, "a", [True]],
    "nested": {"a": {"żółć": [{"b": -0.0}]}},
    "żółć 🦀": 5e-324,
    "": 1.0,
}


def test_what_was_written_is_read(client: FeatureStoreClient) -> None:
    result = client.write_rows("default", [{"entity_id": "values_ż", "event_time": NOON, **VALUES}])
    assert (result.rows, result.accepted, result.bad) == (1, 1, ())
    before = dt.datetime.now(dt.timezone.utc)
    reply = client.online_features(["values_ż"])
    assert before - dt.timedelta(seconds=1) <= reply.as_of <= dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=1)
    row = reply["values_ż"]
    assert row.features == VALUES
    assert isinstance(row["integer"], float)
    assert row["flag"] is False
    assert row.statuses == dict.fromkeys(VALUES, Status.PRESENT)
    assert (row.status, row.reason, row.message, row.event_time) == (Status.PRESENT, Reason.NONE, "", NOON)


def test_doubles_come_back_bit_for_bit(client: FeatureStoreClient) -> None:
    source = random.Random(596)
    doubles: list[float] = []
    while len(doubles) < 2000:
        (value,) = struct.unpack("<d", source.randbytes(8))
        if math.isfinite(value):
            doubles.append(value)
    features = {f"f{i}": x for i, x in enumerate(doubles)}
    client.write_rows("default", [{"entity_id": "doubles", "event_time": NOON, **features}])
    read = client.online_features(["doubles"])["doubles"].require([f"f{i}" for i in range(len(doubles))])
    assert struct.pack(f"<{len(doubles)}d", *read) == struct.pack(f"<{len(doubles)}d", *doubles)


def test_what_is_missing_is_explicit(client: FeatureStoreClient) -> None:
    client.write_rows("default", [{"entity_id": "partial", "event_time": NOON, "a": 1, "n": None}])
    for all_statuses in (False, True):
        reply = client.online_features(["partial", "nobody"], ["n", "a", "x"], all_statuses=all_statuses)
        row, nobody = reply["partial"], reply["nobody"]
        assert row.statuses == {"n": Status.NULL, "a": Status.PRESENT, "x": Status.MISSING}
        assert list(row.features.items()) == [("n", None), ("a", 1.0)]
        assert (nobody.status, nobody.event_time, nobody.features) == (Status.MISSING, None, {})
        assert nobody.statuses == dict.fromkeys(["n", "a", "x"], Status.MISSING)
        with pytest.raises(FeatureUnavailable, match="'n' is NULL, 'x' is MISSING"):
            row.require(["a", "n", "x"])


def test_ids_are_answered_once_in_their_order(client: FeatureStoreClient) -> None:
    client.write_rows("default", ({"entity_id": f"order_{i}", "event_time": NOON, "i": i} for i in range(100)))
    ids = [f"order_{i}" for i in random.Random(1).choices(range(100), k=150)]
    reply = client.online_features(ids, ["i"])
    assert list(reply) == list(dict.fromkeys(ids))
    assert all(row["i"] == float(entity_id.removeprefix("order_")) for entity_id, row in reply.items())


def test_bad_rows_are_reported_and_the_others_stored(client: FeatureStoreClient) -> None:
    future = dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=2)
    rows: list[dict[str, Any]] = [
        {"entity_id": "bad_0", "event_time": NOON, "a": 0},
        {"event_time": NOON, "a": 1},
        {"entity_id": "bad_2", "event_time": NOON, "a": math.nan},
        {"entity_id": "bad_3", "event_time": "2018-04-01T12:00:00", "a": 3},
        {"entity_id": "bad_4", "event_time": future, "a": 4},
        {"entity_id": "x" * 20_000, "event_time": NOON, "a": 5},
        {"entity_id": "bad_6", "event_time": NOON, "a": 6},
    ]
    for batch_size in (1000, 2, 1):
        result = client.write_rows("default", rows, batch_size=batch_size)
        assert (result.rows, result.accepted) == (7, 2)
        assert [(bad.row, bad.code) for bad in result.bad] == [
            (1, "BAD_KEY"),
            (2, "INVALID_ROW"),
            (3, "INVALID_ROW"),
            (4, "FUTURE"),
            (5, "BAD_KEY"),
        ]
        assert [bad.field for bad in result.bad] == ["entity_id", "a", "event_time", "event_time", "entity_id"]
        assert all(bad.message for bad in result.bad)
    reply = client.online_features([f"bad_{i}" for i in range(7)])
    assert [entity_id for entity_id, row in reply.items() if row.status is Status.PRESENT] == ["bad_0", "bad_6"]


def test_a_strict_write_stops(client: FeatureStoreClient) -> None:
    rows: list[dict[str, Any]] = [{"entity_id": "s_0"}, {"a": 1}, {"entity_id": "s_2"}]
    with pytest.raises(BadRows, match="row 1") as caught:
        client.write_rows("default", rows, batch_size=1, strict=True)
    assert caught.value.written is not None
    assert (caught.value.written.rows, caught.value.written.accepted) == (2, 1)


def test_the_newest_row_wins_and_deletes_compete(client: FeatureStoreClient) -> None:
    def value() -> unskew.FeatureRow:
        return client.online_features(["lww"], ["a"])["lww"]

    hour = dt.timedelta(hours=1)
    assert client.write_rows("default", [{"entity_id": "lww", "event_time": NOON, "a": 1}]).accepted == 1
    assert client.write_rows("default", [{"entity_id": "lww", "event_time": NOON - hour, "a": 2}]).accepted == 1
    assert value()["a"] == 1.0
    client.write_rows("default", [{"entity_id": "lww", "event_time": NOON - hour}])
    assert value()["a"] == 1.0
    client.write_rows("default", [{"entity_id": "lww", "event_time": NOON + hour}])
    assert (value().status, value().statuses) == (Status.MISSING, {"a": Status.MISSING})


def test_a_row_later_than_as_of_is_an_error(client: FeatureStoreClient) -> None:
    client.write_rows("default", [{"entity_id": "as_of", "event_time": NOON, "a": 1}])
    at_noon = client.online_features(["as_of"], ["a"], as_of=NOON)
    assert (at_noon.as_of, at_noon["as_of"]["a"]) == (NOON, 1.0)
    before = client.online_features(["as_of"], ["a"], as_of=at_noon.as_of_us - 1)["as_of"]
    assert (before.status, before.reason) == (Status.ERROR, Reason.NEWER_THAN_AS_OF)
    assert (before.statuses, before.features) == ({"a": Status.ERROR}, {})


def test_a_bad_id_does_not_fail_its_batch(client: FeatureStoreClient) -> None:
    client.write_rows("default", [{"entity_id": "good", "event_time": NOON, "a": 1}])
    too_long = "x" * 20_000
    reply = client.online_features(["good", too_long, ""], ["a"])
    assert reply["good"]["a"] == 1.0
    for entity_id in (too_long, ""):
        row = reply[entity_id]
        assert (row.status, row.reason) == (Status.ERROR, Reason.BAD_KEY)
        assert row.message
        assert row.statuses == {"a": Status.ERROR}


def test_a_malformed_request_is_an_invalid_argument(client: FeatureStoreClient) -> None:
    with pytest.raises(InvalidArgument, match="entity_ids") as caught:
        client.online_features([])
    assert caught.value.code == "INVALID_ARGUMENT"
    assert caught.value.request_id
    with pytest.raises(InvalidArgument, match="entity_ids"):
        client.online_features([f"e{i}" for i in range(200_000)], timeout=10.0)
    with pytest.raises(InvalidArgument, match="no_such_view"):
        client.write_rows("no_such_view", [{"entity_id": "a"}])


def test_what_is_too_large_says_so(client: FeatureStoreClient) -> None:
    long = "x" * 900_000
    rows = [{"entity_id": f"large_{i}", "event_time": NOON, "a": long} for i in range(5)]
    result = client.write_rows("default", [*rows, {"entity_id": "large_5", "event_time": NOON, "a": long * 2}])
    assert (result.accepted, [(bad.row, bad.code) for bad in result.bad]) == (5, [(5, "TOO_LARGE")])
    assert client.online_features(["large_4"])["large_4"]["a"] == long
    with pytest.raises(ResourceExhausted) as reply:
        client.online_features([f"large_{i}" for i in range(5)])
    assert reply.value.code == "REPLY_TOO_LARGE"
    with pytest.raises(ResourceExhausted) as request:
        client.online_features([long] * 5)
    assert request.value.code == "REQUEST_TOO_LARGE"
    assert reply.value.request_id
    assert request.value.request_id


def test_a_store_that_is_down_is_unavailable_in_time(tmp_path: Path) -> None:
    with Gateway(tmp_path, store=f"redis://{free_address()}/0") as down, FeatureStoreClient(down.address) as client:
        with pytest.raises(Unavailable) as read:
            client.online_features(["a"])
        with pytest.raises(Unavailable) as written:
            client.write_rows("default", [{"entity_id": "a"}])
    for error in (read.value, written.value):
        assert error.code == "UNAVAILABLE"
        assert error.retry_after
        assert error.request_id


def test_threads_share_a_client(client: FeatureStoreClient) -> None:
    client.write_rows("default", ({"entity_id": f"thread_{i}", "event_time": NOON, "i": i} for i in range(50)))

    def read(i: int) -> object:
        return client.online_features([f"thread_{i}"], ["i"])[f"thread_{i}"]["i"]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(read, [i % 50 for i in range(400)])) == [float(i % 50) for i in range(400)]


def test_asyncio_gives_the_same(gateway: Gateway, client: FeatureStoreClient) -> None:
    async def rows() -> AsyncIterator[dict[str, Any]]:
        for i in range(25):
            yield {"entity_id": f"aio_{i}", "event_time": NOON, "i": i, "n": None}
        yield {"no_entity": 1}

    async def call() -> tuple[unskew.WriteResult, list[unskew.OnlineFeatures]]:
        async with unskew.aio.FeatureStoreClient(gateway.address, timeout=5.0) as twin:
            written = await twin.write_rows("default", rows(), batch_size=10)
            again = await twin.write_rows("default", [{"entity_id": "aio_0", "event_time": NOON, "i": 0, "n": None}])
            assert again.ok
            with pytest.raises(InvalidArgument, match="entity_ids"):
                await twin.online_features([])
            reads = (twin.online_features([f"aio_{i}"], ["i", "n", "x"], as_of=NOON) for i in range(25))
            return written, await asyncio.gather(*reads)

    written, replies = asyncio.run(call())
    assert (written.rows, written.accepted) == (26, 25)
    assert [(bad.row, bad.code, bad.field) for bad in written.bad] == [(25, "BAD_KEY", "entity_id")]
    for i, reply in enumerate(replies):
        assert reply == client.online_features([f"aio_{i}"], ["i", "n", "x"], as_of=NOON)
        assert reply[f"aio_{i}"].statuses == {"i": Status.PRESENT, "n": Status.NULL, "x": Status.MISSING}
