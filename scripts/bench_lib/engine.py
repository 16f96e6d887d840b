"""The engine alone, by its own benchmarks: one thread, no server."""

import json
from dataclasses import dataclass
from pathlib import Path

from bench_lib.asked import Demand
from bench_lib.errors import BenchError
from bench_lib.options import ROOT
from bench_lib.tools import run, say, target_folder

BENCHES = ["cargo", "bench", "--locked", "--package=unskew-engine", "--bench=vectors", "--bench=expr"]
# Most nanoseconds of a row, and least cells a second.
ROW = ("row/50 slots", 3000.0)
CELLS = {"batch/standardize": 20e6, "batch/one_hot": 5e6}


@dataclass(frozen=True)
class EngineBench:
    """What criterion found about one benchmark."""

    name: str
    median_ns: float
    """Of one run."""
    cells: int | None
    """Cells of one run, where it counts them."""

    @property
    def rate(self) -> float | None:
        """Cells a second."""
        return self.cells / self.median_ns * 1e9 if self.cells else None


def build_benches() -> None:
    """Build them: nothing compiles while something is measured."""
    say("building the benchmarks of the engine")
    run([*BENCHES, "--no-run"], folder=ROOT)


def run_engine() -> list[EngineBench]:
    """Run all of them; answers with what they say, by name."""
    say("measuring the engine")
    folder = target_folder() / "criterion"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("new/estimates.json")}
    run([*BENCHES, "--", "--noplot"], folder=ROOT)
    found = [_read(path) for path in folder.rglob("new/estimates.json") if path.stat().st_mtime_ns != before.get(path)]
    if not found:
        raise BenchError(f"criterion left no estimates in {folder}")
    return sorted(found, key=lambda bench: bench.name)


def _read(estimates: Path) -> EngineBench:
    benchmark = json.loads((estimates.parent / "benchmark.json").read_text())
    median = json.loads(estimates.read_text())["median"]["point_estimate"]
    throughput = benchmark["throughput"]
    return EngineBench(benchmark["full_id"], median, throughput["Elements"] if throughput else None)


def engine_demands(found: list[EngineBench]) -> list[Demand]:
    """What is asked of the engine."""
    result = []
    for bench in found:
        if bench.name == ROW[0]:
            what = "stored row to vector of 50 slots, 10 standardized, 5 one-hot, 5 expressions"
            met = bench.median_ns <= ROW[1]
            result.append(Demand(what, f"at most {ROW[1] / 1e3:.0f} µs", f"{bench.median_ns / 1e3:.2f} µs", met))
        elif bench.name in CELLS and bench.rate:
            least = CELLS[bench.name]
            what = f"batches of the engine, {bench.name.removeprefix('batch/')}"
            measured = f"{bench.rate / 1e6:.1f} million cells/s"
            result.append(Demand(what, f"at least {least / 1e6:.0f} million cells/s", measured, bench.rate >= least))
    return result
