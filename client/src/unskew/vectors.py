"""Vectors of a service, as the gateway served them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unskew import _times
from unskew.errors import IncompleteVectors
from unskew.results import Reason, Status

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["IncompleteRow", "Vectors"]


@dataclass(frozen=True)
class IncompleteRow:
    """A row whose vector has a position without a finite number."""

    row: int
    """Position of the row in the request, from 0."""
    slot: str
    """The first slot without a finite number."""
    status: Status
    """Status of that slot."""
    reason: Reason
    """Why the slot is ERROR; NONE otherwise."""
    message: str
    """The same in words."""

    def __str__(self) -> str:
        why = str(self.status) if self.status is not Status.ERROR else f"ERROR {self.reason}"
        return f"row {self.row}, slot {self.slot!r} is {why}" + (f": {self.message}" if self.message else "")


@dataclass(frozen=True, eq=False)
class Vectors:
    """Reply to `vectors`: a vector of float32 for each row, and what is wrong with those that are not complete."""

    values: npt.NDArray[np.float32] | list[list[float | None]]
    """One vector a row. As numpy: float32, rows by columns, a read-only view of the reply, with NaN where there is no
    finite number. With `as_numpy=False`: a list of floats for each row, with None there."""
    rows: int
    columns: int
    fingerprint: str
    """The fingerprint of what computed them, in hexadecimal: 64 digits."""
    incomplete: tuple[IncompleteRow, ...]
    """The rows with a position that has no finite number, ascending: not for a model that was not trained on such."""
    oldest_event_time_us: int | None
    """The oldest event time of a row that was read, in microseconds since 1970-01-01 UTC; None when none was."""
    names: tuple[str, ...] | None
    """What every column is; None unless it was asked for with `names=True`."""
    slots: tuple[str, ...] | None
    """The slots of `statuses`, in their order; None unless they were asked for."""
    event_times_us: dict[str, tuple[int | None, ...]] | None
    """For each view that the service reads, the event time of each row in microseconds since 1970-01-01 UTC, None where
    the view has no row; None unless it was asked for with `event_times=True`."""
    status_codes: bytes | None
    """One byte for each slot of each row: the number of its status on the wire; `statuses` has them as `Status`."""

    def __len__(self) -> int:
        return self.rows

    @property
    def complete(self) -> npt.NDArray[np.bool_] | list[bool]:
        """One bool a row: True if all its positions have a finite number. As numpy if `values` is, else a list."""
        if isinstance(self.values, list):
            mask: Any = [True] * self.rows
            for row in self.incomplete:
                mask[row.row] = False
            return list(mask)
        import numpy as np  # noqa: PLC0415 (a client without numpy can read lists)

        flags = np.ones(self.rows, dtype=np.bool_)
        if self.incomplete:
            flags[[row.row for row in self.incomplete]] = False
        return flags

    @property
    def oldest_event_time(self) -> dt.datetime | None:
        """The oldest event time of a row that was read, as an aware UTC datetime; None when none was.

        Raises:
            OverflowError: its year is outside 1 to 9999; `oldest_event_time_us` has it.
        """
        return None if self.oldest_event_time_us is None else _times.from_micros(self.oldest_event_time_us)

    @property
    def event_times(self) -> dict[str, tuple[dt.datetime | None, ...]] | None:
        """`event_times_us` as aware UTC datetimes; None unless it was asked for with `event_times=True`.

        Raises:
            OverflowError: the year of one is outside 1 to 9999.
        """
        if self.event_times_us is None:
            return None
        return {
            view: tuple(None if time is None else _times.from_micros(time) for time in times)
            for view, times in self.event_times_us.items()
        }

    @property
    def statuses(self) -> dict[str, tuple[Status, ...]] | None:
        """Status of every slot, by its name, one a row; None unless it was asked for with `slot_statuses=True`."""
        if self.slots is None or self.status_codes is None:
            return None
        width = len(self.slots)
        return {name: _statuses(self.status_codes[at::width]) for at, name in enumerate(self.slots)}

    def require(self) -> npt.NDArray[np.float32] | list[list[float | None]]:
        """`values`, if all rows are complete.

        Raises:
            IncompleteVectors: names the first row that is not, its slot and why.
        """
        if self.incomplete:
            raise IncompleteVectors(self.incomplete, self.rows)
        return self.values


def _statuses(codes: bytes) -> tuple[Status, ...]:
    from unskew._replies import decode_status  # noqa: PLC0415 (which reads the classes of results)

    return tuple(decode_status(code, 0)[0] for code in codes)


def as_lists(values: Sequence[float], rows: int, columns: int) -> list[list[float | None]]:
    """Numbers, row by row, as lists with None for NaN."""
    return [
        [number if number == number else None for number in values[row * columns : (row + 1) * columns]]  # noqa: PLR0124
        for row in range(rows)
    ]
