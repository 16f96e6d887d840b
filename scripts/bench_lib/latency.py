"""Latency at a fixed rate, far below the peak, with the floor of the client beside it."""

import statistics
from dataclasses import dataclass
from typing import Any

from bench_lib.options import Options
from bench_lib.stolen import Stolen
from bench_lib.testbed import TestBed
from bench_lib.tools import say

RATE = 1000.0
CONNECTIONS = 8


@dataclass(frozen=True)
class Latency:
    """The runs against one target; each is the client's report."""

    name: str
    reports: list[dict[str, Any]]

    def median(self, quantile: str, kind: str = "latency_us") -> float:
        """The median over the rounds, in microseconds."""
        return float(statistics.median(report[kind][quantile] for report in self.reports))

    def stolen(self) -> float:
        """The part of the CPU time that the host gave to others, the median over the rounds."""
        return float(statistics.median(report["stolen"] for report in self.reports))

    def errors(self) -> int:
        """Failed calls in all rounds."""
        return sum(int(report["errors"]) for report in self.reports)


def run_latency(bed: TestBed, options: Options) -> list[Latency]:
    """The open loop at 1,000 requests/s of 1 entity with 50 features, interleaved in rounds."""
    if options.rounds == 0 or options.cases:
        return []
    # The floor answers with as many bytes as the gateway.
    reply = bed.client.closed(bed.gateway.address, 0.5, ["--connections", "1", "--streams", "1"]).reply_bytes
    floor = ["--floor", "--floor-reply-bytes", str(round(reply or 0))]
    targets = {"floor of the client": floor} | {
        f"{bed.title(server)} gRPC 1": ["--address", server.address] for server in bed.gateways()
    }
    results = [Latency(name, []) for name in targets]
    for round_number in range(1, options.rounds + 1):
        for result in results:
            arguments = ["--connections", str(CONNECTIONS), "--seed", str(round_number)]
            stolen = Stolen()
            report = bed.client.paced(targets[result.name], options.paced_seconds, RATE, arguments)
            report["stolen"] = stolen.share()
            result.reports.append(report)
            say(
                f"round {round_number}/{options.rounds}  {result.name} at {RATE:.0f} requests/s:"
                f" p50 {report['latency_us']['p50']:.0f} us, p99 {report['latency_us']['p99']:.0f} us"
            )
    return results
