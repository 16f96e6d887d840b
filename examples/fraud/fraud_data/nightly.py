"""What the figures of customers were when each purchase was made, if they are written once a night."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray

from .dataset import TRANSACTIONS
from .errors import InputError
from .files import read_parquet

COLUMNS = ["customer_id", "tx_datetime", "tx_amount", "tx_fraud"]
DAY = 86_400_000_000
# As the definitions have it: a customer without purchases has made none.
NO_PURCHASES = 0

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Purchases:
    """All purchases, by customer and then by time; times are microseconds since 1970."""

    customer: Ints
    time: Ints
    amount: NDArray[np.float64]
    fraud: Ints

    @classmethod
    def read(cls, path: Path) -> "Purchases":
        """Read the file that generate.py wrote (InputError if it can't be used)."""
        table = read_parquet(path, pa.schema([TRANSACTIONS.field(name) for name in COLUMNS]))
        if table.num_rows == 0:
            raise InputError(f"{path} holds no transactions; generate more customers or days")
        customer, _, amount, fraud = (table.column(name).to_numpy() for name in COLUMNS)
        time = table.column("tx_datetime").cast(pa.int64()).to_numpy()
        order = np.lexsort((time, customer))
        return cls(customer[order], time[order], amount[order], fraud[order])

    @property
    def last_day(self) -> int:
        """Midnight before the last purchase."""
        return int(self.time.max()) // DAY * DAY

    def between(self, start: int, end: int) -> Ints:
        """Positions of the purchases from `start` to before `end`, by time."""
        found = np.flatnonzero((self.time >= start) & (self.time < end))
        ordered: Ints = found[np.argsort(self.time[found], kind="stable")]
        return ordered

    def before_midnight(self, at: Ints) -> Ints:
        """For purchases at these positions: how many the customer had made before the midnight before each."""
        first = np.searchsorted(self.customer, self.customer[at])
        # One key for both, so that one search finds the customer and the time.
        start = int(self.time.min()) // DAY * DAY
        span = self.last_day + 2 * DAY - start
        midnight = self.time[at] // DAY * DAY - start
        ends = np.searchsorted(self.customer * span + self.time - start, self.customer[at] * span + midnight)
        count: Ints = ends - first
        return count

    def rows(self, at: Ints) -> Any:
        """Purchases with their customers' figures of the night before: a table of the inputs of `fraud_model`."""
        count = self.before_midnight(at)
        first = np.searchsorted(self.customer, self.customer[at])
        sums = np.concatenate([[0.0], np.cumsum(self.amount)])
        is_new = count == 0
        total = sums[first + count] - sums[first]
        last = self.time[np.maximum(first + count - 1, 0)]
        return pa.table(
            {
                **self.requests(at),
                "customer_history.nb_tx": pa.array(count),
                "customer_history.avg_amount": pa.array(total / np.maximum(count, 1), mask=is_new),
                "customer_history.last_time": pa.array(last, mask=is_new).cast(pa.timestamp("us", "UTC")),
                "tx_fraud": pa.array(self.fraud[at]),
            }
        )

    def requests(self, at: Ints) -> dict[str, Any]:
        """What is known when a purchase is made: the customer, the amount and the time, as columns."""
        return {
            "customer_id": pa.array(self.customer[at]),
            "tx_amount": pa.array(self.amount[at]),
            "tx_datetime": pa.array(self.time[at]).cast(pa.timestamp("us", "UTC")),
        }


def joined(purchases: Any, figures: Any) -> Any:
    """Purchases with the figures of their customers: pyarrow tables of `requests` and of `CUSTOMER_FEATURES`.

    A customer without figures has null, but for `nb_tx`, which has the default of the view.
    """
    known = figures.column("customer_id").to_numpy()
    wanted = purchases.column("customer_id").to_numpy()
    at = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0))
    absent = known[at] != wanted if len(known) else np.ones(len(wanted), dtype=bool)
    found = figures.take(pa.array(at, mask=absent))
    names = ["nb_tx", "avg_amount", "last_time"]
    columns = {f"customer_history.{name}": found.column(name) for name in names}
    columns["customer_history.nb_tx"] = columns["customer_history.nb_tx"].fill_null(NO_PURCHASES)
    return pa.table({**{name: purchases.column(name) for name in purchases.column_names}, **columns})
