"""Checks that no source file has more than 600 lines, and that 90 % of each language's have at most 400."""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Mapping

import repository

MOST = 600
P90 = 400
LANGUAGES = {".rs": "Rust", ".py": "Python", ".sh": "shell", ".lua": "Lua", ".proto": "protobuf"}


def percentile(values: list[int], share: float) -> int:
    """The smallest value that is not less than this share of them."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def faults(lines: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What is too long. `lines`: by language, the lines of each file."""
    found = []
    for language, sizes in lines.items():
        found += [f"{path}: {count} lines, at most {MOST}: split it" for path, count in sizes.items() if count > MOST]
        middle = percentile(list(sizes.values()), 0.9)
        if middle > P90:
            found.append(f"{language}: the 90th percentile of its files has {middle} lines, at most {P90}")
    return found


def main() -> int:
    """Checks the tree."""
    lines: dict[str, dict[str, int]] = defaultdict(dict)
    for path in repository.files(*LANGUAGES):
        text = (repository.ROOT / path).read_text(encoding="utf-8")
        lines[LANGUAGES[path.suffix]][str(path)] = text.count("\n")
    counts = ", ".join(
        f"{language}: {len(sizes)} files, median {percentile(list(sizes.values()), 0.5)}, "
        f"p90 {percentile(list(sizes.values()), 0.9)}, most {max(sizes.values())}"
        for language, sizes in lines.items()
    )
    return repository.report("size budget", faults(lines), counts)


if __name__ == "__main__":
    sys.exit(main())
