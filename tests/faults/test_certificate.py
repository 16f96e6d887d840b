"""The certificate is replaced under load: no call fails, no connection is dropped, and a bad one changes nothing."""

import random
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from callers import Load
from certificates import Certificates
from parts import Gateway, wait

RELOADS = "unskew_tls_reloads_total"


def test_the_certificate_is_replaced_under_load(
    binary: Path, tmp_path: Path, chance: random.Random, report: Callable[[str], None]
) -> None:
    certificates = Certificates(tmp_path / "certificates")
    store = f"embedded:{tmp_path / 'store'}"
    with Gateway(binary, tmp_path, store, certificates.settings, certificates.tls) as gateway:
        host, port = gateway.address.split(":")

        def shown() -> str:
            """The certificate that new connections see."""
            return ssl.get_server_certificate((host, int(port)))

        def replaced() -> float:
            old = shown()
            certificates.replace()
            return wait("the new one is shown", lambda: shown() != old)

        def refused() -> float:
            old, before = shown(), gateway.metric(RELOADS, result="refused")
            certificates.spoil()
            took = wait("it is refused", lambda: gateway.metric(RELOADS, result="refused") > before)
            assert shown() == old
            return took

        before, load = gateway.rest(), Load(gateway)
        with load.flowing():
            load.until_more(20)
            for change in (refused, replaced, refused, replaced, replaced)[chance.randint(0, 1) :]:
                report(f"{change.__name__} after {change():.2f} s")
                load.until_more(chance.randint(1, 20))
                time.sleep(chance.uniform(0, 0.2))
            # The four callers kept their connections through all of it; the other is the one that asks.
            assert gateway.metric("unskew_connections_open") == 5
        assert load.failures() == {}
        assert load.check() > 20
        gateway.settles(before)
        assert "panicked" not in gateway.log()
