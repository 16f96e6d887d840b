"""The three scenarios of fraud, marked in this order on the sorted and numbered transactions.

1. A purchase above 220 is fraud: a pattern that every detector should find.
2. Each day two terminals fall to criminals: for 28 days all purchases there are fraud.
3. Each day the card data of three customers leak: of their purchases of 14 days a third is fraud, at five times the
   amount.

A later scenario relabels what an earlier one marked. No new frauds begin on the last day that has transactions.
"""

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .purchases import SECONDS_PER_DAY

LARGE_AMOUNT = 220.0
TERMINALS_A_DAY = 2
TERMINAL_DAYS = 28
CUSTOMERS_A_DAY = 3
CUSTOMER_DAYS = 14
LEAK_FACTOR = 5.0
SCENARIOS = (1, 2, 3)


@dataclass(frozen=True)
class Ledger:
    """Transactions sorted by time; `mark_frauds` changes `amount` and `scenario` in place."""

    customer: NDArray[np.int64]
    terminal: NDArray[np.int64]
    second: NDArray[np.int64]
    """Seconds since the first day began, ascending."""
    amount: NDArray[np.float64]
    scenario: NDArray[np.int64]
    """The scenario that marked the transaction last, 0 where it is no fraud."""

    def days(self, first: int, count: int) -> slice:
        """Return the rows of `count` days from day `first` on."""
        bounds = np.searchsorted(self.second, [first * SECONDS_PER_DAY, (first + count) * SECONDS_PER_DAY])
        return slice(int(bounds[0]), int(bounds[1]))

    def frauds(self) -> int:
        """Return how many transactions are fraud so far."""
        return int(np.count_nonzero(self.scenario))


def mark_frauds(ledger: Ledger, customers: int, terminals: int) -> tuple[int, int, int]:
    """Mark the frauds of all scenarios; return how many transactions each was the first to mark."""
    start_days = range(int(ledger.second[-1]) // SECONDS_PER_DAY) if ledger.second.size else range(0)
    ledger.scenario[ledger.amount > LARGE_AMOUNT] = 1
    large = ledger.frauds()
    for day in start_days:
        _compromise_terminals(ledger, day, terminals)
    with_terminals = ledger.frauds()
    for day in start_days:
        _leak_cards(ledger, day, customers)
    return large, with_terminals - large, ledger.frauds() - with_terminals


def _compromise_terminals(ledger: Ledger, day: int, terminals: int) -> None:
    rows = ledger.days(day, TERMINAL_DAYS)
    hit = np.isin(ledger.terminal[rows], sample_ids(terminals, TERMINALS_A_DAY, day))
    ledger.scenario[rows][hit] = 2


def _leak_cards(ledger: Ledger, day: int, customers: int) -> None:
    rows = ledger.days(day, CUSTOMER_DAYS)
    hit = np.isin(ledger.customer[rows], sample_ids(customers, CUSTOMERS_A_DAY, day))
    candidates: list[int] = (np.flatnonzero(hit) + rows.start).tolist()
    stolen = random.Random(day).sample(candidates, k=len(candidates) // 3)
    # The amount of a transaction that several leaks hit is multiplied by each of them.
    ledger.amount[stolen] *= LEAK_FACTOR
    ledger.scenario[stolen] = 3


def sample_ids(population: int, count: int, seed: int) -> NDArray[np.int64]:
    """Draw ids below `population` without replacement, as a pandas column's `sample` draws its rows."""
    return np.random.RandomState(seed).choice(population, count, replace=False).astype(np.int64)
