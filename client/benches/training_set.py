"""A training set's windows beside DuckDB's and pandas's: `training_set.py [--rows N] [--rounds N] [--json]`.

The 12 window features of the fraud example for every one of its transactions, on one thread each, by turns in one run:
`unskew.training_set`, the same in DuckDB's SQL, and `rolling` of pandas, which has no window without the row's own
second. Counts are compared before anything is said.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

import unskew

DEFINITIONS = """
entities:
  customer: {keys: {customer_id: int64}}
  terminal: {keys: {terminal_id: int64}}
sources:
  transactions:
    event_time: tx_datetime
    event_id: transaction_id
    columns: {transaction_id: int64, customer_id: int64, terminal_id: int64, tx_datetime: timestamp, tx_amount: float64, tx_fraud: int64}
views:
  customer_spending:
    entity: customer
    source: transactions
    include_request: true
    aggregations:
      nb_tx: {function: count, windows: [1d, 7d, 30d]}
      avg_amount: {function: mean, column: tx_amount, windows: [1d, 7d, 30d]}
  terminal_risk:
    entity: terminal
    source: transactions
    offset: 7d
    aggregations:
      nb_tx: {function: count, windows: [1d, 7d, 30d]}
      risk: {function: mean, column: tx_fraud, windows: [1d, 7d, 30d], empty: 0}
services:
  fraud:
    time: tx_datetime
    request: {tx_amount: float64, tx_datetime: timestamp}
    vector:
"""  # noqa: E501 (one column list)
DAYS = (1, 7, 30)
DELAY = 7
OF_CUSTOMER = [f"customer_spending.{name}_{days}d" for name in ("nb_tx", "avg_amount") for days in DAYS]
OF_TERMINAL = [f"terminal_risk.{name}_{days}d" for name in ("nb_tx", "risk") for days in DAYS]
# The published data set has 1,754,155 transactions of 4,990 customers at 10,000 terminals in 183 days.
ROWS, CUSTOMERS, TERMINALS, SECONDS = 1_754_155, 4_990, 10_000, 183 * 86_400


def transactions(rows: int) -> pa.Table:
    """As many, in the order of time, with customers and terminals in proportion."""
    random = np.random.default_rng(596)
    seconds = np.sort(random.integers(0, SECONDS, rows))
    part = rows / ROWS
    return pa.table(
        {
            "transaction_id": np.arange(rows),
            "customer_id": random.integers(0, max(1, int(CUSTOMERS * part)), rows),
            "terminal_id": random.integers(0, max(1, int(TERMINALS * part)), rows),
            "tx_datetime": pa.array(seconds * 1_000_000 + 1_500_000_000_000_000, pa.timestamp("us", "UTC")),
            "tx_amount": random.gamma(1.5, 40, rows).round(2),
            "tx_fraud": (random.random(rows) < 1 / 120).astype(np.int64),
        }
    )


def by_unskew(table: pa.Table) -> np.ndarray:
    """The counts of the longest windows, and all other features on the way."""
    vector = "".join(f"      - {{input: {name}}}\n" for name in OF_CUSTOMER + OF_TERMINAL)
    made = unskew.training_set(
        unskew.parse(DEFINITIONS + vector), "fraud", table, {"transactions": table}, threads=1
    ).features
    return counted(made["customer_spending.nb_tx_30d"], made["terminal_risk.nb_tx_30d"])


def by_duckdb(table: pa.Table) -> np.ndarray:
    """The same in one query."""
    columns, windows = [], []
    for days in DAYS:
        before = f"INTERVAL '{days * 86_400_000_000 - 1} microseconds' PRECEDING"
        late = f"INTERVAL '{(days + DELAY) * 86_400_000_000 - 1} microseconds' PRECEDING"
        columns += [
            f"count(*) OVER c{days} + 1 AS nb_{days}d",
            f"(coalesce(sum(tx_amount) OVER c{days}, 0) + tx_amount) / (count(*) OVER c{days} + 1) AS avg_{days}d",
            f"count(*) OVER t{days} AS risk_nb_{days}d",
            f"coalesce(avg(tx_fraud) OVER t{days}, 0) AS risk_{days}d",
        ]
        windows += [
            f"c{days} AS (PARTITION BY customer_id ORDER BY tx_datetime"
            f" RANGE BETWEEN {before} AND CURRENT ROW EXCLUDE GROUP)",
            f"t{days} AS (PARTITION BY terminal_id ORDER BY tx_datetime"
            f" RANGE BETWEEN {late} AND INTERVAL '{DELAY} days' PRECEDING)",
        ]
    query = f"SELECT transaction_id, {', '.join(columns)} FROM transactions WINDOW {', '.join(windows)}"  # noqa: S608
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.register("transactions", table)
        made = connection.sql(f"{query} ORDER BY transaction_id").to_arrow_table()
    return counted(made["nb_30d"], made["risk_nb_30d"])


def by_pandas(table: pa.Table) -> np.ndarray:
    """The same with `rolling`, as the handbook has it: the row itself counts, and earlier ones of its second."""
    frame = table.to_pandas().set_index("tx_datetime")
    made: dict[str, pd.Series] = {}

    def rolled(key: str, column: str, days: int) -> tuple[pd.Series, pd.Series]:
        rolling = frame.groupby(key, sort=False)[column].rolling(f"{days}d")
        return rolling.count(), rolling.sum()

    for days in DAYS:
        count, total = rolled("customer_id", "tx_amount", days)
        made[f"nb_{days}d"], made[f"avg_{days}d"] = count, total / count
    late_count, late_total = rolled("terminal_id", "tx_fraud", DELAY)
    for days in DAYS:
        count, total = rolled("terminal_id", "tx_fraud", days + DELAY)
        made[f"risk_nb_{days}d"] = count - late_count
        made[f"risk_{days}d"] = ((total - late_total) / (count - late_count)).fillna(0)
    return np.array([made["nb_30d"].sum(), made["risk_nb_30d"].sum()])


def counted(*columns: pa.ChunkedArray) -> np.ndarray:
    """The sum of each column."""
    return np.array([float(np.sum(column.to_numpy())) for column in columns])


def main() -> None:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    table = transactions(given.rows)
    peers: dict[str, Callable[[pa.Table], np.ndarray]] = {
        "unskew": by_unskew, "DuckDB": by_duckdb, "pandas": by_pandas
    }  # fmt: skip
    times: dict[str, list[float]] = {name: [] for name in peers}
    for number in range(given.rounds + 1):
        sums = {}
        for name, run in peers.items():
            # The first round warms up; pandas takes minutes and runs once.
            if name == "pandas" and number != 1:
                continue
            start = time.perf_counter()
            sums[name] = run(table)
            if number:
                times[name].append(time.perf_counter() - start)
        assert np.array_equal(sums["unskew"], sums["DuckDB"]), sums
        if "pandas" in sums:
            assert np.allclose(sums["unskew"], sums["pandas"], rtol=1e-3), sums
    rates = {name: given.rows / statistics.median(found) for name, found in times.items()}
    if given.json:
        print(json.dumps({"rows": given.rows, "rounds": given.rounds, "events_per_second": rates}))
        return
    for name, rate in rates.items():
        times = rates["unskew"] / rate
        print(f"{name:7} {rate / 1e6:6.2f} million events/s on one thread, unskew is {times:5.1f} times as fast")


if __name__ == "__main__":
    main()
