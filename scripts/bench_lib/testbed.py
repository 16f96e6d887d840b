"""The servers of a benchmark, their data, and the clients: set up in one place, and taken down in any case."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench_lib.bodies import Bodies
from bench_lib.dataset import Rows, load_redis, make_rows
from bench_lib.load import BenchClient
from bench_lib.options import Options
from bench_lib.processes import Server, start_baseline, start_gateway, start_redis
from bench_lib.tools import PACKAGES, build, build_baseline, install, say
from bench_lib.vectors import write_definitions, write_rows

# Connections to Redis of the gateway and of the baseline.
POOL = 2
# The gateway's memory at start is read this long after it listens, in seconds.
SETTLE = 1.0


@dataclass(frozen=True)
class TestBed:
    """What runs during a benchmark."""

    redis: Server
    gateway: Server
    gateway_binary: Path
    baseline: Server | None
    start_rss: int
    """Resident bytes of the gateway before its first request."""
    client: BenchClient
    bodies: Bodies
    rows: Rows

    def gateways(self) -> list[Server]:
        """The servers that answer GetOnlineFeatures."""
        return [self.gateway, self.baseline] if self.baseline else [self.gateway]

    def title(self, server: Server) -> str:
        """What the tables call the server."""
        return "gateway" if server is self.gateway else "baseline"


@contextmanager
def test_bed(options: Options) -> Iterator[TestBed]:
    """Build and start everything, and stop it at the end, whatever the end is."""
    install(PACKAGES)
    gateway_binary, client_binary = build(options)
    baseline_binary = build_baseline(options)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="unskew-bench-")))

        def keep(server: Server) -> Server:
            stack.callback(server.stop)
            return server

        redis = keep(start_redis(folder))
        rows = make_rows()
        say(f"loading {len(rows)} entities into Redis")
        load_redis(redis.address, rows)
        gateway = keep(
            start_gateway(gateway_binary, f"redis://{redis.address}", folder, write_definitions(folder), POOL)
        )
        time.sleep(SETTLE)
        start_rss = gateway.rss_bytes()
        say("writing the same rows into a defined view")
        write_rows(gateway.address, rows)
        baseline = keep(start_baseline(baseline_binary, redis, POOL, folder)) if baseline_binary else None
        yield TestBed(
            redis, gateway, gateway_binary, baseline, start_rss, BenchClient(client_binary), Bodies(folder), rows
        )
