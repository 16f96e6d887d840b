"""When households are scored, for which departments, and what comes of it."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray

DAY = 86_400_000_000
"""Microseconds."""
WEEK = 7 * DAY
ACTIVE = 56 * DAY
"""A household is scored for the departments that it bought in during so long before."""

Ints = NDArray[np.int64]


def _micros(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1_000_000


FIRST = _micros(2017, 2, 27)
"""The first Monday with eight weeks before it, but for a day."""
CUT = _micros(2017, 10, 2)
"""The Monday after nine months: what is trained on was known then, what is tested on comes after."""
END = _micros(2018, 1, 1)
TRAINED = range(FIRST, CUT, WEEK)
TESTED = range(CUT, END, WEEK)


def numbers(table: Any, name: str) -> Ints:
    """A column of whole numbers or times as a numpy array; times in microseconds since 1970."""
    found: Ints = table.column(name).cast(pa.int64()).to_numpy()
    return found


def before(purchases: Any, time: int) -> int:
    """How many of the purchases, which are sorted by time, were made before a time."""
    return int(np.searchsorted(numbers(purchases, "purchased_at"), time))


def candidates(purchases: Any, monday: int) -> Any:
    """Whom to ask for at `monday`: each household with each department that it bought in during eight weeks before.

    `purchases`: by time, at least those of the eight weeks; later ones are not looked at.
    """
    first, last = before(purchases, monday - ACTIVE), before(purchases, monday)
    bought = purchases.slice(first, last - first).select(["household_id", "department"])
    pairs = bought.group_by(["household_id", "department"]).aggregate([])
    pairs = pairs.sort_by([("household_id", "ascending"), ("department", "ascending")])
    at = pa.array(np.full(pairs.num_rows, monday), pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    return pairs.append_column("scored_at", at)


def labelled(pairs: Any, purchases: Any) -> Any:
    """The same with the label `bought`: 1 if the household buys in the department from t to before t + 7 days, else 0.

    `pairs`: of one Monday. A purchase at t itself is in the label and in no window, as windows end before t.
    """
    monday = int(numbers(pairs, "scored_at")[0]) if pairs.num_rows else 0
    first, last = before(purchases, monday), before(purchases, monday + WEEK)
    keys = ["household_id", "department"]
    week = purchases.slice(first, last - first).group_by(keys).aggregate([([], "count_all")])
    joined = pairs.join(week, keys).sort_by([(key, "ascending") for key in keys])
    bought = (joined["count_all"].fill_null(0).to_numpy() > 0).astype(np.int64)
    return joined.drop(["count_all"]).append_column("bought", pa.array(bought))


def spine(purchases: Any, mondays: range) -> Any:
    """The pairs of several Mondays with their labels: a pyarrow.Table."""
    return pa.concat_tables([labelled(candidates(purchases, monday), purchases) for monday in mondays])
