"""`scripts/generate_features.py`: a sample and the fraud tables, from Spark to a gateway on Redis."""

import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import unskew
from tests.gateway import REPOSITORY, Gateway, free_address
from tests.offline.online import compared, patient
from tests.spark.conftest import SMALL, Connected
from unskew import offline

SCRIPT = REPOSITORY / "scripts" / "generate_features.py"
AT = "2026-11-01T00:00:00+00:00"
# At night the command itself, in processes of its own, and twice: a second run changes nothing.
NIGHTLY = bool(os.environ.get("UNSKEW_FRAUD_NIGHTLY"))


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    """The port of a Redis."""
    port = free_address().rpartition(":")[2]
    command = [
        shutil.which("redis-server") or "redis-server",
        "--port",
        port,
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while said(port, "PING") != "PONG":
        assert process.poll() is None
        assert time.monotonic() < deadline, "Redis does not answer"
        time.sleep(0.05)
    yield port
    process.terminate()
    process.wait(30)


def said(port: str, *command: str) -> str:
    arguments = [shutil.which("redis-cli") or "redis-cli", "-p", port, *command]
    ran = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120)
    return ran.stdout.strip()


def run(command: list[str]) -> str:
    """What the command says; it ends with exit code 0."""
    confs = [f"--conf={name}={value}" for name, value in SMALL.items() if name != "spark.master"]
    whole = [sys.executable, str(SCRIPT), *command, *confs]
    ran = subprocess.run(whole, capture_output=True, text=True, check=False, timeout=3000)
    assert ran.returncode == 0, ran.stderr[-4000:]
    return ran.stdout


def test_the_gateway_serves_what_spark_computed(
    tmp_path: Path, redis: str, jars: Path, connected: Connected, capsys: pytest.CaptureFixture[str]
) -> None:
    definitions, warehouse = tmp_path / "definitions", tmp_path / "warehouse"
    definitions.mkdir()
    for file in ("features/users.yaml", "fraud/definitions/fraud.yaml"):
        shutil.copy(REPOSITORY / "examples" / file, definitions)
    settings = {"APP__DEFINITIONS__PATH": str(definitions)}
    with Gateway(tmp_path, store=f"redis://127.0.0.1:{redis}", settings=settings) as gateway:
        command = [
            "--definitions", str(definitions), "--warehouse", str(warehouse), "--address", gateway.address,
            "--jars", str(jars), "--days", "10", "--customers", "40", "--terminals", "60", "--event-time", AT,
        ]  # fmt: skip
        if NIGHTLY:
            assert run(command).splitlines()[:2] == run(command).splitlines()[:2]
        script = runpy.run_path(str(SCRIPT))
        store = offline.open(definitions, warehouse=warehouse)
        assert script["generate"](connected(store), store, script["arguments_of"]().parse_args(command)) == 0
        told = capsys.readouterr().out.splitlines()
        assert {"default.user_features: 100 rows", "default: 100 rows"} <= set(told), told
        with patient(gateway.address) as client:
            served = client.online_features([f"user_{number}" for number in range(100)])
            of_view = client.online_features(["user_7"], ["user_features.feature_a", "user_features.feature_c"])[
                "user_7"
            ]
            verified = compared(store, client)
        for number in range(100):
            wanted = {"feature_a": 0.1 * number, "feature_b": number % 10, "feature_c": "AB"[number % 2]}
            stored = json.loads(said(redis, "GET", f"features:user_{number}"))
            assert stored.pop("__event_time") == 1_793_491_200_000_000
            assert {name: stored[name] for name in wanted} == wanted
            assert {name: served[f"user_{number}"][name] for name in wanted} == wanted
        assert all(not found.differences for found in verified.values()), verified
        assert all(verified[view].values for view in ("terminal_risk", "user_features")), verified
        assert of_view["user_features.feature_c"] == "B"
        assert isinstance(of_view, unskew.FeatureRow)
