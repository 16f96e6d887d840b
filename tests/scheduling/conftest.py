"""What the tests share: the fraud example with a few thousand transactions, and a platform on which Airflow runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import unskew
from unskew import offline

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "fraud"
sys.path[:0] = [str(ROOT / "tests" / "faults"), str(EXAMPLE)]

from airflow_server import Airflow  # noqa: E402 (it needs the path)
from fraud_benchmark.stream import events  # noqa: E402
from fraud_platform import CATCH_UP, DAYS, Platform, text  # noqa: E402
from parts import Gateway, Redis, Way  # noqa: E402


@pytest.fixture(scope="session")
def fraud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with transactions and definitions with what was fitted on them."""
    folder = tmp_path_factory.mktemp("fraud")
    size = ["--customers", "300", "--terminals", "500", "--days", str(DAYS), "--radius", "20"]
    subprocess.run([sys.executable, EXAMPLE / "generate.py", "--out", folder, *size], check=True)
    transactions = pq.read_table(folder / "transactions.parquet")
    definitions = folder / "definitions"
    definitions.mkdir()
    (definitions / "fraud.yaml").write_bytes((EXAMPLE / "definitions" / "fraud.yaml").read_bytes())
    history = {"transactions": events(transactions, labelled=True)}
    spine = transactions.select(["customer_id", "terminal_id", "tx_datetime", "tx_amount"])
    made = unskew.training_set(unskew.load(definitions), "fraud_benchmark", spine, history)
    assert made.fitted is not None
    made.fitted.save(definitions)
    return folder


@pytest.fixture(scope="session")
def platform(fraud: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A gateway over Redis, empty tables, and an Airflow that begins at once with the days that are past."""
    binary = Path(os.environ.get("UNSKEW_GATEWAY_BIN") or ROOT / "target" / "release" / "unskew-gateway")
    definitions = fraud / "definitions"
    store = offline.open(definitions, warehouse=fraud / "warehouse")
    store.apply()
    with (
        Redis(tmp_path_factory.mktemp("redis")) as redis,
        Way(redis.port) as way,
        Gateway(
            binary,
            tmp_path_factory.mktemp("gateway"),
            f"redis://127.0.0.1:{way.port}",
            {"APP__DEFINITIONS__PATH": str(definitions)},
        ) as gateway,
    ):
        host, _, port = gateway.address.partition(":")
        connection = {"conn_type": "generic", "host": host, "port": int(port)}
        environment = {
            "AIRFLOW_CONN_UNSKEW_DEFAULT": json.dumps({**connection, "extra": {"warehouse": str(fraud / "warehouse")}}),
            "FRAUD_DATA": str(fraud),
            "FRAUD_DEFINITIONS": str(definitions),
            "FRAUD_START": text(DAYS - CATCH_UP),
            "FRAUD_END": text(DAYS - 1),
        }
        home = tmp_path_factory.mktemp("airflow")
        transactions = pq.read_table(fraud / "transactions.parquet")
        with Airflow(home, EXAMPLE / "dags", environment) as airflow:
            yield Platform(airflow, gateway, way, redis, store, transactions, fraud)
