"""Figures per customer over the whole history, as rows of the view `customer_history` of `definitions/fraud.yaml`."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray

from .dataset import TRANSACTIONS
from .errors import InputError
from .files import read_parquet

INPUT_COLUMNS = ["transaction_id", "customer_id", "terminal_id", "tx_datetime", "tx_amount"]
# In microseconds since 1970.
YEAR_1 = -62_135_596_800_000_000
YEAR_10000 = 253_402_300_800_000_000

CUSTOMER_FEATURES = pa.schema(
    [
        pa.field("customer_id", pa.int64(), nullable=False),
        pa.field("event_time", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("nb_tx", pa.int64(), nullable=False),
        pa.field("avg_amount", pa.float64(), nullable=False),
        pa.field("last_amount", pa.float64(), nullable=False),
        pa.field("last_terminal", pa.int64(), nullable=False),
        pa.field("last_time", pa.timestamp("us", "UTC"), nullable=False),
    ]
)


def customer_features(path: Path) -> Any:
    """Read the transactions at `path`; return one row per customer, ascending by id, as `CUSTOMER_FEATURES`.

    The mean is the exact sum, rounded once, divided by the count. The last transaction is the latest; of several at
    that time, the one with the greatest transaction id. Raises InputError on a file that can't be used.
    """
    table = read_parquet(path, pa.schema([TRANSACTIONS.field(name) for name in INPUT_COLUMNS]))
    number, customer, terminal, _, amount = (table.column(name).to_numpy() for name in INPUT_COLUMNS)
    time = table.column("tx_datetime").cast(pa.int64()).to_numpy()
    _check_finite(path, amount)

    order = np.lexsort((number, time, customer))
    customer, amount = customer[order], amount[order]
    first = np.flatnonzero(np.diff(customer, prepend=customer[:1] - 1)) if customer.size else np.empty(0, np.int64)
    end = np.append(first[1:], customer.size)[: first.size]
    last = end - 1
    last_time = time[order][last]
    _check_years(path, last_time)
    columns = [
        pa.array(customer[first]),
        pa.array(last_time).cast(pa.timestamp("us", "UTC")),
        pa.array(end - first),
        pa.array([_mean(path, amount[begin:stop]) for begin, stop in zip(first, end, strict=True)], pa.float64()),
        pa.array(amount[last]),
        pa.array(terminal[order][last]),
        pa.array(last_time).cast(pa.timestamp("us", "UTC")),
    ]
    return pa.Table.from_arrays(columns, schema=CUSTOMER_FEATURES)


def _check_years(path: Path, times: NDArray[np.int64]) -> None:
    """Raise InputError for a time, in microseconds since 1970, that RFC 3339 can't write."""
    bad = times[(times < YEAR_1) | (times >= YEAR_10000)]
    if bad.size:
        raise InputError(
            f"{path}: column tx_datetime holds {bad[0]} microseconds since 1970; it must lie in the years 1 to 9999"
        )


def _check_finite(path: Path, amount: NDArray[np.float64]) -> None:
    bad = np.flatnonzero(~np.isfinite(amount))
    if bad.size:
        raise InputError(
            f"{path}: column tx_amount has {bad.size} values that are not finite, "
            f"the first in row {bad[0]} (from 0): {amount[bad[0]]}"
        )


def _mean(path: Path, amounts: NDArray[np.float64]) -> float:
    try:
        return math.fsum(amounts.tolist()) / len(amounts)
    except OverflowError:
        raise InputError(f"{path}: column tx_amount has values whose sum is beyond float64") from None
