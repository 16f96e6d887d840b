"""A process that appends batches to a table: `python -m tests.offline.writer FOLDER FIRST COUNT`.

Batch n has the payments 10·n to 10·n + 9. It prints each batch whose append has returned.
"""

import sys
from pathlib import Path

from tests.offline.store import opened, random_payments

ROWS = 10


def main() -> None:
    folder, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    store = opened(folder)
    for batch in range(first, first + count):
        done = store.append("payments", random_payments(batch, ROWS, ROWS * batch), batch_id=f"batch {batch}")
        sys.stdout.write(f"{batch} {done.committed}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
