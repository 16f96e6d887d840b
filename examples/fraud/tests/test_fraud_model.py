"""The model of the example: its rows, and the whole way from the data set to scores, by the real gateway."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from fraud_data.history import customer_features
from fraud_data.nightly import DAY, Purchases, joined

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
GATEWAY = Path(os.environ.get("UNSKEW_GATEWAY_BIN", ROOT / "target" / "release" / "unskew-gateway"))
DEFINITIONS = HERE.parent / "definitions"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE.parent / "model.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a gateway with the definitions of the example and an empty store."""
    folder = tmp_path_factory.mktemp("gateway")
    settings = {
        "APP__SERVER__ADDRESS": "127.0.0.1:0",
        "APP__STORE__URL": f"embedded:{folder / 'data'}",
        "APP__DEFINITIONS__PATH": str(DEFINITIONS),
        "APP__TELEMETRY__LOG_FORMAT": "json",
    }
    log = folder / "gateway.log"
    with log.open("wb") as file:
        process = subprocess.Popen([str(GATEWAY), "serve"], cwd=folder, env=settings, stderr=file)
    try:
        yield address_in(log, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def address_in(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text().splitlines():
            if "listening" in line and line.endswith("}"):
                entry = json.loads(line)
                return str(entry.get("address") or entry["fields"]["address"])
        time.sleep(0.05)
    raise AssertionError(f"the gateway did not listen:\n{log.read_text()}")


def test_rows_have_the_figures_of_the_night_before(small_file: Path) -> None:
    purchases = Purchases.read(small_file)
    frame = pd.read_parquet(small_file).assign(day=lambda it: it.tx_datetime.dt.floor("D"))
    at = purchases.between(purchases.last_day - 3 * DAY, purchases.last_day)
    rows = purchases.rows(at).to_pandas()
    assert len(rows) > 100
    for row in rows.iloc[:: len(rows) // 60].itertuples(name=None):
        _, customer, amount, when, count, mean, last, fraud = row
        before = frame[(frame.customer_id == customer) & (frame.tx_datetime < when.floor("D"))]
        same = frame[(frame.customer_id == customer) & (frame.tx_datetime == when) & (frame.tx_amount == amount)]
        assert fraud in same.tx_fraud.tolist()
        assert count == len(before)
        if count:
            assert mean == pytest.approx(before.tx_amount.mean(), rel=1e-9)
            assert last == before.tx_datetime.max()
        else:
            assert np.isnan(mean)


def test_the_figures_of_a_night_join_to_the_same_rows(small_file: Path, tmp_path: Path) -> None:
    purchases = Purchases.read(small_file)
    at = purchases.between(purchases.last_day, purchases.last_day + DAY)
    expected = purchases.rows(at)
    table = pq.read_table(small_file)
    before = table.filter(
        pd.Series(table["tx_datetime"].to_pandas() < pd.Timestamp(purchases.last_day, unit="us", tz="UTC")).to_numpy()
    )
    pq.write_table(before, tmp_path / "before.parquet")
    found = joined(
        expected.select(["tx_amount", "tx_datetime", "customer_id"]), customer_features(tmp_path / "before.parquet")
    )
    for name in ("customer_history.nb_tx", "customer_history.last_time"):
        assert found.column(name).to_pylist() == expected.column(name).to_pylist()
    means = [it.column("customer_history.avg_amount").to_pandas().to_numpy() for it in (found, expected)]
    np.testing.assert_allclose(means[0], means[1], rtol=1e-9)


def test_it_is_trained_and_scored_online(small_file: Path, gateway: str, tmp_path: Path) -> None:
    out = tmp_path / "model"
    trained = run("train", "--data", str(small_file.parent), "--out", str(out), "--epochs", "2")
    assert trained.returncode == 0, trained.stderr
    assert "AUC on the" in trained.stdout
    assert {path.name for path in out.iterdir()} == {"model.keras", "figures.parquet", "purchases.parquet"}
    for _ in range(2):
        scored = run("score", "--address", gateway, "--model", str(out))
        assert scored.returncode == 0, scored.stdout + scored.stderr
        assert "9 numbers, served and computed here equal bit for bit" in scored.stdout
        assert "from both equal bit for bit" in scored.stdout
    count = pq.read_metadata(out / "purchases.parquet").num_rows
    assert f"scored {count} purchases" in scored.stdout


def test_bad_input_is_one_line(gateway: str, tmp_path: Path) -> None:
    for arguments in (
        ["train", "--data", str(tmp_path)],
        ["score", "--address", gateway, "--model", str(tmp_path)],
    ):
        ended = run(*arguments)
        assert ended.returncode == 2
        assert ended.stderr.startswith("model.py: error: can't read")
        assert ended.stderr.count("\n") == 1


def test_auc_is_that_of_the_definition() -> None:
    spec = importlib.util.spec_from_file_location("model", HERE.parent / "model.py")
    assert spec is not None
    assert spec.loader is not None
    model = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(model)
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(0, 2, 200), rng.integers(0, 20, 200) / 20
    pairs = [(good > bad) + (good == bad) / 2 for good in scores[labels == 1] for bad in scores[labels == 0]]
    assert model.auc(labels, scores) == pytest.approx(float(np.mean(pairs)))
    assert np.isnan(model.auc(np.zeros(3, int), scores[:3]))
