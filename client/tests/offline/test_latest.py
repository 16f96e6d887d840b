"""The newest row of each entity, against a plain search."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import unskew
from unskew.errors import DataError
from unskew.offline import _latest
from unskew.offline._probe import Probe

YAML = """
entities:
  shop: {keys: {shop: string, id: int64}}
sources:
  shops:
    event_time: at
    created: made
    columns: {shop: string, id: int64, at: timestamp, made: timestamp, size: float64}
views:
  shop_features:
    entity: shop
    source: shops
    features: {size: float64}
"""
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "ä", ""]),
        st.sampled_from([0, 1, 2**40]),
        st.integers(-2, 2),
        st.one_of(st.none(), st.integers(-1, 1)),
    ),
    max_size=30,
)


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Probe:
    path: Path = tmp_path_factory.mktemp("latest") / "shops.yaml"
    path.write_text(YAML, encoding="utf-8")
    return Probe(unskew.load(path), "shop_features")


def table(rows: list[tuple[str, int, int, int | None]], pieces: int) -> pa.Table:
    moment = pa.timestamp("us", "UTC")
    types: dict[str, Any] = {"shop": pa.string(), "id": pa.int64(), "at": moment, "made": moment, "size": pa.float64()}
    columns = [*zip(*rows, strict=True), range(len(rows))] if rows else [[]] * len(types)
    whole = pa.table(
        [pa.array(list(column), kind) for column, kind in zip(columns, types.values(), strict=True)], list(types)
    )
    step = max(len(rows) // pieces, 1)
    return pa.concat_tables([whole.slice(at, step) for at in range(0, max(len(rows), 1), step)])


@given(ROWS, st.integers(1, 3))
def test_the_newest_rows_of_each_entity(probe: Probe, rows: list[Any], pieces: int) -> None:
    found = _latest.latest(table(rows, pieces), probe).to_pylist()
    order = {at: (row[2], row[3] or 0) for at, row in enumerate(rows)}
    # An empty key is no entity's: such a row is kept, so that the gateway refuses it.
    wanted = {
        at
        for at, row in enumerate(rows)
        if not row[0] or order[at] == max(order[other] for other, rival in enumerate(rows) if rival[:2] == row[:2])
    }
    assert {int(row["size"]) for row in found} == wanted
    assert len(found) == len(wanted)
    entities = [(row["shop"], row["id"]) for row in found if row["shop"]]
    changes = [key for at, key in enumerate(entities) if not at or key != entities[at - 1]]
    assert len(changes) == len(set(entities))


def test_a_column_that_is_missing(probe: Probe) -> None:
    with pytest.raises(DataError, match="`made` is missing"):
        _latest.latest(table([("a", 1, 1, 1)], 1).drop_columns("made"), probe)
