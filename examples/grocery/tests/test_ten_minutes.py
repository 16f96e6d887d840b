"""The guide docs/ten-minutes.md: its blocks are run as they stand there, but for the port and how many households."""

import os
import re
import subprocess
import sys
from pathlib import Path

import unskew
from commands import EVERY, EXAMPLE
from gateways import BINARY, ROOT, free_port

GUIDE = ROOT / "docs" / "ten-minutes.md"
FOLDERS = [BINARY.parent, Path(sys.executable).parent, Path(unskew.__file__).parents[1] / "bin"]
"""Where the gateway is, Python, and the commands of a package that was installed into a folder."""
LIMIT = 1800.0


def test_the_guide_runs_as_it_is_written(tmp_path: Path) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    # What is installed: by scripts/test.
    _, told = text.split("\n## 1. ")
    blocks = re.findall(r"^```sh\n(.*?)^```$", told, re.DOTALL | re.MULTILINE)
    assert len(blocks) == told.count("```") // 2 == 7
    address = f"127.0.0.1:{free_port()}"
    script = "".join(blocks).replace("--out . --csv", f"--out . --csv --every {EVERY}")
    script = script.replace("127.0.0.1:50051", address)
    environment = {
        **os.environ,
        "PATH": ":".join([*map(str, FOLDERS), os.environ["PATH"]]),
        "UNSKEW": str(EXAMPLE.parents[1]),
        "UNSKEW_ADDRESS": address,
        "APP__SERVER__ADDRESS": address,
        "COLUMNS": "200",
    }
    # The shell ends what it started when a block fails.
    script = f"set -euo pipefail\ntrap 'kill ${{GATEWAY:-}} 2>/dev/null || true' EXIT\n{script}"
    done = subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 entities, 1 sources, 1 views, 1 services" in done.stdout
    assert re.search(r"AUC on the last three months: 0\.[5-9]", done.stdout)
    assert "spending: 0 differences" in done.stdout
    assert "accepted=1" in done.stdout
    assert '"fingerprint"' in done.stdout
    before, after = re.findall(r"household 1 comes back within three days: (\S+)", done.stdout)
    assert before != after
