"""Checks that each error code of `src/error/code.rs` has a page in `docs/errors/` that agrees, and no other has."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import repository

TABLE = repository.ROOT / "src" / "error" / "code.rs"
PAGES = repository.ROOT / "docs" / "errors"
INDEX = "README.md"
GRPC_NAMES = {
    3: "INVALID_ARGUMENT",
    4: "DEADLINE_EXCEEDED",
    5: "NOT_FOUND",
    7: "PERMISSION_DENIED",
    8: "RESOURCE_EXHAUSTED",
    9: "FAILED_PRECONDITION",
    12: "UNIMPLEMENTED",
    13: "INTERNAL",
    14: "UNAVAILABLE",
    16: "UNAUTHENTICATED",
}
_ROW = re.compile(r'=>\s*\(\s*"([A-Z_]+)",\s*(\d+),\s*(\d+),\s*(None|Some\((\d[\d_]*)\))\s*\)')


@dataclass(frozen=True, slots=True)
class Facts:
    """A row of the table."""

    http: int
    grpc: str
    retried: bool

    def line(self) -> str:
        """The line that a page must have."""
        retry = "yes, after the time given" if self.retried else "no"
        return f"HTTP {self.http} · gRPC {self.grpc} · retry: {retry}"


def table(text: str) -> dict[str, Facts]:
    """The rows of the table by the name of the code."""
    rows = {
        name: Facts(int(http), GRPC_NAMES.get(int(grpc), grpc), retry != "None")
        for name, http, grpc, retry, _ in _ROW.findall(text)
    }
    count = len(re.findall(r"Self::\w+ => \(", text))
    if len(rows) != count or not rows:
        raise ValueError(f"{TABLE.name}: read {len(rows)} rows of {count}: mend the pattern in error_pages.py")
    return rows


def faults(rows: Mapping[str, Facts], pages: Mapping[str, str]) -> list[str]:
    """What is missing, left over, or says something else. `pages`: text by name."""
    found = []
    for name, facts in rows.items():
        page = pages.get(f"{name}.md")
        if page is None:
            found.append(f"docs/errors/{name}.md is missing")
            continue
        if not page.startswith(f"# {name}\n"):
            found.append(f"docs/errors/{name}.md: its title is not {name}")
        if facts.line() not in page:
            found.append(f"docs/errors/{name}.md: lacks the line {facts.line()!r}")
        if name not in pages.get(INDEX, ""):
            found.append(f"docs/errors/{INDEX} does not list {name}")
    found += [
        f"docs/errors/{page} is about no code of src/error/code.rs"
        for page in pages
        if page != INDEX and page.removesuffix(".md") not in rows
    ]
    return found


def main() -> int:
    """Checks the tree."""
    rows = table(TABLE.read_text(encoding="utf-8"))
    pages = {path.name: path.read_text(encoding="utf-8") for path in sorted(PAGES.glob("*.md"))}
    return repository.report("error pages", faults(rows, pages), f"{len(rows)} codes, each with its page")


if __name__ == "__main__":
    sys.exit(main())
