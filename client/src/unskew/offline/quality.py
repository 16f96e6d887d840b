"""Rules for the rows of a source, checked when they are appended."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from unskew import _times, errors
from unskew.definitions import QualityRule, Source

__all__ = ["Broken"]

RULE, REASON, BATCH = "unskew_rule", "unskew_reason", "unskew_batch"
"""Columns of a quarantine table beside those of the source."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Broken:
    """A rule that rows broke, and were appended or put aside all the same."""

    rule: str
    on_failure: str
    """`warn`: they were appended; `quarantine`: they are in the table beside."""
    rows: int
    reason: str
    """Of the first of them."""


@dataclass
class Inspection:
    """The rows of one append, block by block."""

    source: Source
    _found: dict[str, Broken] = field(default_factory=dict)
    _seen: dict[str, set[Any]] = field(default_factory=dict)
    _rows: int = 0
    _newest: int | None = None

    @property
    def broken(self) -> tuple[Broken, ...]:
        """Rules that rows broke, and were appended or put aside all the same."""
        return tuple(self._found[rule.name] for rule in self.source.quality if rule.name in self._found)

    def block(self, rows: pa.Table) -> tuple[pa.Table, pa.Table | None]:
        """The rows to append, and those to put aside with the rule that they broke.

        Raises:
            DataError: a rule is broken that says `fail`.
        """
        aside: list[pa.Table] = []
        kept = np.ones(rows.num_rows, np.bool_)
        self._look(rows)
        for rule, name, value, broken in self._broken(rows, kept):
            if broken.any():
                reason = self._reason(rule, name, value, rows, int(np.flatnonzero(broken)[0]))
                self._note(rule, int(broken.sum()), reason)
                if rule.on_failure == "quarantine":
                    kept &= ~broken
                    aside.append(_marked(rows.filter(pa.array(broken)), rule.name, _what(rule, name, value)))
        self._rows += rows.num_rows
        left = rows if kept.all() else rows.filter(pa.array(kept))
        return left, pa.concat_tables(aside) if aside else None

    def end(self, now: int) -> None:
        """All rows were seen: what is said of them together.

        Args:
            now: microseconds, by the clock of who appends.

        Raises:
            DataError: a rule is broken that says `fail`.
        """
        for rule in self.source.quality:
            if "freshness" not in rule.checks or self._newest is None:
                continue
            age, allowed = now - self._newest, int(rule.checks["freshness"])
            if age > allowed:
                span = dt.timedelta(microseconds=allowed)
                newest = _times.from_micros(self._newest).isoformat()
                self._note(rule, self._rows, f"the newest event is of {newest}, and may be {span} old")

    def _look(self, rows: pa.Table) -> None:
        newest = pc.max(rows[self.source.event_time].cast(pa.int64())).as_py()
        if newest is not None and (self._newest is None or newest > self._newest):
            self._newest = newest

    def _note(self, rule: QualityRule, count: int, reason: str) -> None:
        if rule.on_failure == "fail":
            raise errors.DataError(
                f"the rule {rule.name!r} of the source {self.source.name!r} is broken by {count:,} rows: {reason}; "
                "nothing was written"
            )
        before = self._found.get(rule.name)
        self._found[rule.name] = Broken(
            rule.name,
            rule.on_failure,
            count + (before.rows if before else 0),
            before.reason if before else reason,
        )

    def _broken(self, rows: pa.Table, kept: Flags) -> Iterator[tuple[QualityRule, str, Any, Flags]]:
        """Each check, and which of the rows that are still kept break it.

        Whether values repeat comes last: those of a row that is put aside for another reason may come again.
        """
        for rule in self.source.quality:
            for name, value in rule.checks.items():
                if name in CHECKS:
                    yield rule, name, value, _flags(CHECKS[name](rows[rule.column], value)) & kept
        unique = [rule for rule in self.source.quality if "unique" in rule.checks]
        for rule, broken in zip(unique, self._repeated(unique, rows, kept), strict=True):
            yield rule, "unique", True, broken

    def _repeated(self, rules: Sequence[QualityRule], rows: pa.Table, kept: Flags) -> list[Flags]:
        """By rule, which values a row that is appended had before; their number is what an append takes in memory."""
        columns = [rows[rule.column].to_pylist() for rule in rules]
        seen = [self._seen.setdefault(rule.name, set()) for rule in rules]
        found = [np.zeros(rows.num_rows, np.bool_) for _ in rules]
        for at in np.flatnonzero(kept).tolist() if rules else ():
            for rule, values, before, broken in zip(rules, columns, seen, found, strict=True):
                broken[at] = values[at] in before
                if broken[at] and rule.on_failure == "quarantine":
                    break
            else:
                for values, before in zip(columns, seen, strict=True):
                    if values[at] is not None:
                        before.add(values[at])
        return found

    def _reason(self, rule: QualityRule, name: str, value: Any, rows: pa.Table, at: int) -> str:
        found = rows[rule.column or self.source.event_time][at].as_py()
        return f"row {self._rows + at}: {_what(rule, name, value)}, and it is {found!r}"


def _what(rule: QualityRule, name: str, value: Any) -> str:
    said = {"not_null": "may not be null", "unique": "may not repeat"}
    return f"{rule.column!r} {said.get(name) or f'has {name} {value}'}"


def _marked(rows: pa.Table, rule: str, reason: str) -> pa.Table:
    count = rows.num_rows
    for name, text in ((RULE, rule), (REASON, reason)):
        rows = rows.append_column(name, pa.array([text] * count, pa.string()))
    return rows


def _flags(broken: pa.ChunkedArray) -> Flags:
    """Null breaks nothing."""
    return np.asarray(broken.fill_null(False), dtype=np.bool_)


def _scalar(column: pa.ChunkedArray, value: Any) -> pa.Scalar:
    return pa.scalar(_plain(column, value), column.type)


def _plain(column: pa.ChunkedArray, value: Any) -> Any:
    """A value of a rule as one of the column: bytes are told as lists of numbers, times as microseconds."""
    if pa.types.is_binary(column.type):
        return bytes(value)
    return pa.scalar(value, pa.int64()).cast(column.type) if pa.types.is_timestamp(column.type) else value


def _outside(compare: Callable[..., Any]) -> Callable[[pa.ChunkedArray, Any], pa.ChunkedArray]:
    """A bound, which NaN breaks, because no comparison with it holds."""
    return lambda column, value: pc.invert(compare(column, _scalar(column, value)))


def _none_of(column: pa.ChunkedArray, values: Any) -> pa.ChunkedArray:
    wanted = pa.array([_scalar(column, value).as_py() for value in values], column.type)
    return pc.and_(pc.invert(pc.is_in(column, value_set=wanted)), pc.is_valid(column))


CHECKS: Mapping[str, Callable[[pa.ChunkedArray, Any], pa.ChunkedArray]] = {
    "not_null": lambda column, _: pc.is_null(column),
    "min": _outside(pc.greater_equal),
    "max": _outside(pc.less_equal),
    "one_of": _none_of,
}
