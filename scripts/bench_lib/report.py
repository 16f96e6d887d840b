"""The result as Markdown: printed, and written to docs/benchmarks.md."""

import os
from collections.abc import Iterable

from bench_lib.asked import Demand, Ratio
from bench_lib.engine import EngineBench
from bench_lib.latency import Latency
from bench_lib.materialize import FEATURES, Materialized
from bench_lib.overload import CONNECTIONS as OVERLOAD_CONNECTIONS
from bench_lib.overload import Overload
from bench_lib.rounds import Series
from bench_lib.soak import CONNECTIONS, Soak
from bench_lib.training import Training
from bench_lib.windows import CHUNK, DAYS, EVENTS, HOT_EVENTS, WRITERS, Hot, Reads, Writes
from bench_lib.windows import CONNECTIONS as WINDOW_CONNECTIONS

INTRODUCTION = """\
# Benchmarks

Written by `scripts/bench --write`; do not edit. The baseline is the straightforward implementation of the same
contract: one MGET, JSON through maps into `google.protobuf.Value`s. The pass-through is the limit: the same MGET over
packed rows, nothing decoded; vectors are measured against it, of a service that takes all 50 features of a defined view
as they are. CPU is the user and kernel time of the server process over a run, by the requests of the
run. Every number is the median of the rounds; a round runs all cases, one after the other, and a ratio compares two
runs of one round. h2load repeats one request body within a run, another one in each round, the same for all targets;
"many ids" is a closed loop of `bench-client` with 8,192 different requests. Replies are compared with the stored rows
before anything is timed, and every run's replies are checked: status, and size where it is known.
"""


def machine(facts: list[tuple[str, str]]) -> str:
    """The machine, the versions and the settings."""
    return "## Where\n\n" + table(("what", "value"), facts)


def asked(demands: list[Demand]) -> str:
    """What is asked for, and what was measured."""
    rows = [(demand.what, demand.asked, demand.measured, "yes" if demand.met else "**no**") for demand in demands]
    return "## Asked for\n\n" + table(("what", "asked", "measured", "met"), rows)


def rounds(all_series: list[Series]) -> str:
    """Throughput, latency and CPU time of every case."""
    rows = []
    for series in all_series:
        cpu = [sample.cpu_us for sample in series.samples]
        rows.append(
            (
                series.case.name,
                series.case.client,
                _thousands(series.median(lambda sample: sample.measured.rate)),
                _milliseconds(series.median(lambda sample: sample.measured.mean_us)),
                _milliseconds(series.median(lambda sample: sample.measured.p50_us)),
                _milliseconds(series.median(lambda sample: sample.measured.p99_us)),
                f"{series.median(lambda sample: sample.cpu_us):.1f}",
                f"{min(cpu):.1f}–{max(cpu):.1f}",
            )
        )
    header = ("case", "client", "requests/s", "mean, ms", "p50, ms", "p99, ms", "CPU, µs per request", "least–most")
    note = (
        "The number after a case is the entities in a request. CPU is that of the server: the gateway, the baseline\n"
        "or Redis.\n"
    )
    return f"## Closed loop, as fast as it goes\n\n{note}\n" + table(header, rows)


def ratios(found: list[Ratio]) -> str:
    """The gateway's figures against the baseline's."""
    rows = [(ratio.case, f"{ratio.median:.3f}×", f"{ratio.least:.3f}–{ratio.most:.3f}") for ratio in found]
    return "## Gateway / baseline\n\n" + table(("case", "median", "least–most"), rows)


def latency(results: list[Latency]) -> str:
    """The open loop at a fixed rate."""
    rows = []
    for result in results:
        quantiles = [_milliseconds(result.median(name)) for name in ("p50", "p99", "p999", "max")]
        late = _milliseconds(result.median("p99", "send_lag_us"))
        rows.append((result.name, *quantiles, late, f"{result.stolen() * 100:.0f} %", str(result.errors())))
    note = (
        "Latency counts from the time a request was due. The floor is the same client against a server in its own\n"
        'process that does no work and answers with as many bytes; "late" is how late the client itself sent, "taken"\n'
        "the part of the CPU time that the host of this virtual machine gave to others.\n"
    )
    header = ("target", "p50, ms", "p99, ms", "p99.9, ms", "max, ms", "late p99, ms", "taken", "errors")
    return f"## Open loop at 1,000 requests/s of 1 × 50\n\n{note}\n" + table(header, rows)


def engine(found: list[EngineBench]) -> str:
    """The benchmarks of the engine."""
    rows = [
        (bench.name, f"{bench.median_ns / 1e3:,.3f}", f"{bench.rate / 1e6:.1f}" if bench.rate else "")
        for bench in found
    ]
    note = (
        "By `cargo bench --package unskew-engine`, one thread, medians. `row` is one stored row from its bytes to its\n"
        "vector; `batch` is 65,536 rows of Arrow arrays; `expr` is one expression over one row.\n"
    )
    return f"## The engine alone\n\n{note}\n" + table(("benchmark", "µs", "million cells/s"), rows)


def windows(writes: list[Writes], reads: list[Reads], hot: list[Hot]) -> str:
    """Events and the vectors that come of them."""
    written = [(it.store, f"{it.rate:,.0f}", f"{it.cpu_us:.1f}") for it in writes]
    read = [
        (
            f"{it.store} {it.batch}",
            f"{it.rate:,.0f}",
            _milliseconds(it.p50_us),
            _milliseconds(it.p99_us),
            f"{it.cpu_us:.1f}",
        )
        for it in reads
    ]
    hottest = [(it.store, _milliseconds(it.p50_us), _milliseconds(it.p99_us)) for it in hot]
    note = (
        f"The fraud example's two views and 15 inputs, over {EVENTS:,} events of {DAYS} days, as dense as published.\n"
        f"Events come in batches of {CHUNK:,} over {WRITERS} connections, acknowledged when both views have them;\n"
        "Redis then has them on its disk (`appendonly yes`, `appendfsync always`), and the embedded store on its own.\n"
        f"Vectors are asked for over {WINDOW_CONNECTIONS} connections, one call at a time on each; the number is the\n"
        f"rows of a call. One entity with {HOT_EVENTS:,} events in its window of 30 days, under `resolution: 1h`, is\n"
        "read by one client.\n"
    )
    return (
        f"## Windows online\n\n{note}\n"
        + table(("events", "events/s", "CPU, µs per event"), written)
        + "\n"
        + table(("vectors", "requests/s", "p50, ms", "p99, ms", "CPU, µs per request"), read)
        + "\n"
        + table((f"{HOT_EVENTS:,} events", "p50, ms", "p99, ms"), hottest)
    )


def training(result: Training) -> str:
    """Training sets beside their peers."""
    mine = result.rates["unskew"]
    rows = [(name, f"{rate / 1e6:.2f}", f"{mine / rate:.1f}×") for name, rate in result.rates.items()]
    note = (
        f"The 12 window features of the fraud example for each of {result.rows:,} transactions, one thread each, by\n"
        "turns in one run, counts compared: `unskew.training_set`, one query of DuckDB, `rolling` of pandas.\n"
    )
    return f"## Windows of a training set\n\n{note}\n" + table(("by", "million events/s", "unskew is"), rows)


def materialize(found: list[Materialized]) -> str:
    """Entities from Iceberg to the online stores, and Feast's from Parquet."""
    rows = [
        (
            it.by,
            f"{it.rows:,}",
            f"{it.seconds:.1f}",
            f"{it.microseconds:.1f}",
            *("" if size is None else f"{size / 1e6:,.0f}" for size in (it.client_bytes, it.gateway_bytes)),
        )
        for it in found
    ]
    note = (
        f"Entities with {FEATURES} features of float64, a row each, into empty stores: `unskew materialize` from one\n"
        "Iceberg table, Feast's `materialize` from a Parquet file into the same Redis, in one run. Feast is given\n"
        "fewer rows, as it takes long; what is compared is the time for a row. Memory is the most that the process\n"
        "that reads and sends had, and what the gateway had at the end.\n"
    )
    header = ("by", "rows", "s", "µs a row", "MB, materializing", "MB, gateway")
    return f"## Materializing\n\n{note}\n" + table(header, rows)


def overload(results: list[Overload]) -> str:
    """The load above the peak."""
    rows = []
    for result in results:
        refused, lag = result.refused, result.report["send_lag_us"]
        rows.append(
            (
                str(result.batch),
                _thousands(result.peak),
                _thousands(result.report["rate"]),
                f"{result.goodput * 100:.0f} %",
                f"{refused['requests']:,}",
                _milliseconds(refused["latency_us"]["p50"]),
                _milliseconds(refused["latency_us"]["p99"]),
                _milliseconds(lag["p99"]),
                f"{result.rss_before / 1e6:.0f} → {result.rss_most / 1e6:.0f}",
                f"{result.after['errors']} of {result.after['requests']:,}",
                f"{result.stolen * 100:.0f} %",
            )
        )
    note = (
        f"An open loop over {OVERLOAD_CONNECTIONS} connections at three times the peak of a closed loop, and right\n"
        "after it a second at half the peak. The client needs the same cores as the gateway: making three requests\n"
        "and reading three answers where there was one takes time from it. Refusals are timed from their sending;\n"
        '"late" is how late the client itself sent.\n'
    )
    header = (
        "entities",
        "peak, requests/s",
        "sent, requests/s",
        "goodput, of the peak",
        "refused",
        "refusal p50, ms",
        "refusal p99, ms",
        "late p99, ms",
        "memory, MB",
        "errors after",
        "taken",
    )
    return f"## Overload\n\n{note}\n" + table(header, rows)


def soak(result: Soak) -> str:
    """The long open loop."""
    report = result.report
    quantiles = report["latency_us"]
    rows = [
        (
            "peak by h2load",
            f"{_thousands(result.peak)} requests/s of {result.batch} × 50 over {CONNECTIONS} connections",
        ),
        (
            "load",
            f"{_thousands(result.rate)} requests/s for {result.minutes:g} minutes, {report['requests']:,} requests",
        ),
        ("reached", f"{_thousands(report['rate'])} requests/s, {report['errors']} errors"),
        *(
            (name.replace("p999", "p99.9"), f"{_milliseconds(quantiles[name])} ms")
            for name in ("p50", "p99", "p999", "max")
        ),
        (
            f"cores, of {os.cpu_count()}",
            ", ".join(f"{name} {cores:.2f}" for name, cores in result.cores.items()) + "; the rest is the kernel's",
        ),
        ("client late, p99", f"{_milliseconds(report['send_lag_us']['p99'])} ms"),
        (
            "resident memory",
            f"{result.rss_first / 1e6:.1f} MB after the warm-up, {result.rss_last / 1e6:.1f} MB at the end",
        ),
        ("growth", f"{result.growth * 100:.1f} %, at most {result.rss_most / 1e6:.1f} MB"),
    ]
    return "## Soak\n\n" + table(("what", "value"), rows)


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table with aligned columns."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    texts = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    texts.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(texts) + "\n"


def _thousands(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _milliseconds(micros: float | None) -> str:
    return "" if micros is None else f"{micros / 1e3:.3f}"
