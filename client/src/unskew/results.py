"""What the client returns: frozen, typed, and explicit about what is not there."""

import datetime as dt
import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from unskew import _times
from unskew.errors import FeatureUnavailable

__all__ = ["BadRow", "FeatureRow", "FeatureValue", "OnlineFeatures", "Reason", "Status", "WriteResult"]

FeatureValue = None | bool | float | str | list["FeatureValue"] | dict[str, "FeatureValue"]
"""A value as it was stored. Numbers are doubles on the wire, so that an integer arrives as a float."""


class Text(str, enum.Enum):
    """An enum whose members are texts, and print as such on every Python."""

    def __str__(self) -> str:
        return str.__str__(self)

    def __format__(self, format_spec: str) -> str:
        return str.__format__(self, format_spec)


class Status(Text):
    """Status of a value, or of a row as a whole."""

    PRESENT = "PRESENT"
    """There is a value."""
    NULL = "NULL"
    """Stored, and null."""
    MISSING = "MISSING"
    """No such entity, deleted, or no such feature in its row."""
    EXPIRED = "EXPIRED"
    """Older than the time to live of its view; the value is withheld."""
    ERROR = "ERROR"
    """See the reason."""


class Reason(Text):
    """Why a status is ERROR; NONE with the others."""

    NONE = "NONE"
    STORE = "STORE"
    """The store did not answer for this key."""
    UNDECODABLE = "UNDECODABLE"
    """The stored value can't be read."""
    BAD_KEY = "BAD_KEY"
    """The entity id is malformed or too long."""
    NEWER_THAN_AS_OF = "NEWER_THAN_AS_OF"
    """The only row kept is later than the time of the request."""
    AS_OF_TOO_OLD = "AS_OF_TOO_OLD"
    INCOMPLETE = "INCOMPLETE"
    OVERFLOW = "OVERFLOW"
    STATE_LIMIT = "STATE_LIMIT"
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"
    """The gateway is newer than this client and gave a status or a reason that the client does not know."""


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """The features of one entity.

    `row["name"]` is the value (None if it is NULL) and raises `FeatureUnavailable`, a KeyError, where there is none.
    """

    entity_id: str
    features: dict[str, FeatureValue]
    """Values that are PRESENT, and None for those that are NULL; in the order asked for, else by name."""
    statuses: dict[str, Status]
    """Status of every feature that was asked for or came back; what is missing is listed as MISSING."""
    reasons: dict[str, Reason]
    """Why a feature is ERROR; holds only those that are."""
    status: Status
    """Status of the row as a whole. MISSING: there is no such entity, or it was deleted."""
    reason: Reason
    """Why the row is ERROR; NONE otherwise."""
    message: str
    """What is wrong with a row that is ERROR, in words; empty otherwise."""
    event_time_us: int | None
    """Event time in microseconds since 1970-01-01 UTC; None when it is unknown."""
    event_times_us: Mapping[str, int] = field(default_factory=dict)
    """Event times of the rows of defined views that were read, by view, of deleted ones too."""

    @property
    def event_time(self) -> dt.datetime | None:
        """Event time as an aware UTC datetime; None when it is unknown.

        Raises:
            OverflowError: its year is outside 1 to 9999; `event_time_us` has it.
        """
        return None if self.event_time_us is None else _times.from_micros(self.event_time_us)

    def __getitem__(self, name: str) -> FeatureValue:
        try:
            return self.features[name]
        except KeyError:
            raise FeatureUnavailable(self, [name]) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.features)

    def __len__(self) -> int:
        return len(self.features)

    def __contains__(self, name: object) -> bool:
        return name in self.features

    def get(self, name: str, default: FeatureValue = None) -> FeatureValue:
        """The value of a feature, or `default` where there is none. A NULL is None."""
        return self.features.get(name, default)

    def require(self, names: Iterable[str]) -> list[FeatureValue]:
        """Values in the order of `names`, none of them null.

        Raises:
            FeatureUnavailable: with the name and the status of every feature that has no value, or is null.
        """
        wanted = list(names)
        unavailable = [name for name in wanted if self.features.get(name) is None]
        if unavailable:
            raise FeatureUnavailable(self, unavailable)
        return [self.features[name] for name in wanted]

    def describe(self, name: str) -> str:
        """Status of a feature in words: the reason and the row's message with an ERROR."""
        status = self.statuses.get(name)
        if status is None:
            return "not in the reply: it was not asked for"
        if status is not Status.ERROR:
            return str(status)
        message = f": {self.message}" if self.message else ""
        return f"ERROR {self.reasons.get(name, self.reason)}{message}"


@dataclass(frozen=True, slots=True, eq=False)
class OnlineFeatures(Mapping[str, FeatureRow]):
    """Reply to `online_features`: a mapping of entity id to row, in the order asked for, each id once."""

    rows: dict[str, FeatureRow]
    as_of_us: int
    """The time t that the gateway used, in microseconds since 1970-01-01 UTC."""

    @property
    def as_of(self) -> dt.datetime:
        """The time t that the gateway used, as an aware UTC datetime.

        Raises:
            OverflowError: its year is outside 1 to 9999; `as_of_us` has it.
        """
        return _times.from_micros(self.as_of_us)

    def __getitem__(self, entity_id: str) -> FeatureRow:
        return self.rows[entity_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_records(self) -> list[dict[str, FeatureValue]]:
        """One flat dict a row: the features asked for (None where there is no value) and `entity_id`.

        `pandas.DataFrame(reply.to_records())` is a table of them.
        """
        return [
            {"entity_id": row.entity_id, **{name: row.features.get(name) for name in row.statuses}}
            for row in self.rows.values()
        ]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was refused."""

    row: int
    """Position in the rows given, from 0."""
    code: str
    """A stable code: INVALID_ROW, BAD_KEY, FUTURE, TOO_LARGE, STORE; of events and states LATE and STATE_LIMIT too."""
    field: str
    """The member at fault, or the view that refuses an event; empty when it is the row as a whole."""
    message: str

    def __str__(self) -> str:
        member = f", member {self.field!r}" if self.field else ""
        return f"row {self.row}{member}: {self.message} ({self.code})"


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of the rows of a write."""

    rows: int = 0
    """Rows taken from the iterable whose fate is known: accepted, late or bad."""
    accepted: int = 0
    """Rows that the store has now, or that lost to a newer row of their entity; events that every view has."""
    late: int = 0
    """Events that a view can't use any more; rows are never late."""
    bad: tuple[BadRow, ...] = ()

    @property
    def ok(self) -> bool:
        """True if no row was refused."""
        return not self.bad
