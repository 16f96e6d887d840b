"""Rust source as the checks read it: strings and comments blanked out, test code left out, each line on its line."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
      (?P<comment>//[^\n]*|/\*.*?\*/)
    | (?P<string>b?r(?P<hashes>\#*)".*?"(?P=hashes)|b?"(?:\\.|[^"\\])*")
    | (?P<char>b?'(?:\\.[^']*|[^'\\])')
    """,
    re.VERBOSE | re.DOTALL,
)
_TEST_ITEM = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*")


def _blank(text: str) -> str:
    """The same number of characters and lines, with nothing on them."""
    return re.sub(r"[^\n]", " ", text)


def code(text: str) -> str:
    """The source without comments and without what stands in strings and characters."""
    return _TOKEN.sub(lambda match: _blank(match.group()), text)


def without_tests(text: str) -> str:
    """`code` without the items under `#[cfg(test)]`."""
    # An attribute's strings, reasons for example, may hold brackets: they are blank already.
    source = code(text)
    while match := _TEST_ITEM.search(source):
        end = _item_end(source, match.end())
        source = source[: match.start()] + _blank(source[match.start() : end]) + source[end:]
    return source


def _item_end(source: str, start: int) -> int:
    """Where the item that begins at `start` ends: after its `;`, or its closing brace."""
    depth = 0
    for at in range(start, len(source)):
        match source[at]:
            case ";" if depth == 0:
                return at + 1
            case "{":
                depth += 1
            case "}":
                depth -= 1
                if depth == 0:
                    return at + 1
            case _:
                pass
    return len(source)


def line_of(source: str, at: int) -> int:
    """The number of the line of a position, from 1."""
    return source.count("\n", 0, at) + 1
