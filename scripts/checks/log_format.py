"""Checks the messages of log lines: lower case, no final stop, and values in fields instead of in the text.

A message may begin with an upper-case word of at least two such letters (HTTP, SIGTERM).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import repository
import rust_source

_CALL = re.compile(r"\b(?:tracing::)?(?:trace|debug|info|warn|error|event)!\(")
_STRING = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_ACRONYM = re.compile(r"[A-Z][A-Z0-9_]+\b")


def arguments(text: str, source: str, start: int) -> str:
    """The text between the parenthesis before `start` and the one that closes it; `source` is the same, blanked."""
    depth = 1
    for at in range(start, len(source)):
        depth += (source[at] == "(") - (source[at] == ")")
        if depth == 0:
            return text[start:at]
    return text[start:]


def fault(message: str) -> str | None:
    """What is wrong with a message; None if nothing is."""
    if message[:1].isupper() and not _ACRONYM.match(message):
        return "begins with an upper-case letter"
    if message.endswith((".", "!", ":")):
        return "ends with a stop"
    if "\n" in message or "\\n" in message:
        return "has more than one line"
    if re.search(r"\{[^}]*\}", message):
        return "formats a value into the text: make it a field"
    return None


def faults(path: Path, text: str) -> Iterator[str]:
    """The messages of a file that are not right."""
    source = rust_source.without_tests(text)
    for match in _CALL.finditer(source):
        # The message is the last string that is not the value of a field.
        inside = arguments(text, source, match.end())
        parts = [part for part in _STRING.finditer(inside) if not re.search(r"[=(]\s*$", inside[: part.start()])]
        if parts and (problem := fault(parts[-1].group(1))):
            yield f"{path}:{rust_source.line_of(source, match.start())}: {parts[-1].group()} {problem}"


def main() -> int:
    """Checks the tree."""
    sources = [path for path in repository.files(".rs") if path.parts[0] == "src"]
    found = [fault for path in sources for fault in faults(path, (repository.ROOT / path).read_text(encoding="utf-8"))]
    return repository.report("log format", found, f"{len(sources)} files log in lower case, without a final stop")


if __name__ == "__main__":
    sys.exit(main())
