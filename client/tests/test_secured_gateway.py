"""TLS, client certificates and API keys against the real gateway."""

import asyncio
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import unskew
from tests.gateway import Gateway
from unskew import TLS, AsyncFeatureStoreClient, FeatureStoreClient
from unskew.errors import DeadlineExceeded, PermissionDenied, Unauthenticated, Unavailable

READER, WRITER = "reader-key", "writer-key"
ROW = {"entity_id": "secured", "x": 1.5}


def keys() -> str:
    """The value of `auth.keys`: a key for each scope."""
    tables = []
    for key, scope in ((READER, "read"), (WRITER, "write")):
        digest = hashlib.sha256(key.encode()).hexdigest()
        tables.append(f'{{name = "{scope}", sha256 = "{digest}", scopes = ["{scope}"]}}')
    return f"[{', '.join(tables)}]"


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNSKEW_API_KEY", raising=False)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`ca.pem`, and signed by it `server.pem` and `client.pem`; nobody knows the authority `other.pem`."""
    openssl = shutil.which("openssl")
    assert openssl, "the tests make certificates with openssl; scripts/test installs it"
    folder = tmp_path_factory.mktemp("certificates")
    new = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]

    def run(*arguments: str) -> None:
        subprocess.run([*new, *arguments], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "other"):
        run("-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    for name in ("server", "client"):
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
        signed += ["-addext", "subjectAltName=DNS:localhost", "-subj", f"/CN={name}"]
        run(*signed, "-keyout", f"{name}.key", "-out", f"{name}.pem")
    return folder


@contextmanager
def secured(folder: Path, certificates: Path, **settings: str) -> Iterator[str]:
    """A gateway with TLS and more settings; its address by the name in the certificate."""
    files = {"CERTIFICATE_FILE": "server.pem", "PRIVATE_KEY_FILE": "server.key"}
    tls = {f"APP__SERVER__TLS__{name}": str(certificates / file) for name, file in files.items()}
    with Gateway(folder, settings={**tls, **settings}) as gateway:
        yield gateway.address.replace("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def guarded(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a gateway with TLS and keys."""
    with secured(tmp_path_factory.mktemp("guarded"), certificates, APP__AUTH__KEYS=keys()) as address:
        yield address


def test_a_key_reads_and_another_writes(guarded: str, certificates: Path) -> None:
    tls = TLS(ca=certificates / "ca.pem")
    with FeatureStoreClient(guarded, timeout=5.0, tls=tls, api_key=WRITER) as client:
        assert client.write_rows("default", [ROW]).accepted == 1
    with FeatureStoreClient(guarded, timeout=5.0, tls=tls, api_key=lambda: READER) as client:
        assert client.online_features(["secured"])["secured"]["x"] == 1.5
        assert client.definitions().services is not None


def test_a_key_in_the_environment(guarded: str, certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSKEW_API_KEY", READER)
    with FeatureStoreClient(guarded, timeout=5.0, tls=TLS(ca=certificates / "ca.pem")) as client:
        client.online_features(["secured"])


def test_asyncio_uses_keys_and_tls_too(guarded: str, certificates: Path) -> None:
    async def ask(key: str) -> unskew.OnlineFeatures:
        tls = TLS(ca=certificates / "ca.pem")
        async with AsyncFeatureStoreClient(guarded, timeout=5.0, tls=tls, api_key=key) as client:
            return await client.online_features(["secured"])

    assert "secured" in asyncio.run(ask(READER))
    with pytest.raises(Unauthenticated):
        asyncio.run(ask("wrong"))


@pytest.mark.parametrize("key", ["", "wrong", READER.upper(), READER + "x"])
def test_no_key_or_a_wrong_one_is_unauthenticated(guarded: str, certificates: Path, key: str) -> None:
    with (
        FeatureStoreClient(guarded, timeout=5.0, tls=TLS(ca=certificates / "ca.pem"), api_key=key) as client,
        pytest.raises(Unauthenticated, match="needs an API key with the scope read") as raised,
    ):
        client.online_features(["secured"])
    assert raised.value.code == "UNAUTHENTICATED"
    assert raised.value.request_id
    assert not key or key not in str(raised.value)


def test_a_key_without_the_scope_is_denied(guarded: str, certificates: Path) -> None:
    tls = TLS(ca=certificates / "ca.pem")
    with (
        FeatureStoreClient(guarded, timeout=5.0, tls=tls, api_key=READER) as client,
        pytest.raises(PermissionDenied, match="scope write") as raised,
    ):
        client.write_rows("default", [ROW])
    assert raised.value.code == "PERMISSION_DENIED"
    with (
        FeatureStoreClient(guarded, timeout=5.0, tls=tls, api_key=WRITER) as client,
        pytest.raises(PermissionDenied, match="scope read"),
    ):
        client.online_features(["secured"])


@pytest.mark.parametrize("trusted", ["other.pem", None])
def test_a_gateway_that_is_not_trusted_is_not_asked(guarded: str, certificates: Path, trusted: str | None) -> None:
    tls = TLS(ca=certificates / trusted) if trusted else None
    with (
        FeatureStoreClient(guarded, timeout=1.0, tls=tls, api_key=READER) as client,
        pytest.raises((Unavailable, DeadlineExceeded)),
    ):
        client.online_features(["secured"])


def test_mutual_tls_needs_a_certificate(certificates: Path, tmp_path: Path) -> None:
    ca = str(certificates / "ca.pem")
    with secured(tmp_path, certificates, APP__SERVER__TLS__CLIENT_CA_FILE=ca) as address:
        own = TLS(ca=ca, certificate=certificates / "client.pem", key=certificates / "client.key")
        with FeatureStoreClient(address, timeout=5.0, tls=own) as client:
            assert client.write_rows("default", [ROW]).accepted == 1
            assert client.online_features(["secured"])["secured"]["x"] == 1.5
        stranger = TLS(ca=ca, certificate=certificates / "other.pem", key=certificates / "other.key")
        for refused in (TLS(ca=ca), stranger):
            with (
                FeatureStoreClient(address, timeout=1.0, tls=refused) as client,
                pytest.raises((Unavailable, DeadlineExceeded)),
            ):
                client.online_features(["secured"])
