"""One row of a service in words: what the gateway read, and what each step made of it."""

import datetime as dt
from dataclasses import dataclass

from unskew import _times
from unskew.results import Reason, Status

__all__ = ["ExplainedInput", "ExplainedSlot", "ExplainedStep", "Explanation"]


@dataclass(frozen=True)
class ExplainedInput:
    """A column that the service reads."""

    name: str
    """A request column, or `view.feature`."""
    dtype: str
    """Its declared type."""
    value: str
    """The value, as text."""
    status: Status
    reason: Reason
    message: str
    """What is wrong, in words; empty if nothing is."""
    view: str
    """Of a feature: its view; else empty."""
    key: str
    """Of a feature: the key that was read; else empty."""
    event_time_us: int | None
    """Of a feature: the event time of its row in microseconds since 1970-01-01 UTC; None if there is no row."""
    age_us: int | None
    """t less the event time, in microseconds."""

    @property
    def event_time(self) -> dt.datetime | None:
        """Event time as an aware UTC datetime; None if there is no row.

        Raises:
            OverflowError: its year is outside 1 to 9999; `event_time_us` has it.
        """
        return None if self.event_time_us is None else _times.from_micros(self.event_time_us)

    @property
    def age(self) -> dt.timedelta | None:
        """How old the row was at t; None if there is no row."""
        return None if self.age_us is None else dt.timedelta(microseconds=self.age_us)


@dataclass(frozen=True)
class ExplainedStep:
    """What a step gave."""

    name: str
    value: str
    """The value after it, as text; what is wrong, if there is none."""


@dataclass(frozen=True)
class ExplainedSlot:
    """A slot of the vector, step by step."""

    name: str
    reads: tuple[str, ...]
    """The inputs it reads, by name."""
    source: str
    """The value before the first step, as text; what is wrong, if there is none."""
    steps: tuple[ExplainedStep, ...]
    positions: tuple[float, ...]
    """Its positions of the vector, float32; NaN where there is no finite number."""
    status: Status
    reason: Reason
    message: str
    """What is wrong, in words; empty if nothing is."""


@dataclass(frozen=True)
class Explanation:
    """Reply to `explain`: every input of one row, and every slot."""

    service: str
    fingerprint: str
    """The fingerprint of what computed it, in hexadecimal."""
    as_of_us: int
    """The time t that was used, in microseconds since 1970-01-01 UTC."""
    inputs: tuple[ExplainedInput, ...]
    slots: tuple[ExplainedSlot, ...]

    @property
    def as_of(self) -> dt.datetime:
        """The time t that was used, as an aware UTC datetime.

        Raises:
            OverflowError: its year is outside 1 to 9999; `as_of_us` has it.
        """
        return _times.from_micros(self.as_of_us)

    @property
    def vector(self) -> tuple[float, ...]:
        """The whole vector: the positions of all slots, in their order."""
        return tuple(number for slot in self.slots for number in slot.positions)
