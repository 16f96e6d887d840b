"""The data set again, the slow way: global generators, pandas frames, one row at a time."""

import math
import random
from typing import Any

import numpy as np
import pandas as pd


def simulate(customers: int, terminals: int, days: int, radius: float) -> Any:
    """Return the transactions from 2018-04-01 on as a frame with the columns of transactions.parquet."""
    np.random.seed(0)
    people = [
        [np.random.uniform(*bounds) for bounds in ((0, 100), (0, 100), (5, 100), (0, 4))] for _ in range(customers)
    ]
    np.random.seed(1)
    places = [(np.random.uniform(0, 100), np.random.uniform(0, 100)) for _ in range(terminals)]
    rows = []
    for customer, (x, y, mean, daily) in enumerate(people):
        near = [place for place, (px, py) in enumerate(places) if math.sqrt((px - x) ** 2 + (py - y) ** 2) < radius]
        np.random.seed(customer)
        random.seed(customer)
        for day in range(days):
            for _ in range(np.random.poisson(daily)):
                second = int(np.random.normal(43_200, 20_000))
                if second <= 0 or second >= 86_400:
                    continue
                amount = np.random.normal(mean, mean / 2)
                amount = np.round(np.random.uniform(0, 2 * mean) if amount < 0 else amount, 2)
                if near:
                    rows.append((customer, random.choice(near), day * 86_400 + second, amount, 0))
    frame = pd.DataFrame(rows, columns=["customer_id", "terminal_id", "second", "tx_amount", "tx_fraud_scenario"])
    frame = frame.sort_values("second", kind="stable").reset_index(drop=True)
    _mark(frame, customers, terminals)
    frame["transaction_id"] = frame.index
    frame["tx_fraud"] = (frame.tx_fraud_scenario > 0).astype("int64")
    frame["tx_datetime"] = pd.Timestamp("2018-04-01", tz="UTC") + pd.to_timedelta(frame.second, unit="s")
    return frame


def _mark(frame: Any, customers: int, terminals: int) -> None:
    day = frame.second // 86_400
    frame.loc[frame.tx_amount > 220, "tx_fraud_scenario"] = 1
    for start in range(day.max()):
        hit = pd.Series(range(terminals)).sample(n=2, random_state=start)
        rows = (day >= start) & (day < start + 28) & frame.terminal_id.isin(hit)
        frame.loc[rows, "tx_fraud_scenario"] = 2
    for start in range(day.max()):
        hit = pd.Series(range(customers)).sample(n=3, random_state=start)
        index = list(frame.index[(day >= start) & (day < start + 14) & frame.customer_id.isin(hit)])
        random.seed(start)
        for row in random.sample(index, k=int(len(index) / 3)):
            frame.loc[row, "tx_amount"] *= 5
            frame.loc[row, "tx_fraud_scenario"] = 3
