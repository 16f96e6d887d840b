"""The engine, compiled. Not for users: `unskew` wraps it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

__all__ = [
    "SEMANTICS",
    "Definitions",
    "EngineError",
    "Fitter",
    "Plan",
    "Service",
    "encode_columns",
    "encode_values",
]

SEMANTICS: int
"""The version of what the engine computes; part of every fingerprint."""

class EngineError(Exception):
    """What the engine refuses: `args` are the kind and the message."""

@final
class Definitions:
    """A validated set of definitions."""

    @staticmethod
    def load(path: str) -> Definitions:
        """Read a directory, or a file.

        Raises `EngineError("definitions", text, places)`; places: (file, line, column, message, help).
        """
    @staticmethod
    def parse(files: Sequence[tuple[str, str]], path: str | None = None) -> Definitions:
        """Read texts: (name of the file, text). `path`: the directory in which their fitted files lie."""
    @property
    def files(self) -> list[tuple[Path, str]]:
        """The texts that it was read from, by the names of their files."""
    def describe(self) -> str:
        """What is defined, as JSON."""
    def service(self, name: str) -> Service:
        """A service. Raises `EngineError("unknown", …)`."""
    def parts(self, view: str, table: str, batch: Any, count: int) -> npt.NDArray[np.uint32]:
        """Which of so many parts each row belongs to, by the keys of the view's entity. `table`: for errors."""
    def newest(self, view: str, history: Any) -> npt.NDArray[np.uint32]:
        """The rows of a history that are the newest of their entity, with those that are as new, side by side.

        By event time, then created. `history`: as in `Service.join`. The GIL is released.
        """
    def states(self, view: str, history: Any, cut: int, threads: int) -> Any:
        """The states of a window view that have all events up to a time: a batch of its key columns and `state`.

        `history`: as in `Service.join`. The GIL is released.
        """
    def incompatibilities(self, new: Definitions) -> list[tuple[str, int, int, str, str]]:
        """What forbids to go over to a new set while rows are stored: (file, line, column, message, help)."""

@final
class Service:
    """A service of a set."""

    @property
    def name(self) -> str: ...
    @property
    def needs_fit(self) -> bool: ...
    @property
    def inputs(self) -> list[tuple[str, str]]:
        """Name and type of every column that it reads: a request column, or `view.feature`."""
    @property
    def targets(self) -> list[str]:
        """Columns that a fit reads besides."""
    def canonical(self) -> str:
        """All that the fingerprint covers but the fitted parameters, as JSON."""
    def join(self, view: str, spine: Any, history: Any, time_column: str, threads: int) -> tuple[Any, Any]:
        """What it reads of a view, for every row of a spine: two batches of Arrow, values and statuses.

        `spine`, and the history of the view's source: any object with `__arrow_c_stream__`; a column `unskew.row` in
        one says which rows of a larger table its rows are, for errors. The GIL is released.
        """
    def fitter(self, time_column: str | None = None) -> Fitter:
        """An empty fit. `time_column`: t of each row, where the service does not name it."""
    def fitted(self) -> list[str]:
        """The names of the fitted files beside the definitions: "" for `<service>.fitted.json`."""
    def load_fitted(self, name: str) -> str:
        """The text of such a file."""
    def plan(self, fitted: str | None = None) -> Plan:
        """The plan with the text of a fitted file, or of a service that needs none."""

@final
class Fitter:
    """A fit under way: passes over the same batches until `finish_pass` gives the fitted file."""

    def update(self, batch: Any, statuses: Any | None = None) -> None:
        """Take a batch: any object with `__arrow_c_array__` of a struct. The GIL is released.

        `statuses`: such a batch of the statuses of features, by their names, as `Service.join` gives it.
        """
    def finish_pass(self) -> str | None:
        """The text of the fitted file, or None: another pass is needed."""
    def save(self) -> bytes: ...
    def merge(self, saved: bytes) -> None: ...

@final
class Plan:
    """A service with its fitted parameters: computes vectors."""

    @property
    def fingerprint(self) -> bytes: ...
    @property
    def width(self) -> int: ...
    @property
    def names(self) -> list[str]: ...
    @property
    def slots(self) -> list[tuple[str, int]]:
        """Name and width of every slot."""
    def transform_into(
        self, batch: Any, out: npt.NDArray[np.float32], statuses: Any | None = None
    ) -> list[tuple[int, str, str, str, str]]:
        """Fill in rows × width; gives incomplete rows: (row, slot, status, reason, message). Without the GIL.

        `statuses`: as in `Fitter.update`.
        """
    def steps(self) -> str:
        """Slots with their steps, arguments and fitted parameters, as JSON: what an export to other libraries needs."""

def encode_columns(columns: dict[str, Any], number: int, field: str, encode: Callable[[str, Any], bytes]) -> bytes:
    """Columns of a request, each as its field of this number.

    What is not a list of one type and of None is given to `encode`, which does what `encode_values` does.
    """

def encode_values(values: list[Any] | bytes, number: int, nulls: Sequence[int]) -> bytes:
    """Values of one type, or the bytes of float64, in the field of this number of a column.

    None is null, and whatever stands at `nulls`.
    """
