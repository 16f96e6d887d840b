"""What is measured: every case is a client, a target and a batch size, run for a number of requests."""

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass

from bench_lib.dataset import choose
from bench_lib.load import GRPC_HEADERS, JSON_HEADERS, Measured, h2load, redis_benchmark
from bench_lib.options import Options
from bench_lib.processes import Server
from bench_lib.testbed import TestBed

BATCHES = (1, 10, 100)
METHOD = "/feature_store.FeatureStore/"


@dataclass(frozen=True)
class Case:
    """`run(requests, round)` loads the server; `bench-client` goes by time instead of requests."""

    name: str
    batch: int
    server: Server
    run: Callable[[int, int], Measured]
    client: str
    probe: Callable[[int], float] | None = None
    """Makes the call of a round once, sees that it succeeds, and answers with the bytes of its reply: a gRPC error is a
    2xx for h2load too, but it holds none."""


def all_cases(bed: TestBed, options: Options) -> list[Case]:
    """Every case in the order of a round, of those that the options choose."""
    cases: list[Case] = []
    for batch in BATCHES:
        for server in bed.gateways():
            cases.append(_grpc(bed, options, server, "GetOnlineFeatures", batch))
        if bed.baseline:
            cases.append(_grpc(bed, options, bed.baseline, "PassThrough", batch))
        cases.append(_vectors(bed, options, batch))
        cases.append(_rest(bed, options, batch))
        cases.append(_rest_vectors(bed, options, batch))
        if batch == 1:
            cases.append(_get(bed, options))
        for server in bed.gateways():
            cases.append(_many_ids(bed, options, server, batch))
        cases.append(_mget(bed, options, batch))
    chosen = options.cases or ["*"]
    return [case for case in cases if any(fnmatch.fnmatchcase(case.name, pattern) for pattern in chosen)]


def grpc_request(bed: TestBed, address: str, method: str, batch: int, round_number: int) -> list[str]:
    """The arguments of h2load for a gRPC call."""
    body = bed.bodies.grpc(batch, round_number)
    return ["-d", str(body), *GRPC_HEADERS, f"http://{address}{METHOD}{method}"]


def _grpc(bed: TestBed, options: Options, server: Server, method: str, batch: int) -> Case:
    def request(round_number: int) -> list[str]:
        return grpc_request(bed, server.address, method, batch, round_number)

    def run(requests: int, round_number: int) -> Measured:
        return h2load(options.connections, options.streams, requests, request(round_number))

    def probe(round_number: int) -> float:
        return bed.client.probe(server.address, method, bed.bodies.grpc(batch, round_number))

    kind = "gRPC" if method == "GetOnlineFeatures" else "pass-through"
    return Case(f"{bed.title(server)} {kind} {batch}", batch, server, run, "h2load, h2c", probe)


def _vectors(bed: TestBed, options: Options, batch: int) -> Case:
    server, method = bed.gateway, "GetFeatureVectors"

    def run(requests: int, round_number: int) -> Measured:
        request = ["-d", str(bed.bodies.vectors(batch, round_number)), *GRPC_HEADERS]
        target = f"http://{server.address}{METHOD}{method}"
        return h2load(options.connections, options.streams, requests, [*request, target])

    def probe(round_number: int) -> float:
        return bed.client.probe(server.address, method, bed.bodies.vectors(batch, round_number))

    return Case(f"gateway vectors {batch}", batch, server, run, "h2load, h2c", probe)


def _rest_vectors(bed: TestBed, options: Options, batch: int) -> Case:
    def run(requests: int, round_number: int) -> Measured:
        body = bed.bodies.rest_vectors(batch, round_number)
        url = f"http://{bed.gateway.address}/v1/feature-vectors"
        return h2load(options.connections, options.streams, requests, ["-d", str(body), *JSON_HEADERS, url])

    return Case(f"gateway REST vectors {batch}", batch, bed.gateway, run, "h2load, h2c")


def _rest(bed: TestBed, options: Options, batch: int) -> Case:
    def run(requests: int, round_number: int) -> Measured:
        body = bed.bodies.rest(batch, round_number)
        url = f"http://{bed.gateway.address}/v1/online-features"
        return h2load(options.connections, options.streams, requests, ["-d", str(body), *JSON_HEADERS, url])

    return Case(f"gateway REST POST {batch}", batch, bed.gateway, run, "h2load, h2c")


def _get(bed: TestBed, options: Options) -> Case:
    def run(requests: int, round_number: int) -> Measured:
        urls = bed.bodies.urls(bed.gateway.address, round_number)
        clients = options.connections * options.streams
        return h2load(clients, 1, requests, ["--h1", "-i", str(urls)])

    return Case("gateway REST GET 1", 1, bed.gateway, run, "h2load, HTTP/1.1")


def _many_ids(bed: TestBed, options: Options, server: Server, batch: int) -> Case:
    def run(_requests: int, round_number: int) -> Measured:
        load = {"connections": options.connections, "streams": options.streams, "batch": batch, "seed": round_number}
        arguments = [text for name, value in load.items() for text in (f"--{name}", str(value))]
        return bed.client.closed(server.address, options.seconds, arguments)

    return Case(f"{bed.title(server)} gRPC many ids {batch}", batch, server, run, "bench-client, h2c")


def _mget(bed: TestBed, options: Options, batch: int) -> Case:
    def run(requests: int, round_number: int) -> Measured:
        keys = [f"features:{entity}" for entity in choose(batch, round_number)]
        return redis_benchmark(bed.redis.address, options.connections * options.streams, requests, keys)

    return Case(f"Redis MGET {batch}", batch, bed.redis, run, "redis-benchmark")
