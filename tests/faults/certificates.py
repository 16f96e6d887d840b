"""An authority, and the certificates that a gateway is given and later others for."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from unskew import TLS


class Certificates:
    """The files of a gateway's certificate in a folder, made by an authority of their own with openssl."""

    def __init__(self, folder: Path) -> None:
        """Makes the authority and the first certificate."""
        openssl = shutil.which("openssl")
        assert openssl, "openssl is not installed: apt-get install openssl"
        folder.mkdir()
        self._folder = folder
        self._new = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self._make("ca", "-subj", "/CN=authority")
        self.replace()

    @property
    def settings(self) -> Mapping[str, str]:
        """Those of a gateway, which looks for other files ten times a second."""
        return {
            "APP__SERVER__TLS__CERTIFICATE_FILE": str(self._folder / "server.pem"),
            "APP__SERVER__TLS__PRIVATE_KEY_FILE": str(self._folder / "server.key"),
            "APP__SERVER__TLS__RELOAD_INTERVAL": "100ms",
        }

    @property
    def tls(self) -> TLS:
        """Of clients."""
        return TLS(ca=self._folder / "ca.pem")

    def replace(self) -> None:
        """Puts another certificate and its key in the place of those before, one after the other."""
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
        self._make("new", *signed, "-addext", "subjectAltName=IP:127.0.0.1", "-subj", "/CN=gateway")
        for ending in ("pem", "key"):
            (self._folder / f"new.{ending}").replace(self._folder / f"server.{ending}")

    def spoil(self) -> None:
        """Puts a key in the place of the one before that is none."""
        (self._folder / "server.key").write_text("no key")

    def _make(self, name: str, *arguments: str) -> None:
        files = ["-days", "2", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run([*self._new, *arguments, *files], cwd=self._folder, check=True, capture_output=True)
