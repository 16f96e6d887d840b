"""Definitions and histories that tests of training sets share."""

import pyarrow as pa

HOUR = 3600 * 10**6
"""Microseconds."""

WINDOWS = """
entities:
  customer: {keys: {customer: int64}}
sources:
  payments:
    event_time: at
    event_id: id
    columns: {id: int64, customer: int64, at: timestamp, amount: float64}
views:
  spending:
    entity: customer
    source: payments
    aggregations:
      total: {function: sum, column: amount, windows: [1d]}
      nb: {function: count, windows: [1d]}
services:
  model:
    request: {limit: float64}
    vector:
      - {name: total, input: spending.total_1d, steps: [{impute: {strategy: mean}}]}
      - {name: nb, input: spending.nb_1d}
      - {name: share, expr: "spending.total_1d / limit"}
  plain:
    vector: [{input: spending.total_1d}]
"""


def at(*hours: float | None) -> pa.Array:
    """Times, in hours since 1970."""
    return pa.array([None if hour is None else int(hour * HOUR) for hour in hours], pa.timestamp("us", "UTC"))


def payments() -> pa.Table:
    """Three payments of the customer 7, and one of the customer 9."""
    columns = {
        "id": [1, 2, 3, 4], "customer": [7, 7, 7, 9], "at": at(0.5, 7, 20, 20), "amount": [10.0, 5.0, 1.0, 100.0],
    }  # fmt: skip
    return pa.table(columns)
