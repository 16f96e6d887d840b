"""What `vectors` costs beside the call itself, in µs a call.

    python client/benches/vectors_overhead.py [--rows 100] [--columns 50] [--calls 2000]

One thread. The peer in the same run is a bare call of grpc with prepared bytes, to the same server: another process
that answers at once with the same reply. Before each call the peer is busy for as long as building the request and
decoding the reply take alone: a call after a pause is slower, as the other process has gone to sleep. The three take
turns, call by call, as the speed of a shared machine changes. Medians: of the time that passes, and of the CPU time of
the calling thread and of the process, which other processes don't lengthen by taking the processor.
"""

import argparse
import contextlib
import datetime as dt
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

import grpc
import numpy as np

import unskew
from unskew import _channel, _vectors
from unskew._generated import feature_store_pb2 as wire

SERVICE = "fraud_model"
LIMIT = 150.0  # µs, for 100 rows of 50 columns

Columns = tuple[dict[str, Any], dict[str, Any]]


def reply_of(rows: int, columns: int) -> bytes:
    """A reply as the gateway sends it, all rows complete."""
    values = np.random.default_rng(596).normal(size=(rows, columns)).astype("<f4")
    return wire.FeatureVectorsResponse(
        rows=rows, columns=columns, vectors=values.tobytes(), fingerprint=bytes(32), oldest_event_time=1
    ).SerializeToString()


def arguments_of(rows: int) -> dict[str, Columns]:
    """Columns of a request, by the kind of its columns: a key, four numbers, a text and a time for each row."""
    numbers = np.random.default_rng(7)
    ids, amounts = numbers.integers(0, 5000, rows), numbers.normal(size=(4, rows))
    texts = [f"region_{i % 7}" for i in range(rows)]
    start = dt.datetime(2018, 10, 1, tzinfo=dt.timezone.utc)
    times = [start + dt.timedelta(seconds=i) for i in range(rows)]
    lists = {f"x{i}": row.tolist() for i, row in enumerate(amounts)}
    arrays = {f"x{i}": row for i, row in enumerate(amounts)}
    return {
        "lists": ({"customer_id": ids.tolist()}, {**lists, "region": texts, "at": times}),
        "numpy": ({"customer_id": ids}, {**arrays, "region": texts, "at": times}),
    }


def serve(reply: bytes, pipe: Connection) -> None:
    """Answers every call with the same bytes, until the pipe closes."""
    handler: Any = grpc.unary_unary_rpc_method_handler(lambda _request, _context: reply)
    server = grpc.server(ThreadPoolExecutor(1))
    service, method = _channel.GET_FEATURE_VECTORS.path.strip("/").split("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    pipe.send(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    with contextlib.suppress(EOFError):
        pipe.recv()
    server.stop(None).wait()


@contextlib.contextmanager
def server_of(reply: bytes) -> Iterator[str]:
    """The address of such a server in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(reply, theirs))
    process.start()
    theirs.close()
    try:
        yield f"127.0.0.1:{ours.recv()}"
    finally:
        ours.close()
        process.join()


Times = tuple[float, float, float]
"""Of a call in µs: what passed, CPU time of the thread, CPU time of the process."""


def times_of(call: Callable[[], object]) -> Times:
    """The times of a call."""
    wall, thread, process = time.perf_counter_ns(), time.thread_time_ns(), time.process_time_ns()
    call()
    process_end, thread_end, wall_end = time.process_time_ns(), time.thread_time_ns(), time.perf_counter_ns()
    return (wall_end - wall) / 1000, (thread_end - thread) / 1000, (process_end - process) / 1000


def be_busy(micros: float) -> None:
    """Keeps the processor for as long."""
    end = time.perf_counter_ns() + micros * 1000
    while time.perf_counter_ns() < end:
        pass


def measure(client: unskew.FeatureStoreClient, address: str, reply: bytes, columns: Columns, calls: int) -> str:
    """Times of requests of these columns, as a line."""
    entities, request = columns

    def build() -> bytes:
        return _vectors.vectors_request(
            SERVICE, entities, request, None, None, names=False, slot_statuses=False, event_times=False
        )

    def decode() -> unskew.Vectors:
        return _vectors.decode_vectors(wire.FeatureVectorsResponse.FromString(reply), as_numpy=True)

    prepared = build()
    taken: list[tuple[Times, Times, Times, Times]] = []
    with grpc.insecure_channel(address, options=_channel.channel_options(address, 64 << 20, None)) as channel:
        bare: Any = channel.unary_unary(_channel.GET_FEATURE_VECTORS.path)
        for _ in range(calls + calls // 10):
            building, decoding = times_of(build), times_of(decode)
            be_busy(building[0] + decoding[0])
            peer = times_of(lambda: bare(prepared, timeout=10.0))
            taken.append((building, decoding, peer, times_of(lambda: client.vectors(SERVICE, entities, request))))
    # The first ones are a warm-up.
    wall, thread, process = (
        [statistics.median(times[clock] for times in column) for column in zip(*taken[calls // 10 :], strict=True)]
        for clock in range(3)
    )
    return (
        f"build {wall[0]:6.1f}  decode {wall[1]:5.1f}  client.vectors {wall[3]:6.1f}  bare grpc {wall[2]:6.1f}  "
        f"difference {wall[3] - wall[2]:6.1f} (limit {LIMIT:.0f})  of CPU: thread {thread[3] - thread[2]:6.1f}  "
        f"process {process[3] - process[2]:6.1f}"
    )


def main() -> None:
    """Measures, and prints a line for each kind of columns."""
    parser = argparse.ArgumentParser(description="What `vectors` costs beside the call itself.")
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--calls", type=int, default=2000)
    given = parser.parse_args()
    reply = reply_of(given.rows, given.columns)
    print(f"{given.rows} rows of {given.columns} columns, {given.calls} calls, medians in µs")
    with server_of(reply) as address, unskew.FeatureStoreClient(address, timeout=10.0, api_key="") as client:
        for kind, columns in arguments_of(given.rows).items():
            print(f"{kind:6}  {measure(client, address, reply, columns, given.calls)}")


if __name__ == "__main__":
    main()
