"""What a gateway serves, as the clients tell it."""

import asyncio
import datetime as dt

import grpc
import pytest

import unskew
from tests.gateway import Gateway
from tests.scripted import Failure, scripted
from unskew import FeatureStoreClient, GatewayColumn
from unskew._generated import feature_store_pb2 as wire
from unskew._served import decode_definitions
from unskew.errors import Unimplemented


@pytest.mark.integration
def test_the_definitions_of_the_gateway(gateway: Gateway, client: FeatureStoreClient) -> None:
    served = client.definitions()
    view = served.views["customer_history"]
    assert (view.kind, view.entity) == ("row", "customer")
    assert [(feature.name, feature.dtype) for feature in view.features[:2]] == [
        ("nb_tx", "int64"),
        ("avg_amount", "float64"),
    ]
    assert view.features[0].description == "Transactions so far."
    service = served.services["fraud_model"]
    assert (service.problem, service.time) == ("", "tx_datetime")
    assert [(column.name, column.dtype) for column in service.entities] == [("customer_id", "int64")]
    assert {column.name: column.dtype for column in service.request} == {
        "tx_amount": "float64",
        "tx_datetime": "timestamp",
    }
    assert service.fingerprints == (service.default_fingerprint,)
    now = dt.datetime.now(dt.timezone.utc)
    vectors = client.vectors("fraud_model", {"customer_id": [1]}, {"tx_amount": [1.0], "tx_datetime": [now]})
    assert vectors.fingerprint == service.default_fingerprint

    async def call() -> unskew.GatewayDefinitions:
        async with unskew.AsyncFeatureStoreClient(gateway.address, timeout=5.0) as twin:
            return await twin.definitions()

    assert asyncio.run(call()) == served


def test_a_service_without_a_default_says_why() -> None:
    reply = wire.DefinitionsResponse(
        services=[wire.DefinedService(name="s", fingerprints=[bytes(32)], no_default="not fitted")],
        views=[wire.DefinedView(name="v", features=[wire.DefinedColumn(name="a", dtype="int64", ttl=2_000_000)])],
    )
    served = decode_definitions(wire.DefinitionsResponse.FromString(reply.SerializeToString()))
    service = served.services["s"]
    assert (service.fingerprints, service.default_fingerprint) == (("00" * 32,), None)
    assert (service.problem, service.time) == ("not fitted", None)
    assert served.views["v"].features == (GatewayColumn("a", "int64", 2_000_000),)
    assert served.views["v"].features[0].ttl == dt.timedelta(seconds=2)
    assert GatewayColumn("a", "int64").ttl is None


def test_an_older_gateway_does_not_know_the_method() -> None:
    with (
        scripted(Failure(grpc.StatusCode.INTERNAL)) as server,
        FeatureStoreClient(server.address, timeout=5.0) as client,
        pytest.raises(Unimplemented),
    ):
        client.definitions()
