"""An entity that has most rows: joined in pieces, whose memory does not grow with it. Without Spark, in one process."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

import unskew
from unskew import errors
from unskew.spark import _stream
from unskew.spark._needs import reads_of
from unskew.spark._stream import AT, HISTORY, KEY, KIND, SPINE

SECOND = 10**6
DEFINITIONS = """
entities: {customer: {keys: {customer: int64}}}
sources:
  payments: {event_time: at, event_id: none, columns: {customer: int64, at: timestamp, amount: float64}}
  profiles: {event_time: at, columns: {customer: int64, at: timestamp, limit: float64}}
views:
  spending:
    entity: customer
    source: payments
    aggregations:
      total: {function: sum, column: amount, windows: [1h, 2h]}
      last: {function: last, column: amount, windows: [2h]}
  profile: {entity: customer, source: profiles, features: {limit: float64}}
services:
  model:
    vector:
      [{input: spending.total_1h}, {input: spending.total_2h}, {input: spending.last_2h}, {input: profile.limit}]
"""
ROWS, BATCH = 600_000, 5_000


def history(first: int, last: int) -> dict[str, np.ndarray]:
    """Rows of one customer, one each second."""
    at = np.arange(first, last)
    return {"customer": np.full(last - first, 7), "at": at * SECOND, "amount": (at * 7919 % 1000) / 8}


def batches(stage: _stream.Stage) -> Iterator[pa.RecordBatch]:
    """As Spark gives them: each hundredth second a row of the spine, each thousandth a profile."""
    assert [it.source for it in stage.reads] == ["profiles", "payments"]
    utc = pa.timestamp("us", "UTC")

    def rows(columns: dict[str, np.ndarray], value: str) -> pa.StructArray:
        arrays = [pa.array(columns["customer"]), pa.array(columns["at"]).cast(utc), pa.array(columns["amount"])]
        extra = [pa.array(columns["at"]), pa.array(np.ones(len(columns["at"]), np.bool_))]
        return pa.StructArray.from_arrays(
            [*arrays, *extra], names=["customer", "at", value, _stream.KEEP, _stream.COUNTS]
        )

    for first in range(0, ROWS, BATCH):
        of = history(first, first + BATCH)
        few, some = ({name: column[::step] for name, column in of.items()} for step in (1000, 100))
        spine = pa.StructArray.from_arrays(
            [pa.array(some["customer"]), pa.array(some["at"]).cast(utc)], names=["customer", "event_time"]
        )
        parts = [rows(few, "limit"), rows(of, "amount"), spine]
        counts = [len(part) for part in parts]
        names = [f"{HISTORY}0", f"{HISTORY}1", SPINE]
        at = np.concatenate([few["at"], of["at"], some["at"]])
        kinds = np.repeat(np.arange(3, dtype=np.int32), counts)
        columns = [pa.array(np.full(len(at), 7)), pa.array(at), pa.array(kinds)]
        for number, part in enumerate(parts):
            before, after = sum(counts[:number]), sum(counts[number + 1 :])
            columns.append(pa.concat_arrays([pa.nulls(before, part.type), part, pa.nulls(after, part.type)]))
        whole = pa.RecordBatch.from_arrays(columns, names=[f"{KEY}0", AT, KIND, *names])
        yield whole.take(pa.array(np.lexsort((kinds, at))))


def stage(limit: int) -> _stream.Stage:
    definitions = unskew.parse(DEFINITIONS)
    service = definitions.services["model"]
    features = tuple((name, pa.float64()) for name in service.inputs)
    return _stream.Stage(
        definitions, "model", "event_time", "customer", tuple(reads_of(service, "customer")), features, limit
    )


def test_the_memory_of_a_join_does_not_grow_with_an_entity() -> None:
    pool = pa.default_memory_pool()
    before, most, found = pool.bytes_allocated(), 0, []
    for batch in _stream.run(stage(32 << 20), batches(stage(1))):
        found.append(batch.select(["event_time", *stage(1).definitions.services["model"].inputs]))
        most = max(most, pool.bytes_allocated() - before)
    made = pa.Table.from_batches(found)
    of = history(0, ROWS)
    every = {name: column[::1000] for name, column in of.items()}
    utc = pa.timestamp("us", "UTC")
    payments = pa.table({"customer": of["customer"], "at": pa.array(of["at"]).cast(utc), "amount": of["amount"]})
    profiles = pa.table(
        {"customer": every["customer"], "at": pa.array(every["at"]).cast(utc), "limit": every["amount"]}
    )
    spine = pa.table({"customer": np.full(ROWS // 100, 7), "event_time": made["event_time"]})
    wanted = unskew.training_set(stage(1).definitions, "model", spine, {"payments": payments, "profiles": profiles})
    assert made.num_rows == ROWS // 100
    assert made.select(wanted.statuses.column_names).equals(wanted.features.select(wanted.statuses.column_names))
    assert len(found) > 10
    assert most < payments.nbytes // 2, f"{most} bytes at once, of {payments.nbytes}"


def test_a_row_that_is_known_before_its_time_takes_no_other_ones_place() -> None:
    reads = stage(1).reads[0]
    at = pa.array([10, 1000, 20], pa.timestamp("us", "UTC"))
    rows = pa.table({"customer": [7, 7, 7], "at": at, "limit": [1.0, 2.0, 3.0]})
    assert reads.row_views == ("profile",)
    assert _stream._needed(reads, rows, 50).tolist() == [False, True, True]
    assert _stream._needed(reads, rows, 5).tolist() == [True, True, True]
    assert _stream._needed(reads, rows, 5000).tolist() == [False, True, False]


def test_a_window_that_the_memory_can_not_hold_is_refused() -> None:
    with pytest.raises(
        errors.ResourceExhausted, match=r"the customer 7 has 0 MiB of events in its longest window.* raise it"
    ):
        list(_stream.run(stage(200_000), batches(stage(1))))
