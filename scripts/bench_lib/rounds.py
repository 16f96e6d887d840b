"""The rounds: every case once a round, one after the other, so that what disturbs the machine disturbs all."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from bench_lib.cases import Case, all_cases
from bench_lib.errors import BenchError
from bench_lib.load import Measured
from bench_lib.options import Options
from bench_lib.testbed import TestBed
from bench_lib.tools import say

# Requests of the first warm-up run; later ones go by the rate it had.
FIRST_REQUESTS = 320


@dataclass(frozen=True)
class Sample:
    """One run of a case."""

    measured: Measured
    cpu_us: float
    """CPU microseconds of the server per request."""


@dataclass
class Series:
    """The runs of a case."""

    case: Case
    requests: int
    """Requests of each run."""
    samples: list[Sample] = field(default_factory=list)

    def median(self, value: Callable[[Sample], float | None]) -> float | None:
        """The median over the rounds, where the client reports the value."""
        values = [found for sample in self.samples if (found := value(sample)) is not None]
        return statistics.median(values) if values else None


def run_rounds(bed: TestBed, options: Options) -> list[Series]:
    """Warm every case up, then run the rounds."""
    if options.rounds == 0:
        return []
    cases = all_cases(bed, options)
    if not cases:
        raise BenchError(f"no case is named like {' or '.join(options.cases)}")
    say(f"warming up {len(cases)} cases")
    all_series = [Series(case, _calibrate(case, options.seconds)) for case in cases]
    for round_number in range(1, options.rounds + 1):
        # Every other round runs backwards: no case always comes before another.
        for series in all_series if round_number % 2 else reversed(all_series):
            sample = measure(series.case, series.requests, round_number)
            series.samples.append(sample)
            rate, cpu = sample.measured.rate, sample.cpu_us
            say(
                f"round {round_number}/{options.rounds}  {series.case.name:32} {rate:9.0f} requests/s {cpu:8.1f} us CPU"
            )
    return all_series


def _calibrate(case: Case, seconds: float) -> int:
    """Warm the case up, and find how many requests take about the time."""
    rate = measure(case, FIRST_REQUESTS, 0).measured.rate
    rate = measure(case, max(FIRST_REQUESTS, int(rate * seconds / 4)), 0).measured.rate
    return max(FIRST_REQUESTS, int(rate * seconds))


def measure(case: Case, requests: int, round_number: int) -> Sample:
    """Run the case once."""
    try:
        reply_bytes = case.probe(round_number) if case.probe else None
        before = case.server.cpu_seconds()
        measured = case.run(requests, round_number)
        cpu_seconds = case.server.cpu_seconds() - before
    except BenchError as error:
        raise BenchError(f"{case.name}: {error}") from error
    if reply_bytes is not None and measured.reply_bytes != reply_bytes:
        raise BenchError(
            f"{case.name}: a reply holds {reply_bytes:.0f} bytes, the mean of the run is {measured.reply_bytes}:"
            " calls failed"
        )
    return Sample(measured, cpu_seconds / measured.requests * 1e6)
