"""Checks that the relative links of the Markdown files lead to files that are there, and to headings that they have."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import repository

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """The anchors that a page's headings give."""
    prose = _FENCE.sub("", text)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(prose)}


def faults(path: Path, text: str, read: Callable[[Path], str | None]) -> Iterator[str]:
    """The links of a page that lead nowhere. `read` gives the text behind a path; None: there is none."""
    for link in _LINK.findall(_FENCE.sub("", text)):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = read(path.parent / name) if name else text
        if target is None:
            yield f"{path}: {link} leads to no file"
        elif anchor and anchor not in anchors(target):
            yield f"{path}: {link}: there is no such heading"


def read(path: Path) -> str | None:
    """The text of a file of the repository, empty for a folder."""
    full = repository.ROOT / path
    if full.is_dir():
        return ""
    return full.read_text(encoding="utf-8") if full.is_file() else None


def main() -> int:
    """Checks the tree."""
    pages = repository.files(".md")
    found = [fault for path in pages for fault in faults(path, read(path) or "", read)]
    return repository.report("links", found, f"{len(pages)} pages")


if __name__ == "__main__":
    sys.exit(main())
