"""A value as the engine gives it offline, and as a gateway serves it: whether they are the same."""

from __future__ import annotations

import base64
import datetime as dt
import math
from typing import Any

import numpy as np

from unskew.results import FeatureRow, Reason, Status

MAX_EXACT = 2**53
"""Whole numbers beyond are texts on the wire."""
NEWER = frozenset((Reason.NEWER_THAN_AS_OF, Reason.AS_OF_TOO_OLD))
"""The store is ahead of the time that is asked for: nothing can be said."""


def key_text(values: list[Any]) -> str:
    """The id of an entity by its key values, in declared order."""
    return "|".join(map(_part, values))


def _part(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.urlsafe_b64encode(value).decode().rstrip("=")
    return str(value).replace("%", "%25").replace("|", "%7C")


def online(row: FeatureRow, feature: str) -> tuple[str, Any]:
    """Status and value of a feature that was served; an ERROR with its reason, as training sets have it."""
    status = row.statuses[feature]
    if status is Status.ERROR:
        return f"ERROR {row.reasons.get(feature, row.reason)}", None
    return str(status), row.features.get(feature)


def offline(status: str, value: Any, dtype: str) -> tuple[str, Any]:
    """Status and value of a feature as it would be served: JSON has no NaN, and other forms of some types."""
    if status == str(Status.PRESENT) and isinstance(value, float) and not math.isfinite(value):
        return str(Status.NULL), None
    return status, None if value is None else served(value, dtype)


def served(value: Any, dtype: str) -> Any:
    """A value in the form that clients get.

    >>> served(7, "int64"), served(2**60, "int64"), served(b"a", "bytes")
    (7.0, '1152921504606846976', 'YQ==')
    """
    found = value
    if isinstance(value, list):
        found = [None if it is None else served(it, item(dtype)) for it in value]
    elif isinstance(value, int) and not isinstance(value, bool):
        found = float(value) if abs(value) <= MAX_EXACT else str(value)
    elif isinstance(value, float) and not math.isfinite(value):
        found = None
    elif isinstance(value, float) and dtype == "float32":
        found = float(str(np.float32(value)))
    elif isinstance(value, bytes):
        found = base64.b64encode(value).decode()
    elif isinstance(value, dt.datetime):
        found = _time(value)
    return found


def item(dtype: str) -> str:
    """The type of the items of a list or a vector."""
    return dtype[5:-1] if dtype.startswith("list<") else "float32"


def same(ours: Any, theirs: Any, dtype: str) -> bool:
    """Whether two values in that form are equal; −0.0 is not 0.0."""
    if dtype == "timestamp" and isinstance(theirs, str) and isinstance(ours, str):
        return ours == _time(dt.datetime.fromisoformat(theirs.replace("Z", "+00:00")))
    if isinstance(ours, float) and isinstance(theirs, float):
        return ours == theirs and math.copysign(1.0, ours) == math.copysign(1.0, theirs)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(same(a, b, item(dtype)) for a, b in zip(ours, theirs, strict=True))
    return bool(ours == theirs)


def _time(value: dt.datetime) -> str:
    utc = value.replace(tzinfo=dt.timezone.utc) if value.tzinfo is None else value.astimezone(dt.timezone.utc)
    return utc.isoformat(timespec="microseconds")
