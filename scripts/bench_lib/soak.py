"""The long open loop: many connections at a good part of the peak, watching latency and memory."""

import os
import resource
import statistics
import threading
from dataclasses import dataclass
from typing import Any

from bench_lib.cases import grpc_request
from bench_lib.errors import BenchError
from bench_lib.load import h2load
from bench_lib.options import Options
from bench_lib.processes import Server
from bench_lib.stolen import Stolen
from bench_lib.testbed import TestBed
from bench_lib.tools import say

CONNECTIONS = 200
SHARE_OF_PEAK = 0.6
PEAK_RUNS = 3
# Memory is read this often, in seconds.
SAMPLE_INTERVAL = 1.0
# Before memory counts, buffers and pools fill: this part of the run, but at most so many seconds.
WARM_UP_PART = 0.1
WARM_UP_MOST = 60.0
# Memory at the beginning and at the end is the median over this part of the run.
WINDOW_PART = 0.1


@dataclass(frozen=True)
class Soak:
    """What the run showed."""

    minutes: float
    batch: int
    peak: float
    """Requests per second of h2load over as many connections."""
    rate: float
    report: dict[str, Any]
    rss_first: float
    """Resident bytes after the warm-up."""
    rss_last: float
    rss_most: float
    cores: dict[str, float]
    """Who used the machine: cores by program, idle ones, and what the host gave to others."""

    @property
    def growth(self) -> float:
        """Growth of memory as a part of what it was."""
        return self.rss_last / self.rss_first - 1


class Memory(threading.Thread):
    """Reads the memory of a server until told to stop."""

    def __init__(self, server: Server) -> None:
        """Watch the server."""
        super().__init__(daemon=True)
        self.samples: list[int] = []
        self._server = server
        self._end = threading.Event()

    def run(self) -> None:
        """Sample; ends by itself when the server has ended."""
        while not self._end.wait(SAMPLE_INTERVAL):
            try:
                self.samples.append(self._server.rss_bytes())
            except (BenchError, OSError):
                return

    def stop(self) -> list[int]:
        """End, and answer with the samples."""
        self._end.set()
        self.join()
        return self.samples


def run_soak(bed: TestBed, options: Options) -> Soak | None:
    """Measure the peak, then load the gateway at a part of it for the minutes asked for."""
    if options.soak_minutes is None:
        return None
    peak = _peak(bed, options)
    rate = peak * SHARE_OF_PEAK
    seconds = options.soak_minutes * 60
    say(
        f"soak: peak {peak:.0f} requests/s, now {rate:.0f} requests/s for {seconds:.0f} s"
        f" over {CONNECTIONS} connections"
    )
    memory = Memory(bed.gateway)
    memory.start()
    before, stolen = _cpu_seconds(bed), Stolen()
    try:
        arguments = ["--connections", str(CONNECTIONS), "--batch", str(options.soak_batch)]
        report = bed.client.paced(["--address", bed.gateway.address], seconds, rate, arguments)
    finally:
        samples = memory.stop()
    bed.gateway.check()
    count = os.cpu_count() or 1
    cores = {name: (after - before[name]) / seconds for name, after in _cpu_seconds(bed).items()}
    cores |= {"idle": stolen.idle() * count, "taken by the host": stolen.share() * count}
    warm_up = int(min(WARM_UP_PART * seconds, WARM_UP_MOST) / SAMPLE_INTERVAL)
    window = max(1, int(len(samples) * WINDOW_PART))
    if len(samples) < warm_up + 2 * window:
        raise BenchError(f"a soak of {seconds:.0f} s is too short to see memory grow: give it more minutes")
    first = statistics.median(samples[warm_up : warm_up + window])
    last = statistics.median(samples[-window:])
    return Soak(options.soak_minutes, options.soak_batch, peak, rate, report, first, last, max(samples), cores)


def _cpu_seconds(bed: TestBed) -> dict[str, float]:
    # The client is a child that has ended whenever this is asked.
    client = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "gateway": bed.gateway.cpu_seconds(),
        "client": client.ru_utime + client.ru_stime,
        "Redis": bed.redis.cpu_seconds(),
    }


def _peak(bed: TestBed, options: Options) -> float:
    request = grpc_request(bed, bed.gateway.address, "GetOnlineFeatures", options.soak_batch, 1)
    requests = CONNECTIONS * 10
    # Twice: opening the connections weighs on the rate of a short run.
    for _ in range(2):
        requests = max(requests, int(h2load(CONNECTIONS, 1, requests, request).rate * options.seconds))
    return statistics.median(h2load(CONNECTIONS, 1, requests, request).rate for _ in range(PEAK_RUNS))
