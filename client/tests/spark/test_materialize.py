"""From Iceberg to the online store by Spark: what is there then is what the engine computes offline."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

import unskew
from tests.gateway import Gateway
from tests.offline.online import DAY, DEFINITIONS, Rows, assert_equal, loaded, patient, serving
from unskew import errors, offline, spark
from unskew.offline.materialize import MaterializedView
from unskew.spark import materialization

VIEWS = ["owner", "profile", "spending"]


@pytest.fixture
def store(tmp_path: Path) -> offline.OfflineStore:
    """An offline store with its tables."""
    found = offline.open(unskew.parse(DEFINITIONS), warehouse=tmp_path / "warehouse")
    found.apply(layout=offline.Layout(period="none", buckets=2))
    return found


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with an empty store."""
    with serving(tmp_path) as found:
        yield found


def test_online_is_offline_after_all_of_it_and_after_each_step(
    started: SparkSession, store: offline.OfflineStore, gateway: Gateway
) -> None:
    def done(views: list[str]) -> dict[str, MaterializedView]:
        return {found.view: found for found in spark.materialize(started, store, connect, views)}

    connect = partial(patient, gateway.address)
    rows = Rows(1)
    rows.append_to(store, 1_000)
    with connect() as client:
        first = done(VIEWS)
        assert {(found.mode, found.rows, str(found.first_refused)) for found in first.values()} == {
            ("full", 1000, "()")
        }
        assert first["spending"].without_key > 0
        # What one process would write now is nothing: the marks are the same.
        rest = loaded(store, client)
        assert {view: found.rows for view, found in rest.items() if view in VIEWS} == dict.fromkeys(VIEWS, 0)
        assert_equal(store, client)

        # Late rows, newer ones, other versions of events; some by one process, some by Spark.
        rows.end += DAY // 2
        rows.append_to(store, 60)
        step = done(["owner", "spending"])
        assert {(found.mode, found.rows) for found in step.values()} == {("incremental", 60)}
        rest = loaded(store, client)
        assert {view: found.rows for view, found in rest.items() if view in step} == dict.fromkeys(step, 0)
        assert_equal(store, client)


def test_who_is_forgotten_meanwhile_is_not_brought_back(
    started: SparkSession, store: offline.OfflineStore, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    Rows(3).append_to(store, 1_000)
    write = materialization._Writer.write

    def late(*arguments: Any) -> Any:
        store.forget("customer", [{"customer": 7}], client=client)
        return write(*arguments)

    monkeypatch.setattr(materialization._Writer, "write", late)
    with patient(gateway.address) as client:
        assert next(spark.materialize(started, store, gateway.address, ["spending"])).ok
        found = client.online_features(["7", "8", "999999"], ["spending.total_30d"])
        assert found["7"].get("spending.total_30d") == found["999999"].get("spending.total_30d") == 0
        assert found["8"].get("spending.total_30d") != 0


def test_an_entity_that_a_worker_can_not_hold_is_named(
    started: SparkSession, store: offline.OfflineStore, gateway: Gateway
) -> None:
    Rows(4).append_to(store, 1_000)
    with pytest.raises(errors.ResourceExhausted, match=r"the customer \d+ has more than 0 MiB of rows"):
        next(spark.materialize(started, store, gateway.address, ["spending"], memory_limit=2_000))


def test_what_goes_wrong_on_an_executor_is_told_and_leaves_no_mark(
    tmp_path: Path, started: SparkSession, store: offline.OfflineStore, gateway: Gateway
) -> None:
    rows = Rows(2)
    rows.append_to(store, 100)
    files = [file for file in sorted((tmp_path / "warehouse").rglob("*.parquet")) if "names" in file.parts]
    kept = files[0].read_bytes()
    files[0].write_bytes(kept[:100])
    with pytest.raises(errors.DataLoss, match=r"the table shop.names can't be read"):
        list(spark.materialize(started, store, gateway.address, ["owner"]))
    files[0].write_bytes(kept)
    found = next(spark.materialize(started, store, gateway.address, ["owner"], dry_run=True))
    assert (found.mode, found.reason, found.rows) == ("full", "this store has nothing of it yet", 100)
    with pytest.raises(errors.InvalidArgument, match="batch_rows must be 1 or more, not 0"):
        next(spark.materialize(started, store, gateway.address, batch_rows=0))
