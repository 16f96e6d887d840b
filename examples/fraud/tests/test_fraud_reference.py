"""The reference of the window features: against loops, and against pandas' rolling windows, as the book has them."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fraud_reference import DAY, DELAY, WINDOWS, customer_spending, micros, terminal_risk

# Transactions of one customer in one second: the earlier one, and the later one, which pandas lets count the earlier.
SAME_SECOND = [
    (97_797, 97_798),
    (121_453, 121_454),
    (163_831, 163_832),
    (174_806, 174_807),
    (219_387, 219_388),
    (255_282, 255_283),
    (411_553, 411_554),
    (578_598, 578_599),
    (602_591, 602_592),
    (618_812, 618_813),
    (619_758, 619_759),
    (620_077, 620_078),
    (793_841, 793_842),
    (852_158, 852_159),
    (866_817, 866_818),
    (1_114_752, 1_114_753),
    (1_120_860, 1_120_861),
    (1_240_489, 1_240_490),
    (1_242_689, 1_242_690),
    (1_350_833, 1_350_834),
    (1_352_922, 1_352_923),
    (1_472_490, 1_472_491),
    (1_542_042, 1_542_043),
    (1_553_976, 1_553_977),
    (1_601_967, 1_601_968),
    (1_607_838, 1_607_839),
    (1_633_925, 1_633_926),
    (1_653_669, 1_653_670),
    (1_671_002, 1_671_003),
]


def test_on_a_small_run_each_row_alone(small_file: Any) -> None:
    frame = pd.read_parquet(small_file)
    spending, risk, time = customer_spending(frame), terminal_risk(frame), micros(frame)
    for row in range(0, len(frame), 7):
        now = time[row]
        own = (frame.customer_id == frame.customer_id[row]).to_numpy()
        there = (frame.terminal_id == frame.terminal_id[row]).to_numpy()
        for days in WINDOWS:
            before = frame.tx_amount[own & (time > now - days * DAY) & (time < now)]
            amounts = [*before.tolist(), frame.tx_amount[row]]
            assert spending[f"customer_spending.nb_tx_{days}d"][row] == len(amounts)
            mean = math.fsum(amounts) / len(amounts)
            assert spending[f"customer_spending.avg_amount_{days}d"][row] == mean
            labels = frame.tx_fraud[there & (time > now - (DELAY + days) * DAY) & (time <= now - DELAY * DAY)]
            assert risk[f"terminal_risk.nb_tx_{days}d"][row] == len(labels)
            assert risk[f"terminal_risk.risk_{days}d"][row] == (labels.sum() / len(labels) if len(labels) else 0)


def rolling(frame: Any, key: str, column: str, days: int) -> tuple[Any, Any]:
    """Count and sum over (t − days, t], where of equal times only the earlier rows count: pandas' own rule."""
    ordered = frame.sort_values([key, "transaction_id"])
    windows = ordered.set_index("tx_datetime").groupby(key)[column].rolling(f"{days}D")
    place = ordered.transaction_id.to_numpy()
    found = []
    for values in (windows.count(), windows.sum()):
        in_order = np.empty(len(frame))
        in_order[place] = values.to_numpy()
        found.append(in_order)
    return found[0], found[1]


@pytest.mark.full
def test_only_transactions_of_one_second_differ_from_the_book(full: Any) -> None:
    spending = customer_spending(full)
    same_second = full[full.duplicated(["customer_id", "tx_datetime"], keep=False)]
    pairs = [tuple(own.transaction_id) for _, own in same_second.groupby(["customer_id", "tx_datetime"])]
    assert sorted(pairs) == SAME_SECOND
    later = [second for _, second in SAME_SECOND]
    for days in WINDOWS:
        count, total = rolling(full, "customer_id", "tx_amount", days)
        differs = np.flatnonzero(spending[f"customer_spending.nb_tx_{days}d"] != count)
        assert differs.tolist() == later
        means = np.delete(spending[f"customer_spending.avg_amount_{days}d"].to_numpy(), later)
        np.testing.assert_allclose(means, np.delete(total / count, later), rtol=1e-9)


@pytest.mark.full
def test_terminals_do_not_differ_from_the_book(full: Any) -> None:
    """Two transactions of one second have the same seven days before them."""
    risk = terminal_risk(full)
    delayed, delayed_frauds = rolling(full, "terminal_id", "tx_fraud", DELAY)
    for days in WINDOWS:
        count, frauds = rolling(full, "terminal_id", "tx_fraud", DELAY + days)
        count, frauds = count - delayed, np.round(frauds - delayed_frauds)
        assert np.array_equal(risk[f"terminal_risk.nb_tx_{days}d"], count)
        assert np.array_equal(risk[f"terminal_risk.risk_{days}d"], frauds / np.maximum(count, 1))
