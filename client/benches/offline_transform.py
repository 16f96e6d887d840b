"""The offline transform beside scikit-learn's: `offline_transform.py [ROWS]`; 10 million rows unless told otherwise.

Both standardize every column of the same pandas frame to a float32 matrix, in the same run, by turns.
"""

import statistics
import sys
import time

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import StandardScaler

import unskew

COLUMNS = [f"c{number}" for number in range(20)]
ROUNDS = 3


def main() -> None:
    """Measure, compare, print."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    random = np.random.default_rng(1)
    frame = pd.DataFrame({name: random.normal(at, 1 + at, rows) for at, name in enumerate(COLUMNS)})
    request = ", ".join(f"{name}: float64" for name in COLUMNS)
    slots = "\n".join(f"      - {{input: {name}, steps: [standardize]}}" for name in COLUMNS)
    service = unskew.parse(f"services:\n  m:\n    request: {{{request}}}\n    vector:\n{slots}\n").services["m"]
    sample = frame.iloc[:100_000]
    fitted = service.fit(sample)
    peer = ColumnTransformer([("scaled", StandardScaler(), COLUMNS)]).fit(sample)
    times: dict[str, list[float]] = {"unskew": [], "scikit-learn": []}
    for _ in range(ROUNDS):
        start = time.perf_counter()
        mine = service.transform(frame, fitted)
        times["unskew"].append(time.perf_counter() - start)
        start = time.perf_counter()
        theirs = peer.transform(frame).astype(np.float32)
        times["scikit-learn"].append(time.perf_counter() - start)
        assert np.allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, median in medians.items():
        print(f"{name:13} {median:7.2f} s  {rows * len(COLUMNS) / median / 1e6:7.1f} million cells/s")
    print(f"unskew is {medians['scikit-learn'] / medians['unskew']:.1f} times as fast")


if __name__ == "__main__":
    main()
