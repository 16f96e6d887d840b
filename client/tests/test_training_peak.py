"""How much memory a process takes for a history of any length: what it is allowed, not what the history has."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT = 32 << 20
SHORT, LONG = 300_000, 3_000_000
# What a join may take more for the long one, whose rows are 96 MB.
MORE = 48 << 20

CHILD = """
import json, resource, sys
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
import unskew

place, rows, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]
definitions = unskew.parse('''
entities: {customer: {keys: {customer: int64}}}
sources:
  payments: {event_time: at, event_id: id, columns: {id: int64, customer: int64, at: timestamp, amount: float64}}
views:
  spending:
    entity: customer
    source: payments
    aggregations:
      nb: {function: count, windows: [1d, 30d]}
      total: {function: sum, column: amount, windows: [1d, 30d]}
      most: {function: max, column: amount, windows: [30d]}
services:
  model:
    time: at
    request: {at: timestamp}
    vector: [{input: spending.nb_1d}, {input: spending.total_30d}, {input: spending.most_30d}]
''')
STEP, DAYS, CUSTOMERS = 100_000, 60, 20_000
span = DAYS * 86_400_000_000
types = {"id": pa.int64(), "customer": pa.int64(), "at": pa.timestamp("us", "UTC"), "amount": pa.float64()}
schema = pa.schema(types)
with pq.ParquetWriter(place, schema) as writer:
    for start in range(0, rows, STEP):
        ids = np.arange(start, min(start + STEP, rows))
        chance = np.random.default_rng(start)
        columns = [ids, chance.integers(0, CUSTOMERS, len(ids)), ids * (span // rows), chance.normal(0, 1, len(ids))]
        writer.write_table(pa.table([pa.array(it, field.type) for it, field in zip(columns, schema)], schema=schema))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if what == "training_set":
    customers = np.arange(CUSTOMERS)
    spine = pa.table({"customer": customers, "at": pa.array(np.full(CUSTOMERS, span), types["at"])})
    sources = {"payments": place}
    made = unskew.training_set(
        definitions, "model", spine, sources, memory_limit=int(sys.argv[4]), threads=1
    )
    found = [float(made.vectors[:, 0].sum()), len(made)]
else:
    load = unskew.states(definitions, "spending", place, cut=span, memory_limit=int(sys.argv[4]), threads=1)
    found = [0.0, sum(batch.num_rows for batch in load)]
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"found": found, "kilobytes": after - before, "peak": after}))
"""


def peak(place: Path, rows: int, what: str) -> tuple[list[float], int]:
    """What a process found, and how many bytes more it took for that than for writing the history."""
    command = [sys.executable, "-c", CHILD, str(place / f"{rows}.parquet"), str(rows), what, str(LIMIT)]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout)
    return said["found"], said["kilobytes"] * 1024


@pytest.mark.parametrize("what", ["training_set", "states"])
def test_memory_does_not_grow_with_the_history(what: str, tmp_path: Path) -> None:
    (short, least), (long, most) = (peak(tmp_path, rows, what) for rows in (SHORT, LONG))

    assert short[1] == long[1] == 20_000
    assert most - least < MORE, f"{least >> 20} MiB for {SHORT:,} events, {most >> 20} MiB for {LONG:,}"
