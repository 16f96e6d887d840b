"""Checks that the files that the binary writes are those in the repository. `--write` writes them anew.

Needs the built binary: `cargo build --release --locked`, or UNSKEW_GATEWAY_BIN.
"""

from __future__ import annotations

import argparse
import difflib
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import repository

BINARY = Path(os.environ.get("UNSKEW_GATEWAY_BIN", repository.ROOT / "target" / "release" / "unskew-gateway"))
# By file: the arguments of the binary that print it.
GENERATED = {
    "openapi/openapi.json": ["openapi"],
    "docs/configuration.md": ["check-config", "--document"],
    "definitions.schema.json": ["check", "--schema"],
    "docs/transforms.md": ["check", "--transforms"],
}
SHOWN = 40


def printed(arguments: list[str]) -> str:
    """What the binary prints, whatever the environment configures."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("APP__")}
    run = subprocess.run([str(BINARY), *arguments], env=environment, check=False, capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(
            f"generated: `unskew-gateway {' '.join(arguments)}` ended with {run.returncode}: {run.stderr.strip()}"
        )
    return run.stdout


def difference(name: str, committed: str, current: str) -> str:
    """The first lines in which two texts differ; empty if they are equal."""
    lines = difflib.unified_diff(
        committed.splitlines(keepends=True),
        current.splitlines(keepends=True),
        f"{name} as committed",
        f"{name} as printed",
    )
    return "".join(islice(lines, SHOWN))


def main() -> int:
    """Checks or writes the files."""
    parser = argparse.ArgumentParser(description="Check the files that the binary writes.")
    parser.add_argument("--write", action="store_true", help="write them anew")
    write = parser.parse_args().write
    if not BINARY.is_file():
        raise SystemExit(f"generated: there is no {BINARY}: run cargo build --release --locked")
    found = []
    for name, arguments in GENERATED.items():
        path = repository.ROOT / name
        current = printed(arguments)
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(current, encoding="utf-8")
            continue
        committed = path.read_text(encoding="utf-8") if path.is_file() else ""
        if diff := difference(name, committed, current):
            command = f"unskew-gateway {' '.join(arguments)}"
            found.append(
                f"{name} is not what `{command}` prints: run python3 scripts/checks/generated.py --write\n{diff}"
            )
    return repository.report("generated", found, f"{', '.join(GENERATED)} {'written' if write else 'are current'}")


if __name__ == "__main__":
    sys.exit(main())
