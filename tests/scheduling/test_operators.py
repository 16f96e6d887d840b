"""Operators, the sensor and the DAGs by themselves: real tables and a real gateway, no scheduler."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from parts import Gateway
from unskew import FeatureStoreClient, errors, offline
from unskew.airflow import AppendOperator, FreshnessSensor, MaterializeOperator, VerifyOperator, feature_dags
from unskew.airflow._connection import Settings
from unskew.airflow._interval import batch_of

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DEFINITIONS = """
entities:
  customer: {keys: {customer: int64}}
sources:
  payments:
    iceberg: shop.payments
    schedule: "30 2 * * *"
    event_time: at
    event_id: id
    columns: {id: int64, customer: int64, at: timestamp, amount: float64}
    description: What customers pay.
  visits:
    iceberg: shop.visits
    schedule: "@hourly"
    event_time: at
    event_id: none
    columns: {customer: int64, at: timestamp}
    quality: {recent: {freshness: 2h}}
  unscheduled:
    iceberg: shop.other
    event_time: at
    columns: {customer: int64, at: timestamp}
views:
  spending:
    entity: customer
    source: payments
    aggregations: {total: {function: sum, column: amount, windows: [7d]}}
  visited:
    entity: customer
    source: visits
    aggregations: {nb: {function: count, windows: [1d]}}
"""


def context(number: int, *, task: str = "append", map_index: int = -1, is_dated: bool = True) -> dict[str, Any]:
    """What Airflow gives to a task of the run of a day, as far as ours look at it."""
    start = START + number * DAY
    dates = {"data_interval_start": start, "data_interval_end": start + DAY, "logical_date": start}
    ti = SimpleNamespace(dag_id="dag", task_id=task, map_index=map_index)
    return {**(dates if is_dated else {}), "run_id": "manual__1", "ti": ti}


def payments(number: int, start: datetime, count: int = 20) -> pa.Table:
    """Payments of a day, one a second."""
    at = [start + timedelta(seconds=second) for second in range(count)]
    ids = range(number * 1000, number * 1000 + count)
    columns = {"id": ids, "customer": [it % 5 for it in ids], "at": at, "amount": [1.0] * count}
    return pa.table({name: pa.array(list(values)) for name, values in columns.items()})


def of_interval(start: datetime, end: datetime) -> pa.Table:
    """Payments of a data interval of a day."""
    assert end - start == DAY
    return payments((start - START).days, start)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with definitions and their tables, and the connection of Airflow to them."""
    (tmp_path / "all.yaml").write_text(DEFINITIONS)
    connect(monkeypatch, {"warehouse": str(tmp_path / "warehouse")})
    offline.open(tmp_path / "all.yaml", warehouse=tmp_path / "warehouse").apply()
    return tmp_path


def connect(monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any], **fields: Any) -> None:
    """Sets the connection `unskew_default`."""
    value = {"conn_type": "generic", "extra": extra, **fields}
    monkeypatch.setenv("AIRFLOW_CONN_UNSKEW_DEFAULT", json.dumps(value))


@pytest.fixture
def gateway(folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A gateway that the connection names too."""
    root = Path(__file__).resolve().parents[2]
    binary = Path(os.environ.get("UNSKEW_GATEWAY_BIN") or root / "target" / "release" / "unskew-gateway")
    place = tmp_path_factory.mktemp("gateway")
    with Gateway(binary, place, f"embedded:{place / 'data'}", {"APP__DEFINITIONS__PATH": str(folder)}) as running:
        host, _, port = running.address.partition(":")
        connect(monkeypatch, {"warehouse": str(folder / "warehouse")}, host=host, port=int(port))
        yield


def append(folder: Path, rows: Any = of_interval, **options: Any) -> AppendOperator:
    """An operator that appends payments."""
    return AppendOperator(task_id="append", source="payments", rows=rows, definitions=folder / "all.yaml", **options)


def test_a_batch_is_known_by_dag_task_and_data_interval() -> None:
    assert batch_of(context(0)) == "dag.append 2026-01-01T00:00:00Z/2026-01-02T00:00:00Z"
    others = [context(1), context(0, task="other"), context(0, map_index=3)]
    assert len({batch_of(it) for it in [context(0), *others]}) == 4
    assert batch_of(context(0)) == batch_of({**context(0), "run_id": "backfill__1"})


def test_a_run_without_dates_says_what_it_lacks(folder: Path) -> None:
    with pytest.raises(
        errors.InvalidArgument, match=r"'manual__1' has neither a data interval nor a logical date.*--logical-date"
    ):
        append(folder).execute(context(0, is_dated=False))


def test_an_interval_is_appended_once(folder: Path) -> None:
    first, again = (append(folder).execute(context(0)) for _ in range(2))
    assert (first["committed"], first["rows"]) == (True, 20)
    assert (again["committed"], again["snapshot_id"]) == (False, first["snapshot_id"])
    pq.write_table(of_interval(START + DAY, START + 2 * DAY), folder / "day.parquet")
    assert append(folder, folder / "day.parquet").execute(context(1))["rows"] == 20


def test_rows_that_are_none_are_no_rows(folder: Path) -> None:
    with pytest.raises(errors.InvalidArgument, match="`rows` gave None; it must give a table"):
        append(folder, lambda _start, _end: None).execute(context(0))


@pytest.mark.usefixtures("gateway")
def test_days_in_any_order_are_online(folder: Path) -> None:
    arguments: dict[str, Any] = {"definitions": folder / "all.yaml", "views": ["spending"]}
    fresh = FreshnessSensor(task_id="s", definitions=folder / "all.yaml", source="payments", max_age=DAY)
    online = FreshnessSensor(task_id="v", definitions=folder / "all.yaml", view="spending", max_age=DAY)
    assert not fresh.poke(context(5))
    assert not online.poke(context(5))
    for number in (5, 3):  # 3 is a backfill
        append(folder).execute(context(number))
        done = MaterializeOperator(task_id="materialize", **arguments).execute(context(number))
        assert (done[0]["rows"], done[0]["accepted"]) == (20, 5)
        # A backfill does not go back behind what is materialized.
        assert done[0]["cut"] == int((START + 5 * DAY).timestamp() + 19) * 10**6
        compared = VerifyOperator(task_id="verify", **arguments).execute(context(number))
        assert (compared[0]["entities"], compared[0]["values"], compared[0]["not_compared"]) == (5, 5, {})
    assert fresh.poke(context(5))
    assert online.poke(context(5))
    assert not online.poke(context(7))


@pytest.mark.usefixtures("gateway")
def test_a_difference_fails_and_is_told(folder: Path) -> None:
    arguments: dict[str, Any] = {"definitions": folder / "all.yaml", "views": ["spending"]}
    append(folder).execute(context(0))
    MaterializeOperator(task_id="materialize", **arguments).execute(context(0))
    address = Settings.of("unskew_default").address
    with FeatureStoreClient(address, write_timeout=30) as client:
        forged = payments(900, START, 1)
        assert client.write_events("payments", forged).accepted == 1
    with pytest.raises(
        errors.DataLoss, match=r"1 of 5 values differ.*: customer=0: spending\.total_7d is 4\.0 offline, 5\.0 on"
    ):
        VerifyOperator(task_id="verify", **arguments).execute(context(0))


def test_a_connection_that_says_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, {"warehose": "x"})
    with pytest.raises(
        errors.InvalidArgument, match="'unskew_default' has 'warehose' in its extra, which is none of tls"
    ):
        Settings.of("unskew_default")
    connect(monkeypatch, {"tls": "yes"})
    with pytest.raises(errors.InvalidArgument, match="'tls' in its extra as 'yes'; it must be a bool"):
        Settings.of("unskew_default")


def test_where_the_gateway_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for fields, address in (
        ({}, "127.0.0.1:50051"),
        ({"host": "gateway"}, "gateway:50051"),
        ({"host": "gateway", "port": 7}, "gateway:7"),
        ({"host": "a:1,b:2"}, "a:1,b:2"),
    ):
        connect(monkeypatch, {}, password="secret", **fields)  # noqa: S106 (it is none)
        found = Settings.of("unskew_default")
        assert found.address == address
        assert found.api_key == "secret"
        assert "secret" not in repr(found)


def test_a_dag_for_each_source_with_a_schedule(folder: Path) -> None:
    dags = feature_dags(
        folder / "all.yaml", start_date=START, rows={"payments": "{{ ds }}.parquet"}, end_date=START + DAY
    )
    assert sorted(dags) == ["unskew_payments", "unskew_visits"]
    paid = dags["unskew_payments"]
    chain = {name: sorted(task.downstream_task_ids) for name, task in paid.task_dict.items()}
    assert chain == {"append": ["materialize"], "materialize": ["verify"], "verify": []}
    assert (paid.schedule.expression, paid.catchup, paid.max_active_runs) == ("30 2 * * *", True, 1)
    assert (paid.description, paid.end_date) == ("What customers pay.", START + DAY)
    assert paid.task_dict["materialize"].max_active_tis_per_dag == 1
    assert {task.retries for task in paid.task_dict.values()} == {2}
    waits = dags["unskew_visits"].task_dict["wait_for_rows"]
    assert (waits.max_age, waits.mode) == (timedelta(hours=2), "reschedule")


@pytest.mark.parametrize(
    ("change", "rows", "message"),
    [
        (("schedule:", "description:"), {}, "no source of .*all.yaml' has a schedule"),
        (
            ("", ""),
            {"unscheduled": "x"},
            "'unscheduled', which is no source with a schedule; those are 'payments', 'visits'",
        ),
        (("    iceberg: shop.visits\n", ""), {}, "'visits' has a schedule and no `iceberg:` table"),
    ],
)
def test_definitions_that_make_no_dag(
    folder: Path, change: tuple[str, str], rows: dict[str, str], message: str
) -> None:
    text = DEFINITIONS.replace("    description: What customers pay.\n", "").replace(*change)
    (folder / "all.yaml").write_text(text)
    with pytest.raises(errors.InvalidArgument, match=message):
        feature_dags(folder / "all.yaml", start_date=START, rows=rows)
    with pytest.raises(errors.InvalidArgument, match="has no time zone"):
        feature_dags(folder / "all.yaml", start_date=START.replace(tzinfo=None))


def test_a_sensor_waits_for_one_thing(folder: Path) -> None:
    with pytest.raises(errors.InvalidArgument, match="give one of them"):
        FreshnessSensor(task_id="s", definitions=folder / "all.yaml", max_age=DAY)
