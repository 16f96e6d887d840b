"""Random JSON rows as clients and tools write them: values of all kinds, odd names, awkward numbers, deep nesting."""

import json
import math
import random
import struct
from typing import Any

# Characters that JSON escapes, that UTF-16 writes in pairs, that sort and print oddly.
CHARACTERS = [
    "a",
    "B",
    "7",
    " ",
    '"',
    "\\",
    "/",
    "\b",
    "\t",
    "\n",
    "\x1f",
    "\x7f",
    "ż",
    "中",
    "\u2028",
    "\ufeff",
    "🦀",
    "\U0010ffff",
]
# Where conversions between text and binary go wrong.
NUMBERS = [
    0,
    -0.0,
    1,
    -1,
    0.1,
    1e-7,
    5e-324,
    2.2250738585072014e-308,
    1.7976931348623157e308,
    2**53,
    2**53 + 1,
    -(2**63),
    2**64,
    10**25,
]
# protobuf refuses a message that nests deeper; objects cost three levels, lists two.
DEEPEST = 20


def text(source: random.Random) -> str:
    """A string, often a short one."""
    return "".join(source.choices(CHARACTERS, k=source.choice([0, 1, 3, 8, 200])))


def number(source: random.Random) -> int | float:
    """A number: a double of random bits, an integer, a decimal, or one of the awkward ones."""
    match source.randrange(4):
        case 0:
            while True:
                (double,) = struct.unpack("<d", source.randbytes(8))
                if math.isfinite(double):
                    return float(double)
        case 1:
            return source.randint(-(10**18), 10**18)
        case 2:
            return round(source.uniform(-1000, 1000), source.randrange(6))
        case _:
            return source.choice(NUMBERS)


def value(source: random.Random, depth: int = 0) -> Any:
    """A value of any kind."""
    kind = source.randrange(7 if depth < DEEPEST else 5)
    match kind:
        case 0:
            return None
        case 1:
            return source.random() < 0.5
        case 2 | 3:
            return number(source)
        case 4:
            return text(source)
        case 5:
            return [value(source, depth + 1) for _ in range(source.choice([0, 1, 1, 3]))]
        case _:
            return {text(source): value(source, depth + 1) for _ in range(source.choice([0, 1, 1, 3]))}


def features(source: random.Random) -> dict[str, Any]:
    """The features of a row."""
    reserved = {"entity_id", "event_time", "__event_time", "__created"}
    names = [text(source) or f"f{at}" for at in range(source.choice([0, 1, 5, 20]))]
    return {name: value(source) for name in names if name not in reserved}


def encode(row: dict[str, Any], source: random.Random) -> str:
    """A row as JSON, in one of the forms that writers give it: escaped or not, with or without spaces."""
    separators = source.choice([(",", ":"), (", ", ": "), (" ,\t", " :  ")])
    return json.dumps(row, ensure_ascii=source.random() < 0.5, separators=separators, allow_nan=False)
