"""Vectors and explanations of the fraud model, from the real gateway."""

import asyncio
import datetime as dt
import math
import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import unskew
from tests.gateway import Gateway
from tests.scripted import scripted
from unskew import FeatureStoreClient, Reason, Status
from unskew._generated import feature_store_pb2 as wire
from unskew.errors import FailedPrecondition, IncompleteVectors, Internal, InvalidArgument

UTC = dt.timezone.utc
LAST = dt.datetime(2018, 9, 30, 9, 30, tzinfo=UTC)
AT = dt.datetime(2018, 10, 1, 23, 10, tzinfo=UTC)
ENTITIES = {"customer_id": [9001, 9999, 9001]}
REQUEST: dict[str, Any] = {"tx_amount": [57.16, 12.0, None], "tx_datetime": [AT, AT, AT]}


@pytest.fixture
def customers(client: FeatureStoreClient) -> FeatureStoreClient:
    row = {
        "customer_id": 9001,
        "event_time": LAST,
        "nb_tx": 7,
        "avg_amount": 12.5,
        "last_amount": 1.0,
        "last_terminal": 3,
        "last_time": LAST.isoformat(),
    }
    assert client.write_rows("customer_history", [row]).ok
    return client


@pytest.mark.integration
def test_vectors_are_float32_rows(customers: FeatureStoreClient) -> None:
    vectors = customers.vectors("fraud_model", ENTITIES, REQUEST)
    assert vectors.values.dtype == np.float32  # type: ignore[union-attr]
    assert vectors.values.shape == (len(vectors), vectors.columns) == (3, 9)  # type: ignore[union-attr]
    first = vectors.values[0]
    assert first[0] == np.float32(math.log(57.16 + 1))
    assert (vectors.names, vectors.statuses, vectors.event_times) == (None, None, None)
    assert len(bytes.fromhex(vectors.fingerprint)) == 32
    assert vectors.oldest_event_time == LAST
    assert [row.row for row in vectors.incomplete] == [2]
    assert vectors.complete.tolist() == [True, True, False]  # type: ignore[union-attr]


@pytest.mark.integration
def test_values_are_a_view_that_can_not_be_written(customers: FeatureStoreClient) -> None:
    values = customers.vectors("fraud_model", ENTITIES, REQUEST).values
    assert isinstance(values, np.ndarray)
    assert not values.flags.writeable
    assert not values.flags.owndata


@pytest.mark.integration
def test_what_was_asked_for_besides(customers: FeatureStoreClient) -> None:
    vectors = customers.vectors("fraud_model", ENTITIES, REQUEST, names=True, slot_statuses=True, event_times=True)
    assert vectors.names is not None
    assert len(vectors.names) == 9
    assert vectors.names[0] == "tx_amount"
    assert vectors.statuses is not None
    assert list(vectors.statuses) == list(vectors.slots or ())
    assert vectors.statuses["tx_amount"][:2] == (Status.PRESENT, Status.PRESENT)
    assert vectors.statuses["tx_amount"][2] is Status.NULL
    assert vectors.event_times == {"customer_history": (LAST, None, LAST)}


@pytest.mark.integration
def test_lists_hold_the_same_with_none_for_nan(customers: FeatureStoreClient) -> None:
    arrays = customers.vectors("fraud_model", ENTITIES, REQUEST)
    lists = customers.vectors("fraud_model", ENTITIES, REQUEST, as_numpy=False)
    assert isinstance(lists.values, list)
    assert lists.complete == [True, True, False]
    assert lists.values[2][0] is None
    again = np.array([[math.nan if x is None else x for x in row] for row in lists.values], np.float32)
    assert isinstance(arrays.values, np.ndarray)
    assert again.tobytes() == arrays.values.tobytes()


@pytest.mark.integration
@pytest.mark.parametrize("library", ["numpy", "pandas", "pyarrow"])
def test_every_kind_of_column_gives_the_same_vectors(customers: FeatureStoreClient, library: str) -> None:
    amounts, ids = [57.16, 12.0], [9001, 9999]
    expected = customers.vectors("fraud_model", {"customer_id": ids}, {"tx_amount": amounts, "tx_datetime": [AT, AT]})
    columns: Mapping[str, tuple[Any, Any, Any]] = {
        "numpy": (np.array(ids), np.array(amounts), [AT, AT]),
        "pandas": (pd.Series(ids), pd.Series(amounts), pd.Series([AT, AT])),
        "pyarrow": (pa.array(ids), pa.array(amounts), pa.array([AT, AT])),
    }
    customer_id, amount, time = columns[library]
    vectors = customers.vectors("fraud_model", {"customer_id": customer_id}, {"tx_amount": amount, "tx_datetime": time})
    np.testing.assert_array_equal(vectors.values, expected.values)


@pytest.mark.integration
def test_a_null_and_nan_are_the_same_to_the_steps(customers: FeatureStoreClient) -> None:
    request = {"tx_amount": [None, math.nan], "tx_datetime": [AT, AT]}
    vectors = customers.vectors("fraud_model", {"customer_id": [9001, 9001]}, request)
    assert isinstance(vectors.values, np.ndarray)
    assert vectors.values[0].tobytes() == vectors.values[1].tobytes()
    assert [row.slot for row in vectors.incomplete] == ["tx_amount", "tx_amount"]


@pytest.mark.integration
def test_require_names_the_first_row(customers: FeatureStoreClient) -> None:
    good = customers.vectors("fraud_model", {"customer_id": [9001]}, {"tx_amount": [1.0], "tx_datetime": [AT]})
    assert good.require() is good.values
    with pytest.raises(
        IncompleteVectors, match=r"1 of 3 rows are incomplete; the first: row 2, slot 'tx_amount'"
    ) as caught:
        customers.vectors("fraud_model", ENTITIES, REQUEST).require()
    assert [row.row for row in caught.value.incomplete] == [2]
    copied = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert (str(copied), copied.incomplete) == (str(caught.value), caught.value.incomplete)


@pytest.mark.integration
def test_the_fingerprint_of_the_model_is_kept(customers: FeatureStoreClient) -> None:
    served = customers.vectors("fraud_model", ENTITIES, REQUEST)
    for fingerprint in (served.fingerprint, bytes.fromhex(served.fingerprint)):
        again = customers.vectors("fraud_model", ENTITIES, REQUEST, fingerprint=fingerprint)
        assert again.fingerprint == served.fingerprint
    with pytest.raises(FailedPrecondition, match="is not loaded"):
        customers.vectors("fraud_model", ENTITIES, REQUEST, fingerprint="00" * 32)


@pytest.mark.integration
def test_a_malformed_request_says_what_is_wrong(customers: FeatureStoreClient) -> None:
    cases: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({}, REQUEST, "entities.customer_id"),
        (ENTITIES, {"tx_amount": [1.0, 2.0, 3.0]}, "request.tx_datetime"),
        (ENTITIES, {**REQUEST, "x": [1, 2, 3]}, "request.x"),
        ({"customer_id": [1]}, REQUEST, "rows"),
        ({"customer_id": []}, {"tx_amount": [], "tx_datetime": []}, "no row"),
    ]
    for entities, request, words in cases:
        with pytest.raises(InvalidArgument, match=words):
            customers.vectors("fraud_model", entities, request)
    bad_keys = customers.vectors("fraud_model", {"customer_id": ["a", "b", "c"]}, REQUEST)
    assert {(row.status, row.reason) for row in bad_keys.incomplete} >= {(Status.ERROR, Reason.BAD_KEY)}
    with pytest.raises(InvalidArgument, match="as_of"):
        customers.vectors("fraud_model", ENTITIES, REQUEST, as_of=AT)
    with pytest.raises(InvalidArgument, match="no_such_service"):
        customers.vectors("no_such_service", ENTITIES, REQUEST)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"service": 7}, TypeError, "service must be a str"),
        ({"service": ""}, InvalidArgument, "not empty"),
        ({"fingerprint": "abc"}, InvalidArgument, "64 hexadecimal digits"),
        ({"fingerprint": "ab"}, InvalidArgument, "not 1 bytes"),
        ({"fingerprint": 7}, TypeError, "fingerprint must be a str"),
        ({"as_of": dt.datetime(2018, 4, 1)}, InvalidArgument, "as_of .* has no time zone"),
        ({"as_of": [AT, dt.datetime(2018, 4, 1)]}, InvalidArgument, r"as_of\[1\] .* has no time zone"),
    ],
)
def test_wrong_arguments_are_refused_before_the_call(
    arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with FeatureStoreClient("127.0.0.1:1") as client, pytest.raises(error, match=words):
        client.vectors(**{"service": "s", "entities": {"a": [1]}} | arguments)


@pytest.mark.integration
def test_one_row_is_explained(customers: FeatureStoreClient) -> None:
    explained = customers.explain("fraud_model", {"customer_id": 9001}, {"tx_amount": 57.16, "tx_datetime": AT})
    vectors = customers.vectors("fraud_model", {"customer_id": [9001]}, {"tx_amount": [57.16], "tx_datetime": [AT]})
    assert explained.service == "fraud_model"
    assert explained.fingerprint == vectors.fingerprint
    assert explained.as_of == AT
    assert isinstance(vectors.values, np.ndarray)
    assert np.array(explained.vector, np.float32).tobytes() == vectors.values[0].tobytes()
    inputs = {given.name: given for given in explained.inputs}
    average = inputs["customer_history.avg_amount"]
    assert (average.view, average.value) == ("customer_history", "12.5")
    assert "9001" in average.key
    assert (average.event_time, average.age) == (LAST, AT - LAST)
    amount = inputs["tx_amount"]
    assert (amount.status, amount.reason, amount.event_time) == (Status.PRESENT, Reason.NONE, None)
    assert [step.name for step in explained.slots[0].steps] == ["log"]
    with pytest.raises(TypeError, match="mapping of names to values"):
        customers.explain("fraud_model", [9001])  # type: ignore[arg-type]


@pytest.mark.integration
def test_asyncio_gives_the_same_vectors(gateway: Gateway, customers: FeatureStoreClient) -> None:
    async def call() -> tuple[unskew.Vectors, unskew.Explanation]:
        async with unskew.AsyncFeatureStoreClient(gateway.address, timeout=5.0) as twin:
            row = twin.explain("fraud_model", {"customer_id": 9001}, {"tx_amount": 1.0, "tx_datetime": AT})
            return await twin.vectors("fraud_model", ENTITIES, REQUEST), await row

    vectors, explained = asyncio.run(call())
    expected = customers.vectors("fraud_model", ENTITIES, REQUEST)
    np.testing.assert_array_equal(vectors.values, expected.values)
    assert (vectors.incomplete, vectors.fingerprint) == (expected.incomplete, expected.fingerprint)
    assert explained == customers.explain("fraud_model", {"customer_id": 9001}, {"tx_amount": 1.0, "tx_datetime": AT})
    assert unskew.AsyncFeatureStoreClient is unskew.aio.FeatureStoreClient


@pytest.mark.parametrize(
    "reply",
    [
        wire.FeatureVectorsResponse(rows=2, columns=2, vectors=bytes(12)),
        wire.FeatureVectorsResponse(rows=-1, columns=0),
        wire.FeatureVectorsResponse(rows=1, columns=1, vectors=bytes(4), slots=["a"]),
        wire.FeatureVectorsResponse(rows=1, columns=1, vectors=bytes(4), incomplete=[wire.IncompleteRow(row=1)]),
    ],
)
def test_a_reply_that_contradicts_itself_is_refused(reply: wire.FeatureVectorsResponse) -> None:
    with (
        scripted(reply) as server,
        FeatureStoreClient(server.address, timeout=5.0) as client,
        pytest.raises(Internal, match="the gateway's reply"),
    ):
        client.vectors("s", {"a": [1]})


WITHOUT_NUMPY = """
import sys
sys.modules["numpy"] = None
sys.modules["pyarrow"] = None
from unskew._vectors import decode_vectors, vectors_request
from unskew._generated import feature_store_pb2 as wire
options = dict(names=False, slot_statuses=False, event_times=False)
request = wire.FeatureVectorsRequest.FromString(
    vectors_request("s", {"a": [1, None]}, {"x": (0.5, 1)}, None, None, **options)
)
assert list(request.entities[0].nulls) == [1]
reply = wire.FeatureVectorsResponse(rows=1, columns=2, vectors=b"\\x00\\x00\\x80\\x3f\\x00\\x00\\xc0\\x7f")
assert decode_vectors(reply, as_numpy=False).values == [[1.0, None]]
try:
    decode_vectors(reply, as_numpy=True)
except ImportError as error:
    assert "as_numpy=False" in str(error)
else:
    raise AssertionError
"""


def test_requests_and_lists_need_no_numpy() -> None:
    # The package itself imports its engine, which has numpy: only what the client runs is looked at.
    prelude = "import sys, types, pathlib, importlib.util\n" + (
        "place = pathlib.Path(importlib.util.find_spec('unskew').origin).parent\n"
        "package = types.ModuleType('unskew'); package.__path__ = [str(place)]; sys.modules['unskew'] = package\n"
    )
    subprocess.run([sys.executable, "-c", prelude + WITHOUT_NUMPY], check=True)
