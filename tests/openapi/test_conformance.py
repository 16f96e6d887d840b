"""The running gateway keeps to the OpenAPI document that it serves: schemathesis makes requests, good and bad."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

SEED = "596"
HERE = Path(__file__).resolve().parent
DOCUMENT = HERE.parents[1] / "openapi" / "openapi.json"
TIME_LIMIT = 900


def served(address: str) -> object:
    """The document that the gateway serves."""
    with urllib.request.urlopen(f"http://{address}/openapi.json", timeout=30) as response:
        return json.load(response)


def test_the_document_served_is_the_one_committed(address: str) -> None:
    assert served(address) == json.loads(DOCUMENT.read_text(encoding="utf-8"))


def test_answers_keep_to_the_document(address: str, tmp_path: Path) -> None:
    examples = os.environ.get("UNSKEW_OPENAPI_EXAMPLES", "40")
    program = Path(sys.executable).with_name("schemathesis")
    command = [str(program), "--config-file", str(HERE / "schemathesis.toml"), "run"]
    command += [f"http://{address}/openapi.json", "--seed", SEED, "--max-examples", examples, "--continue-on-failure"]
    run = subprocess.run(
        command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=TIME_LIMIT, stdin=subprocess.DEVNULL
    )
    assert run.returncode == 0, f"schemathesis ended with {run.returncode}:\n{run.stdout[-20_000:]}{run.stderr[-2000:]}"
