"""Train on nine months of purchases from Iceberg: who buys again in a department within seven days?"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import unskew.keras
from grocery import network
from grocery.command import InputError, OneLineParser, run
from grocery.history import SERVICES, Folder, append_months
from grocery.profiles import Profiles, mondays_until, weekly
from grocery.weeks import CUT, TRAINED, before, spine
from unskew import offline

PROGRAM = "train.py"


def train(folder: Folder) -> None:
    """Append what was known after nine months, make the training sets, and train a network on each."""
    purchases, demographics = folder.read("purchases"), folder.read("demographics")
    known = purchases.slice(0, before(purchases, CUT))
    folder.clear()
    store = folder.store()
    began = time.monotonic()
    store.apply(layout=offline.Layout("month", buckets=2))
    rows = append_months(store, known)
    profiles = weekly(Profiles(demographics), known, mondays_until(known, CUT))
    rows += store.append("profiles", profiles, batch_id="until-2017-10-02").rows
    print(f"appended {rows} rows to Iceberg in {time.monotonic() - began:.1f} s")
    pairs = spine(known, TRAINED)
    bought = pairs["bought"].to_numpy()
    print(f"{len(bought)} pairs of {len(TRAINED)} Mondays, {bought.sum()} of them bought within seven days")
    for name in SERVICES:
        began = time.monotonic()
        made = store.training_set(name, pairs, pin="trained" if name == SERVICES[0] else None)
        took = time.monotonic() - began
        if made.incomplete:
            raise InputError(f"{len(made.incomplete)} vectors of {name} lack a number; the first: {made.incomplete[0]}")
        if made.fitted is not None:
            made.fitted.save(folder.definitions)
        shape = f"{len(made)} vectors of {len(made.slots)} numbers"
        print(f"{name}: {shape} in {took:.1f} s, fingerprint {made.fingerprint[:16]}…")
        began = time.monotonic()
        model = network.train(made.vectors, bought)
        unskew.keras.save(model, folder.model(name), unskew.load(folder.definitions).services[name])
        print(f"{name}: trained in {time.monotonic() - began:.1f} s")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__, allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where prepare.py wrote")
    given = parser.parse_args(arguments)
    return run(PROGRAM, lambda: train(Folder(given.data)))


if __name__ == "__main__":
    sys.exit(main())
