"""Single values of a column: what they are on the wire, and what is wrong with those that are nothing there."""

import base64
import datetime as dt
import json
import math
from collections.abc import Iterable
from typing import Any

from unskew import _times
from unskew.errors import InvalidArgument

RIGHT = "give None, bool, int, float, str, bytes, aware datetimes, or lists of them"
BIGGEST_EXACT = 2**53


class Json:
    """A list or an object, for which the wire has no type but JSON."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


def plain(where: str, row: int, value: Any, nan_is_null: bool) -> Any:  # noqa: C901, PLR0911 (a value of any type)
    """The value as one of Python's own types, `Json` or None.

    Raises:
        InvalidArgument: it is nothing that a column can hold.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # also of an enum
    if isinstance(value, float):
        return None if nan_is_null and math.isnan(value) else float(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    if isinstance(value, dt.datetime):
        return _times.EPOCH + _times.MICROSECOND * _times.to_micros(value, f"{where}[{row}]")
    if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0:
        if value.dtype.kind == "M":
            raise InvalidArgument(f"{where}[{row}] is {value}, a time without a zone: give an aware datetime")
        return plain(where, row, value.item(), nan_is_null)
    if isinstance(value, list | tuple | dict) or hasattr(value, "tolist"):
        return Json(value)
    if isinstance(value, dt.date):
        raise InvalidArgument(
            f"{where}[{row}] is the date {value}, which is no time: give an aware datetime, e.g. "
            f"datetime({value.year}, {value.month}, {value.day}, tzinfo=timezone.utc)"
        )
    raise InvalidArgument(f"{where}[{row}] is a {type(value).__name__} ({shown(value)}): {RIGHT}")


def common_type(where: str, values: list[Any]) -> type:
    """The one type of a column of plain values; whole numbers beside floats are made floats. All null: text.

    Raises:
        InvalidArgument: it has several types, or a whole number that no float is.
    """
    kinds = set(map(type, values)) - {type(None)}
    if len(kinds) <= 1:
        return kinds.pop() if kinds else str
    if kinds == {int, float}:
        for row, value in enumerate(values):
            if type(value) is int:
                if abs(value) > BIGGEST_EXACT and int(float(value)) != value:
                    raise InvalidArgument(f"{where}[{row}] is {value}, which is no float64, and the column has floats")
                values[row] = float(value)
        return float
    firsts: dict[type, int] = {}
    for row, value in enumerate(values):
        if value is not None:
            firsts.setdefault(type(value), row)
    said = ", ".join(f"{_name(kind)} at {row}" for kind, row in sorted(firsts.items(), key=lambda first: first[1]))
    raise InvalidArgument(f"{where} has values of several types ({said}): a column has one")


def _name(kind: type) -> str:
    return "list" if kind is Json else kind.__name__


def check(where: str, values: Iterable[Any], kind: type) -> None:
    """Names the value that the wire refused.

    Raises:
        InvalidArgument: with it.
    """
    for row, value in enumerate(values):
        if value is None:
            continue
        if kind is str and not is_unicode(value):
            raise InvalidArgument(f"{where}[{row}] {value!r} holds a lone surrogate, which is no Unicode text")
        if kind is int and not _times.INT64_MIN <= value <= _times.INT64_MAX:
            raise InvalidArgument(f"{where}[{row}] is {value}, which is outside of int64")
        if kind is dt.datetime:
            _times.to_micros(value, f"{where}[{row}]")


def is_unicode(text: str) -> bool:
    """Whether it holds no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def to_json(where: str, row: int, value: Json) -> str:
    """The JSON of a list or an object.

    Raises:
        InvalidArgument: it has none.
    """
    try:
        text = _encoder.encode(value.value)
        text.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"{where}[{row}] holds a lone surrogate, which is no Unicode text") from None
    except (TypeError, ValueError, RecursionError) as error:
        said = str(error)
        if "JSON compliant" in said:
            said = "NaN and infinities have no JSON form: give None"
        raise InvalidArgument(f"{where}[{row}] can't be sent as JSON: {said}") from None
    return text


def _json_value(value: Any) -> object:
    if isinstance(value, dt.datetime):
        return _times.to_rfc3339(value, "a time in it")
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form: {RIGHT}")


_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_json_value)


def shown(value: object) -> str:
    """The value for a message, not too long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004
