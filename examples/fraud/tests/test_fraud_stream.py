"""What happens in the order of time, and what may be asked for at once: by hand, on a few transactions."""

from fraud_benchmark.stream import Stream, events, requests
from fraud_benchmark.weeks import DAY, numbers
from fraud_by_hand import on, transactions


def test_events_know_their_label_or_do_not() -> None:
    rows = transactions([(on(0), 1, 1), (on(1), 2, 0)])
    early, late = (events(rows, labelled=labelled).to_pydict() for labelled in (False, True))
    assert (early["label_version"], early["tx_fraud"]) == ([0, 0], [None, None])
    assert (late["label_version"], late["tx_fraud"]) == ([1, 1], [1, 0])
    assert early["transaction_id"] == late["transaction_id"] == [0, 1]


def test_requests_end_before_a_customer_comes_again() -> None:
    rows = [(0, 1, 0), (1, 2, 0), (1, 2, 0), (2, 3, 0), (3, 2, 0), (4, 4, 0), (5, 1, 0)]
    table = transactions([(on(0) + second, customer, fraud) for second, customer, fraud in rows])
    # Both of customer 2 in second 1 may stand together: neither sees the other.
    assert [numbers(part, "customer_id").tolist() for part in requests(table)] == [[1, 2, 2, 3], [2, 4, 1]]
    assert [part.num_rows for part in requests(table, most=2)] == [2, 2, 2, 1]
    assert [part.num_rows for part in requests(table, most=1)] == [1] * 7


def test_a_label_comes_seven_days_after_its_transaction() -> None:
    stream = Stream(transactions([(on(day), day, day % 2) for day in range(10)]))
    ids = [numbers(stream.happened_before(on(day)), "transaction_id").tolist() for day in (2, 2, 3, 9)]
    assert ids == [[0, 1], [], [2], [3, 4, 5, 6, 7, 8]]
    assert numbers(stream.next(1), "transaction_id").tolist() == [9]
    # To the microsecond: known at t are the labels of t − 7 days and before.
    labels = [stream.labels_by(now) for now in (on(7) - 1, on(7), on(7), on(9) + DAY - 1)]
    assert [table.column("tx_fraud").to_pylist() for table in labels] == [[], [0], [], [1, 0]]
    assert [numbers(table, "transaction_id").tolist() for table in labels] == [[], [0], [], [1, 2]]
