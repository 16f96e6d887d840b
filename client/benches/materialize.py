"""Materializing a row view from Iceberg: makes a table of entities, or writes it to a gateway and takes the time.

`materialize.py make|run --definitions DIR --warehouse DIR [--rows N] [--address HOST:PORT]`. The two are processes of
their own, so that the memory of `run` is that of materializing alone.
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

import unskew
from unskew import offline

VIEW, SOURCE = "user_features", "users"
BLOCK = 100_000
DAY = 86_400 * 10**6
"""Microseconds."""
NEWEST = 1_767_225_600 * 10**6
"""2026-01-01T00:00:00Z: the rows are of the day before."""


def rows(count: int, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Entities with random numbers, a row each."""
    random = np.random.default_rng(0)
    for first in range(0, count, BLOCK):
        size = min(BLOCK, count - first)
        at = NEWEST - random.integers(1, DAY, size)
        arrays = [pa.array(np.arange(first, first + size)), pa.array(at, pa.timestamp("us", "UTC"))]
        arrays += [pa.array(random.normal(size=size)) for _ in columns]
        yield pa.RecordBatch.from_arrays(arrays, names=["user_id", "at", *columns])


def make(store: offline.OfflineStore, count: int) -> None:
    """The table."""
    store.apply(layout=offline.Layout("none", buckets=1))
    columns = [feature.name for feature in store.definitions.views[VIEW].features]
    batches = rows(count, columns)
    first = next(batches)

    def all_of_them() -> Iterator[pa.RecordBatch]:
        yield first
        yield from batches

    store.append(SOURCE, pa.RecordBatchReader.from_batches(first.schema, all_of_them()), batch_id="all")


def run(store: offline.OfflineStore, address: str) -> dict[str, float]:
    """Rows that were stored, the seconds that took, and the most memory of this process in bytes."""
    with unskew.FeatureStoreClient(address, timeout=60, write_timeout=120) as client:
        began = time.perf_counter()
        (done,) = store.materialize(client)
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"rows": done.accepted, "seconds": seconds, "peak_bytes": peak}


def main() -> None:
    """Read the command line, do it, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["make", "run"])
    parser.add_argument("--definitions", required=True)
    parser.add_argument("--warehouse", required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--address", default="127.0.0.1:50051")
    given = parser.parse_args()
    store = offline.open(given.definitions, warehouse=given.warehouse)
    if given.what == "make":
        make(store, given.rows)
    else:
        print(json.dumps(run(store, given.address)))


if __name__ == "__main__":
    main()
