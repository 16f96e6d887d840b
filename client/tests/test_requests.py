"""Arguments and the requests made of them."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import unskew
from unskew import _requests, _times
from unskew.errors import InvalidArgument

UTC = dt.timezone.utc


def test_a_request_holds_what_was_asked() -> None:
    request = _requests.online_features(iter(["a", "ż"]), ("f",), 7, True)
    assert (list(request.entity_ids), list(request.feature_names)) == (["a", "ż"], ["f"])
    assert (request.as_of, request.all_statuses) == (7, True)
    bare = _requests.online_features(["a"], None, None, False)
    assert not bare.HasField("as_of")
    assert list(bare.feature_names) == []


@pytest.mark.parametrize(
    ("time", "micros"),
    [
        (dt.datetime(1970, 1, 1, tzinfo=UTC), 0),
        (dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (dt.datetime(2018, 4, 1, 2, 0, 0, 1, tzinfo=ZoneInfo("Europe/Warsaw")), 1_522_540_800_000_001),
        (dt.datetime.max.replace(tzinfo=UTC), 253_402_300_799_999_999),
        (dt.datetime.min.replace(tzinfo=UTC), -62_135_596_800_000_000),
        (np.int64(5), 5),
        (-(2**63), -(2**63)),
    ],
)
def test_times_are_exact_microseconds(time: dt.datetime | int, micros: int) -> None:
    assert _times.to_micros(time, "as_of") == micros
    if isinstance(time, dt.datetime):
        assert _times.from_micros(micros) == time


def test_rfc3339_has_all_microseconds_and_is_utc() -> None:
    time = dt.datetime(2018, 4, 1, 2, 0, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert _times.to_rfc3339(time, "event_time") == "2018-04-01T00:00:00.000000Z"
    assert _times.to_rfc3339(dt.datetime(1, 1, 1, tzinfo=UTC), "event_time") == "0001-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("customer_1", None, None, False), TypeError, r"not one str: write \['customer_1'\]"),
        (([1], None, None, False), TypeError, r"entity_ids\[0\] must be a str, not int"),
        ((["a"], [b"f"], None, False), TypeError, r"feature_names\[0\] must be a str"),
        ((["a\ud800"], None, None, False), InvalidArgument, "lone surrogate at 1"),
        ((["a"], None, dt.datetime(2020, 1, 1), False), InvalidArgument, "no time zone"),
        ((["a"], None, True, False), TypeError, "as_of must be an aware datetime"),
        ((["a"], None, 1.5, False), TypeError, "not float"),
        ((["a"], None, 2**63, False), InvalidArgument, "outside int64"),
    ],
)
def test_wrong_arguments_of_a_read(arguments: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        _requests.online_features(*arguments)


@pytest.mark.parametrize("client", [unskew.FeatureStoreClient, unskew.AsyncFeatureStoreClient])
@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"address": "http://127.0.0.1:50051"}, InvalidArgument, "host:port"),
        ({"address": ""}, InvalidArgument, "host:port"),
        ({"address": 50051}, TypeError, "address must be a str"),
        ({"timeout": 0}, InvalidArgument, "timeout must be a finite"),
        ({"timeout": float("nan")}, InvalidArgument, "above 0, not nan"),
        ({"write_timeout": "1"}, TypeError, "write_timeout must be a number"),
        ({"retries": -1}, InvalidArgument, "retries must be 0 or more"),
        ({"max_receive_bytes": 0}, InvalidArgument, "max_receive_bytes"),
        ({"keep_alive": 0}, InvalidArgument, "keep_alive must be a finite"),
        ({"hedge_after": 0.0}, InvalidArgument, "hedge_after must be a finite"),
    ],
)
def test_wrong_arguments_of_a_client(
    client: Any, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        client(**{"address": "127.0.0.1:50051"} | arguments)
