"""A service offline: its parameters fitted on a table, and its vectors computed by the gateway's engine."""

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from unskew import _native, _tables
from unskew._engine import translated
from unskew._html import html_table
from unskew.errors import FittedFileError

if TYPE_CHECKING:
    from unskew.definitions import Definitions

__all__ = ["Fitted", "Incomplete", "OfflineVectors", "Service", "Slot"]

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Slot:
    """A slot of a vector, as it is defined."""

    name: str
    input: str | None
    """A request column, or `view.feature`; None for an expression."""
    expr: str | None
    steps: tuple[str, ...]
    """Names of its transforms, in order."""


@dataclass(frozen=True)
class Incomplete:
    """A row with a slot that has no finite number."""

    row: int
    slot: str
    """The first such slot."""
    status: str
    reason: str
    """Why it is ERROR; empty otherwise."""
    message: str


@dataclass(frozen=True)
class OfflineVectors:
    """Vectors of a table, and what they are."""

    values: Array
    """rows × columns. A position without a finite number holds the quiet NaN."""
    names: tuple[str, ...]
    """What each column is."""
    incomplete: tuple[Incomplete, ...]
    """The rows that are not complete."""
    fingerprint: str
    """In hexadecimal."""

    def to_table(self) -> pa.Table:
        """The same as a table of a float32 column for each position; the fingerprint stands in its metadata."""
        columns = [pa.array(np.ascontiguousarray(self.values[:, at])) for at in range(len(self.names))]
        schema = pa.schema([(name, pa.float32()) for name in self.names], {"unskew.fingerprint": self.fingerprint})
        return pa.Table.from_arrays(columns, schema=schema)


class Fitted:
    """What the steps of a service learned from data: the contents of a `.fitted.json` file."""

    def __init__(self, service: str, text: str) -> None:
        """`text`: the contents of the file, checked when they are used."""
        self.service = service
        self.text = text
        """The file, with a digest: what is changed by hand is refused."""

    @property
    def rows(self) -> int:
        """Rows that it was fitted on."""
        return int(self.summary["rows"])

    @property
    def summary(self) -> dict[str, Any]:
        """The file, read: per slot count, null_count, error_count, min, max, and the parameters of its steps."""
        try:
            return dict(json.loads(self.text))
        except (ValueError, TypeError) as error:
            raise FittedFileError(f"the fitted parameters of {self.service!r} are no JSON: {error}") from None

    def save(self, folder: str | os.PathLike[str], name: str = "") -> Path:
        """Write `<service>[.<name>].fitted.json` into the folder of the definitions, where the gateway reads it."""
        path = Path(folder) / f"{self.service}{'.' if name else ''}{name}.fitted.json"
        path.write_text(self.text, encoding="utf-8")
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Fitted":
        """Read a fitted file."""
        text = Path(path).read_text(encoding="utf-8")
        try:
            return cls(json.loads(text)["service"], text)
        except (ValueError, TypeError, KeyError) as error:
            raise FittedFileError(f"{os.fspath(path)} is no fitted file: {error}") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fitted) and (self.service, self.text) == (other.service, other.text)

    def __hash__(self) -> int:
        return hash((self.service, self.text))

    def __repr__(self) -> str:
        return f"Fitted({self.service!r}, rows={self.rows})"


class Service:
    """A service: an ordered vector of slots. `Definitions.services` has them by name.

    A table has a column for each of `inputs`: request columns by their names, features as `view.feature`, or by their
    own names where no other input has the same. Null is NULL to the steps, as a stored null is; times without a zone
    are UTC.
    """

    def __init__(self, definitions: "Definitions", native: _native.Service, definition: Mapping[str, Any]) -> None:
        """Wrap what the engine has."""
        self.definitions = definitions
        """The set that it belongs to."""
        self._native = native
        self._plans: dict[str | None, _native.Plan] = {}
        self._lock = threading.Lock()
        self.name: str = native.name
        self.description: str = definition["description"] or ""
        self.time: str | None = definition["time"]
        """The request column that is the time t of a row."""
        self.default: str = definition["default"] or ""
        """The name of the fitted file that is meant where none is given; empty: `<service>.fitted.json`."""
        self.request: Mapping[str, str] = {it["name"]: it["dtype"] for it in definition["request"]}
        """Types of the request columns, by name."""
        self.entities: tuple[str, ...] = tuple(definition["entities"])
        self.views: tuple[str, ...] = tuple(definition["views"])
        self.slots: tuple[Slot, ...] = tuple(
            Slot(it["name"], it["input"], it["expr"], tuple(it["steps"])) for it in definition["slots"]
        )

    @property
    def inputs(self) -> dict[str, str]:
        """Types of the columns that a table needs, by name."""
        with translated():
            return dict(self._native.inputs)

    @property
    def needs_fit(self) -> bool:
        """Whether a step takes its parameters from data."""
        return self._native.needs_fit

    @property
    def targets(self) -> list[str]:
        """Columns that `fit` reads besides: those of `target_encode`."""
        return self._native.targets

    def canonical(self) -> dict[str, Any]:
        """All that the fingerprint covers but the fitted parameters."""
        return dict(json.loads(self._native.canonical()))

    def fit(self, table: _tables.Table, *, time_column: str | None = None) -> Fitted:
        """Learn the parameters of all steps, exactly: the same rows in any order and split give the same bits.

        Args:
            table: see `Service`; read once for each pass. A stream works where one pass is enough; else a function that
                opens it.
            time_column: the column of t, where the service does not name one; its span is kept in the fitted file.

        Raises:
            DataError: a column is missing, or a value does not fit its type.
            FitError: nothing to learn from, infinite values, too many categories.
        """
        wanted = [*self.inputs, *self.targets]
        if (time := self.time or time_column) is not None:
            wanted.append(time)
        batches = _tables.Batches(table, dict.fromkeys(wanted))
        with translated():
            fitter = self._native.fitter(time_column)
            while True:
                for batch in batches:
                    fitter.update(batch)
                if (text := fitter.finish_pass()) is not None:
                    return Fitted(self.name, text)

    def fitted(self, name: str = "") -> Fitted:
        """The fitted file of that name beside the definitions; without a name `<service>.fitted.json`.

        Raises:
            NotFitted: there is none.
        """
        with translated():
            return Fitted(self.name, self._native.load_fitted(name))

    def fingerprint(self, fitted: Fitted | None = None) -> str:
        """The fingerprint with these parameters, in hexadecimal. `fitted`: as in `transform`."""
        return self._plan(fitted).fingerprint.hex()

    def names(self, fitted: Fitted | None = None) -> tuple[str, ...]:
        """What each column of the vectors is: the name of the slot, and what a step that widens makes of it."""
        return tuple(self._plan(fitted).names)

    def steps(self, fitted: Fitted | None = None) -> dict[str, Any]:
        """The canonical definition, and for each slot what was fitted for each of its steps."""
        return dict(json.loads(self._plan(fitted).steps()))

    @overload
    def transform(
        self, table: _tables.Table, fitted: Fitted | None = None, *, output: Literal["numpy"] = "numpy"
    ) -> Array: ...
    @overload
    def transform(
        self, table: _tables.Table, fitted: Fitted | None = None, *, output: Literal["arrow"]
    ) -> pa.Table: ...
    def transform(
        self, table: _tables.Table, fitted: Fitted | None = None, *, output: Literal["numpy", "arrow"] = "numpy"
    ) -> Array | pa.Table:
        """The vectors of a table: float32, rows × columns, bit for bit what the gateway gives for the same inputs.

        Args:
            table: see `Service`.
            fitted: parameters of the steps that learn; None: those of the service's default file.
            output: `numpy` for an array, `arrow` for a pyarrow.Table with a column for each position.

        Raises:
            DataError: a column is missing, or a value does not fit its type.
            NotFitted: the service has steps to fit, and nothing is fitted.
        """
        vectors = self.vectors(table, fitted)
        if output == "arrow":
            return vectors.to_table()
        if output == "numpy":
            return vectors.values
        raise ValueError(f"output must be 'numpy' or 'arrow', not {output!r}")

    def vectors(self, table: _tables.Table, fitted: Fitted | None = None) -> OfflineVectors:
        """The vectors of a table with the rows that are not complete. Arguments and errors: as `transform`."""
        plan = self._plan(fitted)
        batches = _tables.Batches(table, self.inputs)
        parts: list[Array] = []
        whole = None if batches.num_rows is None else np.empty((batches.num_rows, plan.width), np.float32)
        incomplete, start = [], 0
        for batch in batches:
            end = start + batch.num_rows
            part, found = _computed(plan, batch, None if whole is None else whole[start:end])
            incomplete += [Incomplete(start + row, *rest) for row, *rest in found]
            parts.append(part)
            start = end
        if whole is None:
            whole = parts[0] if len(parts) == 1 else np.concatenate([np.empty((0, plan.width), np.float32), *parts])
        return OfflineVectors(whole, tuple(plan.names), tuple(incomplete), plan.fingerprint.hex())

    def transform_batches(
        self, table: _tables.Table, fitted: Fitted | None = None, *, batch_rows: int = _tables.BATCH_ROWS
    ) -> Iterator[OfflineVectors]:
        """The vectors of a table or stream of any length, batch by batch, in bounded memory; rows count within one."""
        if batch_rows < 1:
            raise ValueError(f"batch_rows must be 1 or more, not {batch_rows}")
        plan = self._plan(fitted)
        names, fingerprint = tuple(plan.names), plan.fingerprint.hex()
        for batch in _tables.Batches(table, self.inputs, batch_rows):
            values, incomplete = _computed(plan, batch)
            yield OfflineVectors(values, names, tuple(Incomplete(*row) for row in incomplete), fingerprint)

    def vector(self, rows: Mapping[str, Any] | Iterable[Mapping[str, Any]], fitted: Fitted | None = None) -> Array:
        """The vector of one row, or those of several, given as dicts of inputs; an input that is left out is null."""
        if isinstance(rows, Mapping):
            values: Array = self._of_rows([rows], fitted)[0]
            return values
        return self._of_rows(list(rows), fitted)

    def _of_rows(self, rows: list[Mapping[str, Any]], fitted: Fitted | None) -> Array:
        batch = _tables.from_rows(rows, self.inputs)
        return _computed(self._plan(fitted), batch)[0]

    def _plan(self, fitted: Fitted | None) -> _native.Plan:
        if fitted is not None and fitted.service != self.name:
            raise FittedFileError(
                f"the parameters were fitted for the service {fitted.service!r}, this is {self.name!r}"
            )
        if fitted is None and self.needs_fit:
            fitted = self.fitted(self.default)
        key = fitted.text if fitted else None
        with self._lock:
            plan = self._plans.get(key)
        if plan is None:
            with translated():
                plan = self._native.plan(key)
            with self._lock:
                if len(self._plans) >= MAX_PLANS:
                    self._plans.clear()
                self._plans[key] = plan
        return plan

    def __repr__(self) -> str:
        return f"Service({self.name!r}, slots={[slot.name for slot in self.slots]})"

    def _repr_html_(self) -> str:
        """For notebooks: a table of the slots."""
        rows = [(slot.name, slot.input or slot.expr or "", ", ".join(slot.steps)) for slot in self.slots]
        return html_table(self.name, ("slot", "input", "steps"), rows)

    def __reduce__(self) -> tuple[Any, ...]:
        return _of, (self.definitions, self.name)


def _computed(
    plan: _native.Plan, batch: pa.RecordBatch, out: Array | None = None
) -> tuple[Array, list[tuple[int, str, str, str, str]]]:
    """The vectors of a batch, in `out` if it is given, and its incomplete rows."""
    values = np.empty((batch.num_rows, plan.width), np.float32) if out is None else out
    with translated():
        return values, plan.transform_into(batch, values)


def _of(definitions: "Definitions", name: str) -> Service:
    """What was pickled."""
    return definitions.services[name]


MAX_PLANS = 64
"""Fits of one service that are kept ready."""
