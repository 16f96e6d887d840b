"""The twelve window features of every transaction, by pandas and numpy, without the engine.

An event at e counts for a transaction at t, window w, offset o, when t − o − w < e ≤ t − o and e < t. Sums are exact
and rounded once; a mean is such a sum divided by the count.
"""

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DAY = 86_400_000_000
WINDOWS = (1, 7, 30)
DELAY = 7

Ints = NDArray[np.int64]


def customer_spending(frame: Any) -> Any:
    """Count and mean amount of 1, 7 and 30 days; the transaction itself counts, others of its time do not."""
    time, amount = micros(frame), frame.tx_amount.to_numpy()
    events = Events(frame.customer_id.to_numpy(), time)
    exact = ExactSums(amount[events.order])
    columns: dict[str, Any] = {}
    for days in WINDOWS:
        first, end = events.after(time - days * DAY), events.at(time)
        count = end - first + 1
        columns[f"customer_spending.nb_tx_{days}d"] = count
        columns[f"customer_spending.avg_amount_{days}d"] = exact.between(first, end, amount) / count.astype(np.float64)
    return pd.DataFrame(columns)


def terminal_risk(frame: Any) -> Any:
    """Count and share of frauds of 1, 7 and 30 days that ended seven days before; the share of none is 0."""
    time = micros(frame)
    events = Events(frame.terminal_id.to_numpy(), time)
    frauds = np.concatenate([[0], np.cumsum(frame.tx_fraud.to_numpy()[events.order])])
    columns: dict[str, Any] = {}
    for days in WINDOWS:
        first, end = (events.after(time - back * DAY) for back in (DELAY + days, DELAY))
        count = end - first
        columns[f"terminal_risk.nb_tx_{days}d"] = count
        risk = (frauds[end] - frauds[first]).astype(np.float64) / np.maximum(count, 1).astype(np.float64)
        columns[f"terminal_risk.risk_{days}d"] = risk
    return pd.DataFrame(columns)


def micros(frame: Any) -> Ints:
    """The times of a frame, in microseconds since 1970."""
    found: Ints = frame.tx_datetime.astype("datetime64[us, UTC]").astype("int64").to_numpy()
    return found


class Events:
    """Transactions by an entity and by time, to be searched for the place of each transaction's own entity."""

    def __init__(self, key: Ints, time: Ints) -> None:
        self._key = key
        # Early enough that the longest window of the first transaction begins after it.
        self._start = int(time.min()) - (max(WINDOWS) + DELAY + 1) * DAY
        self._span = int(time.max()) - self._start + DAY
        self.order = np.lexsort((time, key))
        self._places = self._place(time)[self.order]

    def after(self, time: Ints) -> Ints:
        """The place of the first event later than `time`, one for each transaction."""
        return self._find(time, "right")

    def at(self, time: Ints) -> Ints:
        """The place of the first event at `time` or later, one for each transaction."""
        return self._find(time, "left")

    def _find(self, time: Ints, side: Literal["left", "right"]) -> Ints:
        found = np.empty_like(self.order)
        # In order, which is ten times as fast as back and forth.
        found[self.order] = np.searchsorted(self._places, self._place(time)[self.order], side=side)
        return found

    def _place(self, time: Ints) -> Ints:
        return self._key * self._span + (time - self._start)


class ExactSums:
    """Sums of amounts from 0.01 to 16,384, in two integers: one counts 2^-20, the other what remains, in 2^-60."""

    HIGH, LOW = 2.0**20, 2.0**60

    def __init__(self, values: NDArray[np.float64]) -> None:
        high, low = self._split(values)
        self._high, self._low = (np.concatenate([[0], np.cumsum(part)]) for part in (high, low))

    def between(self, first: Ints, end: Ints, more: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sums of the values from `first` to before `end`, and of one more each, rounded once."""
        high, low = self._split(more)
        high += self._high[end] - self._high[first]
        low += self._low[end] - self._low[first]
        carry = low >> 40
        # Both summands are exact, so that the one addition is all that rounds.
        return (high + carry) / self.HIGH + (low - (carry << 40)) / self.LOW

    @classmethod
    def _split(cls, values: NDArray[np.float64]) -> tuple[Ints, Ints]:
        assert (values < 2.0**14).all()
        high = np.floor(values * cls.HIGH)
        low = (values - high / cls.HIGH) * cls.LOW
        assert (low == np.floor(low)).all()
        return high.astype(np.int64), low.astype(np.int64)
