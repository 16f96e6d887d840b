"""Live through the last three months: a gateway is told of each day, and asked each Monday who will buy what."""

import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
import unskew.keras
from grocery import network
from grocery.command import InputError, OneLineParser, run
from grocery.history import SERVICE, SERVICES, Folder, append_months, differing
from grocery.live import Live
from grocery.profiles import Profiles, mondays_until, weekly
from grocery.weeks import CUT, END, TESTED, before, labelled
from unskew import offline

PROGRAM = "replay.py"
ENTITIES = 200
"""Of each view, that `verify` compares."""


def replay(address: str, folder: Folder) -> None:
    """Materialize nine months, live through three, and compare with what is made from the whole history afterwards."""
    purchases = folder.read("purchases")
    purchases = purchases.slice(0, before(purchases, END))
    store = folder.store()
    with unskew.FeatureStoreClient(address, timeout=60, write_timeout=120) as client:
        models = {name: unskew.keras.load(folder.model(name), client) for name in SERVICES}
        began = time.monotonic()
        _written(store.materialize(client, until=CUT))
        print(f"materialized nine months in {time.monotonic() - began:.1f} s")
        _verified(store.verify(client, entities=ENTITIES))
        job = Profiles(folder.read("demographics"))
        known = purchases.slice(0, before(purchases, CUT))
        weekly(job, known, mondays_until(known, CUT))
        live = Live(client, {name: model.trained_on.fingerprint for name, model in models.items()}, job)
        began = time.monotonic()
        live.run(purchases, TESTED)
        print(
            f"lived through {len(TESTED)} weeks in {time.monotonic() - began:.1f} s: wrote {live.events} purchases "
            f"day by day and {sum(it.num_rows for it in live.written)} profiles, was served {len(live.of(SERVICE))} "
            f"vectors of each service in {live.requests} requests"
        )
        began = time.monotonic()
        append_months(store, purchases.slice(known.num_rows))
        store.append("profiles", pa.concat_tables(live.written), batch_id="until-2018-01-01")
        _written(store.materialize(client))
        print(f"appended and materialized the three months in {time.monotonic() - began:.1f} s")
        _verified(store.verify(client, entities=ENTITIES))
        _compare(store, purchases, live, models)


def _compare(store: offline.OfflineStore, purchases: Any, live: Live, models: dict[str, Any]) -> None:
    """Print what offline and online have in common: everything."""
    pairs = pa.concat_tables([labelled(it, purchases) for it in live.pairs])
    bought = pairs["bought"].to_numpy()
    print(f"{len(bought)} pairs of {len(TESTED)} Mondays, {bought.sum()} of them bought within seven days")
    differ = 0
    lines = ["AUC ROC                      offline             online              difference"]
    for name, model in models.items():
        service = store.definitions.services[name]
        made = store.training_set(name, pairs, fitted=service.fitted(service.default))
        wrong = differing(live.of(name), made.vectors)
        differ += wrong
        print(f"{name}: vectors online and offline: {f'{wrong} rows DIFFER' if wrong else 'equal bit for bit'}")
        here, there = (network.auc(bought, model.predict_vectors(it)) for it in (made.vectors, live.of(name)))
        lines.append(f"{name:27}  {here:.16f}  {there:.16f}  {there - here:g}")
        if name == SERVICE:
            alone = network.auc(bought, made.features["household_department.baskets_56d"].to_numpy())
    lines.append(f"{'baskets of 56 days, no model':27} {alone:.16f}")
    print("\n" + "\n".join(lines))
    if differ:
        raise InputError("what is served is not what was made offline: both must be equal bit for bit")


def _written(views: Iterable[Any]) -> None:
    for it in views:
        print(f"  {it.view}: {it.mode}, {it.accepted} rows written")
        if it.refused:
            raise InputError(f"the gateway refuses rows of {it.view}: {it.first_refused[0]}")


def _verified(views: Iterable[Any]) -> None:
    for it in views:
        what = f"{it.values} values of {it.entities} entities compared"
        print(f"  {it.view}: {it.skipped or what}{', equal' if it.ok else ''}")
        if not it.ok:
            raise InputError(f"{it.view}: {it.differences[0]}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__, allow_abbrev=False)
    parser.add_argument("--address", default="127.0.0.1:50051", help="of the gateway; default: %(default)s")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where train.py wrote")
    given = parser.parse_args(arguments)
    return run(PROGRAM, lambda: replay(given.address, Folder(given.data)))


if __name__ == "__main__":
    sys.exit(main())
