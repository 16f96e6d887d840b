"""The course of a benchmark, from the command line to the tables."""

import dataclasses
import json
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from bench_lib import report
from bench_lib.asked import demands, ratios
from bench_lib.engine import build_benches, engine_demands, run_engine
from bench_lib.errors import BenchError
from bench_lib.latency import Latency, run_latency
from bench_lib.machine import describe
from bench_lib.options import ROOT, Options, parse
from bench_lib.rounds import Series, run_rounds
from bench_lib.soak import Soak, run_soak
from bench_lib.testbed import test_bed
from bench_lib.tools import say
from bench_lib.verify import verify

DOCUMENT = ROOT / "docs/benchmarks.md"


def main() -> int:
    """Run; answers with the exit code."""
    options = parse()
    # As an exception, so that every server is stopped on the way out.
    signal.signal(signal.SIGTERM, _terminated)
    try:
        text = run(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted, all that was started is stopped", file=sys.stderr)
        return 130
    print(text)
    return 0


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(143)


def run(options: Options) -> str:
    """Measure all that was asked for; answers with the tables."""
    if options.engine:
        build_benches()
    with test_bed(options) as bed:
        verify(bed, options)
        facts = describe(bed, options)
        all_series = run_rounds(bed, options)
        latencies = run_latency(bed, options)
        soak = run_soak(bed, options)
    engine = run_engine() if options.engine else []
    found = ratios(all_series)
    all_demands = [*demands(found, bed.start_rss, latencies, soak), *engine_demands(engine)]
    parts = [report.machine(facts), report.asked(all_demands)]
    if found:
        parts.append(report.ratios(found))
    if all_series:
        parts.append(report.rounds(all_series))
    if latencies:
        parts.append(report.latency(latencies))
    if engine:
        parts.append(report.engine(engine))
    if soak:
        parts.append(report.soak(soak))
    text = "\n".join(parts)
    if options.json:
        _write(options.json, json.dumps(_samples(all_series, latencies, soak), indent=1))
    if options.write:
        _write(DOCUMENT, f"{report.INTRODUCTION}\n{text}")
    return text


def _samples(all_series: list[Series], latencies: list[Latency], soak: Soak | None) -> dict[str, Any]:
    return {
        "rounds": {
            series.case.name: [dataclasses.asdict(sample) for sample in series.samples] for series in all_series
        },
        "latency": {latency.name: latency.reports for latency in latencies},
        "soak": dataclasses.asdict(soak) if soak else None,
    }


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    say(f"wrote {path}")
