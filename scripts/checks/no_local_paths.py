"""Checks that no file names a folder of one machine, or a package index: both hold on that machine alone."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import repository

# Assembled, so that this file is not its own first finding.
FOLDERS = "|".join(["wo" + "rk", "ro" + "ot", "ho" + r"me/\w+", "Us" + r"ers/\w+"])
_FOLDER = re.compile(rf"(?<![\w.}}$:/-])/(?:{FOLDERS})(?:/|\b)")
_INDEX = re.compile(
    r"--(?:extra-)?index-url|--trusted-host|index-url\s*=|registry\s*=\s*\"https?:|PIP_INDEX_URL|GOPROXY=http"
)
# The lock file's source of every crate is the name of the public registry, not where it is fetched from.
SKIPPED = {"Cargo.lock", "LICENSE"}
BINARY = {".png", ".ico", ".parquet", ".keras", ".bin"}


def faults(path: Path, text: str) -> Iterator[str]:
    """The lines of a file that hold on one machine alone."""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _FOLDER.search(line):
            yield f"{path}:{number}: {match.group()!r} is a folder of one machine: {line.strip()[:100]}"
        if match := _INDEX.search(line):
            yield f"{path}:{number}: {match.group()!r} names an index, the machine says which: {line.strip()[:100]}"


def main() -> int:
    """Checks the tree."""
    sources = [
        path
        for path in repository.files()
        if path.name not in SKIPPED and path.suffix not in BINARY and path != Path(__file__)
    ]
    found: list[str] = []
    for path in sources:
        if (repository.ROOT / path).resolve() in {
            Path(__file__).resolve(),
            Path(__file__).with_name("test_checks.py").resolve(),
        }:
            continue
        try:
            text = (repository.ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            found.append(f"{path}: is no UTF-8 text; if it has to be binary, name its suffix in {Path(__file__).name}")
            continue
        found += faults(path, text)
    return repository.report("no local paths", found, f"{len(sources)} files")


if __name__ == "__main__":
    sys.exit(main())
