"""The command line of `scripts/bench`."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Entities.
MATERIALIZE_ROWS = 1_000_000

DESCRIPTION = """\
Measures the gateway, and the baseline beside it when it is present, on one Redis with 10,000 entities of 50 float
features: throughput, latency and CPU time per request at batch 1, 10 and 100, as medians of interleaved rounds; the
memory at start; latency at a fixed rate, beside the floor of the client itself; the engine alone, on one thread;
window features, written, read and as training sets beside DuckDB and pandas; a million entities materialized from
Iceberg, beside Feast; three times the load that the gateway can serve, and the second after it; and with --soak a long
open loop over 200 connections. Installs h2load, redis-server and protoc with apt where they are missing. Nothing else
should run on the machine.
"""


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    rounds: int
    seconds: float
    """Of each run of a round."""
    paced_seconds: float
    """Of each run at a fixed rate."""
    soak_minutes: float | None
    soak_batch: int
    connections: int
    streams: int
    cases: list[str]
    """Patterns of the names of the cases to run."""
    gateway_bin: Path | None
    baseline_dir: Path
    cache: Path
    engine: bool
    """Whether to measure the engine alone, too."""
    windows: bool
    """Whether to measure windows, too: events, their vectors, training sets."""
    materialize_rows: int
    """Entities to materialize beside Feast; 0: it is left out."""
    overload_seconds: float
    """Of the load above the peak; 0: it is left out."""
    write: bool
    json: Path | None


def parse(arguments: list[str] | None = None) -> Options:
    """Read the command line; exits with a usage message when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rounds", type=_count, default=5, metavar="N", help="rounds over all cases (5); 0 skips them")
    add("--seconds", type=_positive, default=3.0, metavar="S", help="length of each run of a round (3)")
    add(
        "--paced-seconds", type=_positive, default=10.0, metavar="S", help="length of each run at 1,000 requests/s (10)"
    )
    add("--quick", action="store_true", help="one round of half-second runs: to see that all works, not to measure")
    add(
        "--soak", type=_positive, nargs="?", const=10.0, metavar="MINUTES",
        help="after the rounds, an open loop over 200 connections at 60 %% of the measured peak (10 minutes)",
    )  # fmt: skip
    add("--soak-batch", type=_positive_count, default=1, metavar="N", help="entities in a request of the soak (1)")
    add("--connections", type=_positive_count, default=8, metavar="N", help="connections of the client in a round (8)")
    add("--streams", type=_positive_count, default=4, metavar="N", help="requests in flight on each connection (4)")
    add(
        "--cases", action="append", default=[], metavar="PATTERN",
        help="only cases of this name, such as 'gateway gRPC *'; may be given several times",
    )  # fmt: skip
    add("--gateway-bin", type=Path, metavar="FILE", help="measure this binary instead of building the gateway")
    add(
        "--baseline-dir", type=Path, metavar="DIR",
        default=Path(os.environ.get("BASELINE_DIR", ROOT / "../shared/baseline")),
        help="sources of the baseline (BASELINE_DIR, else ../shared/baseline); it is left out when they are missing",
    )  # fmt: skip
    add(
        "--cache", type=Path, metavar="DIR", default=_default_cache(),
        help="where the baseline is built (UNSKEW_BENCH_CACHE, else ~/.cache/unskew-bench)",
    )  # fmt: skip
    add("--no-engine", action="store_true", help="leave out the benchmarks of the engine alone")
    add("--no-windows", action="store_true", help="leave out events, their vectors, and training sets")
    add("--no-materialize", action="store_true", help="leave out materializing beside Feast")
    add(
        "--materialize-rows", type=_positive_count, default=MATERIALIZE_ROWS, metavar="N",
        help="entities to materialize (1,000,000)",
    )  # fmt: skip
    add("--no-overload", action="store_true", help="leave out the load above the peak")
    add("--overload-seconds", type=_positive, default=20.0, metavar="S", help="length of each load above the peak (20)")
    add("--only-overload", action="store_true", help="measure nothing but the load above the peak")
    add("--write", action="store_true", help="write the tables to docs/benchmarks.md")
    add("--json", type=Path, metavar="FILE", help="write every sample to this file")
    given = parser.parse_args(arguments)
    if given.gateway_bin and not os.access(given.gateway_bin, os.X_OK):
        parser.error(f"--gateway-bin: {given.gateway_bin} is not an executable file")
    if given.only_overload and given.no_overload:
        parser.error("--only-overload and --no-overload exclude each other")
    is_part = given.quick or given.cases or given.no_engine or given.no_windows or given.no_overload
    is_part = is_part or given.only_overload or given.no_materialize or given.materialize_rows < MATERIALIZE_ROWS
    if given.write and (is_part or given.rounds < 5):
        parser.error(
            "--write records a full run: leave out --quick, --cases, --no-engine, --no-windows, --no-materialize,"
            " --no-overload and --only-overload, and give at least 5 --rounds"
        )
    return Options(
        rounds=0 if given.only_overload else min(given.rounds, 1) if given.quick else given.rounds,
        seconds=0.5 if given.quick else given.seconds,
        paced_seconds=2.0 if given.quick else given.paced_seconds,
        soak_minutes=given.soak,
        soak_batch=given.soak_batch,
        connections=given.connections,
        streams=given.streams,
        cases=given.cases,
        gateway_bin=given.gateway_bin.resolve() if given.gateway_bin else None,
        baseline_dir=given.baseline_dir.resolve(),
        cache=given.cache.resolve(),
        engine=not (given.quick or given.no_engine or given.only_overload),
        windows=not (given.quick or given.no_windows or given.only_overload),
        materialize_rows=0 if given.quick or given.no_materialize or given.only_overload else given.materialize_rows,
        overload_seconds=0.0 if given.no_overload else 2.0 if given.quick else given.overload_seconds,
        write=given.write,
        json=given.json,
    )


def _default_cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("UNSKEW_BENCH_CACHE") or Path(home) / "unskew-bench")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or more")
    return int(text)


def _positive_count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 1 or more")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value
