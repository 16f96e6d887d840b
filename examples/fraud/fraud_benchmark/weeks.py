"""The benchmark's two weeks: one to train on, one to test on, and one between them in which labels become known."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
from fraud_data.errors import InputError
from numpy.typing import NDArray

DAY = 86_400_000_000
"""Microseconds."""
WEEK_DAYS = 7
LABEL_DELAY = 7 * DAY
"""How long after a transaction its label is known."""

TRAIN_START = date(2018, 7, 25)
TEST_START = date(2018, 8, 8)

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Weeks:
    """The transactions of both weeks, by time."""

    train: Any
    """A pyarrow.Table."""
    test: Any
    """A pyarrow.Table of all transactions of the week that is tested."""
    judged: Bools
    """One for each row of `test`: whether metrics count it. Those of customers known to be defrauded are left out."""


def cut(transactions: Any) -> Weeks:
    """Cut both weeks out of the transactions of `generate.py`, sorted by time (InputError if either has none)."""
    time = times(transactions)
    train, test = (_week(transactions, time, start) for start in (TRAIN_START, TEST_START))
    return Weeks(train, test, ~_known(transactions, time, test))


def times(table: Any) -> Ints:
    """When each transaction was made: microseconds since 1970."""
    found: Ints = table.column("tx_datetime").cast(pa.int64()).to_numpy()
    return found


def numbers(table: Any, name: str) -> Any:
    """A column as a numpy array."""
    return table.column(name).to_numpy()


def micros(day: date) -> int:
    """When a day begins: microseconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def _week(transactions: Any, time: Ints, start: date) -> Any:
    begin = micros(start)
    first, last = np.searchsorted(time, [begin, begin + WEEK_DAYS * DAY])
    if first == last:
        raise InputError(
            f"there are no transactions in the week from {start}; generate the published data set, without options"
        )
    return transactions.slice(int(first), int(last - first))


def _known(transactions: Any, time: Ints, test: Any) -> Bools:
    """Whether the customer of each tested transaction is known to be defrauded on that day.

    Known are the customers with a fraud in the week of training and, as days go by and labels come in, those with a
    fraud on the days after it: on each day those of eight days before, and of all days up to then.
    """
    fraud = numbers(transactions, "tx_fraud") == 1
    customer, day = numbers(transactions, "customer_id")[fraud], time[fraud] // DAY
    first_day = micros(TRAIN_START) // DAY
    tested_customer, tested_day = numbers(test, "customer_id"), times(test) // DAY
    known = np.zeros(test.num_rows, dtype=np.bool_)
    for tested in np.unique(tested_day):
        labelled = customer[(day >= first_day) & (day < tested - LABEL_DELAY // DAY)]
        known |= (tested_day == tested) & np.isin(tested_customer, labelled)
    return known
