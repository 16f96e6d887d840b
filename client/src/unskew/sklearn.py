"""A service as a transformer of scikit-learn.

    features = FeatureTransformer("definitions", "fraud_model")
    model = make_pipeline(features, LogisticRegression()).fit(frame, frame["tx_fraud"])

Needs scikit-learn 1.6 or newer: `pip install 'unskew[sklearn]'`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from unskew import _tables
from unskew.definitions import Definitions, load
from unskew.errors import DataError, InvalidArgument
from unskew.service import Fitted, OfflineVectors, Service

try:
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.utils.validation import check_array, check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        f"unskew.sklearn needs scikit-learn 1.6 or newer ({error}): install it with `pip install 'unskew[sklearn]'`"
    ) from error

__all__ = ["FeatureTransformer"]


class FeatureTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Computes the vectors of a service: float32, one row for each row, one column for each position.

    Rows come as a frame of pandas or polars, or a table of pyarrow, with a column for each input of the service (a
    request column, or `view.feature`, or the feature's own name where no other input has the same); other columns may
    stand beside them. An array has no names: it has the inputs of the service in their order, and no other column.

    Null and NaN are NULL to the steps. A row that lacks a number then, because a slot has no `impute`, has NaN.

    Args:
        definitions: a directory or file of definitions, or `unskew.Definitions`.
        service: the name of the service.
        fitted: parameters that were fitted before, and that `fit` then keeps; None: `fit` learns them from its rows.
        on_incomplete: `"nan"`: rows that lack a number have NaN; `"raise"`: they are an error that names the first.

    Attributes:
        fitted_: what `fit` learned, an `unskew.Fitted`; None for a service that learns nothing.
        fingerprint_: of the service with what was learned, in hexadecimal.
        n_features_in_: columns of the rows that it was fitted on.
        feature_names_in_: their names, if they had names.
    """

    def __init__(
        self,
        definitions: str | os.PathLike[str] | Definitions,
        service: str,
        fitted: Fitted | None = None,
        on_incomplete: Literal["nan", "raise"] = "nan",
    ) -> None:
        self.definitions = definitions
        self.service = service
        self.fitted = fitted
        self.on_incomplete = on_incomplete

    def fit(self, X: Any, y: Any = None) -> FeatureTransformer:  # noqa: N803 (names of scikit-learn)
        """Learns the parameters of the steps, exactly: the order of the rows does not matter.

        Args:
            X: the rows.
            y: the target of `target_encode`, if the service has one and `X` has no column of that name; else not read.

        Returns:
            The transformer.

        Raises:
            InvalidArgument: an argument of the transformer makes no sense.
            DataError: a column is missing, or a value does not fit its type.
            FitError: there is nothing to learn from.
        """
        if self.on_incomplete not in {"nan", "raise"}:
            raise InvalidArgument(f"on_incomplete must be 'nan' or 'raise', not {self.on_incomplete!r}")
        # Held apart from the parameter: the definitions as they were fitted go with a pickle, and a path would not.
        service = self._defined().services[self.service]
        rows = self._rows(X, service, reset=True)
        self.service_ = service
        self.fitted_ = self.fitted
        if self.fitted is None and service.needs_fit:
            self.fitted_ = service.fit(_with_target(rows, y, service))
        self.fingerprint_ = service.fingerprint(self.fitted_)
        return self

    def transform(self, X: Any) -> npt.NDArray[np.float32]:  # noqa: N803 (a name of scikit-learn)
        """The vectors of some rows.

        Args:
            X: the rows.

        Returns:
            float32, (rows, columns); a frame, after `set_output`.

        Raises:
            DataError: a column is missing, a value does not fit its type, or under `"raise"` a row lacks a number.
        """
        check_is_fitted(self)
        vectors = self.service_.vectors(self._rows(X, self.service_, reset=False), self.fitted_)
        if self.on_incomplete == "raise":
            _require(vectors)
        return vectors.values

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> npt.NDArray[np.object_]:
        """What each column of the result is.

        Args:
            input_features: not needed; if given, they must be those that it was fitted on.

        Raises:
            InvalidArgument: they are others.
        """
        check_is_fitted(self)
        known = getattr(self, "feature_names_in_", None)
        if input_features is not None:
            given = [str(name) for name in input_features]
            if known is not None and given != list(known):
                raise InvalidArgument(
                    "input_features is not equal to feature_names_in_, the columns that it was fitted on"
                )
            if len(given) != self.n_features_in_:
                raise InvalidArgument(
                    f"input_features should have length equal to number of features ({self.n_features_in_}), "
                    f"not {len(given)}"
                )
        return np.asarray(self.service_.names(self.fitted_), dtype=object)

    def __sklearn_tags__(self) -> Any:
        """What the checks of scikit-learn may expect."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        # Vectors are float32, whatever the input is.
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _defined(self) -> Definitions:
        return self.definitions if isinstance(self.definitions, Definitions) else load(self.definitions)

    def _rows(self, X: Any, service: Service, *, reset: bool) -> Any:  # noqa: N803 (a name of scikit-learn)
        """The rows as a table of the inputs."""
        if _is_frame(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            if _length(X) == 0:
                raise DataError("there are no rows: 0 samples, while a minimum of 1 is required")
            return X
        inputs = list(service.inputs)
        array = check_array(X, dtype=None, ensure_all_finite=False, estimator=self, input_name="X")
        validate_data(self, array, reset=reset, skip_check_array=True)
        if array.shape[1] != len(inputs):
            raise DataError(
                f"the rows have n_features={array.shape[1]}, and the service {service.name!r} reads {len(inputs)} "
                f"columns: {', '.join(inputs)}. Give them in that order, or a frame with these names"
            )
        return _named(array, inputs)


def _is_frame(rows: Any) -> bool:
    """Whether it has columns with names. A series has not."""
    is_named = any(hasattr(rows, name) for name in ("iloc", "__arrow_c_stream__"))
    return is_named and getattr(rows, "ndim", 2) == 2  # noqa: PLR2004 (rows and columns)


def _length(frame: Any) -> int:
    return int(frame.num_rows) if isinstance(frame, pa.Table) else len(frame)


def _named(array: npt.NDArray[Any], inputs: Sequence[str]) -> Mapping[str, pa.Array]:
    """The columns of an array by the names of the inputs."""
    if np.iscomplexobj(array):
        raise DataError("complex data not supported: the rows hold complex numbers")
    columns = {}
    for position, name in enumerate(inputs):
        try:
            columns[name] = pa.array(np.ascontiguousarray(array[:, position]))
        except (pa.ArrowException, TypeError) as error:
            raise DataError(f"column {position}, {name!r}: {error}") from None
    return columns


def _with_target(rows: Any, y: Any, service: Service) -> Any:
    """The rows with `y` as the column that the service learns from besides, if that is not among them."""
    targets = service.targets
    if y is None or not targets:
        return rows
    time = () if service.time is None else (service.time,)
    wanted = list(dict.fromkeys([*service.inputs, *targets, *time]))
    columns = list(rows) if isinstance(rows, Mapping) else [str(name) for name in _column_names(rows)]
    absent = [name for name in targets if name not in columns]
    if not absent:
        return rows
    if len(absent) > 1:
        raise DataError(
            f"the service learns from {', '.join(absent)}, and y can be one of them: give them as columns of X"
        )
    batches = list(_tables.Batches(rows, [name for name in wanted if name != absent[0]]))
    return pa.Table.from_batches(batches).append_column(absent[0], pa.array(np.asarray(y)))


def _column_names(frame: Any) -> Any:
    return frame.column_names if isinstance(frame, pa.Table) else frame.columns


def _require(vectors: OfflineVectors) -> None:
    if vectors.incomplete:
        row = vectors.incomplete[0]
        why = f": {row.message}" if row.message else ""
        raise DataError(
            f"row {row.row}: the slot {row.slot!r} has no number, it is {row.status}{why}. Give the slot an impute step"
        )
