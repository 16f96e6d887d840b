"""Write figures per customer over the history of transactions, as rows of the view `customer_history`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from fraud_data.command import OneLineParser, run
from fraud_data.files import make_folder
from fraud_data.formats import FORMATS, write_rows
from fraud_data.history import customer_features

PROGRAM = "features.py"
FILE_STEM = "customer_features"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__, allow_abbrev=False)
    help_input = "the file that generate.py wrote"
    parser.add_argument("--transactions", type=Path, required=True, metavar="FILE", help=help_input)
    help_out = "folder to write to, made if missing; default: the folder of the transactions"
    parser.add_argument("--out", type=Path, metavar="DIR", help=help_out)
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="default: %(default)s")
    given = parser.parse_args(arguments)

    def work() -> None:
        folder = given.out if given.out is not None else given.transactions.parent
        table = customer_features(given.transactions)
        make_folder(folder)
        path = folder / f"{FILE_STEM}.{given.format}"
        write_rows(table, path, given.format)
        print(f"wrote {path}: {table.num_rows} customers")

    return run(PROGRAM, work)


if __name__ == "__main__":
    sys.exit(main())
