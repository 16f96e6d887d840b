"""Train the models of the published fraud benchmark, and print their results beside the published ones."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import unskew
from fraud_benchmark import models, published
from fraud_benchmark.metrics import score
from fraud_benchmark.offline import Offline, training_sets
from fraud_benchmark.weeks import TEST_START, TRAIN_START, cut, numbers
from fraud_data.command import OneLineParser, run
from fraud_data.dataset import TRANSACTIONS
from fraud_data.errors import InputError
from fraud_data.files import make_folder, read_parquet

PROGRAM = "train.py"


def train(data: Path, out: Path) -> None:
    """Train all models, and write to `out` what `replay.py` needs."""
    transactions = read_parquet(data / "transactions.parquet", TRANSACTIONS)
    weeks = cut(transactions)
    make_folder(out)
    began = time.monotonic()
    train_set, test_set = training_sets(transactions, weeks)
    offline = Offline(out)
    offline.keep(train_set.fitted, test_set.vectors)
    rows, slots = weeks.train.num_rows + weeks.test.num_rows, len(train_set.slots)
    print(
        f"{rows} vectors of {slots} numbers from {transactions.num_rows} transactions in "
        f"{time.monotonic() - began:.1f} s, fingerprint {train_set.fingerprint[:16]}…"
    )
    fraud, tested = (numbers(table, "tx_fraud") for table in (weeks.train, weeks.test))
    print(f"trained on the week from {TRAIN_START}: {len(fraud)} transactions, {fraud.sum()} of them fraud")
    judged = tested[weeks.judged]
    print(
        f"tested on the week from {TEST_START}: {len(judged)} transactions, {judged.sum()} of them fraud; "
        f"{len(tested) - len(judged)} more are of customers known to be defrauded"
    )
    found = {}
    for name, trainer in models.TRAINERS.items():
        began = time.monotonic()
        model = trainer(train_set.vectors, fraud)
        model.save(models.file_of(out, name), offline.service())
        found[name] = score(weeks, model.predict(test_set.vectors))
        print(f"{name}: trained in {time.monotonic() - began:.1f} s")
    print(f"\nours (published)\n{published.table(found)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__, allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where generate.py wrote")
    help_out = "where to write; default: `benchmark` in the folder of the data"
    parser.add_argument("--out", type=Path, metavar="DIR", help=help_out)
    given = parser.parse_args(arguments)

    def work() -> None:
        try:
            train(given.data, given.out if given.out is not None else given.data / "benchmark")
        except unskew.UnskewError as error:
            raise InputError(" ".join(str(error).split())) from error

    return run(PROGRAM, work)


if __name__ == "__main__":
    sys.exit(main())
