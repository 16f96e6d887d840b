"""TLS and API keys of a client."""

import ipaddress
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from unskew.errors import InvalidArgument

__all__ = ["TLS"]

API_KEY_VARIABLE = "UNSKEW_API_KEY"

ApiKey = str | Callable[[], str | Awaitable[str]]
"""An API key, or what gives one for each call; for the asyncio client it may be awaitable."""

Pem = str | os.PathLike[str] | bytes
"""The path of a PEM file, or the PEM text itself as bytes."""


@dataclass(frozen=True)
class TLS:
    """TLS to the gateway. A str or a path names a PEM file, bytes are PEM text.

    Files are read when the client is made.
    """

    ca: Pem | None = None
    """Certificates of the authorities to trust; None: those that grpc brings."""
    certificate: Pem | None = None
    """The client's own certificate chain, for a gateway that asks for one; needs `key`."""
    key: Pem | None = field(default=None, repr=False)
    """The private key of `certificate`."""
    server_name: str | None = None
    """The name to check the gateway's certificate against, where it is not the one in the address."""

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            lacking, given = ("key", "certificate") if self.key is None else ("certificate", "key")
            raise InvalidArgument(f"tls has a {given} and no {lacking}: give both, or none of them")

    def read(self) -> "TLS":
        """The same with the contents of its files.

        Raises:
            InvalidArgument: a file can't be read, or holds no PEM.
        """
        return TLS(
            ca=_read("ca", self.ca),
            certificate=_read("certificate", self.certificate),
            key=_read("key", self.key),
            server_name=self.server_name,
        )

    def credentials(self) -> grpc.ChannelCredentials:
        """Credentials of grpc, of PEM that was read."""
        ca, key, certificate = (_read(name, getattr(self, name)) for name in ("ca", "key", "certificate"))
        return grpc.ssl_channel_credentials(ca, key, certificate)


def _read(name: str, pem: Pem | None) -> bytes | None:
    if pem is None:
        return None
    if isinstance(pem, bytes):
        content, where = pem, f"tls.{name}"
    else:
        where = f"tls.{name} {os.fspath(pem)!r}"
        try:
            content = Path(pem).read_bytes()
        except OSError as error:
            raise InvalidArgument(f"{where} can't be read: {error.strerror}") from None
    if b"-----BEGIN " not in content:
        raise InvalidArgument(f"{where} holds no PEM: it must have a line such as -----BEGIN CERTIFICATE-----")
    return content


def given_key(api_key: ApiKey | None) -> ApiKey | None:
    """The key given, else that of the environment; an empty one is none."""
    given = os.environ.get(API_KEY_VARIABLE) if api_key is None else api_key
    if given is None or callable(given):
        return given
    return check_key(given) if given else None


def check_key(key: object) -> str:
    """The key, if it can be a header. The key itself is never in an error."""
    if not isinstance(key, str):
        raise TypeError(f"api_key must be a str, or a callable that returns one, not {type(key).__name__}")
    if not (key and key.isascii() and key.isprintable()) or " " in key:
        raise InvalidArgument("the API key must be printable ASCII without spaces or line ends")
    return key


def check_plain_text(addresses: tuple[str, ...], from_environment: bool) -> None:
    """Refuses to show an API key to everybody between here and the gateway."""
    for address in addresses:
        if not is_local(address):
            source = f"the API key of {API_KEY_VARIABLE}" if from_environment else "an API key"
            raise InvalidArgument(
                f"{source} would go to {address} as plain text: give tls=unskew.TLS(...), or allow_insecure=True if "
                'the network is trusted, or api_key="" to send none'
            )


def is_local(address: str) -> bool:
    """Whether a target of grpc stays on this machine: a Unix socket, or loopback."""
    scheme, colon, rest = address.partition(":")
    if colon and scheme in ("unix", "unix-abstract"):
        return True
    if colon and scheme in ("ipv4", "ipv6"):
        return all(_is_loopback(part) for part in rest.split(","))
    if colon and scheme in ("dns", "passthrough"):
        address = rest.rpartition("/")[2]
    return _is_loopback(address)


def _is_loopback(address: str) -> bool:
    if address.startswith("["):
        host = address[1:].partition("]")[0]
    else:
        host = address.rpartition(":")[0] if address.count(":") == 1 else address
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def authorization(key: object) -> tuple[str, str]:
    """The header that carries a key."""
    return ("authorization", f"Bearer {check_key(key)}")
