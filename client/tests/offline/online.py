"""Definitions, events and a gateway that the tests of materializing share."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import unskew
from tests.gateway import Gateway
from unskew import offline
from unskew.offline.materialize import MaterializedView
from unskew.offline.verify import VerifiedView

MINUTE = 60 * 10**6
"""Microseconds."""
DAY = 24 * 60 * MINUTE

DEFINITIONS = """
entities:
  customer: {keys: {customer: int64}}
  account: {keys: {bank: string, number: int32}}
sources:
  payments:
    iceberg: shop.payments
    event_time: at
    event_id: id
    version: version
    columns: {id: int64, version: int64, customer: int64, bank: string, number: int32, at: timestamp, amount: float64}
  visits: {iceberg: shop.visits, event_time: at, event_id: none, columns: {customer: int64, at: timestamp}}
  profiles:
    iceberg: shop.profiles
    event_time: at
    created: made
    columns:
      customer: int64
      at: timestamp
      made: timestamp
      region: string
      tags: list<string>
      limit: float32
      due: timestamp
      near: vector<2>
  names: {iceberg: shop.names, event_time: at, columns: {bank: string, number: int32, at: timestamp, owner: string}}
views:
  spending:
    entity: customer
    source: payments
    aggregations:
      total: {function: sum, column: amount, windows: [1d, 30d], empty: 0}
      large: {function: count, where: amount > 60, windows: [7d]}
  scored:
    entity: customer
    source: payments
    include_request: true
    aggregations: {mean: {function: mean, column: amount, windows: [7d]}, nb: {function: count, windows: [30d]}}
  tiles:
    entity: account
    source: payments
    resolution: 1h
    aggregations: {total: {function: sum, column: amount, windows: [7d, lifetime]}}
  visited: {entity: customer, source: visits, aggregations: {nb: {function: count, windows: [7d, 30d]}}}
  hourly: {entity: customer, source: visits, resolution: 1h, aggregations: {nb: {function: count, windows: [7d]}}}
  profile:
    entity: customer
    source: profiles
    ttl: 20d
    features:
      {tags: list<string>, home: {dtype: string, column: region}, limit: float32, due: timestamp, near: vector<2>}
  owner: {entity: account, source: names, features: {owner: string}}
services:
  model:
    time: at
    request: {amount: float64, at: timestamp, note: string}
    vector: [{input: scored.mean_7d}, {input: scored.nb_30d}, {input: spending.total_1d}, {input: amount}]
"""
VIEWS = ("hourly", "owner", "profile", "scored", "spending", "tiles", "visited")
CUSTOMERS = 60
BANKS = np.array(["north", "south|1", "50%"])


class Rows:
    """Random rows of the sources, up to a time: with ties, repeats, versions and nulls."""

    def __init__(self, seed: int, now: int | None = None) -> None:
        """`now`: in microseconds; None: what the clock says."""
        self._random = np.random.default_rng(seed)
        self.end = (now or time.time_ns() // 1000) // MINUTE * MINUTE - 2 * DAY
        """No row is later."""
        self._times_of: list[int] = []
        """When each payment was."""

    def payments(self, count: int, days: float = 50) -> pa.Table:
        """Some repeat events that were given before, in another version: of the same time, and of the same keys."""
        random = self._random
        first = len(self._times_of)
        self._times_of += self._times(count, days).cast(pa.int64()).to_pylist()
        ids = np.arange(first, first + count)
        again = random.random(count) < 0.1
        ids[again] = random.integers(0, first + 1, int(again.sum()))
        keys = np.random.default_rng(1).integers(0, CUSTOMERS, first + count)[ids]
        return pa.table(
            {
                "id": ids,
                "version": random.integers(0, 3, count),
                "customer": pa.array(keys, mask=ids % 50 == 0),
                "bank": BANKS[keys % 3],
                "number": pa.array(keys // 3, pa.int32()),
                "at": pa.array(np.array(self._times_of)[ids], pa.timestamp("us", "UTC")),
                "amount": np.round(random.normal(50, 20, count), 2),
            }
        )

    def visits(self, count: int, days: float = 50) -> pa.Table:
        """Events without ids."""
        return pa.table({"customer": self._random.integers(0, CUSTOMERS, count), "at": self._times(count, days)})

    def profiles(self, count: int, days: float = 50) -> pa.Table:
        """Rows of which many are equally old."""
        random = self._random
        at = self._times(count, days)
        return pa.table(
            {
                "customer": random.integers(0, CUSTOMERS, count),
                "at": at,
                "made": pa.array(random.integers(0, 3, count), at.type),
                "region": pa.array(random.choice(["north", "south"], count), mask=random.random(count) < 0.1),
                "tags": pa.array(
                    [["new"] * int(number) for number in random.integers(0, 3, count)], pa.list_(pa.string())
                ),
                "limit": pa.array(random.random(count), pa.float32()),
                "due": at,
                "near": pa.array(random.random((count, 2)).tolist(), pa.list_(pa.float32())),
            }
        )

    def names(self, count: int, days: float = 50) -> pa.Table:
        """The same without `created`."""
        keys = self._random.integers(0, CUSTOMERS, count)
        owners = [f"owner {number}" for number in self._random.integers(0, 1000, count)]
        columns = {"bank": BANKS[keys % 3], "number": pa.array(keys // 3, pa.int32())}
        return pa.table({**columns, "at": self._times(count, days), "owner": owners})

    def append_to(self, store: offline.OfflineStore, count: int, days: float = 50) -> None:
        """Rows of all sources."""
        for source in store.definitions.sources:
            store.append(source, getattr(self, source)(count, days))

    def _times(self, count: int, days: float) -> pa.Array:
        # Every ten minutes, so that many are equal.
        steps = self._random.integers(0, int(days * 144) + 1, count)
        return pa.array(self.end - steps * 10 * MINUTE, pa.timestamp("us", "UTC"))


@contextmanager
def serving(folder: Path, text: str = DEFINITIONS, **settings: str) -> Iterator[Gateway]:
    """A gateway that serves definitions from an embedded store."""
    place = folder / "definitions"
    place.mkdir(exist_ok=True)
    (place / "all.yaml").write_text(text)
    with Gateway(folder, settings={"APP__DEFINITIONS__PATH": str(place), **settings}) as gateway:
        yield gateway


@contextmanager
def served(folder: Path, text: str = DEFINITIONS, **settings: str) -> Iterator[unskew.FeatureStoreClient]:
    """A client of such a gateway."""
    with serving(folder, text, **settings) as gateway, patient(gateway.address) as client:
        yield client


def patient(address: str) -> unskew.FeatureStoreClient:
    """A client whose deadlines leave room for a busy machine."""
    return unskew.FeatureStoreClient(address, timeout=10.0, write_timeout=30.0, retries=20)


def loaded(
    store: offline.OfflineStore, client: unskew.FeatureStoreClient, views: Sequence[str] | None = None, **options: Any
) -> dict[str, MaterializedView]:
    """What materializing does, by view."""
    return {found.view: found for found in store.materialize(client, views, **options)}


def compared(
    store: offline.OfflineStore, client: unskew.FeatureStoreClient, views: Sequence[str] | None = None, **options: Any
) -> dict[str, VerifiedView]:
    """What verifying finds, by view."""
    return {found.view: found for found in store.verify(client, views, **options)}


def assert_equal(
    store: offline.OfflineStore, client: unskew.FeatureStoreClient, views: Sequence[str] | None = None
) -> None:
    """All entities of views are the same online and offline."""
    for found in compared(store, client, views, entities=1000).values():
        assert not found.differences, "\n".join(map(str, found.differences[:5]))
        assert (found.skipped, dict(found.not_compared), found.behind) == ("", {}, False), found
        assert found.values, found
