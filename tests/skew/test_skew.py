"""Zero skew: the vectors that the wheel computes offline and those that the gateway serves are equal, bit for bit."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import rows as random_rows
import unskew
from gateways import Gateway, redis

ROOT = Path(__file__).resolve().parents[2]
DEFINITIONS = ROOT / "tests/every_transform"
ROWS = int(os.environ.get("UNSKEW_SKEW_ROWS", "100000"))
BATCH = 1000
SERVICE = "every_transform"
VIEW = "account_facts"


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return random_rows.make(ROWS, 2026)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, table: pa.Table) -> Path:
    """The definitions with what was fitted on other rows, and the table as a file."""
    folder = tmp_path_factory.mktemp("skew")
    for file in DEFINITIONS.glob("*.yaml"):
        shutil.copy(file, folder)
    service = unskew.load(folder).services[SERVICE]
    service.fit(random_rows.make(5000, 7, tame=True), time_column="event_time").save(folder)
    with pa.OSFile(str(folder / "table.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return folder


@pytest.fixture(scope="module")
def expected(folder: Path, table: pa.Table) -> np.ndarray:
    vectors = unskew.load(folder).services[SERVICE].transform(table)
    assert np.isfinite(vectors).any(axis=0).all(), "a position that is never a number compares nothing"
    return vectors.view(np.uint32)


@pytest.fixture(scope="module", params=["embedded", "redis"])
def gateway(
    request: pytest.FixtureRequest, folder: Path, table: pa.Table, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    place = tmp_path_factory.mktemp(request.param)
    with (
        redis(place) if request.param == "redis" else Gateway.nothing() as store,
        Gateway(place, store, folder) as gateway,
    ):
        view = table.select(
            [name for name in table.column_names if name.startswith(VIEW)] + ["account_id", "event_time"]
        )
        view = view.rename_columns([name.removeprefix(f"{VIEW}.") for name in view.column_names])
        with unskew.FeatureStoreClient(gateway.address, write_timeout=60) as client:
            written = client.write_rows(VIEW, view)
        assert (written.accepted, list(written.bad)) == (ROWS, [])
        yield gateway


def batches(table: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    for start in range(0, table.num_rows, BATCH):
        yield start, table.slice(start, BATCH)


def compare(start: int, found: np.ndarray, expected: np.ndarray, names: tuple[str, ...]) -> None:
    differs = np.argwhere(found.view(np.uint32) != expected[start : start + len(found)])
    assert not len(differs), f"row {start + differs[0][0]}, {names[differs[0][1]]}: {len(differs)} positions differ"


def test_grpc(gateway: Gateway, folder: Path, table: pa.Table, expected: np.ndarray) -> None:
    service = unskew.load(folder).services[SERVICE]
    names = service.names()
    with unskew.FeatureStoreClient(gateway.address, timeout=30) as client:
        for start, part in batches(table):
            vectors = client.vectors(
                SERVICE,
                entities={"account_id": part["account_id"]},
                request={"price": part["price"], "channel": part["channel"]},
                fingerprint=service.fingerprint(),
            )
            compare(start, np.asarray(vectors.values), expected, names)


def test_rest(gateway: Gateway, folder: Path, table: pa.Table, expected: np.ndarray) -> None:
    names = unskew.load(folder).services[SERVICE].names()
    for start, part in batches(table):
        body = {
            "service": SERVICE,
            "entities": {"account_id": part["account_id"].to_pylist()},
            "request": {name: part[name].to_pylist() for name in ("price", "channel")},
        }
        request = urllib.request.Request(
            f"http://{gateway.address}/v1/feature-vectors",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 (loopback)
            found = np.array(json.load(response)["vectors"], np.float32)  # null becomes NaN
        # JSON has no NaN of its own: null is the quiet one.
        found[np.isnan(found)] = np.uint32(0x7FC0_0000).view(np.float32)
        compare(start, found, expected, names)


def test_a_wheel_of_another_build(folder: Path, expected: np.ndarray, tmp_path: Path) -> None:
    """Built in another folder, with another level of optimization: `scripts/test` says where by UNSKEW_OTHER_WHEEL."""
    other = os.environ.get("UNSKEW_OTHER_WHEEL")
    if not other:
        pytest.fail(
            "UNSKEW_OTHER_WHEEL must name the folder in which the other wheel is installed; scripts/test builds it"
        )
    out = tmp_path / "vectors.npy"
    fitted = folder / f"{SERVICE}.fitted.json"
    command = [
        sys.executable,
        str(Path(__file__).parent / "offline.py"),
        str(folder),
        str(folder / "table.arrow"),
        str(fitted),
        str(out),
    ]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": other}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).parent == Path(other).resolve()
    assert (np.load(out).view(np.uint32) == expected).all()
