"""Window features online: events of the fraud example written in batches, and its vectors read, on both stores."""

import http.client
import json
import random
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench_lib.asked import Demand
from bench_lib.errors import BenchError
from bench_lib.load import GRPC_HEADERS, h2load_latencies
from bench_lib.options import ROOT, Options
from bench_lib.processes import Server, start_gateway, start_redis
from bench_lib.tools import say

SERVICE, SOURCE = "fraud_benchmark", "transactions"
# As many a customer and a terminal as in the published data set, over the windows' longest length and delay.
CUSTOMERS, TERMINALS, DAYS = 4_990, 10_000, 38
EVENTS = 350_000
# Events in one write, and writes at once.
CHUNK, WRITERS = 1_000, 4
BATCHES = (1, 100)
CONNECTIONS = 4
SECOND = 1_000_000
# Events of one entity in tiles of an hour, and the most time of a read of it.
HOT_EVENTS = 1_000_000
HOT_US = 200.0
HOT = """
entities: {account: {keys: {account_id: int64}}}
sources:
  payments: {event_time: at, event_id: id, columns: {id: int64, account_id: int64, at: timestamp, amount: float64}}
views:
  hot:
    entity: account
    source: payments
    resolution: 1h
    aggregations: {nb: {function: count, windows: [30d]}, avg: {function: mean, column: amount, windows: [30d]}}
services: {hot: {vector: [{input: hot.nb_30d}, {input: hot.avg_30d}]}}
"""
# Least events a second, by store.
WRITES = {"embedded": 20_000.0, "Redis": 15_000.0}


@dataclass(frozen=True)
class Writes:
    """All events written once, with both views of the fraud example."""

    store: str
    rate: float
    """Events a second."""
    cpu_us: float
    """CPU microseconds of the gateway per event."""


@dataclass(frozen=True)
class Reads:
    """Vectors of the fraud example; medians of the rounds, microseconds a request."""

    store: str
    batch: int
    rate: float
    p50_us: float
    p99_us: float
    cpu_us: float


@dataclass(frozen=True)
class Hot:
    """One entity with very many events read by one client, one request after the other; microseconds a request."""

    store: str
    p50_us: float
    p99_us: float


def run_windows(binary: Path, options: Options) -> tuple[list[Writes], list[Reads], list[Hot]]:
    """Write and read on both stores."""
    writes: list[Writes] = []
    reads: list[Reads] = []
    hot: list[Hot] = []
    now = int(time.time()) * SECOND
    for store in WRITES:
        with TemporaryDirectory(prefix="unskew-bench-") as name:
            folder = Path(name)
            redis = start_redis(folder, durable=True) if store == "Redis" else None
            gateway = None
            try:
                url = f"redis://{redis.address}" if redis else f"embedded:{folder / 'store'}"
                gateway = start_gateway(binary, url, folder, _definitions(folder))
                writes.append(_write(store, gateway, now))
                reads += [_read(store, batch, gateway, folder, options) for batch in BATCHES]
                hot.append(_hot(store, gateway, folder, now, options))
            finally:
                for server in (gateway, redis):
                    if server:
                        server.stop()
    return writes, reads, hot


def window_demands(writes: list[Writes], hot: list[Hot]) -> list[Demand]:
    """What is asked of writes, and of an entity with very many events."""
    reads = [
        Demand(
            f"read of an entity with {HOT_EVENTS:,} events in its window by the hour, p50, {it.store}",
            f"below {HOT_US:.0f} µs",
            f"{it.p50_us:.0f} µs",
            it.p50_us < HOT_US,
        )
        for it in hot
    ]
    return reads + [
        Demand(
            f"WriteEvents into the two views of the fraud example, {it.store}",
            f"at least {WRITES[it.store]:,.0f} events/s",
            f"{it.rate:,.0f} events/s",
            it.rate >= WRITES[it.store],
        )
        for it in writes
    ]


def _definitions(folder: Path) -> Path:
    """Those of the example, whose steps learn; here they have their parameters, and cost the same."""
    text = (ROOT / "examples/fraud/definitions/fraud.yaml").read_text(encoding="utf-8")
    definitions = folder / "definitions"
    definitions.mkdir()
    fixed = text.replace("steps: [standardize]", "steps: [{rescale: {scale: 0.5, offset: -1}}]")
    (definitions / "fraud.yaml").write_text(fixed, encoding="utf-8")
    (definitions / "hot.yaml").write_text(HOT, encoding="utf-8")
    return definitions


def _bodies(now: int) -> Iterator[bytes]:
    """The events in the order of time, in chunks of NDJSON."""
    source = random.Random(596)
    lines = []
    for event in range(EVENTS):
        lines.append(
            json.dumps(
                {
                    "transaction_id": event,
                    "customer_id": source.randrange(CUSTOMERS),
                    "terminal_id": source.randrange(TERMINALS),
                    "tx_datetime": _text(now - (EVENTS - event) * DAYS * 86_400 * SECOND // EVENTS),
                    "tx_amount": round(source.gammavariate(1.5, 40), 2),
                    "tx_fraud": int(source.random() < 1 / 120),
                }
            )
        )
        if len(lines) == CHUNK:
            yield "\n".join(lines).encode()
            lines = []


def _text(micros: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(micros // SECOND))


def _write(store: str, gateway: Server, now: int) -> Writes:
    say(f"writing {EVENTS:,} events, {store}")
    cpu = gateway.cpu_seconds()
    seconds = _post(gateway, SOURCE, list(_bodies(now)), WRITERS)
    return Writes(store, EVENTS / seconds, (gateway.cpu_seconds() - cpu) / EVENTS * 1e6)


def _post(gateway: Server, source: str, bodies: list[bytes], writers: int) -> float:
    """Write batches of events; the seconds that took."""

    def write(mine: list[bytes]) -> None:
        connection = http.client.HTTPConnection(gateway.address, timeout=60)
        try:
            for body in mine:
                headers = {"content-type": "application/x-ndjson"}
                connection.request("POST", f"/v1/sources/{source}/events", body, headers)
                response = connection.getresponse()
                text = response.read()
                if response.status != http.client.OK or json.loads(text)["accepted"] != body.count(b"\n") + 1:
                    raise BenchError(f"the gateway refused events: {response.status} {text[:300]!r}")
        finally:
            connection.close()

    start = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, [bodies[writer::writers] for writer in range(writers)]))
    return time.perf_counter() - start


def _hot(store: str, gateway: Server, folder: Path, now: int, options: Options) -> Hot:
    say(f"writing {HOT_EVENTS:,} events of one entity, {store}")
    chunk, span = 10_000, 30 * 86_400 * SECOND
    bodies = []
    for first in range(0, HOT_EVENTS, chunk):
        times = (_text(now - span + (event + 1) * span // HOT_EVENTS) for event in range(first, first + chunk))
        events = (
            f'{{"id":{event},"account_id":1,"at":"{at}","amount":{event % 97}.25}}'
            for event, at in enumerate(times, start=first)
        )
        bodies.append("\n".join(events).encode())
    # In the order of time: what is older than the tiles that are sealed would be late.
    _post(gateway, "payments", bodies, 1)
    message = _field(1, b"hot") + _field(2, _field(1, b"account_id") + _field(3, _ints([1])))
    body = folder / "hot.bin"
    body.write_bytes(b"\0" + struct.pack(">I", len(message)) + message)
    target = f"http://{gateway.address}/feature_store.FeatureStore/GetFeatureVectors"
    requests = 500
    for _ in range(2):
        log = folder / "h2load.log"
        rate, latencies = h2load_latencies(1, requests, ["-d", str(body), *GRPC_HEADERS, target], log)
        requests = max(500, int(rate * options.seconds))
    p50, p99 = latencies[len(latencies) // 2], latencies[min(len(latencies) - 1, len(latencies) * 99 // 100)]
    say(f"read of an entity with {HOT_EVENTS:,} events, {store}: p50 {p50:.0f} us, p99 {p99:.0f} us")
    return Hot(store, p50, p99)


def _read(store: str, batch: int, gateway: Server, folder: Path, options: Options) -> Reads:
    target = f"http://{gateway.address}/feature_store.FeatureStore/GetFeatureVectors"
    found: list[tuple[float, float, float, float]] = []
    requests = 500
    for round_number in range(max(1, options.rounds) + 1):
        body = folder / "vectors.bin"
        body.write_bytes(_request(batch, round_number))
        cpu = gateway.cpu_seconds()
        rate, latencies = h2load_latencies(
            CONNECTIONS, requests, ["-d", str(body), *GRPC_HEADERS, target], folder / "h2load.log"
        )
        cpu = gateway.cpu_seconds() - cpu
        if round_number:
            p99 = latencies[min(len(latencies) - 1, len(latencies) * 99 // 100)]
            found.append((rate, latencies[len(latencies) // 2], p99, cpu / requests * 1e6))
        requests = max(500, int(rate * options.seconds))
    value: Callable[[int], float] = lambda at: median(sample[at] for sample in found)  # noqa: E731 (four of a kind)
    say(f"vectors of {SERVICE}, {store}, batch {batch}: p50 {value(1):.0f} us, p99 {value(2):.0f} us")
    return Reads(store, batch, value(0), value(1), value(2), value(3))


def _request(batch: int, round_number: int) -> bytes:
    """A FeatureVectorsRequest for customers and terminals of the round, in its gRPC frame."""
    source = random.Random(f"{batch}/{round_number}")
    customers = source.sample(range(CUSTOMERS), batch)
    terminals = source.sample(range(TERMINALS), batch)
    amounts = b"".join(struct.pack("<d", source.gammavariate(1.5, 40)) for _ in range(batch))
    # The request comes as long after the last event as the events are apart.
    times = _ints([int(time.time()) * SECOND] * batch)
    message = _field(1, SERVICE.encode())
    message += _field(2, _field(1, b"customer_id") + _field(3, _ints(customers)))
    message += _field(2, _field(1, b"terminal_id") + _field(3, _ints(terminals)))
    message += _field(3, _field(1, b"tx_amount") + _field(4, _field(1, amounts)))
    message += _field(3, _field(1, b"tx_datetime") + _field(7, times))
    return b"\0" + struct.pack(">I", len(message)) + message


def _ints(values: list[int]) -> bytes:
    return _field(1, b"".join(_varint(value << 1) for value in values))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = b""
    while value >= 0x80:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])
