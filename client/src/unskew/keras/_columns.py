"""From columns of Arrow to arrays for training: vectors, labels, weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from unskew import _tables
from unskew.errors import DataError, InvalidArgument
from unskew.keras._fixed import FixedService
from unskew.keras._predict import Policy, check_policy
from unskew.service import Fitted, Service

Arrays = tuple[npt.NDArray[Any], ...]
"""Vectors, then labels and weights if there are any; all of one length."""


@dataclass(frozen=True)
class Columns:
    """What training reads of a table, and how it becomes arrays.

    Attributes:
        fixed: the service with its fitted parameters.
        label: a column, or several for labels of several numbers; None: there are no labels.
        weight: a column of sample weights, or None.
        policy: what becomes of rows that lack a number.
    """

    fixed: FixedService
    label: str | tuple[str, ...] | None
    weight: str | None
    policy: Policy

    @classmethod
    def of(
        cls, service: tuple[Service, Fitted | None], label: str | Sequence[str] | None, weight: str | None, policy: str
    ) -> Columns:
        """Checks the arguments of a user.

        Raises:
            InvalidArgument: there are weights without labels, or no such policy.
        """
        if weight is not None and label is None:
            raise InvalidArgument("weight needs a label: Keras takes weights of labels")
        if label is not None and not isinstance(label, str):
            label = tuple(label)
        return cls(FixedService.of(*service), label, weight, check_policy(policy))

    @property
    def names(self) -> list[str]:
        """The columns that are read, each once."""
        label = (self.label,) if isinstance(self.label, str) else self.label or ()
        weight = () if self.weight is None else (self.weight,)
        return list(dict.fromkeys([*self.fixed.service.inputs, *label, *weight]))

    def places(self, there: Sequence[str]) -> list[str]:
        """Which of the columns that are there `names` are.

        Raises:
            DataError: a column is missing.
        """
        names = self.names
        return [_tables.resolve(name, there, names) for name in names]

    def arrays(self, table: pa.Table, first: int) -> Arrays:
        """The arrays of some rows.

        Args:
            table: the rows, with the columns `names`.
            first: the position of the first of them, for messages.

        Raises:
            DataError: a row lacks a number under the policy `raise`, or a label.
        """
        vectors = self.fixed.vectors(table)
        found: Arrays = (vectors.values,)
        if self.label is not None:
            found += (self._label(table, first),)
        if self.weight is not None:
            found += (_numbers(table, self.weight, first).astype(np.float32, copy=False),)
        if not vectors.incomplete or self.policy == "nan":
            return found
        if self.policy == "raise":
            row = vectors.incomplete[0]
            why = f": {row.message}" if row.message else ""
            raise DataError(
                f"row {first + row.row}: the slot {row.slot!r} has no number, it is {row.status}{why}. "
                "Give the slot an impute step, or on_incomplete='skip' to leave such rows out"
            )
        complete = np.ones(table.num_rows, dtype=bool)
        complete[[row.row for row in vectors.incomplete]] = False
        return tuple(array[complete] for array in found)

    def _label(self, table: pa.Table, first: int) -> npt.NDArray[Any]:
        if isinstance(self.label, str):
            return _numbers(table, self.label, first)
        return np.stack([_numbers(table, name, first).astype(np.float32) for name in self.label or ()], axis=1)


def _numbers(table: pa.Table, name: str, first: int) -> npt.NDArray[Any]:
    """A column of numbers: whole ones as they are, others as float32."""
    column = table.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count:
        row = first + column.is_null().to_pylist().index(True)
        raise DataError(f"row {row}: the column {name!r} is null, and a label or a weight must be a number")
    if pa.types.is_integer(column.type):
        return np.asarray(column.to_numpy())
    if pa.types.is_boolean(column.type) or pa.types.is_floating(column.type):
        return np.asarray(column.to_numpy()).astype(np.float32)
    raise DataError(f"the column {name!r} is {column.type}, and a label or a weight must be a number or a bool")
