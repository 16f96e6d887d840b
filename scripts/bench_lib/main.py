"""The course of a benchmark, from the command line to the tables."""

import dataclasses
import json
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from bench_lib import report
from bench_lib.asked import Demand, demands, ratios
from bench_lib.engine import build_benches, engine_demands, run_engine
from bench_lib.errors import BenchError
from bench_lib.latency import Latency, run_latency
from bench_lib.machine import describe
from bench_lib.materialize import materialize_demands, run_materialize
from bench_lib.options import ROOT, Options, parse
from bench_lib.overload import Overload, run_overload
from bench_lib.rounds import Series, run_rounds
from bench_lib.soak import Soak, run_soak
from bench_lib.testbed import test_bed
from bench_lib.tools import say
from bench_lib.training import run_training, training_demands
from bench_lib.verify import verify
from bench_lib.windows import run_windows, window_demands

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
        overload = run_overload(bed, options)
        soak = run_soak(bed, options)
    found = ratios(all_series)
    asked = demands(found, bed.start_rss, latencies, overload, soak)
    sections = [report.ratios(found)] if found else []
    sections += [report.rounds(all_series)] if all_series else []
    sections += [report.latency(latencies)] if latencies else []
    parts = ((options.engine, _engine), (options.windows, _windows), (options.materialize_rows > 0, _materialize))
    for is_wanted, part in parts:
        if is_wanted:
            more, tables = part(bed.gateway_binary, options)
            asked += more
            sections += tables
    sections += [report.overload(overload)] if overload else []
    sections += [report.soak(soak)] if soak else []
    text = "\n".join([report.machine(facts), report.asked(asked), *sections])
    if options.json:
        _write(options.json, json.dumps(_samples(all_series, latencies, overload, soak), indent=1))
    if options.write:
        _write(DOCUMENT, f"{report.INTRODUCTION}\n{text}")
    return text


def _engine(_binary: Path, _options: Options) -> tuple[list[Demand], list[str]]:
    found = run_engine()
    return engine_demands(found), [report.engine(found)]


def _windows(binary: Path, options: Options) -> tuple[list[Demand], list[str]]:
    writes, reads, hot = run_windows(binary, options)
    training = run_training()
    demands_of = [*window_demands(writes, hot), *training_demands(training)]
    return demands_of, [report.windows(writes, reads, hot), report.training(training)]


def _materialize(binary: Path, options: Options) -> tuple[list[Demand], list[str]]:
    found = run_materialize(binary, options)
    return materialize_demands(found), [report.materialize(found)]


def _samples(
    all_series: list[Series], latencies: list[Latency], overload: list[Overload], soak: Soak | None
) -> dict[str, Any]:
    return {
        "rounds": {
            series.case.name: [dataclasses.asdict(sample) for sample in series.samples] for series in all_series
        },
        "latency": {latency.name: latency.reports for latency in latencies},
        "overload": [dataclasses.asdict(result) for result in overload],
        "soak": dataclasses.asdict(soak) if soak else None,
    }


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    say(f"wrote {path}")
