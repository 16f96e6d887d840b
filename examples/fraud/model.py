"""Train a Keras model on vectors computed here, and score purchases with vectors that the gateway serves."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
import pyarrow.compute as pc  # type: ignore[import-untyped, unused-ignore]
import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]
from fraud_data.command import OneLineParser, run
from fraud_data.errors import InputError
from fraud_data.files import make_folder, reason, write_parquet
from fraud_data.history import customer_features
from fraud_data.nightly import DAY, Purchases, joined
from numpy.typing import NDArray

# It has to be chosen before Keras is imported; jax is the lightest.
os.environ.setdefault("KERAS_BACKEND", "jax")

import unskew
import unskew.keras

PROGRAM = "model.py"
HERE = Path(__file__).resolve().parent
SERVICE = "fraud_model"
VIEW = "customer_history"
SEED = 596
# Customers have a history by then.
WARM_UP = 30 * DAY
# As many entities as a gateway takes in one request.
BATCH = 1000


def train(data: Path, out: Path, definitions: Path, count: int, epochs: int) -> None:
    """Train on purchases before the last day; keep that day, and the figures of the night before it, for `score`."""
    began = time.monotonic()
    purchases = Purchases.read(data / "transactions.parquet")
    make_folder(out)
    last_day = purchases.last_day
    _write_last_day(data, out, purchases)

    rng = np.random.default_rng(SEED)
    past = purchases.between(int(purchases.time.min()) + WARM_UP, last_day)
    if len(past) < 2:  # noqa: PLR2004 (one to train on, one to judge by)
        raise InputError(
            f"{data} has no purchases later than 30 days and before the last; generate more customers or days"
        )
    sample = np.sort(rng.choice(len(past), min(count, len(past)), replace=False))
    # The latest tenth judges: a model is used on days that come after those it has seen.
    rows = purchases.rows(past[sample])
    judged = max(rows.num_rows // 10, 1)
    seen, unseen = rows.slice(0, rows.num_rows - judged), rows.slice(rows.num_rows - judged)

    service = unskew.load(definitions).services[SERVICE]
    dataset = unskew.keras.VectorDataset(service, seen, label="tx_fraud", batch_size=256, shuffle=True, seed=SEED)
    model = _model(dataset.width)
    frauds = int(np.sum(seen.column("tx_fraud").to_numpy()))
    print(
        f"training on {seen.num_rows} purchases, {frauds} of them fraud, {dataset.width} columns, "
        f"fingerprint {dataset.fingerprint[:16]}…"
    )
    model.fit(dataset, epochs=epochs, shuffle=False, verbose=0)
    scores = np.asarray(model.predict(service.transform(unseen), verbose=0)).ravel()
    print(f"AUC on the {judged} purchases after them: {auc(unseen.column('tx_fraud').to_numpy(), scores):.3f}")
    unskew.keras.save(model, out / "model.keras", service)
    print(f"wrote {out / 'model.keras'} ({time.monotonic() - began:.1f} s)")


def score(address: str, folder: Path, definitions: Path, count: int) -> None:
    """Write the figures of the night, predict the last day's purchases, and compare with vectors computed here."""
    figures, purchases = (_read(folder / name) for name in ("figures.parquet", "purchases.parquet"))
    purchases = purchases.slice(0, count)
    service = unskew.load(definitions).services[SERVICE]
    here = service.transform(joined(purchases, figures))
    labels = purchases.column("tx_fraud").to_numpy()
    with unskew.FeatureStoreClient(address, timeout=5) as client:
        client.write_rows(VIEW, figures, strict=True)
        model = unskew.keras.load(folder / "model.keras", client)
        began = time.monotonic()
        replies = [_ask(model, purchases.slice(at, BATCH)) for at in range(0, purchases.num_rows, BATCH)]
        seconds = time.monotonic() - began
    served = np.concatenate([reply.vectors.values for reply in replies])
    scores = np.concatenate([np.asarray(reply).ravel() for reply in replies])
    again = [model.predict_vectors(here[at : at + BATCH]) for at in range(0, len(here), BATCH)]
    day, frauds = purchases.column("tx_datetime")[0].as_py().date(), int(labels.sum())
    print(f"scored {len(scores)} purchases of {day}, {frauds} of them fraud, in {seconds:.1f} s")
    equal = np.array_equal(served.view(np.uint32), here.view(np.uint32))
    same = np.array_equal(scores, np.concatenate(again).ravel())
    print(
        f"vectors: {served.shape[0]} × {served.shape[1]} numbers, served and computed here "
        f"{'equal bit for bit' if equal else 'DIFFER'}"
    )
    print(f"predictions: {len(scores)}, from both {'equal bit for bit' if same else 'DIFFER'}")
    print(f"AUC online: {auc(labels, scores):.3f}")
    if not (equal and same):
        raise InputError("what is served is not what is computed here: both must be equal bit for bit")


def auc(labels: NDArray[Any], scores: NDArray[Any]) -> float:
    """Return the area under the ROC curve: how often a fraud scores higher than other purchases; NaN without either."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    # Equal scores share the mean of their ranks.
    ranks = (ends - (counts - 1) / 2)[inverse]
    frauds = labels == 1
    positive, negative = int(frauds.sum()), int((~frauds).sum())
    if not positive or not negative:
        return float("nan")
    return float((ranks[frauds].sum() - positive * (positive + 1) / 2) / (positive * negative))


def _ask(model: unskew.keras.OnlineModel, purchases: Any) -> unskew.keras.Predictions:
    return model.predict(
        {"customer_id": purchases.column("customer_id")},
        {name: purchases.column(name) for name in ("tx_amount", "tx_datetime")},
    )


def _model(width: int) -> Any:
    """Return a small network. It has no preprocessing: the vectors are ready."""
    import keras  # noqa: PLC0415 (after the backend was chosen)

    keras.utils.set_random_seed(SEED)
    layers = [
        keras.Input((width,)),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(16, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
    model = keras.Sequential(layers)
    model.compile(optimizer=keras.optimizers.Adam(0.003), loss="binary_crossentropy")
    return model


def _write_last_day(data: Path, out: Path, purchases: Purchases) -> None:
    """Write the purchases of the last day, and the figures of all customers of the night before it."""
    last_day = purchases.last_day
    day = purchases.between(last_day, last_day + DAY)
    write_parquet(
        pa.table({**purchases.requests(day), "tx_fraud": pa.array(purchases.fraud[day])}), out / "purchases.parquet"
    )
    before = out / "before.parquet"
    transactions = _read(data / "transactions.parquet")
    midnight = pa.scalar(last_day, pa.timestamp("us", "UTC"))
    write_parquet(transactions.filter(pc.less(transactions.column("tx_datetime"), midnight)), before)
    try:
        write_parquet(customer_features(before), out / "figures.parquet")
    finally:
        before.unlink()


def _read(path: Path) -> Any:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"can't read {path}: {reason(error)}; `model.py train` writes it") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train", help=train.__doc__)
    training.add_argument("--data", type=Path, required=True, metavar="DIR", help="where generate.py wrote")
    training.add_argument(
        "--out", type=Path, metavar="DIR", help="where to write; default: `model` in the folder of the data"
    )
    training.add_argument("--purchases", type=int, default=20_000, help="how many to train on; default: %(default)s")
    training.add_argument("--epochs", type=int, default=10, help="default: %(default)s")
    scoring = commands.add_parser("score", help=score.__doc__)
    scoring.add_argument("--address", default="127.0.0.1:50051", help="of the gateway; default: %(default)s")
    scoring.add_argument("--model", type=Path, required=True, metavar="DIR", help="where `train` wrote")
    scoring.add_argument("--purchases", type=int, default=20_000, help="the most to score; default: %(default)s")
    for command in (training, scoring):
        help_definitions = "default: those of the example"
        command.add_argument(
            "--definitions", type=Path, default=HERE / "definitions", metavar="DIR", help=help_definitions
        )
    given = parser.parse_args(arguments)

    def work() -> None:
        try:
            if given.command == "train":
                out = given.out if given.out is not None else given.data / "model"
                train(given.data, out, given.definitions, given.purchases, given.epochs)
            else:
                score(given.address, given.model, given.definitions, given.purchases)
        except unskew.errors.IncompleteVectors as error:
            advice = "if the store holds later figures, give the gateway one of its own: serve --store embedded:DIR"
            raise InputError(f"{error}; {advice}") from error
        except unskew.UnskewError as error:
            raise InputError(" ".join(str(error).split())) from error

    return run(PROGRAM, work)


if __name__ == "__main__":
    sys.exit(main())
