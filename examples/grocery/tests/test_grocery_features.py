"""Labels, profiles and features against pandas, and that nothing of the future is in them."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest
import unskew
from grocery.history import DEFINITIONS, SERVICE, Folder
from grocery.profiles import Profiles, mondays_until, weekly
from grocery.weeks import CUT, WEEK, before, candidates, labelled

PAIR = ["household_id", "department"]


@pytest.fixture(scope="module")
def made(data: Folder) -> tuple[pd.DataFrame, unskew.TrainingSet]:
    """All purchases, and the training set of one Monday from all of them."""
    purchases = data.read("purchases")
    return purchases.to_pandas(), _training_set(data, purchases)


def _training_set(data: Folder, purchases: Any) -> unskew.TrainingSet:
    pairs = labelled(candidates(purchases, CUT), purchases)
    profiles = weekly(Profiles(data.read("demographics")), purchases, mondays_until(purchases, CUT))
    sources = {"purchases": purchases, "profiles": profiles}
    return unskew.training_set(unskew.load(DEFINITIONS), SERVICE, pairs, sources)


def _of(purchases: pd.DataFrame, days_from: int, days_to: int) -> pd.DataFrame:
    """The purchases from so many days after the Monday to so many days after it; negative: before."""
    monday = pd.Timestamp(CUT, unit="us", tz="UTC")
    start, end = monday + pd.Timedelta(days=days_from), monday + pd.Timedelta(days=days_to)
    return purchases[(purchases.purchased_at >= start) & (purchases.purchased_at < end)]


def test_pairs_and_labels(made: tuple[pd.DataFrame, unskew.TrainingSet]) -> None:
    purchases, found = made
    active = set(_of(purchases, -56, 0)[PAIR].itertuples(index=False, name=None))
    bought = set(_of(purchases, 0, 7)[PAIR].itertuples(index=False, name=None))
    assert 0 < len(active & bought) < len(active)
    rows = list(zip(*(found.features[name].to_pylist() for name in [*PAIR, "bought"]), strict=True))
    assert rows == [(*pair, int(pair in bought)) for pair in sorted(active)]


@pytest.mark.parametrize(
    ("feature", "keys", "days", "reference"),
    [
        ("household_spending.baskets_28d", PAIR[:1], 28, lambda it: it.basket_id.nunique()),
        ("household_spending.paid_28d", PAIR[:1], 28, lambda it: it.paid.sum()),
        ("household_spending.departments_28d", PAIR[:1], 28, lambda it: it.department.nunique()),
        ("household_department.baskets_14d", PAIR, 14, lambda it: it.basket_id.nunique()),
        ("household_department.lines_56d", PAIR, 56, lambda it: it.line_id.count()),
        ("household_department.saved_56d", PAIR, 56, lambda it: it.saved.sum() / it.paid.sum()),
        ("department_demand.lines_7d", PAIR[1:], 7, lambda it: it.line_id.count()),
        ("department_demand.paid_28d", PAIR[1:], 28, lambda it: it.paid.mean()),
    ],
)
def test_windows(
    made: tuple[pd.DataFrame, unskew.TrainingSet], feature: str, keys: list[str], days: int, reference: Any
) -> None:
    purchases, found = made
    rows = pd.DataFrame({name: found.features[name].to_pandas() for name in PAIR})
    expected = reference(_of(purchases, -days, 0).groupby(keys)).rename("expected")
    expected = rows.join(expected, on=keys).expected.replace(np.inf, np.nan).fillna(0).to_numpy(dtype=float)
    column = found.features[feature].to_pandas().fillna(0).to_numpy(dtype=float)
    # pandas adds floats in the order of the rows, the engine adds them exactly; a quotient by 0 is null here, and NaN
    # or ∞ there.
    np.testing.assert_allclose(column, expected, rtol=1e-12)
    assert (column > 0).any()


def test_profiles(made: tuple[pd.DataFrame, unskew.TrainingSet]) -> None:
    purchases, found = made
    past = _of(purchases, -400, 0).groupby("household_id")
    households = found.features["household_id"].to_pandas()
    baskets, paid = past.basket_id.nunique(), past.paid.sum()
    assert found.features["household_profile.baskets"].to_pylist() == baskets[households].tolist()
    mean = found.features["household_profile.mean_basket"].to_numpy()
    np.testing.assert_allclose(mean, (paid / baskets)[households], rtol=1e-12)
    first = found.features["household_profile.first_purchase"].to_pandas()
    assert first.tolist() == past.purchased_at.min()[households].tolist()


def test_a_profile_does_not_depend_on_how_the_purchases_come(data: Folder) -> None:
    purchases, told = data.read("purchases"), data.read("demographics")
    purchases = purchases.slice(0, before(purchases, CUT))
    by_week, at_once = Profiles(told), Profiles(told)
    weeks = weekly(by_week, purchases, mondays_until(purchases, CUT - WEEK))
    assert weeks.num_rows > 0
    last = purchases.slice(before(purchases, CUT - WEEK))
    expected = at_once.after(purchases, CUT)
    found = by_week.after(last, CUT)
    same = pc.is_in(expected["household_id"], found["household_id"].combine_chunks())
    assert found.equals(expected.filter(same))


def test_the_future_is_in_no_vector(data: Folder, made: tuple[pd.DataFrame, unskew.TrainingSet]) -> None:
    purchases = data.read("purchases")
    known = _training_set(data, purchases.slice(0, before(purchases, CUT)))
    assert known.vectors.tobytes() == made[1].vectors.tobytes()
    assert not any(known.features["bought"].to_pylist())
