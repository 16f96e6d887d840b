"""Rows to write: their JSON, their batches, and what becomes of the bad ones."""

import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from unskew import BadRow, FeatureStoreClient, WriteResult
from unskew._generated import feature_store_pb2 as wire
from unskew._rows import MAX_BATCH_BYTES, Batch, Batcher, Tally, encode_row
from unskew.errors import BadRows, Internal, InvalidArgument

NOW = dt.datetime(2018, 4, 1, 0, 0, 31, tzinfo=dt.timezone.utc)


def encoded(row: Mapping[str, Any]) -> Any:
    line = encode_row(row, 0)
    assert isinstance(line, bytes)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return json.loads(line)


def batches_of(rows: Sequence[Mapping[str, Any]], batch_size: int) -> list[Batch]:
    batcher = Batcher(batch_size)
    made = [batch for row in rows if (batch := batcher.add(row))]
    return [*made, *([rest] if (rest := batcher.rest()) else [])]


def test_a_row_keeps_its_values() -> None:
    row = {
        "entity_id": "ż",
        "null": None,
        "text": "a\nb\u2028",
        "nested": {"l": [1, 0.1, True, {"k": None}]},
        "żółć": -0.0,
    }
    assert encoded(row) == row
    assert math.copysign(1, encoded(row)["żółć"]) == -1


def test_event_time_becomes_rfc3339() -> None:
    assert encoded({"entity_id": "a", "event_time": NOW})["event_time"] == "2018-04-01T00:00:31.000000Z"
    assert encoded({"entity_id": "a", "event_time": "2018-04-01T02:00:31+02:00"})["event_time"].endswith("+02:00")


def test_scalars_of_numpy_are_numbers() -> None:
    row = {
        "f4": np.float32(1.111),
        "f2": np.float16(0.1),
        "f8": np.float64(0.1),
        "i": np.int64(2**53 + 1),
        "u": np.uint8(7),
        "b": np.bool_(True),
    }
    assert encoded(row) == {"f4": 1.111, "f2": 0.1, "f8": 0.1, "i": 2**53 + 1, "u": 7, "b": True}


@pytest.mark.parametrize(
    ("row", "member", "words"),
    [
        ({"entity_id": "a", "x": math.nan}, "x", "give None, or leave the feature out"),
        ({"entity_id": "a", "x": [1, {"y": math.inf}]}, "x", "NaN and infinities"),
        ({"entity_id": "a", "x": np.float32("nan")}, "x", "NaN and infinities"),
        ({"entity_id": "a", "x": {1, 2}}, "x", "set has no JSON form"),
        ({"entity_id": "a", "x": np.zeros(2)}, "x", "ndarray has no JSON form"),
        ({"entity_id": "a", "x": NOW}, "x", "understood as event_time only"),
        ({"entity_id": "a", "x": "\ud800"}, "x", "lone surrogate"),
        ({"entity_id": "a", "\ud800": 1}, "\\ud800", "lone surrogate"),
        ({"entity_id": "a", "event_time": dt.datetime(2018, 4, 1)}, "event_time", "no time zone"),
        ({"entity_id": "a", 1: 2}, "", "names must be str, not int"),
        ([("entity_id", "a")], "", "a mapping of names to values, not list"),
    ],
)
def test_a_row_without_json_says_where_and_why(row: Any, member: str, words: str) -> None:
    bad = encode_row(row, 4)
    assert isinstance(bad, BadRow)
    assert (bad.row, bad.code, bad.field) == (4, "INVALID_ROW", member)
    assert words in bad.message


def test_a_row_that_holds_itself_or_is_too_deep_is_bad() -> None:
    loop: list[Any] = []
    loop.append(loop)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (loop, deep):
        bad = encode_row({"entity_id": "a", "x": value}, 0)
        assert isinstance(bad, BadRow)
        assert bad.field == "x"


def test_batches_are_cut_by_rows_and_by_bytes() -> None:
    assert [batch.positions for batch in batches_of([{"entity_id": "a"}] * 5, 2)] == [[0, 1], [2, 3], [4]]
    large = {"entity_id": "a", "x": "x" * (MAX_BATCH_BYTES // 2)}
    assert [batch.positions for batch in batches_of([large] * 3, 100)] == [[0], [1], [2]]
    assert [batch.positions for batch in batches_of([large, {"entity_id": "b"}, large], 100)] == [[0, 1], [2]]


def test_batches_of_one_row_lose_none_when_the_size_cuts_too() -> None:
    large = {"entity_id": "a", "x": "x" * MAX_BATCH_BYTES}
    assert [batch.positions for batch in batches_of([large] * 3, 1)] == [[0], [1], [2]]


def test_only_rows_with_event_time_are_repeatable() -> None:
    timed, untimed = {"entity_id": "a", "event_time": NOW}, {"entity_id": "a"}
    bad = {"entity_id": "a", "x": math.nan}
    assert [batch.repeatable for batch in batches_of([timed, bad, timed, untimed], 2)] == [True, False]


class Frame:
    """Looks like a data frame: it iterates over the names of its columns."""

    columns = ("entity_id",)


@pytest.mark.parametrize(
    ("rows", "words"),
    [({"entity_id": "a"}, "not one dict"), ("a", "not one str"), (Frame(), r"frame\.to_dict\('records'\)")],
)
def test_what_does_not_iterate_over_rows_is_refused(rows: Any, words: str) -> None:
    with FeatureStoreClient("127.0.0.1:1") as client, pytest.raises(TypeError, match=words):
        client.write_rows("default", rows)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batch_size_is_above_zero(batch_size: int) -> None:
    with pytest.raises(InvalidArgument, match="batch_size must be 1 or more"):
        Batcher(batch_size)


def test_positions_are_those_of_the_rows_given() -> None:
    rows: list[dict[str, Any]] = [
        {"entity_id": "a"},
        {"entity_id": "b", "x": math.nan},
        {"entity_id": "c"},
        {"entity_id": "d"},
    ]
    tally = Tally(strict=False)
    for batch in batches_of(rows, 3):
        reply = wire.WriteRowsResponse(accepted=1)
        reply.bad.add(row=len(batch.lines) - 1, code="BAD_KEY", field="entity_id", message="no")
        tally.add(batch, reply)
    assert tally.result.rows == 4
    assert tally.result.accepted == 2
    assert [(bad.row, bad.code) for bad in tally.result.bad] == [(1, "INVALID_ROW"), (2, "BAD_KEY"), (3, "BAD_KEY")]
    assert not tally.result.ok
    assert str(tally.result.bad[1]) == "row 2, member 'entity_id': no (BAD_KEY)"


def test_a_reply_to_another_batch_is_refused() -> None:
    (batch,) = batches_of([{"entity_id": "a"}], 1)
    reply = wire.WriteRowsResponse()
    reply.bad.add(row=1)
    for wrong in (reply, None):
        tally = Tally(strict=False)
        with pytest.raises(Internal) as caught:
            tally.add(batch, wrong)
        assert caught.value.written == WriteResult()


def test_a_strict_write_ends_at_the_first_bad_row() -> None:
    (batch,) = batches_of([{"entity_id": "a"}, {"entity_id": "b", "x": math.nan}], 2)
    tally = Tally(strict=True)
    with pytest.raises(BadRows, match=r"1 rows were refused; the first: row 1, member 'x'") as caught:
        tally.add(batch, wire.WriteRowsResponse(accepted=1))
    assert caught.value.written is not None
    assert caught.value.written.accepted == 1
