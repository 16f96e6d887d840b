"""What happens, in the order of time: transactions without a label, and each label seven days after its transaction."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

from .weeks import LABEL_DELAY, numbers, times

SOURCE = "transactions"
COLUMNS = ["transaction_id", "customer_id", "terminal_id", "tx_datetime", "tx_amount"]
MOST_ROWS = 500
"""Of one request: a gateway takes 1,000 keys, and each row has two."""


class Stream:
    """Transactions that have happened, and labels that are known by a time, which only goes forward."""

    def __init__(self, transactions: Any) -> None:
        """Begin before the first of `transactions`: a pyarrow.Table of `generate.py`, sorted by time."""
        self._transactions = transactions
        self._time = times(transactions)
        self._happened = 0
        self._labelled = 0

    def happened_before(self, end: int) -> Any:
        """The next transactions, up to those at `end`, as events without labels."""
        return self.next(max(int(np.searchsorted(self._time, end)) - self._happened, 0))

    def next(self, count: int) -> Any:
        """The next `count` transactions, as events without labels."""
        first, self._happened = self._happened, self._happened + count
        return events(self._transactions.slice(first, count), labelled=False)

    def labels_by(self, now: int) -> Any:
        """The labels that became known up to `now`: the transactions of seven days before, as events with labels."""
        known = int(np.searchsorted(self._time, now - LABEL_DELAY, side="right"))
        first, self._labelled = self._labelled, max(known, self._labelled)
        return events(self._transactions.slice(first, self._labelled - first), labelled=True)


def events(transactions: Any, *, labelled: bool) -> Any:
    """Transactions as events of the source `transactions`: version 0 without a label, version 1 with it."""
    count = transactions.num_rows
    found = transactions.select(COLUMNS).append_column("label_version", pa.array(np.full(count, int(labelled))))
    label = transactions.column("tx_fraud") if labelled else pa.nulls(count, pa.int64())
    return found.append_column("tx_fraud", label)


def requests(transactions: Any, most: int = MOST_ROWS) -> Iterator[Any]:
    """Cut transactions, sorted by time, into tables of at most `most` rows that can be scored together.

    They can if none of them counts in a window of another. An event counts for later requests of its customer, and for
    those of its terminal seven days later: so a table ends before a customer comes again at a later time.
    """
    customers, time = numbers(transactions, "customer_id").tolist(), times(transactions).tolist()
    start = 0
    seen: dict[int, int] = {}
    for row, (customer, now) in enumerate(zip(customers, time, strict=True)):
        if row - start == most or seen.get(customer, now) < now or now - time[start] >= LABEL_DELAY:
            yield transactions.slice(start, row - start)
            start = row
            seen.clear()
        seen[customer] = now
    if start < transactions.num_rows:
        yield transactions.slice(start)
