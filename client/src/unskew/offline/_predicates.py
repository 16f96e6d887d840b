"""Predicates of PyIceberg, by functions whose types can be checked: its own have fields that pydantic makes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyiceberg import expressions
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression, Or

from unskew import _times

_LIBRARY: Any = expressions

EVERYTHING = AlwaysTrue()

MAX_KEYS = 200
"""Of a predicate on keys: Iceberg looks at no more of them in the statistics of a file."""

Keys = Mapping[str, Sequence[Any]]
"""Values of the key columns of an entity, one key at each position."""


def is_in(column: str, values: Iterable[Any]) -> BooleanExpression:
    """What has one of the values."""
    found: BooleanExpression = _LIBRARY.In(column, set(values))
    return found


def equal(column: str, value: Any) -> BooleanExpression:
    """What has the value."""
    found: BooleanExpression = _LIBRARY.EqualTo(column, value)
    return found


def between(column: str, start: int | None, end: int | None) -> BooleanExpression:
    """Times with start ≤ t < end, in microseconds; None: without that end."""
    found: BooleanExpression = EVERYTHING
    if start is not None:
        found = And(found, _LIBRARY.GreaterThanOrEqual(column, _literal(start)))
    if end is not None:
        found = And(found, _LIBRARY.LessThan(column, _literal(end)))
    return found


def of_keys(keys: Keys) -> BooleanExpression:
    """A predicate that all rows of some keys meet, and as few others as it can say."""
    found: BooleanExpression = EVERYTHING
    for name, values in keys.items():
        distinct = set(values)
        if 0 < len(distinct) <= MAX_KEYS:
            found = And(found, is_in(name, distinct))
    return found


def any_of(predicates: Iterable[BooleanExpression]) -> BooleanExpression:
    """What meets one of them; all rows if there is none."""
    found: BooleanExpression | None = None
    for predicate in predicates:
        found = predicate if found is None else Or(found, predicate)
    return EVERYTHING if found is None else found


def all_of(predicates: Iterable[BooleanExpression]) -> BooleanExpression:
    """What meets all of them."""
    found: BooleanExpression = EVERYTHING
    for predicate in predicates:
        found = And(found, predicate)
    return found


def _literal(micros: int) -> str:
    """A time as PyIceberg reads it."""
    return _times.from_micros(micros).isoformat(timespec="microseconds")
