"""The channel, and the methods on it. Shared by the sync and the asyncio client."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from unskew import _requests
from unskew._generated import feature_store_pb2 as wire
from unskew.errors import InvalidArgument
from unskew.retry import NO_RETRY, Attempts, RetryPolicy

DEFAULT_TIMEOUT = 0.5
DEFAULT_WRITE_TIMEOUT = 10.0
DEFAULT_MAX_RECEIVE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """Arguments of both clients, checked once."""

    address: str
    timeout: float
    write_timeout: float
    policy: RetryPolicy
    options: tuple[tuple[str, int], ...]

    @classmethod
    def of(
        cls, address: str, timeout: float, write_timeout: float, retries: RetryPolicy | int, max_receive_bytes: int
    ) -> "Settings":
        """Checks the arguments of a client."""
        check_address(address)
        if max_receive_bytes < 1:
            raise InvalidArgument(f"max_receive_bytes must be 1 or more, not {max_receive_bytes}")
        return cls(
            address=address,
            timeout=_requests.seconds("timeout", timeout),
            write_timeout=_requests.seconds("write_timeout", write_timeout),
            policy=RetryPolicy.of(retries),
            options=channel_options(max_receive_bytes),
        )

    def read(self, timeout: float | None) -> Attempts:
        """The attempts of a read; `timeout` is what the caller asked for, in seconds."""
        limit = self.timeout if timeout is None else _requests.seconds("timeout", timeout)
        return Attempts(self.policy, limit, self.address)

    def write_limit(self, timeout: float | None) -> float:
        """Seconds that a batch of a write may take; `timeout` is what the caller asked for."""
        return self.write_timeout if timeout is None else _requests.seconds("timeout", timeout)

    def write(self, limit: float, repeatable: bool) -> Attempts:
        """The attempts of a batch of a write: one only, if writing it twice could change more than writing it once."""
        return Attempts(self.policy if repeatable else NO_RETRY, limit, self.address)


def check_address(address: str) -> None:
    """Refuses a URL, which gRPC would try to resolve as the name of a host."""
    if not isinstance(address, str):
        raise TypeError(f"address must be a str such as '127.0.0.1:50051', not {type(address).__name__}")
    if not address or address.startswith(("http://", "https://")):
        raise InvalidArgument(
            f"address {address!r} must be host:port, e.g. '127.0.0.1:50051'; TLS is asked for with `credentials`"
        )


def channel_options(max_receive_bytes: int) -> tuple[tuple[str, int], ...]:
    """Options of the channel."""
    return (
        ("grpc.max_receive_message_length", max_receive_bytes),
        # Retries are made here, where the deadline and the gateway's hint are known.
        ("grpc.enable_retries", 0),
        # gRPC waits a second before it connects again, and fails all calls meanwhile: too long for a deadline of 0.5 s.
        ("grpc.initial_reconnect_backoff_ms", 50),
        ("grpc.max_reconnect_backoff_ms", 1000),
        # Without keep-alive a peer that vanished silently costs every call its deadline until the kernel gives up.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        # One channel, one connection: clients of one process don't inherit each other's back-off.
        ("grpc.use_local_subchannel_pool", 1),
        # A feature store is inside the network; the proxy of the environment is for what is outside.
        ("grpc.enable_http_proxy", 0),
    )


@dataclass(frozen=True, slots=True)
class Method:
    """What a channel needs to know of a method: taken from the contract, not written down again."""

    path: str
    serialize: Callable[[Any], bytes]
    deserialize: Callable[[bytes], Any]

    @classmethod
    def of(cls, name: str, request: type[Any], response: type[Any]) -> "Method":
        """The method of that name of the service FeatureStore."""
        service = wire.DESCRIPTOR.services_by_name["FeatureStore"]
        descriptor = service.methods_by_name[name]
        if (descriptor.input_type, descriptor.output_type) != (request.DESCRIPTOR, response.DESCRIPTOR):
            raise TypeError(f"{descriptor.full_name} takes or gives other messages than {request} and {response}")
        return cls(f"/{service.full_name}/{name}", request.SerializeToString, response.FromString)


GET_ONLINE_FEATURES = Method.of("GetOnlineFeatures", wire.OnlineFeaturesRequest, wire.OnlineFeaturesResponse)
WRITE_ROWS = Method.of("WriteRows", wire.WriteRowsRequest, wire.WriteRowsResponse)
