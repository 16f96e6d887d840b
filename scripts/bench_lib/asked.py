"""What is asked of the gateway, and whether the measurement shows it."""

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from bench_lib.latency import Latency
from bench_lib.overload import Overload
from bench_lib.rounds import Sample, Series
from bench_lib.soak import Soak

# Most CPU time per request of GetOnlineFeatures, as a part of the baseline's, by batch.
RATIOS = {1: 0.8, 10: 0.45, 100: 0.35}
# Of vectors at batch 100, as parts of the pass-through's: least throughput, and most CPU time per request.
VECTORS_BATCH = 100
VECTORS_THROUGHPUT = 0.75
VECTORS_CPU = 1.5
START_RSS = 60e6
PACED_P99_US = 1000.0
SOAK_P99_US = 10_000.0
SOAK_GROWTH = 0.05
OVERLOAD_GOODPUT = 0.8
OVERLOAD_REFUSAL_P99_US = 5_000.0


@dataclass(frozen=True)
class Ratio:
    """A figure of the gateway as a part of the baseline's, compared within each round."""

    case: str
    what: str
    asked: str
    met: bool
    median: float
    least: float
    most: float


@dataclass(frozen=True)
class Demand:
    """One figure that is asked for."""

    what: str
    asked: str
    measured: str
    met: bool


def ratios(all_series: list[Series]) -> list[Ratio]:
    """Compare all pairs of cases that both ran."""
    by_name = {series.case.name: series for series in all_series}

    def compare(mine: str, other: str, value: Callable[[Sample], float]) -> list[float]:
        series, peer = by_name.get(f"gateway {mine}"), by_name.get(f"baseline {other}")
        if not series or not peer:
            return []
        return [value(sample) / value(limit) for sample, limit in zip(series.samples, peer.samples, strict=True)]

    found = []
    for kind in ("gRPC", "gRPC many ids"):
        for batch, most in RATIOS.items():
            case = f"{kind} {batch}"
            if parts := compare(case, case, _cpu):
                ids = ", many ids" if "many" in kind else ""
                what = f"CPU per request against the baseline, batch {batch}{ids}"
                found.append(_ratio(f"{case}, CPU", what, parts, most=most))
    vectors, limit = f"vectors {VECTORS_BATCH}", f"pass-through {VECTORS_BATCH}"
    if parts := compare(vectors, limit, _rate):
        what = f"throughput of vectors against the pass-through, batch {VECTORS_BATCH}"
        found.append(_ratio(f"{vectors}, throughput", what, parts, least=VECTORS_THROUGHPUT))
    if parts := compare(vectors, limit, _cpu):
        what = f"CPU per request of vectors against the pass-through, batch {VECTORS_BATCH}"
        found.append(_ratio(f"{vectors}, CPU", what, parts, most=VECTORS_CPU))
    return found


def _cpu(sample: Sample) -> float:
    return sample.cpu_us


def _rate(sample: Sample) -> float:
    return sample.measured.rate


def _ratio(case: str, what: str, parts: list[float], least: float = 0.0, most: float = math.inf) -> Ratio:
    median = statistics.median(parts)
    asked = f"at most {most:.2f}×" if math.isfinite(most) else f"at least {least:.2f}×"
    return Ratio(case, what, asked, least <= median <= most, median, min(parts), max(parts))


def demands(
    found: list[Ratio], start_rss: int, latencies: list[Latency], overload: list[Overload], soak: Soak | None
) -> list[Demand]:
    """All that this run can tell."""
    result = []
    for ratio in found:
        result.append(Demand(ratio.what, ratio.asked, f"{ratio.median:.3f}×", ratio.met))
    result.append(
        Demand(
            "resident memory at start",
            f"below {START_RSS / 1e6:.0f} MB",
            f"{start_rss / 1e6:.1f} MB",
            start_rss < START_RSS,
        )
    )
    for latency in latencies:
        if latency.name.startswith("gateway"):
            p99 = latency.median("p99")
            met = p99 < PACED_P99_US and latency.errors() == 0
            measured = f"{p99 / 1e3:.2f} ms, {latency.errors()} errors"
            result.append(
                Demand("p99 at 1,000 requests/s of 1 × 50", f"below {PACED_P99_US / 1e3:.0f} ms", measured, met)
            )
    result += [demand for each in overload for demand in _overload(each)]
    if soak:
        p99, errors = soak.report["latency_us"]["p99"], soak.report["errors"]
        title = f"open loop of {soak.minutes:g} minutes at 60 % of the peak"
        result.append(
            Demand(
                f"p99, {title}",
                "below 10 ms",
                f"{p99 / 1e3:.2f} ms, {errors} errors",
                p99 < SOAK_P99_US and errors == 0,
            )
        )
        result.append(
            Demand(f"growth of memory, {title}", "below 5 %", f"{soak.growth * 100:.1f} %", soak.growth < SOAK_GROWTH)
        )
    return result


def _overload(result: Overload) -> list[Demand]:
    title = f"at three times the peak, batch {result.batch}"
    refused, after = result.refused, result.after
    p99 = refused["latency_us"]["p99"]
    hinted = refused["hints"] == refused["requests"]
    return [
        Demand(
            f"goodput {title}",
            f"above {OVERLOAD_GOODPUT * 100:.0f} % of the peak",
            f"{result.goodput * 100:.0f} %, {result.other_errors} other errors",
            result.goodput > OVERLOAD_GOODPUT and result.other_errors == 0,
        ),
        Demand(
            f"p99 of refusals, {title}",
            f"below {OVERLOAD_REFUSAL_P99_US / 1e3:.0f} ms, each with a hint",
            f"{p99 / 1e3:.2f} ms, {refused['hints']:,} of {refused['requests']:,} with a hint",
            p99 < OVERLOAD_REFUSAL_P99_US and hinted,
        ),
        Demand(
            f"errors in the first second after it, at half the peak, batch {result.batch}",
            "none",
            f"{after['errors']} of {after['requests']:,}",
            after["errors"] == 0,
        ),
    ]
