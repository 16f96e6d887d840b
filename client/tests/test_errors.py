"""Failed calls, over real gRPC: the exception, what it carries, and the retries before it."""

import asyncio
import pickle
import time

import grpc
import pytest

import unskew
from tests.scripted import Failure, scripted
from unskew import RetryPolicy, errors
from unskew._generated import feature_store_pb2 as wire
from unskew.errors import BY_GRPC_CODE, ClientClosed, FeatureUnavailable, UnskewError

Code = grpc.StatusCode
ANSWER = wire.OnlineFeaturesResponse(as_of=1, results={"a": wire.FeatureSet()})
DOWN = Failure(Code.UNAVAILABLE, "the store does not answer")
TIMED_ROW = {"entity_id": "a", "event_time": "2018-04-01T00:00:31Z"}


def failure_of(step: Failure, retries: int = 0) -> UnskewError:
    """The exception that both clients raise for a failed call."""
    with scripted(step) as server:
        client = unskew.FeatureStoreClient(server.address, timeout=5.0, retries=retries)
        with client, pytest.raises(UnskewError) as caught:
            client.online_features(["a"])

        async def call() -> None:
            async with unskew.aio.FeatureStoreClient(server.address, timeout=5.0, retries=retries) as twin:
                await twin.online_features(["a"])

        with pytest.raises(UnskewError) as awaited:
            asyncio.run(call())
    assert type(awaited.value) is type(caught.value)
    assert vars(awaited.value) == vars(caught.value)
    return caught.value


def test_every_code_has_its_own_class() -> None:
    assert set(BY_GRPC_CODE) == set(Code) - {Code.OK}
    assert len(set(BY_GRPC_CODE.values())) == len(BY_GRPC_CODE)
    for code, kind in BY_GRPC_CODE.items():
        assert kind.default_code == code.name
        assert kind.__name__ in errors.__all__


@pytest.mark.parametrize("code", BY_GRPC_CODE)
def test_a_failed_call_raises_the_class_of_its_code(code: Code) -> None:
    error = failure_of(Failure(code, "as told"))
    assert type(error) is BY_GRPC_CODE[code]
    assert error.grpc_code is code
    assert error.code == code.name
    # A deadline that the gateway did not report is the client's own, and says how long it was.
    own = code is Code.DEADLINE_EXCEEDED
    assert error.message.endswith("within 5.0 s" if own else "as told")


@pytest.mark.parametrize("place", ["initial", "trailing"])
def test_an_error_carries_what_the_gateway_says_of_it(place: str) -> None:
    trailing = (("error-code", "REPLY_TOO_LARGE"), ("retry-after-ms", "250"))
    request_id = (("x-request-id", "r-1"),)
    step = (
        Failure(Code.RESOURCE_EXHAUSTED, "the reply has 9 MiB", trailing, request_id)
        if place == "initial"
        else Failure(Code.RESOURCE_EXHAUSTED, "the reply has 9 MiB", trailing + request_id)
    )
    error = failure_of(step)
    assert isinstance(error, errors.ResourceExhausted)
    assert (error.code, error.request_id, error.retry_after) == ("REPLY_TOO_LARGE", "r-1", 0.25)
    assert str(error) == "the reply has 9 MiB (REPLY_TOO_LARGE, request r-1)"
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(copied) is type(error)
    assert vars(copied) == vars(error)


def test_a_deadline_that_the_gateway_reports_keeps_its_words() -> None:
    trailing = (("error-code", "DEADLINE_EXCEEDED"), ("x-request-id", "r-2"))
    error = failure_of(Failure(Code.DEADLINE_EXCEEDED, "the store took too long", trailing))
    assert isinstance(error, TimeoutError)
    assert error.message == "the store took too long"


@pytest.mark.parametrize("hint", ["", "-1", "1.5", "soon", "²"])
def test_a_hint_that_is_no_number_is_none(hint: str) -> None:
    trailing = (("retry-after-ms", hint),) if hint.isascii() else (("retry-after-ms-bin", hint.encode()),)
    assert failure_of(Failure(Code.UNAVAILABLE, trailing=trailing)).retry_after is None  # type: ignore[arg-type]


def test_unavailable_is_tried_again_until_it_is_available() -> None:
    with scripted(DOWN, DOWN, ANSWER) as server, unskew.FeatureStoreClient(server.address, timeout=5.0) as client:
        assert list(client.online_features(["a"])) == ["a"]
        assert len(server.requests) == 3


def test_retries_end() -> None:
    with (
        scripted(DOWN) as server,
        unskew.FeatureStoreClient(server.address, timeout=5.0, retries=2) as client,
        pytest.raises(errors.Unavailable) as caught,
    ):
        client.online_features(["a"])
    assert len(server.requests) == 3
    assert getattr(caught.value, "__notes__", ["3 attempts within 5.0 s"]) == ["3 attempts within 5.0 s"]


@pytest.mark.parametrize("code", [Code.INTERNAL, Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED, Code.ABORTED])
def test_nothing_else_is_tried_again(code: Code) -> None:
    with (
        scripted(Failure(code)) as server,
        unskew.FeatureStoreClient(server.address, timeout=5.0) as client,
        pytest.raises(BY_GRPC_CODE[code]),
    ):
        client.online_features(["a"])
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("grpc_code", "code"),
    [
        (Code.UNAVAILABLE, "UNAVAILABLE"),
        (Code.RESOURCE_EXHAUSTED, "OVERLOADED"),
        (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED"),
    ],
)
def test_the_hint_of_the_gateway_is_waited_for(grpc_code: Code, code: str) -> None:
    hinted = Failure(grpc_code, trailing=(("error-code", code), ("retry-after-ms", "300")))
    with scripted(hinted, ANSWER) as server, unskew.FeatureStoreClient(server.address, timeout=5.0) as client:
        start = time.monotonic()
        client.online_features(["a"])
        assert time.monotonic() - start >= 0.3


def test_a_hint_beyond_the_deadline_is_not_waited_for() -> None:
    hinted = Failure(Code.UNAVAILABLE, trailing=(("retry-after-ms", "60000"),))
    with scripted(hinted) as server, unskew.FeatureStoreClient(server.address, timeout=5.0) as client:
        start = time.monotonic()
        with pytest.raises(errors.Unavailable) as caught:
            client.online_features(["a"])
        assert time.monotonic() - start < 4.0
        assert caught.value.retry_after == 60.0
        assert len(server.requests) == 1


def test_back_off_grows_to_its_bound() -> None:
    policy = RetryPolicy(initial_backoff=0.1, multiplier=2, max_backoff=0.5)
    for retry, longest in enumerate([0.1, 0.2, 0.4, 0.5, 0.5]):
        waits = [policy.backoff(retry) for _ in range(200)]
        assert all(longest / 2 <= wait <= longest for wait in waits)
        assert len(set(waits)) > 1
    assert policy.backoff(100_000) <= 0.5


@pytest.mark.parametrize(
    "wrong", [{"initial_backoff": 0}, {"initial_backoff": 2.0}, {"multiplier": 0.5}, {"retries": -1}]
)
def test_a_wrong_policy_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(errors.InvalidArgument):
        RetryPolicy(**wrong)  # type: ignore[arg-type]


def test_a_reply_longer_than_the_bound_is_refused() -> None:
    long = wire.OnlineFeaturesResponse(results={"a": wire.FeatureSet(status=wire.FeatureStatus(message="x" * 5000))})
    with (
        scripted(long) as server,
        unskew.FeatureStoreClient(server.address, timeout=5.0, max_receive_bytes=4096) as client,
        pytest.raises(errors.ResourceExhausted),
    ):
        client.online_features(["a"])


def test_replies_above_grpcs_own_bound_are_taken() -> None:
    long = wire.OnlineFeaturesResponse(
        results={"a": wire.FeatureSet(status=wire.FeatureStatus(message="x" * (5 << 20)))}
    )
    with scripted(long) as server, unskew.FeatureStoreClient(server.address, timeout=30.0) as client:
        assert len(client.online_features(["a"])["a"].message) == 5 << 20


def test_a_write_is_tried_again_only_with_event_times() -> None:
    steps = (DOWN, wire.WriteRowsResponse(accepted=1))
    with scripted(*steps) as server, unskew.FeatureStoreClient(server.address) as client:
        assert client.write_rows("default", [TIMED_ROW]).accepted == 1
        assert len(server.requests) == 2
    with scripted(*steps) as server, unskew.FeatureStoreClient(server.address) as client:
        with pytest.raises(errors.Unavailable):
            client.write_rows("default", [{"entity_id": "a"}])
        assert len(server.requests) == 1


def test_a_failed_write_says_what_was_acknowledged() -> None:
    broken = Failure(Code.INTERNAL)
    with scripted(wire.WriteRowsResponse(accepted=2), broken) as server:
        with unskew.FeatureStoreClient(server.address) as client, pytest.raises(errors.Internal) as caught:
            client.write_rows("default", [TIMED_ROW] * 4, batch_size=2)
        assert caught.value.written == unskew.WriteResult(rows=2, accepted=2)

    async def write(address: str) -> None:
        async with unskew.aio.FeatureStoreClient(address) as client:
            await client.write_rows("default", [TIMED_ROW] * 4, batch_size=2)

    with scripted(wire.WriteRowsResponse(accepted=2), broken) as server:
        with pytest.raises(errors.Internal) as awaited:
            asyncio.run(write(server.address))
        assert awaited.value.written == unskew.WriteResult(rows=2, accepted=2)


def test_rows_that_can_not_be_sent_cost_no_call() -> None:
    with scripted(DOWN) as server, unskew.FeatureStoreClient(server.address) as client:
        result = client.write_rows("default", [{"entity_id": "a", "x": float("nan")}])
        assert (result.rows, result.accepted, len(result.bad), server.requests) == (1, 0, 1, [])
        assert client.write_rows("default", []) == unskew.WriteResult()


def test_a_closed_client_says_so() -> None:
    with unskew.FeatureStoreClient("127.0.0.1:1") as client:
        pass
    client.close()
    with pytest.raises(ClientClosed, match="the client is closed"):
        client.online_features(["a"])

    async def call() -> None:
        async with unskew.aio.FeatureStoreClient("127.0.0.1:1") as twin:
            pass
        await twin.close()
        with pytest.raises(ClientClosed):
            await twin.online_features(["a"])

    asyncio.run(call())


def test_one_root_catches_them_all() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert issubclass(kind, UnskewError) or not issubclass(kind, Exception)
    assert issubclass(errors.InvalidArgument, ValueError)
    assert issubclass(errors.DeadlineExceeded, TimeoutError)
    assert issubclass(FeatureUnavailable, KeyError)
