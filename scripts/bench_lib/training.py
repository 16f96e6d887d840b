"""Training sets beside their peers: a program of the Python package, in an environment as the tests have it."""

import json
import shlex
from dataclasses import dataclass

from bench_lib.asked import Demand
from bench_lib.options import ROOT
from bench_lib.tools import output, say

# Least million events a second on one thread, and how many times as fast as each peer.
LEAST = 3.0
TIMES = {"DuckDB": 5.0, "pandas": 20.0}
MINUTES = 30


@dataclass(frozen=True)
class Training:
    """What the program says."""

    rows: int
    rates: dict[str, float]
    """Events a second on one thread, by what computed them."""


def run_training() -> Training:
    """Build the package, run the program."""
    say("training sets, beside DuckDB and pandas")
    library = shlex.quote(str(ROOT / "scripts/lib.sh"))
    script = f'. {library} && cd "$ROOT" && python_env scripts/requirements.txt tests/requirements.txt >&2'
    command = ["bash", "-c", f'{script} && "$PYTHON" client/benches/training_set.py --json']
    said = json.loads(output(command, MINUTES * 60))
    return Training(said["rows"], said["events_per_second"])


def training_demands(found: Training) -> list[Demand]:
    """What is asked of it."""
    mine = found.rates["unskew"]
    result = [
        Demand(
            "training set of 12 window features, one thread",
            f"at least {LEAST:.0f} million events/s",
            f"{mine / 1e6:.2f} million events/s",
            mine >= LEAST * 1e6,
        )
    ]
    for peer, least in TIMES.items():
        times = mine / found.rates[peer]
        result.append(Demand(f"the same against {peer}", f"at least {least:.0f}×", f"{times:.1f}×", times >= least))
    return result
