"""Options of a channel, and the methods on it. Shared by the sync and the asyncio client."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from unskew._generated import feature_store_pb2 as wire

Options = tuple[tuple[str, int | str], ...]

# Seconds within which a ping is answered, or as long as the silence before it where that is shorter.
PING_TIMEOUT = 5.0


def channel_options(address: str, max_receive_bytes: int, keep_alive: float, server_name: str | None) -> Options:
    """Options of the channel to an address. `keep_alive`: seconds of silence after which the gateway is pinged.

    Retries are made by the client, where the deadline and the gateway's hint are known. gRPC's own stay on, as without
    them a call fails that met the end of its connection before it was sent; no policy asks them for more.
    """
    answer = _milliseconds(min(keep_alive, PING_TIMEOUT))
    options: list[tuple[str, int | str]] = [
        ("grpc.max_receive_message_length", max_receive_bytes),
        # gRPC waits a second before it connects again, and fails all calls meanwhile: too long for a deadline of 0.5 s.
        ("grpc.initial_reconnect_backoff_ms", 50),
        ("grpc.max_reconnect_backoff_ms", 1000),
        # Without keep-alive a peer that vanished silently costs every call its deadline until the kernel gives up.
        ("grpc.keepalive_time_ms", _milliseconds(keep_alive)),
        ("grpc.keepalive_timeout_ms", answer),
        # It is a minute otherwise, and goes before the one above.
        ("grpc.http2.ping_timeout_ms", answer),
        # Calls are shorter than the silence before a ping: most pings would be left out, as no call is under way, or as
        # there were others since the last call.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        # One channel, one connection: clients of one process don't inherit each other's back-off.
        ("grpc.use_local_subchannel_pool", 1),
        # A feature store is inside the network; the proxy of the environment is for what is outside.
        ("grpc.enable_http_proxy", 0),
    ]
    if address.startswith(("dns:", "ipv4:", "ipv6:")):
        # Targets that may name several machines: a connection to each, and calls in turn, not the first that connects.
        options.append(("grpc.lb_policy_name", "round_robin"))
    if server_name is not None:
        options.append(("grpc.ssl_target_name_override", server_name))
    return tuple(options)


def _milliseconds(seconds: float) -> int:
    """Of an option of gRPC; the longest, 24 days, means never."""
    return max(1, min(round(seconds * 1000), 2**31 - 1))


@dataclass(frozen=True)
class Method:
    """What a channel needs to know of a method: taken from the contract, not written down again."""

    path: str
    serialize: Callable[[Any], bytes] | None
    """None: requests are bytes already."""
    deserialize: Callable[[bytes], Any]

    @classmethod
    def of(cls, name: str, request: type[Any], response: type[Any], *, encoded: bool = False) -> "Method":
        """The method of that name of the service FeatureStore. `encoded`: its requests are bytes already."""
        service = wire.DESCRIPTOR.services_by_name["FeatureStore"]
        descriptor = service.methods_by_name[name]
        if (descriptor.input_type, descriptor.output_type) != (request.DESCRIPTOR, response.DESCRIPTOR):
            raise TypeError(f"{descriptor.full_name} takes or gives other messages than {request} and {response}")
        serialize = None if encoded else request.SerializeToString
        return cls(f"/{service.full_name}/{name}", serialize, response.FromString)


GET_ONLINE_FEATURES = Method.of("GetOnlineFeatures", wire.OnlineFeaturesRequest, wire.OnlineFeaturesResponse)
GET_FEATURE_VECTORS = Method.of(
    "GetFeatureVectors", wire.FeatureVectorsRequest, wire.FeatureVectorsResponse, encoded=True
)
EXPLAIN = Method.of("Explain", wire.ExplainRequest, wire.ExplainResponse)
GET_DEFINITIONS = Method.of("GetDefinitions", wire.DefinitionsRequest, wire.DefinitionsResponse)
WRITE_ROWS = Method.of("WriteRows", wire.WriteRowsRequest, wire.WriteRowsResponse)
WRITE_EVENTS = Method.of("WriteEvents", wire.WriteEventsRequest, wire.WriteEventsResponse)
WRITE_STATES = Method.of("WriteStates", wire.WriteStatesRequest, wire.WriteStatesResponse)

# By the names that the stubs have for them.
METHODS = {
    "get_online_features": GET_ONLINE_FEATURES,
    "get_feature_vectors": GET_FEATURE_VECTORS,
    "explain": EXPLAIN,
    "get_definitions": GET_DEFINITIONS,
    "write_rows": WRITE_ROWS,
    "write_events": WRITE_EVENTS,
    "write_states": WRITE_STATES,
}
