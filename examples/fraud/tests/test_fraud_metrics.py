"""What the benchmark judges, and how: by hand, on a few transactions."""

import numpy as np
import pytest
from fraud_benchmark.metrics import card_precision, score
from fraud_benchmark.published import PUBLISHED, reproduced, table
from fraud_benchmark.weeks import TEST_START, Weeks, cut, numbers
from fraud_by_hand import on, transactions
from fraud_data.errors import InputError


def test_card_precision_by_hand() -> None:
    # Two cards are looked at each day. Day 0: customers 1 (0.9) and 2 (0.8); 1 is defrauded: a half.
    # Day 1: customer 1 was found and is left out, so 3 (0.7) and 2 (0.6), both defrauded: 1. Day 2: only 4: 0.
    rows = [
        (0, 1, 0, 0.9),
        (0, 1, 1, 0.1),
        (0, 2, 0, 0.8),
        (0, 3, 1, 0.2),
        (1, 1, 1, 1.0),
        (1, 2, 1, 0.6),
        (1, 3, 1, 0.7),
        (1, 4, 0, 0.5),
        (2, 2, 1, 0.9),
        (2, 4, 0, 0.3),
    ]
    day, customer, fraud, predictions = (np.array(column) for column in zip(*rows, strict=True))
    assert card_precision(day, customer, fraud, predictions, cards=2) == pytest.approx((0.5 + 1 + 0) / 3)
    # One card: 1 on the first day, 3 on the second, 2 on the third.
    assert card_precision(day, customer, fraud, predictions, cards=1) == pytest.approx((1 + 1 + 1) / 3)


def test_equal_predictions_are_taken_by_customer() -> None:
    day, fraud, predictions = np.zeros(3, int), np.array([1, 0, 0]), np.full(3, 0.5)
    assert card_precision(day, np.array([1, 2, 3]), fraud, predictions, cards=1) == 1
    assert card_precision(day, np.array([3, 1, 2]), fraud, predictions, cards=1) == 0


def test_scores_by_hand_leave_out_what_is_not_judged() -> None:
    test = transactions([(on(14) + row, row, int(row in {1, 3, 5})) for row in range(1, 6)])
    weeks = Weeks(test, test, np.array([True, True, True, True, False]))
    found = score(weeks, np.array([0.9, 0.8, 0.7, 0.1, 0.0]))
    # Of four pairs of a fraud and another, one is the wrong way round; frauds come first and third.
    assert found.auc == pytest.approx(3 / 4)
    assert found.average_precision == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert found.card_precision == pytest.approx(2 / 100)


def test_weeks_and_who_is_known() -> None:
    # Customer 1 is defrauded in training; 2 on the day after it, whose label is used from the second tested day on;
    # 3 on the last tested day; 4 before training, which nobody remembers.
    rows = [(on(-1), 4, 1), (on(0), 1, 1), (on(6), 5, 0), (on(7), 2, 1), (on(21), 1, 0)]
    rows += [(on(14 + day), customer, int((day, customer) == (6, 3))) for day in range(7) for customer in (1, 2, 3, 4)]
    weeks = cut(transactions(rows))
    assert (weeks.train.num_rows, weeks.test.num_rows) == (2, 28)
    judged = [
        (int(day), int(customer))
        for day, customer, kept in zip(
            np.repeat(range(7), 4), numbers(weeks.test, "customer_id"), weeks.judged, strict=True
        )
        if kept
    ]
    # The label of day 7 is known seven days later, and used from the day after that: on day 15.
    assert judged == [(0, 2)] + [(0, 3), (0, 4)] + [(day, customer) for day in range(1, 7) for customer in (3, 4)]


def test_a_week_without_transactions_is_named() -> None:
    with pytest.raises(InputError, match=str(TEST_START)):
        cut(transactions([(on(0), 1, 1)]))


def test_our_table_stands_beside_the_published_one() -> None:
    lines = table(PUBLISHED).splitlines()
    assert "0.871 (0.871)" in lines[1]
    assert all(reproduced(name, scores) for name, scores in PUBLISHED.items())
    assert not reproduced("random forest", PUBLISHED["logistic regression"])
