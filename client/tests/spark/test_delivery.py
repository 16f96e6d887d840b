"""How an executor puts rows together that are sorted by entity. Without Spark, in one process."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import pytest

import unskew
from unskew import errors
from unskew.offline import _latest
from unskew.spark import _delivery

DEFINITIONS = """
entities: {account: {keys: {bank: string, number: int64}}}
sources:
  payments:
    {event_time: at, event_id: none, columns: {bank: string, number: int64, at: timestamp, amount: float64}}
views:
  spending:
    entity: account
    source: payments
    aggregations: {total: {function: sum, column: amount, windows: [7d]}}
"""
KEYS = ["bank", "number"]


def send(piece: int, memory_limit: int = 1 << 30) -> _delivery.Send:
    connect = partial(unskew.FeatureStoreClient, "127.0.0.1:1")
    return _delivery.Send(unskew.parse(DEFINITIONS), "spending", connect, 1, 10, 0, pa.schema([]), piece, memory_limit)


def batches(counts: list[int], size: int) -> Iterator[pa.RecordBatch]:
    """So many rows of each entity, as batches of a size."""
    numbers = np.repeat(np.arange(len(counts)), counts)
    banks = pa.array(np.array(["a", "b"])[numbers % 2])
    rows = pa.table({"bank": banks, "number": numbers // 2, "amount": np.arange(len(numbers), dtype=np.float64)})
    for first in range(0, len(numbers), size):
        yield from rows.slice(first, size).combine_chunks().to_batches()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("piece", [1, 100, 1000, 1 << 30])
def test_no_piece_ends_within_an_entity(size: int, piece: int) -> None:
    random = np.random.default_rng(size)
    counts = random.choice([1, 2, 5, 60], 40).tolist()
    found = list(_delivery._groups(send(piece), batches(counts, size), KEYS))
    assert pa.concat_tables(found)["amount"].to_pylist() == list(range(sum(counts)))
    entities = [set(zip(*(it[key].to_pylist() for key in KEYS), strict=True)) for it in found]
    assert sum(map(len, entities)) == len(set().union(*entities)) == len(counts)
    assert all(it.num_rows for it in found)
    if piece == 1 and size == 1:
        assert len(found) == len(counts)


def test_no_rows_are_no_piece() -> None:
    assert list(_delivery._groups(send(1), iter([]), KEYS)) == []
    assert list(_delivery._groups(send(1), (it.slice(0, 0) for it in batches([5], 2)), KEYS)) == []


def test_each_row_is_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    changes = _latest.changes

    def counted(rows: pa.Table, keys: list[str]) -> object:
        nonlocal compared
        compared += rows.num_rows
        return changes(rows, keys)

    monkeypatch.setattr(_latest, "changes", counted)
    (found,) = _delivery._groups(send(1000), batches([10_000], 100), KEYS)
    assert found.num_rows == 10_000
    assert compared <= 10_000 + 2 * 100


def test_an_entity_that_memory_can_not_hold_is_named() -> None:
    with pytest.raises(errors.ResourceExhausted, match=r"the account 'b', 0 has more than 1 MiB of rows.*: raise it"):
        list(_delivery._groups(send(1000, 4 << 20), batches([10, 100_000], 1000), KEYS))
