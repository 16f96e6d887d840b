"""What the checks share: the files of the repository, and how findings are reported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def files(*suffixes: str) -> list[Path]:
    """The files in git or to be added to it, with one of these suffixes; without a suffix: all. Paths from the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = [Path(name) for name in listed.split("\0") if name]
    return sorted(path for path in paths if (ROOT / path).is_file() and (not suffixes or path.suffix in suffixes))


def report(check: str, findings: Iterable[str], good: str) -> int:
    """Prints what was found, or that all is well; returns the exit code."""
    found = list(findings)
    for finding in found:
        print(f"{check}: {finding}", file=sys.stderr)
    if found:
        print(f"{check}: {len(found)} at fault", file=sys.stderr)
        return 1
    print(f"{check}: {good}")
    return 0
