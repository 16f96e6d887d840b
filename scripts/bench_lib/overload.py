"""Far more load than there is capacity for: what is served, how the rest is refused, and what comes after."""

import statistics
from dataclasses import dataclass
from typing import Any

from bench_lib.errors import BenchError
from bench_lib.options import Options
from bench_lib.soak import Memory
from bench_lib.stolen import Stolen
from bench_lib.testbed import TestBed
from bench_lib.tools import say

CONNECTIONS = 64
# Requests in flight on each connection of the closed loop, by their entities: together fewer than the gateway takes.
STREAMS = {1: 4, 100: 1}
TIMES_PEAK = 3.0
PEAK_RUNS = 3
SHARE_AFTER = 0.5
AFTER_SECONDS = 1.0


@dataclass(frozen=True)
class Overload:
    """What requests of one size showed."""

    batch: int
    peak: float
    """Requests per second of the closed loop."""
    report: dict[str, Any]
    """That of the open loop at a multiple of it."""
    rss_before: float
    rss_most: float
    after: dict[str, Any]
    """The report of the second after it, at a part of the peak."""
    stolen: float
    """The part of the CPU time that the host gave to others."""

    @property
    def goodput(self) -> float:
        """Requests that were answered, per second, as a part of the peak."""
        good: float = (self.report["requests"] - self.report["errors"]) / self.report["seconds"]
        return good / self.peak

    @property
    def refused(self) -> dict[str, Any]:
        """What was refused as too many."""
        nothing = {"requests": 0, "hints": 0, "latency_us": {"p50": 0.0, "p99": 0.0, "max": 0.0}}
        return self.report["refused"] or nothing

    @property
    def other_errors(self) -> int:
        """Calls that failed for another reason."""
        return int(self.report["errors"]) - int(self.refused["requests"])


def run_overload(bed: TestBed, options: Options) -> list[Overload]:
    """Load the gateway far above its peak, and then below it."""
    return [_overload(bed, options, batch) for batch in STREAMS] if options.overload_seconds else []


def _overload(bed: TestBed, options: Options, batch: int) -> Overload:
    address, load = bed.gateway.address, ["--connections", str(CONNECTIONS), "--batch", str(batch)]
    closed = [*load, "--streams", str(STREAMS[batch])]
    peak = statistics.median(bed.client.closed(address, options.seconds, closed).rate for _ in range(PEAK_RUNS))
    rate, seconds = peak * TIMES_PEAK, options.overload_seconds
    say(f"overload: peak {peak:.0f} requests/s of {batch}, now {rate:.0f} requests/s for {seconds:.0f} s")
    before, stolen = bed.gateway.rss_bytes(), Stolen()
    memory = Memory(bed.gateway)
    memory.start()
    try:
        report = bed.client.paced(["--address", address, "--overload"], seconds, rate, load)
    finally:
        samples = memory.stop()
    after = bed.client.paced(["--address", address], AFTER_SECONDS, peak * SHARE_AFTER, load)
    bed.gateway.check()
    if not samples:
        raise BenchError("an overload that short shows nothing of memory: give it more seconds")
    return Overload(batch, peak, report, before, max(samples), after, stolen.share())
