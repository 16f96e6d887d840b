"""Replies on the wire and the Python values made of them."""

import copy
import datetime as dt
import math
import pickle

import pytest
from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct, Value

from unskew import FeatureRow, OnlineFeatures, Reason, Status
from unskew._generated import feature_store_pb2 as wire
from unskew._replies import REASONS, STATUSES, decode_reply, to_dict, to_python
from unskew.errors import FeatureUnavailable


def reply_to(
    request: wire.OnlineFeaturesRequest, results: dict[str, wire.FeatureSet], as_of: int = 0
) -> OnlineFeatures:
    reply = wire.OnlineFeaturesResponse(results=results, as_of=as_of)
    return decode_reply(request, wire.OnlineFeaturesResponse.FromString(reply.SerializeToString()))


def feature_set(
    features: dict[str, Value],
    statuses: dict[str, wire.FeatureStatus] | None = None,
) -> wire.FeatureSet:
    """A FeatureSet of values of protobuf's own class; the client's messages live in another pool."""
    made = wire.FeatureSet(statuses=statuses)
    for name, value in features.items():
        made.features[name].MergeFromString(value.SerializeToString())
    return made


def row_of(answer: wire.FeatureSet, *names: str) -> FeatureRow:
    request = wire.OnlineFeaturesRequest(entity_ids=["e"], feature_names=names)
    return reply_to(request, {"e": answer})["e"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Value(null_value=NULL_VALUE), None),
        (Value(), None),
        (Value(bool_value=False), False),
        (Value(bool_value=True), True),
        (Value(string_value=""), ""),
        (Value(string_value="żółć 🦀"), "żółć 🦀"),
        (Value(number_value=0.1), 0.1),
        (Value(number_value=5e-324), 5e-324),
        (Value(number_value=1.7976931348623157e308), 1.7976931348623157e308),
        (Value(number_value=-math.inf), -math.inf),
        (Value(list_value=ListValue()), []),
        (Value(struct_value=Struct()), {}),
        (
            Value(
                struct_value=Struct(
                    fields={"a": Value(list_value=ListValue(values=[Value(number_value=1), Value(bool_value=False)]))}
                )
            ),
            {"a": [1.0, False]},
        ),
    ],
)
def test_a_value_becomes_its_python_value(value: Value, expected: object) -> None:
    for converted in (to_python(value), to_dict({"f": value})["f"]):
        assert converted == expected
        assert type(converted) is type(expected)


def test_zeros_keep_their_sign_and_type() -> None:
    values = to_dict({"plus": Value(number_value=0.0), "minus": Value(number_value=-0.0)})
    assert [math.copysign(1, value) for value in values.values() if isinstance(value, float)] == [1.0, -1.0]


def test_nan_stays_nan() -> None:
    value = to_dict({"f": Value(number_value=math.nan)})["f"]
    assert isinstance(value, float)
    assert math.isnan(value)


def test_statuses_and_reasons_are_those_of_the_contract() -> None:
    enums = wire.DESCRIPTOR.enum_types_by_name
    assert [f"STATUS_{status}" for status in STATUSES] == [value.name for value in enums["Status"].values]
    assert [f"REASON_{reason}" for reason in REASONS] == [value.name for value in enums["Reason"].values]
    for enum in enums.values():
        assert [value.number for value in enum.values] == list(range(len(enum.values)))
    assert set(STATUSES) == set(Status)
    assert set(REASONS) == set(Reason) - {Reason.UNKNOWN}


def test_every_feature_asked_for_has_a_status() -> None:
    answer = feature_set(
        features={"there": Value(number_value=1), "null": Value(null_value=NULL_VALUE), "listed": Value()},
        statuses={
            "listed": wire.FeatureStatus(status=wire.STATUS_NULL),
            "gone": wire.FeatureStatus(status=wire.STATUS_MISSING),
            "old": wire.FeatureStatus(status=wire.STATUS_EXPIRED),
            "broken": wire.FeatureStatus(status=wire.STATUS_ERROR, reason=wire.REASON_OVERFLOW),
        },
    )
    row = row_of(answer, "there", "null", "listed", "gone", "old", "broken", "unlisted")
    assert row.statuses == {
        "there": Status.PRESENT,
        "null": Status.NULL,
        "listed": Status.NULL,
        "gone": Status.MISSING,
        "old": Status.EXPIRED,
        "broken": Status.ERROR,
        "unlisted": Status.MISSING,
    }
    assert row.reasons == {"broken": Reason.OVERFLOW}
    assert row.status is Status.PRESENT


def test_without_names_what_came_back_has_a_status() -> None:
    answer = feature_set(
        features={"a": Value(number_value=1)}, statuses={"b": wire.FeatureStatus(status=wire.STATUS_EXPIRED)}
    )
    assert row_of(answer).statuses == {"a": Status.PRESENT, "b": Status.EXPIRED}


def test_a_default_fills_the_value_and_leaves_the_status() -> None:
    answer = feature_set(
        features={"a": Value(number_value=7)}, statuses={"a": wire.FeatureStatus(status=wire.STATUS_MISSING)}
    )
    row = row_of(answer, "a")
    assert row["a"] == 7.0
    assert row.statuses == {"a": Status.MISSING}
    assert row.require(["a"]) == [7.0]


def test_the_features_of_a_row_in_error_are_in_error() -> None:
    row = row_of(
        wire.FeatureSet(
            status=wire.FeatureStatus(status=wire.STATUS_ERROR, reason=wire.REASON_UNDECODABLE, message="at byte 3")
        ),
        "a",
    )
    assert (row.status, row.reason, row.message) == (Status.ERROR, Reason.UNDECODABLE, "at byte 3")
    assert (row.statuses, row.reasons) == ({"a": Status.ERROR}, {"a": Reason.UNDECODABLE})
    with pytest.raises(FeatureUnavailable, match="entity 'e': 'a' is ERROR UNDECODABLE: at byte 3"):
        row["a"]


def test_a_missing_row_says_so_for_each_feature() -> None:
    row = row_of(wire.FeatureSet(status=wire.FeatureStatus(status=wire.STATUS_MISSING)), "a", "b")
    assert row.statuses == {"a": Status.MISSING, "b": Status.MISSING}
    assert row.reasons == {}


def test_numbers_of_a_newer_contract_are_unknown_errors() -> None:
    answer = wire.FeatureSet()
    answer.statuses["a"].MergeFromString(b"\x08\x63")
    answer.statuses["b"].MergeFromString(b"\x08\x04\x10\x63")
    row = row_of(answer, "a", "b")
    assert row.statuses == {"a": Status.ERROR, "b": Status.ERROR}
    assert row.reasons == {"a": Reason.UNKNOWN, "b": Reason.UNKNOWN}


def test_order_is_that_of_the_request_and_duplicates_are_one() -> None:
    request = wire.OnlineFeaturesRequest(entity_ids=["b", "a", "b", "c"])
    reply = reply_to(request, {name: wire.FeatureSet() for name in "abc"}, as_of=1_500_000)
    assert list(reply) == ["b", "a", "c"]
    assert len(reply) == 3
    assert "a" in reply
    assert reply.as_of == dt.datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=dt.timezone.utc)


def test_an_id_that_the_reply_left_out_is_an_error_not_missing() -> None:
    row = reply_to(wire.OnlineFeaturesRequest(entity_ids=["e"], feature_names=["a"]), {})["e"]
    assert (row.status, row.reason, row.statuses) == (Status.ERROR, Reason.UNKNOWN, {"a": Status.ERROR})
    assert "no entry" in row.message


def test_event_time_is_exact_utc_or_none() -> None:
    assert row_of(wire.FeatureSet()).event_time is None
    assert row_of(wire.FeatureSet(event_time=0)).event_time == dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
    assert row_of(wire.FeatureSet(event_time=-1)).event_time == dt.datetime(
        1969, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.timezone.utc
    )
    far = row_of(wire.FeatureSet(event_time=2**62))
    assert far.event_time_us == 2**62
    with pytest.raises(OverflowError):
        _ = far.event_time
    assert dict(row_of(wire.FeatureSet(event_times={"profile": 2**62})).event_times_us) == {"profile": 2**62}


def test_require_names_all_that_is_unavailable() -> None:
    row = row_of(feature_set(features={"a": Value(bool_value=False), "n": Value(null_value=NULL_VALUE)}), "a", "n", "x")
    assert row.require(["a"]) == [False]
    assert row["n"] is None
    assert (row.get("x"), row.get("x", 1.0)) == (None, 1.0)
    assert list(row) == ["a", "n"]
    assert ("a" in row, "x" in row, len(row)) == (True, False, 2)
    with pytest.raises(FeatureUnavailable) as caught:
        row.require(["a", "n", "x", "z"])
    assert str(caught.value) == (
        "entity 'e': 'n' is NULL, 'x' is MISSING, 'z' is not in the reply: it was not asked for (MISSING)"
    )
    assert isinstance(caught.value, KeyError)
    assert pickle.loads(pickle.dumps(caught.value)).names == ("n", "x", "z")  # noqa: S301


def test_results_are_frozen_and_can_be_copied() -> None:
    reply = reply_to(
        wire.OnlineFeaturesRequest(entity_ids=["e"]), {"e": feature_set(features={"a": Value(number_value=1)})}
    )
    with pytest.raises(AttributeError):
        reply["e"].status = Status.ERROR  # type: ignore[misc]
    with pytest.raises(AttributeError):
        reply.as_of_us = 1  # type: ignore[misc]
    assert copy.deepcopy(reply) == reply
    assert pickle.loads(pickle.dumps(reply)) == reply  # noqa: S301


def test_records_hold_every_feature_asked_for() -> None:
    request = wire.OnlineFeaturesRequest(entity_ids=["e", "f"], feature_names=["a"])
    reply = reply_to(request, {"e": feature_set(features={"a": Value(number_value=1)}), "f": wire.FeatureSet()})
    assert reply.to_records() == [{"entity_id": "e", "a": 1.0}, {"entity_id": "f", "a": None}]
