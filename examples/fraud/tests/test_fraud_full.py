"""The full run: the published counts, and the rules of the data set on every row."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]
import pytest
from fraud_data.dataset import TRANSACTIONS

pytestmark = pytest.mark.full

CUSTOMERS = 5_000
TERMINALS = 10_000
DAYS = 183


def test_counts(full: Any) -> None:
    assert len(full) == 1_754_155
    assert int(full.tx_fraud.sum()) == 14_681
    assert full.tx_fraud_scenario.value_counts().to_dict() == {0: 1_739_474, 1: 973, 2: 9_077, 3: 4_631}
    assert full.tx_fraud.equals((full.tx_fraud_scenario > 0).astype("int64"))


def test_schema_and_first_row(full_file: Path) -> None:
    table = pq.read_table(full_file)
    assert table.schema.equals(TRANSACTIONS)
    (first,) = table.slice(0, 1).to_pylist()
    assert first == {
        "transaction_id": 0,
        "customer_id": 596,
        "terminal_id": 3156,
        "tx_datetime": pd.Timestamp("2018-04-01T00:00:31Z").to_pydatetime(),
        "tx_amount": 57.16,
        "tx_fraud": 0,
        "tx_fraud_scenario": 0,
    }


def test_order_and_range(full: Any) -> None:
    assert full.transaction_id.equals(pd.Series(range(len(full))))
    same_time = full.tx_datetime.diff().iloc[1:] == pd.Timedelta(0)
    assert full.tx_datetime.is_monotonic_increasing
    assert (full.customer_id.diff().iloc[1:][same_time] >= 0).all()
    assert same_time.sum() > 0
    assert (full.day.min(), full.day.max()) == (0, DAYS - 1)
    assert full.customer_id.between(0, CUSTOMERS - 1).all()
    assert full.terminal_id.between(0, TERMINALS - 1).all()
    assert np.isfinite(full.tx_amount).all()
    assert (full.tx_amount >= 0).all()


def test_first_scenario(full: Any) -> None:
    assert (full.tx_amount[full.tx_fraud_scenario == 1] > 220).all()
    assert (full.tx_amount[full.tx_fraud_scenario == 0] <= 220).all()


def test_second_scenario(full: Any) -> None:
    hit = np.zeros(len(full), dtype=bool)
    for day in range(DAYS - 1):
        terminals = pd.Series(range(TERMINALS)).sample(n=2, random_state=day)
        hit |= (full.day.between(day, day + 27) & full.terminal_id.isin(terminals)).to_numpy()
    labels = full.tx_fraud_scenario
    assert labels[hit].isin([2, 3]).all()
    assert (labels[~hit] != 2).all()


def test_third_scenario(full: Any) -> None:
    candidate = np.zeros(len(full), dtype=bool)
    for day in range(DAYS - 1):
        customers = pd.Series(range(CUSTOMERS)).sample(n=3, random_state=day)
        window = (full.day.between(day, day + 13) & full.customer_id.isin(customers)).to_numpy()
        # This leak took a third of them; others that overlap it can only have added to that.
        assert (full.tx_fraud_scenario[window] == 3).sum() >= int(window.sum() / 3)
        candidate |= window
    assert (full.tx_fraud_scenario[~candidate] != 3).all()


def test_published_week_of_training(full: Any) -> None:
    week = full[full.tx_datetime.between("2018-07-25", "2018-08-01", inclusive="left")]
    assert (len(week), int(week.tx_fraud.sum())) == (67_240, 598)


def test_published_week_of_testing(full: Any) -> None:
    """Customers known as defrauded by a day, with labels seven days late, are left out of that day."""
    first_training_day, first_day, delay = 115, 129, 7
    frauds = full[full.tx_fraud == 1]
    known = set(frauds.customer_id[frauds.day.between(first_training_day, first_training_day + 6)])
    rows = fraudulent = 0
    for day in range(first_day, first_day + 7):
        known |= set(frauds.customer_id[frauds.day == day - delay - 1])
        tested = full[(full.day == day) & ~full.customer_id.isin(known)]
        rows += len(tested)
        fraudulent += int(tested.tx_fraud.sum())
    assert (rows, fraudulent) == (58_264, 385)
