"""Definitions, rows and a store that the tests of the offline store share."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import unskew
from unskew import offline

HOUR = 3600 * 10**6
"""Microseconds."""

DEFINITIONS = """
entities:
  customer: {keys: {customer: int64}}
sources:
  payments:
    iceberg: shop.payments
    event_time: at
    event_id: id
    version: version
    columns: {id: int64, version: int64, customer: int64, at: timestamp, amount: float64}
  profiles:
    iceberg: shop.profiles
    event_time: at
    created: made
    columns: {customer: int64, at: timestamp, made: timestamp, limit: float64, region: string}
views:
  spending:
    entity: customer
    source: payments
    aggregations:
      total: {function: sum, column: amount, windows: [1d, 7d]}
      nb: {function: count, windows: [1d]}
  profile:
    entity: customer
    source: profiles
    ttl: 30d
    features: {limit: float64, region: string}
services:
  model:
    vector:
      - {name: total, input: spending.total_1d, steps: [{impute: {value: 0}}, standardize]}
      - {name: week, input: spending.total_7d, steps: [{impute: {value: 0}}]}
      - {name: nb, input: spending.nb_1d}
      - {name: limit, input: profile.limit, steps: [{impute: {value: -1}}]}
  payments_only:
    vector: [{name: nb, input: spending.nb_1d}]
"""


def store(folder: Path, text: str = DEFINITIONS, layout: offline.Layout | None = None) -> offline.OfflineStore:
    """A store over SQLite in a folder, with its tables."""
    found = opened(folder, text)
    found.apply(layout=layout)
    return found


def opened(folder: Path, text: str = DEFINITIONS) -> offline.OfflineStore:
    """The same without making tables."""
    return offline.open(unskew.parse(text), warehouse=folder / "warehouse")


def times(*hours: float) -> pa.Array:
    """Times, in hours since 1970."""
    return pa.array([int(hour * HOUR) for hour in hours], pa.timestamp("us", "UTC"))


def payments(*rows: tuple[int, int, float, float], version: int = 0) -> pa.Table:
    """Payments: id, customer, hour, amount."""
    columns: Any = list(zip(*rows, strict=True)) or [[], [], [], []]
    return pa.table(
        {
            "id": pa.array(columns[0], pa.int64()),
            "version": pa.array([version] * len(rows), pa.int64()),
            "customer": pa.array(columns[1], pa.int64()),
            "at": times(*columns[2]),
            "amount": pa.array(columns[3], pa.float64()),
        }
    )


def random_payments(seed: int, count: int, first: int = 0) -> pa.Table:
    """Payments of 50 customers over 40 days; many of them at the same time."""
    random = np.random.default_rng(seed)
    return pa.table(
        {
            "id": np.arange(first, first + count),
            "version": np.zeros(count, np.int64),
            "customer": random.integers(0, 50, count),
            "at": pa.array(random.integers(0, 24 * 40, count) * HOUR, pa.timestamp("us", "UTC")),
            "amount": np.round(random.normal(50, 20, count), 2),
        }
    )


def random_profiles(seed: int, count: int) -> pa.Table:
    """Rows of 50 customers over 40 days, ties broken by `made`."""
    random = np.random.default_rng(seed)
    at = random.integers(0, 24 * 40, count) * HOUR
    return pa.table(
        {
            "customer": random.integers(0, 50, count),
            "at": pa.array(at, pa.timestamp("us", "UTC")),
            "made": pa.array(at + np.arange(count), pa.timestamp("us", "UTC")),
            "limit": pa.array(random.normal(100, 5, count), mask=random.random(count) < 0.2),
            "region": pa.array(random.choice(["north", "south"], count)),
        }
    )


def spine(seed: int, count: int) -> pa.Table:
    """Rows to compute."""
    random = np.random.default_rng(seed)
    at = pa.array(random.integers(0, 24 * 42, count) * HOUR, pa.timestamp("us", "UTC"))
    return pa.table({"customer": random.integers(0, 55, count), "event_time": at})
