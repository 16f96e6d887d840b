"""From Python to the wire: requests. Shared by the sync and the asyncio client."""

import datetime as dt
import math
from collections.abc import Iterable
from typing import SupportsIndex

from unskew import _times
from unskew._generated import feature_store_pb2 as wire
from unskew.errors import InvalidArgument


def online_features(
    entity_ids: Iterable[str],
    feature_names: Iterable[str] | None,
    as_of: dt.datetime | SupportsIndex | None,
    all_statuses: bool,
) -> wire.OnlineFeaturesRequest:
    """The request of `online_features`. What the gateway judges (empty, too many, too long) is left to it."""
    return wire.OnlineFeaturesRequest(
        entity_ids=_texts("entity_ids", entity_ids),
        feature_names=() if feature_names is None else _texts("feature_names", feature_names),
        as_of=None if as_of is None else _times.to_micros(as_of, "as_of"),
        all_statuses=all_statuses,
    )


def _texts(name: str, values: Iterable[str]) -> list[str]:
    if isinstance(values, str | bytes):
        raise TypeError(f"{name} must be a list of strings, not one {type(values).__name__}: write [{values!r}]")
    texts = list(values)
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"{name}[{position}] must be a str, not {type(text).__name__} ({text!r})")
        if not text.isascii():
            _check_unicode(f"{name}[{position}]", text)
    return texts


def _check_unicode(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            f"{name} {text!r} holds a lone surrogate at {error.start}, which is no Unicode text"
        ) from None


def seconds(name: str, value: float) -> float:
    """`value` if it is a finite number of seconds above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    if not (math.isfinite(value) and value > 0):
        raise InvalidArgument(f"{name} must be a finite number of seconds above 0, not {value}")
    return float(value)
