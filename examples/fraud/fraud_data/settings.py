"""How large a simulated data set is, and when it begins."""

import math
from dataclasses import dataclass
from datetime import date

from .errors import InputError

PUBLISHED_START = date(2018, 4, 1)

# Three customers a day are drawn for the third scenario of fraud, two terminals a day for the second.
LEAST_CUSTOMERS = 3
LEAST_TERMINALS = 2
# Above these a run would need more memory and time than a person who mistyped a zero would want to wait for.
MOST_CUSTOMERS = 1_000_000
MOST_TERMINALS = 1_000_000
MOST_DAYS = 36_500


@dataclass(frozen=True)
class Settings:
    """The size of a run; the defaults are those of the published data set."""

    customers: int = 5_000
    terminals: int = 10_000
    days: int = 183
    start: date = PUBLISHED_START
    radius: float = 5.0
    """How far from home a customer uses terminals, on a map of 100 by 100."""

    def __post_init__(self) -> None:
        """Refuse sizes that no data set can have (InputError)."""
        _check_range("customers", self.customers, LEAST_CUSTOMERS, MOST_CUSTOMERS)
        _check_range("terminals", self.terminals, LEAST_TERMINALS, MOST_TERMINALS)
        _check_range("days", self.days, 1, MOST_DAYS)
        days_left = (date.max - self.start).days + 1
        if self.days > days_left:
            raise InputError(f"start-date {self.start} and {self.days} days end after {date.max}; start earlier")
        if not (math.isfinite(self.radius) and self.radius > 0):
            raise InputError(f"radius is {self.radius}; it must be a finite number above 0")


def _check_range(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InputError(f"{name} is {value}; it must be from {least} to {most}")
