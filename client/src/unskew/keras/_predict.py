"""From vectors to predictions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from unskew.errors import InvalidArgument
from unskew.keras._import import import_keras

if TYPE_CHECKING:
    from unskew.vectors import Vectors

Policy = Literal["raise", "nan", "skip"]
"""What becomes of rows that lack a number."""

BLOCK = 1024
"""Rows that are predicted together."""


def check_policy(policy: str) -> Policy:
    """`policy`, if it is one."""
    for known in get_args(Policy):
        if policy == known:
            return known  # type: ignore[no-any-return]
    raise InvalidArgument(f"on_incomplete must be 'raise', 'nan' or 'skip', not {policy!r}")


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of a model, and what they were made from. `numpy.asarray(predictions)` is `values`.

    Attributes:
        values: one prediction a row, as the model gives them; a list or dict of arrays for a model of several outputs.
        rows: int64, the positions in the request of the rows that `values` has.
        vectors: the reply of the gateway, with all rows of the request; `vectors.incomplete` says what is wrong with
            which.
    """

    values: Any
    rows: npt.NDArray[np.int64]
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.rows)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if not isinstance(self.values, np.ndarray):
            raise InvalidArgument("the model has several outputs: take them from `values`")
        array = self.values if dtype is None else self.values.astype(dtype, copy=False)
        return array.copy() if copy and array is self.values else array


class Predictor:
    """Calls a model on blocks of rows. A lock keeps threads apart: Keras's models hold state while they predict.

    A block has a power of two of rows, filled up with zeros, so that a backend that compiles a model for every shape of
    its input does that a few times, not for every number of rows. Rows must not depend on each other.
    """

    def __init__(self, model: Any, width: int) -> None:
        self._model = model
        self._width = width
        self._lock = threading.Lock()
        self._map: Callable[..., Any] = import_keras().tree.map_structure

    def predict(self, vectors: Vectors, policy: Policy) -> Predictions:
        """The predictions for the rows of a reply."""
        if policy == "raise":
            vectors.require()
        values = np.asarray(vectors.values, dtype=np.float32)
        complete = np.ones(len(values), dtype=bool)
        complete[[row.row for row in vectors.incomplete]] = False
        rows = np.flatnonzero(complete).astype(np.int64)
        found = self.of(values if complete.all() else values[complete])
        if policy == "nan" and not complete.all():
            found = self._map(lambda array: _spread(array, complete), found)
            rows = np.arange(len(values), dtype=np.int64)
        return Predictions(found, rows, vectors)

    def of(self, values: npt.NDArray[np.float32]) -> Any:
        """The predictions for complete vectors."""
        if values.ndim != 2 or values.shape[1] != self._width:  # noqa: PLR2004 (rows and columns)
            raise InvalidArgument(
                f"the vectors are of the shape {values.shape}, and the model takes (rows, {self._width})"
            )
        with self._lock:
            # Of no rows there is nothing to predict but the form of the answer.
            blocks = [self._block(values[at : at + BLOCK]) for at in range(0, max(len(values), 1), BLOCK)]
        return blocks[0] if len(blocks) == 1 else self._map(_joined, *blocks)

    def _block(self, values: npt.NDArray[np.float32]) -> Any:
        count = len(values)
        room = 1 << max(count - 1, 0).bit_length()
        if count < room:
            values = np.concatenate([values, np.zeros((room - count, self._width), np.float32)])
        found = self._model.predict_on_batch(values)
        return self._map(lambda array: np.asarray(array)[:count], found)


def _joined(*arrays: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.concatenate(arrays)


def _spread(array: npt.NDArray[Any], complete: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """With NaN where a row is not complete."""
    dtype = array.dtype if np.issubdtype(array.dtype, np.inexact) else np.dtype(np.float64)
    spread = np.full((len(complete), *array.shape[1:]), np.nan, dtype=dtype)
    spread[complete] = array
    return spread
