"""Vectors by whatever wheel is imported; prints where that lies.

`offline.py DEFINITIONS TABLE.arrow FITTED.json OUT.npy`
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import unskew


def main() -> None:
    """Read, compute, write."""
    definitions, table, fitted, out = sys.argv[1:]
    service = unskew.load(definitions).services["every_transform"]
    with pa.memory_map(table) as source:
        rows = pa.ipc.open_file(source).read_all()
    np.save(out, service.transform(rows, unskew.Fitted.load(fitted)))
    sys.stdout.write(f"{Path(unskew.__file__).parent}\n")


if __name__ == "__main__":
    main()
