"""TLS, API keys and trace context, over real connections."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

import unskew
from tests.scripted import scripted
from unskew import TLS, FeatureStoreClient
from unskew._generated import feature_store_pb2 as wire
from unskew.errors import DeadlineExceeded, InvalidArgument, Unavailable
from unskew.security import is_local

ANSWER = wire.OnlineFeaturesResponse(as_of=1, results={"a": wire.FeatureSet()})
KEY = "k-1.secret"


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNSKEW_API_KEY", raising=False)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that is its own authority, for localhost; `key.pem` is its key."""
    openssl = shutil.which("openssl")
    assert openssl, "the tests make certificates with openssl; scripts/test installs it"
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("server", "other"):
        command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


def server_credentials(folder: Path, client_authority: str | None = None) -> grpc.ServerCredentials:
    pair = ((folder / "server.key").read_bytes(), (folder / "server.pem").read_bytes())
    if client_authority is None:
        return grpc.ssl_server_credentials([pair])
    authority = (folder / client_authority).read_bytes()
    return grpc.ssl_server_credentials([pair], authority, require_client_auth=True)


def localhost(address: str) -> str:
    return address.replace("127.0.0.1", "localhost")


def test_a_gateway_is_checked_by_its_certificate(certificates: Path) -> None:
    with scripted(ANSWER, credentials=server_credentials(certificates)) as server:
        path = certificates / "server.pem"
        given: list[Any] = [TLS(ca=path), TLS(ca=str(path)), TLS(ca=path.read_bytes())]
        given.append(grpc.ssl_channel_credentials(path.read_bytes()))
        for tls in given:
            with FeatureStoreClient(localhost(server.address), timeout=5.0, tls=tls) as client:
                assert list(client.online_features(["a"])) == ["a"]
        named = TLS(ca=path, server_name="localhost")
        with FeatureStoreClient(server.address, timeout=5.0, tls=named) as client:
            client.online_features(["a"])
        for wrong in (TLS(ca=certificates / "other.pem"), TLS(), None):
            with (
                FeatureStoreClient(localhost(server.address), timeout=1.0, tls=wrong) as client,
                pytest.raises((Unavailable, DeadlineExceeded)),
            ):
                client.online_features(["a"])


def test_a_client_can_show_a_certificate(certificates: Path) -> None:
    with scripted(ANSWER, credentials=server_credentials(certificates, "other.pem")) as server:
        tls = TLS(
            ca=certificates / "server.pem", certificate=certificates / "other.pem", key=certificates / "other.key"
        )
        with FeatureStoreClient(localhost(server.address), timeout=5.0, tls=tls) as client:
            client.online_features(["a"])

        async def call() -> None:
            async with unskew.AsyncFeatureStoreClient(localhost(server.address), timeout=5.0, tls=tls) as twin:
                await twin.online_features(["a"])

        asyncio.run(call())
        with (
            FeatureStoreClient(
                localhost(server.address), timeout=1.0, tls=TLS(ca=certificates / "server.pem")
            ) as client,
            pytest.raises((Unavailable, DeadlineExceeded)),
        ):
            client.online_features(["a"])


def test_wrong_tls_is_refused_when_the_client_is_made(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"nothing")
    pem = b"-----BEGIN CERTIFICATE-----"
    cases: list[tuple[Callable[[], TLS], str]] = [
        (lambda: TLS(ca=tmp_path / "none.pem"), r"tls\.ca '.*none\.pem' can't be read"),
        (lambda: TLS(ca=empty), r"tls\.ca '.*empty\.pem' holds no PEM"),
        (lambda: TLS(ca=b"nothing"), r"tls\.ca holds no PEM"),
        (lambda: TLS(certificate=pem), "has a certificate and no key"),
        (lambda: TLS(key=pem), "has a key and no certificate"),
    ]
    for make, words in cases:
        with pytest.raises(InvalidArgument, match=words):
            FeatureStoreClient("localhost:1", tls=make())
    with pytest.raises(TypeError, match=r"tls must be an unskew\.TLS"):
        FeatureStoreClient("localhost:1", tls=True)  # type: ignore[arg-type]
    assert "secret" not in repr(TLS(certificate=pem, key=b"-----BEGIN PRIVATE KEY----- secret"))


def test_the_key_is_sent_with_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = iter(["first", "second"])

    async def awaited() -> str:
        return "awaited"

    async def call(address: str) -> None:
        async with unskew.AsyncFeatureStoreClient(address, timeout=5.0, api_key=awaited) as twin:
            await twin.online_features(["a"])

    with scripted(ANSWER) as server:
        with FeatureStoreClient(server.address, timeout=5.0, api_key=KEY) as client:
            client.online_features(["a"])
        with FeatureStoreClient(server.address, timeout=5.0, api_key=lambda: next(keys)) as client:
            client.online_features(["a"])
            client.online_features(["a"])
        asyncio.run(call(server.address))
        monkeypatch.setenv("UNSKEW_API_KEY", "of-the-environment")
        with FeatureStoreClient(server.address, timeout=5.0) as client:
            client.online_features(["a"])
        with FeatureStoreClient(server.address, timeout=5.0, api_key="") as client:
            client.online_features(["a"])
        sent = [metadata.get("authorization") for metadata in server.metadata]
    bearers = [f"Bearer {key}" for key in (KEY, "first", "second", "awaited", "of-the-environment")]
    assert sent == [*bearers, None]


def test_a_key_does_not_leave_the_machine_as_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("gateway:50051", ["127.0.0.1:1", "10.0.0.5:1"]):
        with pytest.raises(InvalidArgument, match=r"as plain text: give tls=unskew.TLS\(\.\.\.\)") as caught:
            FeatureStoreClient(address, api_key=KEY)
        assert KEY not in str(caught.value)
    FeatureStoreClient("gateway:50051", api_key=KEY, tls=TLS()).close()
    FeatureStoreClient("gateway:50051", api_key=KEY, allow_insecure=True).close()
    monkeypatch.setenv("UNSKEW_API_KEY", KEY)
    with pytest.raises(InvalidArgument, match="the API key of UNSKEW_API_KEY would go to gateway:50051"):
        FeatureStoreClient("gateway:50051")
    FeatureStoreClient("gateway:50051", api_key="").close()


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1:50051", True),
        ("127.8.0.1:50051", True),
        ("localhost:50051", True),
        ("[::1]:50051", True),
        ("unix:/run/gateway", True),
        ("unix-abstract:gateway", True),
        ("dns:///localhost:1", True),
        ("dns://8.8.8.8/localhost:1", True),
        ("ipv4:127.0.0.1:1", True),
        ("ipv4:127.0.0.1:1,10.0.0.1:1", False),
        ("ipv6:[::1]:1", True),
        ("dns:///gateway:1", False),
        ("10.0.0.1:50051", False),
        ("[fe80::1]:50051", False),
        ("localhost.example.org:50051", False),
        ("gateway", False),
    ],
)
def test_what_is_local(address: str, local: bool) -> None:
    assert is_local(address) is local


@pytest.mark.parametrize("key", ["two words", "line\nend", "ż", "\x00"])
def test_a_key_that_is_no_header_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(InvalidArgument, match="printable ASCII") as caught:
        FeatureStoreClient("localhost:1", api_key=key)
    assert key not in str(caught.value)
    with (
        FeatureStoreClient("localhost:1", api_key=lambda: key) as client,
        pytest.raises(InvalidArgument, match="printable ASCII"),
    ):
        client.online_features(["a"])


def test_a_key_is_not_in_the_text_of_a_client() -> None:
    with FeatureStoreClient("localhost:1", api_key=KEY) as client:
        assert KEY not in repr(client)
        assert KEY not in repr(client._settings)


TRACED = """
import sys
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
import unskew
context = SpanContext(trace_id=0x0af7651916cd43dd8448eb211c80319c, span_id=0xb7ad6b7169203331, is_remote=False,
                      trace_flags=TraceFlags(1))
with unskew.FeatureStoreClient(sys.argv[1], timeout=5.0) as client:
    client.online_features(["a"])
    with trace.use_span(NonRecordingSpan(context)):
        client.online_features(["a"])
"""


OLDER = """
from opentelemetry import trace
class Tracer:
    def start_span(self, *_, **__):
        return trace.INVALID_SPAN
trace.get_tracer = lambda *_: Tracer()
"""
"""Older versions of OpenTelemetry make such spans where there is no SDK."""


@pytest.mark.parametrize("before", ["", OLDER])
def test_the_trace_context_goes_with_the_call(before: str) -> None:
    with scripted(ANSWER) as server:
        subprocess.run([sys.executable, "-c", before + TRACED, server.address], check=True)
        outside, inside = server.metadata
    assert "traceparent" not in outside
    assert inside["traceparent"] == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
