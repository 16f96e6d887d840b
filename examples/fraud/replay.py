"""Serve the tested week of the fraud benchmark: a gateway scores each transaction before it is told of it."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import unskew
from fraud_benchmark import models, tumbling
from fraud_benchmark.metrics import score
from fraud_benchmark.offline import Offline, Vectors
from fraud_benchmark.replay import Replay
from fraud_benchmark.stream import MOST_ROWS
from fraud_benchmark.weeks import DAY, TEST_START, WEEK_DAYS, cut, micros, times
from fraud_data.command import OneLineParser, run
from fraud_data.dataset import TRANSACTIONS
from fraud_data.errors import InputError
from fraud_data.files import read_parquet

PROGRAM = "replay.py"
LEAST_DAYS = 44
"""The week itself, and the 37 days that the windows of its first transaction look back on."""


def replay(address: str, data: Path, folder: Path, days: int | None, most: int) -> None:
    """Replay `days` days that end with the tested week (None: all), and compare with what was made offline."""
    transactions = read_parquet(data / "transactions.parquet", TRANSACTIONS)
    weeks, offline = cut(transactions), Offline(folder)
    service, expected = offline.service(), offline.vectors()
    end = micros(TEST_START) + WEEK_DAYS * DAY
    start = int(times(transactions)[0]) if days is None else end - days * DAY
    first, last = (int(it) for it in np.searchsorted(times(transactions), [start, end]))
    began = time.monotonic()
    with unskew.FeatureStoreClient(address, timeout=10, write_timeout=60) as client:
        served_here = client.definitions(timeout=5).services.get(service.name)
        if served_here is None or service.fingerprint() not in served_here.fingerprints:
            raise InputError(f"the gateway at {address} has other definitions; let it have {offline.definitions}")
        served = Replay(client, service).run(transactions.slice(first, last - first), weeks, most)
    print(
        f"wrote {served.events} events, and scored {len(served.before)} transactions in {served.requests} requests, "
        f"before each was written and after it, in {time.monotonic() - began:.1f} s"
    )
    differ = [_differing(it, expected) for it in (served.before, served.after)]
    for when, count in zip(("before", "after"), differ, strict=True):
        said = "equal bit for bit" if count == 0 else f"{count} rows DIFFER"
        print(f"vectors asked for {when} it was written, and those made offline: {said}")
    wrong = service.transform(tumbling.features(transactions, weeks.test))
    print("\nAUC ROC               offline   online  difference  re-implemented by days  difference")
    for name in models.TRAINERS:
        model = models.load(folder, name, service)
        here, there, other = (score(weeks, model.predict(it)).auc for it in (expected, served.before, wrong))
        print(f"{name:20}  {here:.5f}  {there:.5f}  {there - here:10.2g}  {other:22.5f}  {other - here:+10.5f}")
    if any(differ):
        raise InputError("what is served is not what was made offline: both must be equal bit for bit")


def _differing(found: Vectors, expected: Vectors) -> int:
    """How many rows are not equal bit for bit."""
    if found.shape != expected.shape:
        return max(len(found), len(expected))
    return int(np.count_nonzero((found.view(np.uint32) != expected.view(np.uint32)).any(axis=1)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__, allow_abbrev=False)
    parser.add_argument("--address", default="127.0.0.1:50051", help="of the gateway; default: %(default)s")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where generate.py wrote")
    help_benchmark = "where train.py wrote; default: `benchmark` in the folder of the data"
    parser.add_argument("--benchmark", type=Path, metavar="DIR", help=help_benchmark)
    help_days = f"days to replay, the tested week included, at least {LEAST_DAYS}; default: all since the first"
    parser.add_argument("--days", type=int, help=help_days)
    help_most = "the most rows of a request, whose rows never depend on each other; default: %(default)s"
    parser.add_argument("--most", type=int, default=MOST_ROWS, metavar="N", help=help_most)
    given = parser.parse_args(arguments)

    def work() -> None:
        if given.days is not None and given.days < LEAST_DAYS:
            raise InputError(f"--days is {given.days}; the windows of the tested week need {LEAST_DAYS} or more")
        if not 1 <= given.most <= MOST_ROWS:
            raise InputError(f"--most is {given.most}; it must be from 1 to {MOST_ROWS}")
        folder = given.benchmark if given.benchmark is not None else given.data / "benchmark"
        try:
            replay(given.address, given.data, folder, given.days, given.most)
        except unskew.UnskewError as error:
            raise InputError(" ".join(str(error).split())) from error

    return run(PROGRAM, work)


if __name__ == "__main__":
    sys.exit(main())
