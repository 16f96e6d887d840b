"""The whole data set: purchases sorted, numbered and marked, as an Arrow table."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

from .errors import InputError
from .purchases import Purchases, draw_purchases
from .scenarios import SCENARIOS, Ledger, mark_frauds
from .settings import Settings

MICROSECONDS = 1_000_000

TRANSACTIONS = pa.schema(
    [
        pa.field("transaction_id", pa.int64(), nullable=False),
        pa.field("customer_id", pa.int64(), nullable=False),
        pa.field("terminal_id", pa.int64(), nullable=False),
        pa.field("tx_datetime", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("tx_amount", pa.float64(), nullable=False),
        pa.field("tx_fraud", pa.int64(), nullable=False),
        pa.field("tx_fraud_scenario", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Dataset:
    """The transactions, and how many frauds each scenario made."""

    table: Any
    """A pyarrow.Table of the schema `TRANSACTIONS`, sorted by time, numbered from 0."""
    newly_marked: tuple[int, int, int]
    """Per scenario, the transactions that it was the first to mark."""
    final_labels: tuple[int, int, int]
    """Per scenario, the transactions that carry its number in the end."""

    @property
    def frauds(self) -> int:
        """The number of fraudulent transactions."""
        return sum(self.final_labels)


def build_dataset(settings: Settings) -> Dataset:
    """Simulate a data set; the same settings give the same one. InputError when it would hold no transaction."""
    ledger = sort_purchases(draw_purchases(settings))
    if not ledger.second.size:
        raise InputError(
            f"no customer made a transaction with radius {settings.radius:g}, {settings.customers} customers, "
            f"{settings.terminals} terminals and {settings.days} days; raise one of them"
        )
    newly_marked = mark_frauds(ledger, settings.customers, settings.terminals)
    first, second, third = (int(np.count_nonzero(ledger.scenario == scenario)) for scenario in SCENARIOS)
    return Dataset(_to_table(ledger, settings), newly_marked, (first, second, third))


def sort_purchases(purchases: Purchases) -> Ledger:
    """Sort purchases by time; ties stay in the order drawn, which is by customer. Nothing is fraud yet."""
    second = np.frombuffer(purchases.second, dtype=np.int64)
    order = np.argsort(second, kind="stable")
    return Ledger(
        customer=np.frombuffer(purchases.customer, dtype=np.int64)[order],
        terminal=np.frombuffer(purchases.terminal, dtype=np.int64)[order],
        second=second[order],
        # numpy rounds by scaling, Python's round() exactly: on some halves of a cent they differ, and the published
        # amounts are numpy's.
        amount=np.round(np.frombuffer(purchases.amount, dtype=np.float64)[order], decimals=2),
        scenario=np.zeros(second.size, dtype=np.int64),
    )


def _to_table(ledger: Ledger, settings: Settings) -> Any:
    start = int(datetime.combine(settings.start, time(), UTC).timestamp()) * MICROSECONDS
    columns = [
        np.arange(ledger.second.size, dtype=np.int64),
        ledger.customer,
        ledger.terminal,
        start + ledger.second * MICROSECONDS,
        ledger.amount,
        (ledger.scenario > 0).astype(np.int64),
        ledger.scenario,
    ]
    arrays = [pa.array(column).cast(field.type) for column, field in zip(columns, TRANSACTIONS, strict=True)]
    return pa.Table.from_arrays(arrays, schema=TRANSACTIONS)
