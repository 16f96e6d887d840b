"""Materializing beside Feast: entities from Iceberg to both stores, and Feast's from Parquet to the same Redis."""

import hashlib
import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench_lib.asked import Demand
from bench_lib.options import ROOT, Options
from bench_lib.processes import Server, start_gateway, start_redis
from bench_lib.tools import output, run, say

FEATURES = 20
# Feast needs long, so it is given fewer.
FEAST_ROWS = 50_000
# Of Feast's time for a row, at most.
SHARE = 1 / 20
MINUTES = 30
REQUIREMENTS = Path(__file__).with_name("feast.txt")
PROGRAM = Path(__file__).with_name("feast_materialize.py")
STORES = ("Redis", "embedded")
# Without the packages of the Python that runs this.
ALONE = ["env", "-u", "PYTHONPATH"]


@dataclass(frozen=True)
class Materialized:
    """One run."""

    by: str
    """`unskew, Redis` and the like."""
    rows: int
    seconds: float
    client_bytes: int | None
    """The most memory of the process that reads and sends; None: not measured."""
    gateway_bytes: int | None
    """The gateway's memory at the end."""

    @property
    def microseconds(self) -> float:
        """For a row."""
        return self.seconds / self.rows * 1e6


def run_materialize(binary: Path, options: Options) -> list[Materialized]:
    """Ours into both stores, then Feast's into the first."""
    found = []
    with TemporaryDirectory(prefix="unskew-bench-") as name:
        folder = Path(name)
        definitions = _definitions(folder)
        place = ["--definitions", str(definitions), "--warehouse", str(folder / "warehouse")]
        say(f"a table of {options.materialize_rows:,} entities in Iceberg")
        program = _program()
        run([*program, "make", "--rows", str(options.materialize_rows), *place])
        redis = start_redis(folder)
        try:
            for store in STORES:
                url = f"redis://{redis.address}" if store == "Redis" else f"embedded:{folder / 'store'}"
                gateway = start_gateway(binary, url, folder, definitions)
                try:
                    say(f"materializing to {store}")
                    found.append(_ours(store, gateway, program, place))
                finally:
                    gateway.stop()
            run(["redis-cli", "-p", redis.address.rpartition(":")[2], "flushall"])
            say(f"materializing {FEAST_ROWS:,} entities by Feast")
            found.append(_feast(options, redis, folder))
        finally:
            redis.stop()
    return found


def materialize_demands(found: list[Materialized]) -> list[Demand]:
    """What is asked of it."""
    *mine, feast = found
    demands = []
    for it in mine:
        share = it.microseconds / feast.microseconds
        demands.append(
            Demand(
                f"materializing, {it.by}: time for a row of {FEATURES} features",
                f"at most 1/{1 / SHARE:.0f} of Feast's",
                f"1/{1 / share:.1f}",
                share <= SHARE,
            )
        )
    return demands


def _definitions(folder: Path) -> Path:
    features = [f"f{place}" for place in range(FEATURES)]
    columns = {"user_id": "int64", "at": "timestamp", **dict.fromkeys(features, "float64")}
    document = {
        "entities": {"user": {"keys": {"user_id": "int64"}}},
        "sources": {"users": {"iceberg": "bench.users", "event_time": "at", "columns": columns}},
        "views": {
            "user_features": {"entity": "user", "source": "users", "features": dict.fromkeys(features, "float64")}
        },
    }
    definitions = folder / "definitions"
    definitions.mkdir()
    # JSON is YAML.
    (definitions / "bench.yaml").write_text(json.dumps(document), encoding="utf-8")
    return definitions


def _program() -> list[str]:
    """The command of the program of the package, in an environment as the tests have it."""
    library = shlex.quote(str(ROOT / "scripts/lib.sh"))
    script = f'. {library} && cd "$ROOT" && python_env scripts/requirements.txt tests/requirements.txt >&2'
    said = output(["bash", "-c", f'{script} && echo "$PYTHONPATH" && echo "$PYTHON"'], MINUTES * 60)
    path, python = said.splitlines()[-2:]
    return ["env", f"PYTHONPATH={path}", python, str(ROOT / "client/benches/materialize.py")]


def _ours(store: str, gateway: Server, program: list[str], place: list[str]) -> Materialized:
    said = json.loads(output([*program, "run", "--address", gateway.address, *place], MINUTES * 60))
    return Materialized(f"unskew, {store}", said["rows"], said["seconds"], said["peak_bytes"], gateway.rss_bytes())


def _feast(options: Options, redis: Server, folder: Path) -> Materialized:
    key = hashlib.sha256(f"{sys.version}{REQUIREMENTS.read_text()}".encode()).hexdigest()[:16]
    venv = options.cache / f"feast-{key}"
    if not (venv / ".complete").exists():
        say(f"making {venv}")
        run([sys.executable, "-m", "venv", "--clear", str(venv)])
        run([*ALONE, str(venv / "bin/pip"), "install", "-q", "-r", str(REQUIREMENTS)])
        (venv / ".complete").touch()
    command = [*ALONE, str(venv / "bin/python"), str(PROGRAM), str(FEAST_ROWS), str(FEATURES), redis.address]
    said: dict[str, Any] = json.loads(output([*command, str(folder)], MINUTES * 60).splitlines()[-1])
    return Materialized(f"Feast {said['version']}, Redis", said["rows"], said["seconds"], None, None)
