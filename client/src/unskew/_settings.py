"""The arguments of both clients, checked once."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import grpc

from unskew import _requests
from unskew._channel import Options, channel_options
from unskew._targets import Balancer, parse_addresses
from unskew.errors import InvalidArgument
from unskew.retry import NO_RETRY, Attempts, Headers, RetryPolicy
from unskew.security import TLS, ApiKey, check_plain_text, given_key

DEFAULT_TIMEOUT = 0.5
DEFAULT_WRITE_TIMEOUT = 10.0
DEFAULT_MAX_RECEIVE_BYTES = 64 << 20
DEFAULT_KEEP_ALIVE = 10.0


@dataclass(frozen=True)
class Settings:
    """What a client was told, and the state of its addresses."""

    addresses: tuple[str, ...]
    timeout: float
    write_timeout: float
    policy: RetryPolicy
    hedge_after: float | None
    max_receive_bytes: int
    keep_alive: float
    tls: TLS | grpc.ChannelCredentials | None
    api_key: ApiKey | None = field(repr=False)
    balancer: Balancer

    @classmethod
    def of(  # noqa: PLR0913 (the arguments of a client)
        cls,
        address: str | Iterable[str],
        *,
        timeout: float,
        write_timeout: float,
        retries: RetryPolicy | int,
        hedge_after: float | None,
        max_receive_bytes: int,
        keep_alive: float,
        tls: TLS | grpc.ChannelCredentials | None,
        api_key: ApiKey | None,
        allow_insecure: bool,
    ) -> "Settings":
        """Checks the arguments of a client."""
        addresses = parse_addresses(address)
        if max_receive_bytes < 1:
            raise InvalidArgument(f"max_receive_bytes must be 1 or more, not {max_receive_bytes}")
        if tls is not None and not isinstance(tls, TLS | grpc.ChannelCredentials):
            raise TypeError(f"tls must be an unskew.TLS or credentials of grpc, not {type(tls).__name__}")
        key = given_key(api_key)
        if key is not None and tls is None and not allow_insecure:
            check_plain_text(addresses, from_environment=api_key is None)
        return cls(
            addresses=addresses,
            timeout=_requests.seconds("timeout", timeout),
            write_timeout=_requests.seconds("write_timeout", write_timeout),
            policy=RetryPolicy.of(retries),
            hedge_after=None if hedge_after is None else _requests.seconds("hedge_after", hedge_after),
            max_receive_bytes=max_receive_bytes,
            keep_alive=_requests.seconds("keep_alive", keep_alive),
            tls=tls.read() if isinstance(tls, TLS) else tls,
            api_key=key,
            balancer=Balancer(len(addresses)),
        )

    def options(self, place: int) -> Options:
        """Options of the channel to an address."""
        server_name = self.tls.server_name if isinstance(self.tls, TLS) else None
        return channel_options(self.addresses[place], self.max_receive_bytes, self.keep_alive, server_name)

    def credentials(self) -> grpc.ChannelCredentials | None:
        """Credentials for TLS; None: plain text. Made anew for each channel, as they belong to one process."""
        return self.tls.credentials() if isinstance(self.tls, TLS) else self.tls

    def read(self, timeout: float | None, headers: Headers) -> Attempts:
        """The attempts of a read; `timeout` is what the caller asked for, in seconds."""
        limit = self.timeout if timeout is None else _requests.seconds("timeout", timeout)
        return Attempts(self.policy, limit, self.addresses, self.balancer, headers)

    def write_limit(self, timeout: float | None) -> float:
        """Seconds that a batch of a write may take; `timeout` is what the caller asked for."""
        return self.write_timeout if timeout is None else _requests.seconds("timeout", timeout)

    def write(self, limit: float, repeatable: bool, headers: Headers) -> Attempts:
        """The attempts of a batch of a write: one only, if writing it twice could change more than writing it once."""
        policy = self.policy if repeatable else NO_RETRY
        return Attempts(policy, limit, self.addresses, self.balancer, headers)
