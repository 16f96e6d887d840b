"""Times: `datetime` at the surface, int64 microseconds since 1970-01-01 UTC on the wire. Both ways are exact."""

import datetime as dt
import operator
from typing import SupportsIndex

from unskew.errors import InvalidArgument

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
MICROSECOND = dt.timedelta(microseconds=1)
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def to_micros(time: dt.datetime | SupportsIndex, name: str) -> int:
    """Microseconds of `time`: an aware datetime, or an integer of them. `name` is the argument, for the error."""
    if isinstance(time, dt.datetime):
        if time != time:  # noqa: PLR0124 (pandas' NaT is a datetime that equals nothing)
            raise InvalidArgument(f"{name} is NaT, which is no time")
        if time.utcoffset() is None:
            raise InvalidArgument(
                f"{name} {time.isoformat()} has no time zone: give an aware datetime, e.g. datetime.now(timezone.utc)"
            )
        return int((time - EPOCH) // MICROSECOND)
    if isinstance(time, bool) or not isinstance(time, SupportsIndex):
        raise TypeError(f"{name} must be an aware datetime or an int of microseconds, not {type(time).__name__}")
    micros = operator.index(time)
    if not INT64_MIN <= micros <= INT64_MAX:
        raise InvalidArgument(f"{name} {micros} is outside int64 microseconds")
    return micros


def from_micros(micros: int) -> dt.datetime:
    """The aware UTC datetime of `micros`.

    Raises:
        OverflowError: the year is outside 1 to 9999, which datetime can't hold.
    """
    return EPOCH + dt.timedelta(microseconds=micros)


def to_rfc3339(time: dt.datetime, name: str) -> str:
    """RFC 3339 text of an aware datetime, in UTC with all microseconds."""
    return from_micros(to_micros(time, name)).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
