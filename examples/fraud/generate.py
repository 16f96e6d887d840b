"""Write the published card fraud data set, simulated anew, to DIR/transactions.parquet."""

import sys
from collections.abc import Sequence
from pathlib import Path

from fraud_data.command import OneLineParser, parse_date, run
from fraud_data.dataset import Dataset, build_dataset
from fraud_data.files import make_folder, write_parquet
from fraud_data.settings import Settings

PROGRAM = "generate.py"
FILE_NAME = "transactions.parquet"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    published = Settings()
    parser = OneLineParser(prog=PROGRAM, description=__doc__, allow_abbrev=False)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to, made if missing")
    parser.add_argument("--customers", type=int, default=published.customers, help="default: %(default)s")
    parser.add_argument("--terminals", type=int, default=published.terminals, help="default: %(default)s")
    parser.add_argument("--days", type=int, default=published.days, help="default: %(default)s")
    parser.add_argument("--start-date", type=parse_date, default=published.start, help="default: %(default)s")
    help_radius = "how far customers go, on a map of 100 by 100; default: %(default)s"
    parser.add_argument("--radius", type=float, default=published.radius, help=help_radius)
    given = parser.parse_args(arguments)

    def work() -> None:
        settings = Settings(given.customers, given.terminals, given.days, given.start_date, given.radius)
        # Before the simulation, so that a wrong folder is not found out after it.
        make_folder(given.out)
        dataset = build_dataset(settings)
        path = given.out / FILE_NAME
        write_parquet(dataset.table, path)
        print(_summary(path, dataset))

    return run(PROGRAM, work)


def _summary(path: Path, dataset: Dataset) -> str:
    new, final = (" / ".join(map(str, counts)) for counts in (dataset.newly_marked, dataset.final_labels))
    return (
        f"wrote {path}: {dataset.table.num_rows} transactions, {dataset.frauds} frauds "
        f"(first marked by scenario 1 / 2 / 3: {new}; final label: {final})"
    )


if __name__ == "__main__":
    sys.exit(main())
