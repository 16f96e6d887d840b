"""How the benchmark judges predictions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score  # type: ignore[import-untyped, unused-ignore]

from .weeks import DAY, Bools, Ints, Weeks, numbers, times

CARDS = 100
"""How many cards a day are looked at by people."""

Floats = NDArray[Any]


@dataclass(frozen=True)
class Scores:
    """The three metrics, each from 0 to 1, greater is better."""

    auc: float
    """The area under the ROC curve: how often a fraud is predicted higher than another transaction."""
    average_precision: float
    """The mean of the precisions at each fraud, from the highest prediction down."""
    card_precision: float
    """Of the 100 cards with the highest predictions of a day, the share with a fraud on it; the mean over the days."""


def score(weeks: Weeks, predictions: Floats) -> Scores:
    """Judge a prediction for each transaction of the tested week."""
    judged = weeks.judged
    fraud = numbers(weeks.test, "tx_fraud")[judged]
    kept = predictions[judged]
    day = times(weeks.test)[judged] // DAY
    customer = numbers(weeks.test, "customer_id")[judged]
    return Scores(
        float(roc_auc_score(fraud, kept)),
        float(average_precision_score(fraud, kept)),
        card_precision(day, customer, fraud, kept),
    )


def card_precision(day: Ints, customer: Ints, fraud: Ints, predictions: Floats, cards: int = CARDS) -> float:
    """The share of defrauded ones among the `cards` cards with the highest predictions of a day; the mean over days.

    A card's prediction is the highest of its transactions on that day. A card that was found is blocked: it is left out
    on all later days. Of equal predictions that of the smaller customer id comes first.
    """
    found: set[int] = set()
    shares = []
    for today in np.unique(day):
        rows = (day == today) & ~np.isin(customer, list(found))
        ids, highest, defrauded = _by_card(customer[rows], fraud[rows], predictions[rows])
        top = np.lexsort((ids, -highest))[:cards]
        hit = ids[top][defrauded[top]]
        found |= set(hit.tolist())
        shares.append(len(hit) / cards)
    return float(np.mean(shares))


def _by_card(customer: Ints, fraud: Ints, predictions: Floats) -> tuple[Ints, Floats, Bools]:
    """The customers, the highest prediction of each, and whether one of the transactions is a fraud."""
    ids, place = np.unique(customer, return_inverse=True)
    highest = np.full(len(ids), -np.inf)
    np.maximum.at(highest, place, predictions)
    defrauded = np.zeros(len(ids), dtype=np.bool_)
    np.logical_or.at(defrauded, place, fraud == 1)
    return ids, highest, defrauded
