"""What is asked of the gateway, and whether the measurement shows it."""

import statistics
from dataclasses import dataclass

from bench_lib.latency import Latency
from bench_lib.rounds import Series
from bench_lib.soak import Soak

# Most CPU time per request of GetOnlineFeatures, as a part of the baseline's, by batch.
RATIOS = {1: 0.8, 10: 0.45, 100: 0.35}
START_RSS = 60e6
PACED_P99_US = 1000.0
SOAK_P99_US = 10_000.0
SOAK_GROWTH = 0.05


@dataclass(frozen=True)
class Ratio:
    """The gateway's CPU time per request as a part of the baseline's, compared within each round."""

    kind: str
    batch: int
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
    found = []
    for kind in ("gRPC", "gRPC many ids"):
        for batch in RATIOS:
            gateway, baseline = (by_name.get(f"{title} {kind} {batch}") for title in ("gateway", "baseline"))
            if gateway and baseline:
                pairs = zip(gateway.samples, baseline.samples, strict=True)
                parts = [mine.cpu_us / other.cpu_us for mine, other in pairs]
                found.append(Ratio(kind, batch, statistics.median(parts), min(parts), max(parts)))
    return found


def demands(found: list[Ratio], start_rss: int, latencies: list[Latency], soak: Soak | None) -> list[Demand]:
    """All that this run can tell."""
    result = []
    for ratio in found:
        bound = RATIOS[ratio.batch]
        ids = ", many ids" if "many" in ratio.kind else ""
        what = f"CPU per request against the baseline, batch {ratio.batch}{ids}"
        result.append(Demand(what, f"at most {bound:.2f}×", f"{ratio.median:.3f}×", ratio.median <= bound))
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
