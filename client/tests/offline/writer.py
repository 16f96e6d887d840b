"""A process that appends batches to a table: `python -m tests.offline.writer FOLDER FIRST COUNT [LIMIT]`.

Batch n has the payments 10·n to 10·n + 9. It prints each batch whose append has returned. LIMIT: bytes that a file may
have.
"""

import resource
import signal
import sys
from pathlib import Path

from tests.offline.store import opened, random_payments
from unskew import errors

ROWS = 10


def main() -> None:
    folder, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    store = opened(folder)
    if len(sys.argv) > 4:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), int(sys.argv[4])))
    for batch in range(first, first + count):
        try:
            done = store.append("payments", random_payments(batch, ROWS, ROWS * batch), batch_id=f"batch {batch}")
        except errors.UnskewError as error:
            sys.stdout.write(f"{type(error).__name__} {error.message}\n")
            sys.exit(3)
        sys.stdout.write(f"{batch} {done.committed}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
