"""Running the clients, and reading what they report."""

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_lib.errors import BenchError
from bench_lib.tools import output

GRPC_HEADERS = ["-H", "te: trailers", "-H", "content-type: application/grpc"]
JSON_HEADERS = ["-H", "content-type: application/json"]
# A client that takes longer than this hangs, in seconds.
TIMEOUT = 600.0
# Factors to microseconds.
UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6}


@dataclass(frozen=True)
class Measured:
    """What a client says about its run; latencies in microseconds, where it reports them."""

    requests: int
    rate: float
    """Requests per second."""
    mean_us: float
    p50_us: float | None = None
    p99_us: float | None = None
    reply_bytes: float | None = None
    """Mean of what a reply holds, without headers."""


def h2load(connections: int, streams: int, requests: int, request: list[str]) -> Measured:
    """Run h2load; every reply must be a 2xx."""
    command = ["h2load", "-t", "1", "-c", str(connections), "-m", str(streams), "-n", str(requests), *request]
    text = output(command, TIMEOUT)
    rate = _number(r"finished in [\d.]+\w+, ([\d.]+) req/s", text)
    succeeded = _number(r"requests: .* (\d+) succeeded", text)
    two_hundreds = _number(r"status codes: (\d+) 2xx", text)
    if succeeded != requests or two_hundreds != requests:
        summary = "\n".join(line for line in text.splitlines() if line.startswith(("requests:", "status codes:")))
        raise BenchError(f"not all of {requests} requests succeeded: {' '.join(command)}\n{summary}")
    mean = re.search(r"time for request:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)\s", text)
    if not mean:
        raise BenchError(f"h2load reports no mean latency:\n{text}")
    data = _number(r"traffic: .* \((\d+)\) data", text)
    return Measured(requests, rate, float(mean[1]) * UNITS[mean[2]], reply_bytes=data / requests)


def h2load_latencies(connections: int, requests: int, request: list[str], log: Path) -> tuple[float, list[float]]:
    """Run h2load, one request at a time on each connection: requests per second, and all latencies, ascending."""
    log.unlink(missing_ok=True)
    measured = h2load(connections, 1, requests, ["--log-file", str(log), *request])
    return measured.rate, sorted(float(line.split("\t")[2]) for line in log.read_text().splitlines())


def _number(pattern: str, text: str) -> float:
    match = re.search(pattern, text)
    if not match:
        raise BenchError(f"h2load's report is not understood, {pattern!r} is not in it:\n{text}")
    return float(match[1])


def redis_benchmark(address: str, clients: int, requests: int, keys: list[str]) -> Measured:
    """Run redis-benchmark with one MGET of the keys."""
    host, _, port = address.rpartition(":")
    command = ["redis-benchmark", "-h", host, "-p", port, "-c", str(clients), "-n", str(requests), "--csv"]
    rows = list(csv.DictReader(output([*command, "mget", *keys], TIMEOUT).splitlines()))
    if len(rows) != 1 or "rps" not in rows[0]:
        raise BenchError(f"redis-benchmark's report is not understood: {rows}")
    row = rows[0]
    micros = {name: float(row[f"{name}_latency_ms"]) * 1e3 for name in ("avg", "p50", "p99")}
    return Measured(requests, float(row["rps"]), micros["avg"], micros["p50"], micros["p99"])


@dataclass(frozen=True)
class BenchClient:
    """The load client of this project."""

    binary: Path

    def closed(self, address: str, seconds: float, arguments: list[str]) -> Measured:
        """A closed loop over many distinct ids; no call may fail."""
        report = self._run(["closed", "--address", address, "--duration", str(seconds), *arguments], seconds)
        if report["errors"]:
            raise BenchError(f"{report['errors']} of {report['requests']} calls failed: {report['first_error']}")
        latency = report["latency_us"]
        return Measured(
            report["requests"], report["rate"], latency["mean"], latency["p50"], latency["p99"], report["reply_bytes"]
        )

    def paced(self, target: list[str], seconds: float, rate: float, arguments: list[str]) -> dict[str, Any]:
        """An open loop at a rate; answers with the client's report, failed calls included."""
        return self._run(["paced", *target, "--duration", str(seconds), "--rate", str(rate), *arguments], seconds)

    def fetch(self, address: str, ids: list[str], names: list[str]) -> dict[str, dict[str, Any]]:
        """One call, decoded: the features of each id."""
        chosen = ["--names", ",".join(names)] if names else []
        text = output([str(self.binary), "fetch", "--address", address, *chosen, *ids], 30)
        features: dict[str, dict[str, Any]] = json.loads(text)
        return features

    def probe(self, address: str, method: str, body: Path) -> float:
        """Make the call in the file, which must have grpc-status 0; answers with the bytes of the reply."""
        command = [str(self.binary), "probe", "--address", address, "--method", method, "--body", str(body)]
        return float(json.loads(output(command, 30))["reply_bytes"])

    def _run(self, arguments: list[str], seconds: float) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(output([str(self.binary), *arguments], seconds + 60))
        return report
