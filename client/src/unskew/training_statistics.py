"""What a training set holds, in figures: of every position of its vectors, and of every feature."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from unskew._html import html_table

__all__ = ["FeatureStatistics", "SlotStatistics", "Statistics"]

DIGITS = 6


@dataclass(frozen=True)
class SlotStatistics:
    """One position of the vectors; the figures are those of its finite numbers, None where there is none."""

    name: str
    count: int
    """Rows with a finite number."""
    missing: int
    """Rows without one."""
    mean: float | None
    std: float | None
    """The standard deviation, of the rows as they are (ddof 0)."""
    min: float | None
    max: float | None


@dataclass(frozen=True)
class FeatureStatistics:
    """One feature, before the steps."""

    name: str
    nulls: int
    """Rows without a value."""
    statuses: dict[str, int]
    """Rows by status: `PRESENT`, `ERROR OVERFLOW`."""


@dataclass(frozen=True)
class Statistics:
    """Figures of a training set."""

    rows: int
    slots: tuple[SlotStatistics, ...]
    features: tuple[FeatureStatistics, ...]

    @classmethod
    def of(
        cls, vectors: npt.NDArray[np.float32], names: tuple[str, ...], features: pa.Table, statuses: pa.Table
    ) -> "Statistics":
        """The figures of vectors, and of the features that have statuses."""
        slots = tuple(_of_slot(name, vectors[:, at]) for at, name in enumerate(names))
        found = (_of_feature(name, features[name], statuses[name]) for name in statuses.column_names)
        return cls(len(vectors), slots, tuple(found))

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n\n".join(_text(header, rows) for _, header, rows in self.tables() if rows)

    def _repr_html_(self) -> str:
        """For notebooks: a table of the positions, and one of the features."""
        return "".join(html_table(*table) for table in self.tables())

    def tables(self) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
        """The same as texts: for positions and for features a title, the names of columns, and rows."""
        slots: list[tuple[str, ...]] = [
            (slot.name, f"{slot.count:,}", f"{slot.missing:,}", *map(_short, (slot.mean, slot.std, slot.min, slot.max)))
            for slot in self.slots
        ]
        features: list[tuple[str, ...]] = [
            (feature.name, f"{feature.nulls:,}", ", ".join(f"{it} {rows:,}" for it, rows in feature.statuses.items()))
            for feature in self.features
        ]
        return [
            ("Vectors", ("position", "count", "missing", "mean", "std", "min", "max"), slots),
            ("Features", ("feature", "nulls", "statuses"), features),
        ]


def _of_slot(name: str, column: npt.NDArray[np.float32]) -> SlotStatistics:
    numbers = column[np.isfinite(column)].astype(np.float64)
    missing = len(column) - len(numbers)
    if not len(numbers):
        return SlotStatistics(name, 0, missing, None, None, None, None)
    figures = (float(figure) for figure in (numbers.mean(), numbers.std(), numbers.min(), numbers.max()))
    return SlotStatistics(name, len(numbers), missing, *figures)


def _of_feature(name: str, values: pa.ChunkedArray, statuses: pa.ChunkedArray) -> FeatureStatistics:
    counted = pc.value_counts(statuses.cast(pa.string())).to_pylist() if len(statuses) else []
    by_status = sorted(((it["values"], it["counts"]) for it in counted), key=lambda it: (-it[1], it[0]))
    return FeatureStatistics(name, values.null_count, dict(by_status))


def _short(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.{DIGITS}g}"


def _text(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Rows in columns; numbers stand at the right."""
    lines = [header, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(header))]
    left = {0, len(header) - 1} if header[-1] == "statuses" else {0}

    def told(line: tuple[str, ...]) -> str:
        cells = (cell.ljust(widths[at]) if at in left else cell.rjust(widths[at]) for at, cell in enumerate(line))
        return "  ".join(cells).rstrip()

    return "\n".join(map(told, lines))
