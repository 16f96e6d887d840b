"""Numbers of the engine, which are float64, as layers take them, which is float32."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np


def least_float32(number: float, *, above: bool) -> float:
    """The least float32 that is not below `number`, or that is above it.

    A float32 is on the same side of that as of `number`, so that a layer with such boundaries gives every float32 the
    bucket that the engine gives it.
    """
    with np.errstate(over="ignore"):
        rounded = np.float32(number)
    if float(rounded) < number or (above and float(rounded) == number):
        rounded = np.nextafter(rounded, np.float32(math.inf))
    return float(rounded)


def boundaries(numbers: Iterable[float], *, closed: str) -> list[float]:
    """Boundaries of buckets [a, b) for float32 that are those of buckets which are closed on that side for float64."""
    return [least_float32(number, above=closed == "right") for number in numbers]
