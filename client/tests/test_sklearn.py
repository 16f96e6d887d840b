"""The transformer of scikit-learn: what it computes, and the checks of scikit-learn itself."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import unskew
from unskew.errors import DataError, InvalidArgument, NotFound
from unskew.sklearn import FeatureTransformer

ROWS = 400
DEFINITIONS = """
entities: {user: {keys: {id: int64}}}
views: {stats: {entity: user, features: {mean: float64}}}
services:
  s:
    request: {a: float64, text: string}
    vector:
      - {input: a, steps: [standardize]}
      - {input: text, steps: [{one_hot: {max_tokens: 3, order: value}}]}
      - {input: stats.mean, steps: [{rescale: {scale: 2}}]}
  encoded:
    request: {text: string}
    vector: [{input: text, steps: [{target_encode: {target: y}}]}]
  plain:
    request: {a: float64}
    vector: [{input: a, steps: [{rescale: {scale: 2}}]}]
"""
NAMES = ["a", "text[a]", "text[b]", "text[c]", "stats.mean"]


@pytest.fixture(scope="module")
def definitions() -> unskew.Definitions:
    return unskew.parse(DEFINITIONS)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    a, text = rng.normal(3, 2, ROWS), rng.choice(["a", "b", "c"], ROWS)
    y = (a + 3 * (text == "b") + rng.normal(0, 1, ROWS) > 4).astype(int)
    return pd.DataFrame({"id": np.arange(ROWS), "a": a, "text": text, "stats.mean": rng.normal(0, 1, ROWS), "y": y})


def test_it_gives_the_vectors_of_the_service(definitions: unskew.Definitions, frame: pd.DataFrame) -> None:
    service = definitions.services["s"]
    transformer = FeatureTransformer(definitions, "s").fit(frame)
    assert transformer.fitted_ == service.fit(frame)
    assert transformer.fingerprint_ == service.fingerprint(transformer.fitted_)
    assert transformer.get_feature_names_out().tolist() == NAMES
    expected = service.transform(frame, transformer.fitted_)
    found = transformer.transform(frame)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)
    for rows in (pa.Table.from_pandas(frame), frame[["text", "stats.mean", "a"]].to_numpy()[:, [2, 0, 1]]):
        again = FeatureTransformer(definitions, "s").fit(rows)
        np.testing.assert_array_equal(again.transform(rows), expected)


def test_a_pipeline_learns_and_predicts(definitions: unskew.Definitions, frame: pd.DataFrame) -> None:
    pipeline = make_pipeline(FeatureTransformer(definitions, "s"), LogisticRegression())
    assert cross_val_score(pipeline, frame, frame["y"], cv=3).min() > 0.75
    assert pipeline.fit(frame, frame["y"]).score(frame, frame["y"]) > 0.8
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(pipeline)).predict_proba(frame),  # noqa: S301
        pipeline.predict_proba(frame),
    )
    search = GridSearchCV(pipeline, {"featuretransformer__on_incomplete": ["nan", "raise"]}, cv=2)
    assert search.fit(frame, frame["y"]).best_score_ > 0.75


def test_frames_come_out_on_demand(definitions: unskew.Definitions, frame: pd.DataFrame) -> None:
    transformer = FeatureTransformer(definitions, "s").set_output(transform="pandas").fit(frame)
    found = transformer.transform(frame)
    assert isinstance(found, pd.DataFrame)
    assert found.columns.tolist() == NAMES
    assert found.dtypes.unique().tolist() == [np.float32]
    assert found.index.equals(frame.index)


def test_it_is_cloned_copied_and_pickled(definitions: unskew.Definitions, frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "definitions"
    path.mkdir()
    (path / "all.yaml").write_text(DEFINITIONS)
    transformer = FeatureTransformer(str(path), "s").fit(frame)
    expected = transformer.transform(frame)
    fresh = clone(transformer)
    assert fresh.get_params() == transformer.get_params()
    with pytest.raises(NotFittedError):
        fresh.transform(frame)
    np.testing.assert_array_equal(fresh.fit_transform(frame), expected)
    (path / "all.yaml").unlink()
    for same in (copy.deepcopy(transformer), pickle.loads(pickle.dumps(transformer))):  # noqa: S301
        assert same.fingerprint_ == transformer.fingerprint_
        np.testing.assert_array_equal(same.transform(frame), expected)
    assert clone(FeatureTransformer(definitions, "s")).fit(frame).fingerprint_ == transformer.fingerprint_


def test_another_process_unpickles_it(definitions: unskew.Definitions, frame: pd.DataFrame, tmp_path: Path) -> None:
    transformer = FeatureTransformer(definitions, "s").fit(frame)
    (tmp_path / "both.pickle").write_bytes(pickle.dumps((transformer, frame, transformer.transform(frame))))
    code = (
        "import pickle, sys, numpy as np\n"
        "transformer, frame, expected = pickle.load(open(sys.argv[1], 'rb'))\n"
        "np.testing.assert_array_equal(transformer.transform(frame), expected)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "both.pickle")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_given_parameters_are_kept(definitions: unskew.Definitions, frame: pd.DataFrame) -> None:
    fitted = definitions.services["s"].fit(frame.head(50))
    transformer = FeatureTransformer(definitions, "s", fitted).fit(frame)
    assert transformer.fitted_ is fitted
    assert FeatureTransformer(definitions, "plain").fit(frame).fitted_ is None


def test_a_target_is_y_or_a_column(definitions: unskew.Definitions, frame: pd.DataFrame) -> None:
    by_column = FeatureTransformer(definitions, "encoded").fit(frame)
    by_argument = FeatureTransformer(definitions, "encoded").fit(frame[["text"]], frame["y"])
    by_array = FeatureTransformer(definitions, "encoded").fit(frame[["text"]].to_numpy(), frame["y"].to_numpy())
    assert by_column.fitted_ == by_argument.fitted_ == by_array.fitted_
    with pytest.raises(DataError, match="no column 'y'"):
        FeatureTransformer(definitions, "encoded").fit(frame[["text"]])


def test_what_is_wrong_is_said(definitions: unskew.Definitions, frame: pd.DataFrame) -> None:
    with pytest.raises(NotFound, match="no service 'none'"):
        FeatureTransformer(definitions, "none").fit(frame)
    with pytest.raises(InvalidArgument, match="'nan' or 'raise'"):
        FeatureTransformer(definitions, "s", on_incomplete="drop").fit(frame)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"no column 'a'"):
        FeatureTransformer(definitions, "s").fit(frame[["text"]])
    with pytest.raises(DataError, match=r"have n_features=2, and the service 's' reads 3 columns: a, text, stats.mean"):
        FeatureTransformer(definitions, "s").fit(frame[["a", "text"]].to_numpy())
    transformer = FeatureTransformer(definitions, "s").fit(frame)
    with pytest.raises(ValueError, match="feature names"):
        transformer.transform(frame.drop(columns="id"))
    with pytest.raises(InvalidArgument, match="input_features"):
        transformer.get_feature_names_out(["a"])


def test_incomplete_rows_have_nan_or_raise(definitions: unskew.Definitions, frame: pd.DataFrame) -> None:
    holed = frame.assign(a=frame["a"].where(frame["id"] != 2))
    transformer = FeatureTransformer(definitions, "s").fit(frame)
    found = transformer.transform(holed)
    assert np.isnan(found[2, 0])
    assert np.isfinite(np.delete(found, 2, axis=0)).all()
    strict = FeatureTransformer(definitions, "s", on_incomplete="raise").fit(frame)
    with pytest.raises(DataError, match="row 2: the slot 'a' has no number, it is NULL"):
        strict.transform(holed)


def of_numbers(width: int) -> unskew.Definitions:
    """Definitions of a service that standardizes so many columns."""
    names = [f"x{position}" for position in range(width)]
    request = ", ".join(f"{name}: float64" for name in names)
    vector = "".join(f"      - {{input: {name}, steps: [{{impute: {{value: 0}}}}, standardize]}}\n" for name in names)
    return unskew.parse(f"services:\n  s:\n    request: {{{request}}}\n    vector:\n{vector}")


class OfAnyWidth(FeatureTransformer):
    """The checks of scikit-learn bring arrays of any number of columns; this takes definitions of as many."""

    def fit(self, X: Any, y: Any = None) -> "OfAnyWidth":  # noqa: N803 (a name of scikit-learn)
        """Fits on definitions of as many columns as `X` has."""
        shape = np.asarray(X).shape
        self._of_width = of_numbers(max(shape[1], 1) if len(shape) == 2 else 1)
        super().fit(X, y)
        return self

    def _defined(self) -> unskew.Definitions:
        return self._of_width


def checked(transformer: FeatureTransformer) -> dict[str, list[Any]]:
    """The checks of scikit-learn by how they ended; those that were skipped are left out."""
    ended: dict[str, list[Any]] = {"passed": [], "failed": []}
    for result in check_estimator(transformer, on_skip=None, on_fail=None):
        if result["status"] != "skipped":
            ended[result["status"]].append(result)
    return ended


def test_the_checks_of_scikit_learn_pass() -> None:
    ended = checked(OfAnyWidth(of_numbers(1), "s"))
    assert {result["check_name"]: repr(result["exception"]) for result in ended["failed"]} == {}
    assert len(ended["passed"]) > 40


def test_the_checks_pass_where_they_bring_the_columns_of_the_service() -> None:
    """A check fails only because it brings another number of columns, and passes for the service that reads as many."""
    passed, failed = set(), set()
    for width in (1, 2, 3, 4, 5, 10):
        ended = checked(FeatureTransformer(of_numbers(width), "s"))
        for result in ended["failed"]:
            error = result["exception"]
            reasons = f"{error} {error.__cause__} {error.__context__}"
            assert f"the service 's' reads {width} columns" in reasons, (width, result["check_name"], reasons)
        wrong = {result["check_name"] for result in ended["failed"]}
        passed |= {result["check_name"] for result in ended["passed"]} - wrong
        failed |= wrong
    assert failed - passed == set()
