"""Transactions written by hand, for what the benchmark does with them."""

from typing import Any

import pyarrow as pa
from fraud_benchmark.weeks import DAY, TRAIN_START, micros


def transactions(rows: list[tuple[int, int, int]]) -> Any:
    """A table of (time, customer, fraud); all the rest is equal."""
    time, customer, fraud = zip(*sorted(rows), strict=True)
    count = len(rows)
    return pa.table(
        {
            "transaction_id": pa.array(range(count), pa.int64()),
            "customer_id": pa.array(customer, pa.int64()),
            "terminal_id": pa.array([0] * count, pa.int64()),
            "tx_datetime": pa.array(time, pa.int64()).cast(pa.timestamp("us", "UTC")),
            "tx_amount": pa.array([1.0] * count),
            "tx_fraud": pa.array(fraud, pa.int64()),
        }
    )


def on(day: int) -> int:
    """Noon of a day, counted from the first of the week that is trained on."""
    return micros(TRAIN_START) + day * DAY + DAY // 2
