"""Sums of windows against `math.fsum`: many magnitudes, and what JSON can't say, NaN and the infinities."""

import math
import random

import pyarrow as pa

import unskew

DEFINITIONS = """
entities:
  customer: {keys: {customer: int64}}
sources:
  payments: {event_time: at, event_id: id, columns: {id: int64, customer: int64, at: timestamp, amount: float64}}
views:
  spending:
    entity: customer
    source: payments
    aggregations:
      total: {function: sum, column: amount, windows: [1d]}
      mean: {function: mean, column: amount, windows: [1d]}
      spread: {function: variance, column: amount, windows: [1d]}
      greatest: {function: max, column: amount, windows: [1d]}
      last: {function: last, column: amount, windows: [1d]}
      values: {function: count, column: amount, windows: [1d]}
      kinds: {function: count_distinct, column: amount, windows: [1d]}
services:
  model:
    vector:
      - {input: spending.total_1d}
      - {input: spending.mean_1d}
      - {input: spending.spread_1d}
      - {input: spending.greatest_1d}
      - {input: spending.last_1d}
      - {input: spending.values_1d}
      - {input: spending.kinds_1d}
"""


def asked(amounts: list[float], order: list[int] | None = None) -> dict[str, float | None]:
    """The features a second after the last of these events of one customer, which come in this order."""
    table = pa.table(
        {
            "id": pa.array(range(len(amounts)), pa.int64()),
            "customer": pa.array([1] * len(amounts), pa.int64()),
            "at": pa.array(range(len(amounts)), pa.timestamp("us")),
            "amount": pa.array(amounts, pa.float64()),
        }
    )
    table = table if order is None else table.take(order)
    spine = pa.table({"customer": pa.array([1], pa.int64()), "event_time": pa.array([1_000_000], pa.timestamp("us"))})
    found = unskew.training_set(unskew.parse(DEFINITIONS), "model", spine, {"payments": table}).features
    names = [name for name in found.column_names if name.startswith("spending.")]
    return {name.removeprefix("spending.").removesuffix("_1d"): found[name][0].as_py() for name in names}


def magnitudes() -> list[float]:
    """From 1e-300 to 1e290 with both signs, subnormals and what all but cancels among them."""
    rng = random.Random(11)
    amounts: list[float] = []
    while len(amounts) < 10_000:
        amount = rng.choice([1, -1]) * rng.uniform(1, 10) * 10.0 ** rng.randint(-300, 289)
        amounts += rng.choice(
            [[amount], [amount, -amount], [amount, -math.nextafter(amount, 0)], [5e-324 * rng.randrange(2**50)]]
        )
    return [*amounts, -math.fsum(amounts)]


def test_a_sum_of_many_magnitudes_is_that_of_fsum_in_every_order() -> None:
    amounts = magnitudes()
    rng = random.Random(12)
    for _ in range(3):
        found = asked(amounts, rng.sample(range(len(amounts)), len(amounts)))
        assert found["total"] == math.fsum(amounts) != 0
        assert found["mean"] == math.fsum(amounts) / len(amounts)
        assert found["values"] == len(amounts)


def test_nan_is_no_value() -> None:
    found = asked([2.5, math.nan, -math.nan])
    assert found == {"total": 2.5, "mean": 2.5, "spread": 0, "greatest": 2.5, "last": 2.5, "values": 1, "kinds": 1}
    assert asked([math.nan])["total"] is None
    assert asked([math.nan])["values"] == 0


def test_one_infinity_is_the_sum_and_both_are_none() -> None:
    found = asked([1.0, math.inf, 1e308, 1e308, math.inf])
    assert (found["total"], found["mean"], found["spread"]) == (math.inf, math.inf, None)
    assert (found["greatest"], found["last"], found["kinds"]) == (math.inf, math.inf, 3)
    assert asked([1.0, -math.inf])["mean"] == -math.inf
    both = asked([math.inf, -math.inf, 7.0])
    assert (both["total"], both["mean"], both["spread"]) == (None, None, None)
    assert (both["greatest"], both["last"], both["values"]) == (math.inf, 7.0, 3)


def test_a_negative_zero_is_a_zero() -> None:
    found = asked([-0.0, 0.0])
    assert [math.copysign(1, found[name] or 0.0) for name in ("total", "mean", "greatest", "last")] == [1, 1, 1, 1]
    assert found["kinds"] == 1
