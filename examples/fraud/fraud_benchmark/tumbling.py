"""What must not be done: the same features, written a second time for serving, and not quite the same.

Their windows begin and end at midnight, as those of a nightly job do; those of the definitions slide with each
transaction. Every name and every type is right, so that nothing complains.
"""

from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray

from .weeks import DAY, LABEL_DELAY, Ints, numbers, times

WINDOWS = (1, 7, 30)
"""Days."""


def features(transactions: Any, rows: Any) -> Any:
    """The inputs of the service for `rows`, from windows of whole days: a pyarrow.Table. Both are of `generate.py`."""
    midnight = times(rows) // DAY * DAY
    amount = numbers(rows, "tx_amount")
    columns = {name: rows.column(name) for name in ("tx_amount", "tx_datetime")}
    spent = _Days(transactions, "customer_id", "tx_amount")
    risky = _Days(transactions, "terminal_id", "tx_fraud")
    for days in WINDOWS:
        count, total = spent.between(rows, midnight - days * DAY, midnight)
        columns[f"customer_spending.nb_tx_{days}d"] = pa.array(count + 1)
        columns[f"customer_spending.avg_amount_{days}d"] = pa.array((total + amount) / (count + 1))
        end = midnight - LABEL_DELAY
        count, total = risky.between(rows, end - days * DAY, end)
        columns[f"terminal_risk.nb_tx_{days}d"] = pa.array(count)
        columns[f"terminal_risk.risk_{days}d"] = pa.array(total / np.maximum(count, 1))
    return pa.table(columns)


class _Days:
    """A column of the transactions, by an entity and by time, with its sums so far."""

    def __init__(self, transactions: Any, entity: str, column: str) -> None:
        key, time = numbers(transactions, entity), times(transactions)
        self._entity = entity
        self._start = int(time.min()) - 2 * (LABEL_DELAY + max(WINDOWS) * DAY)
        self._span = int(time.max()) + DAY - self._start
        place = self._place(key, time)
        order = np.argsort(place, kind="stable")
        self._places = place[order]
        self._sums = np.concatenate([[0.0], np.cumsum(numbers(transactions, column)[order])])

    def between(self, rows: Any, start: Ints, end: Ints) -> tuple[Ints, NDArray[np.float64]]:
        """How many there are from `start` to before `end` for each row, and their sum."""
        key = numbers(rows, self._entity)
        first, last = (np.searchsorted(self._places, self._place(key, time)) for time in (start, end))
        return last - first, self._sums[last] - self._sums[first]

    def _place(self, key: Ints, time: Ints) -> Ints:
        """One number for both, so that one search finds the entity and the time."""
        return key * self._span + (time - self._start)
