"""The profiles of households: written each Monday, from what is known by then."""

from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

from .weeks import WEEK, before, numbers

CENTS = 100


class Profiles:
    """A job that is told of purchases as they come, and gives the profiles of the households that bought something.

    It adds up cents, so that a profile does not depend on how the purchases were cut into weeks.
    """

    def __init__(self, demographics: Any) -> None:
        """`demographics`: income and size of some households, taken as known when they first buy."""
        self._told = {row.pop("household_id"): row for row in demographics.to_pylist()}
        self._first: dict[int, int] = {}
        self._cents: dict[int, int] = {}
        self._baskets: dict[int, int] = {}
        self._seen: set[int] = set()

    def after(self, purchases: Any, now: int) -> Any:
        """The profiles at `now`, in microseconds, of the households of the next `purchases`: a pyarrow.Table."""
        households, times = numbers(purchases, "household_id"), numbers(purchases, "purchased_at")
        baskets = numbers(purchases, "basket_id").tolist()
        cents = np.rint(purchases["paid"].to_numpy() * CENTS).astype(np.int64).tolist()
        for household, time, basket, paid in zip(households.tolist(), times.tolist(), baskets, cents, strict=True):
            self._first.setdefault(household, time)
            self._cents[household] = self._cents.get(household, 0) + paid
            if basket not in self._seen:
                self._seen.add(basket)
                self._baskets[household] = self._baskets.get(household, 0) + 1
        return self._rows(np.unique(households).tolist(), now)

    def _rows(self, households: list[int], now: int) -> Any:
        mean = [self._cents[it] / (CENTS * self._baskets[it]) for it in households]
        time = pa.timestamp("us", tz="UTC")
        columns = {
            "household_id": pa.array(households, pa.int64()),
            "updated_at": pa.array([now] * len(households), pa.int64()).cast(time),
            "first_purchase": pa.array([self._first[it] for it in households], pa.int64()).cast(time),
            "baskets": pa.array([self._baskets[it] for it in households], pa.int64()),
            "mean_basket": pa.array(mean, pa.float64()),
        }
        for name in ("income", "household_size"):
            told = [self._told.get(it, {}).get(name) for it in households]
            columns[name] = pa.array(told, pa.string())
        return pa.table(columns)


def weekly(profiles: Profiles, purchases: Any, mondays: range) -> Any:
    """The profiles of several Mondays, each of the week before; of the first one, of all before: a pyarrow.Table."""
    first, found = 0, []
    for monday in mondays:
        last = before(purchases, monday)
        found.append(profiles.after(purchases.slice(first, last - first), monday))
        first = last
    return pa.concat_tables(found)


def mondays_until(purchases: Any, end: int) -> range:
    """The Mondays after the first purchase, up to `end`, a Monday, included."""
    first = int(numbers(purchases, "purchased_at")[0])
    weeks = -(-(end - first) // WEEK)
    return range(end - (weeks - 1) * WEEK, end + 1, WEEK)
