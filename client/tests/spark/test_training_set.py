"""Training sets by Spark are those of one machine, bit for bit."""

import datetime as dt
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import unskew
from tests.offline.store import DEFINITIONS, opened, random_payments, random_profiles, store
from tests.offline.store import spine as random_spine
from tests.spark.conftest import Connected
from tests.test_golden_cases import cases, service_of, table_of
from unskew import errors, offline, spark

sys.path.append(str(Path(__file__).parents[3] / "examples" / "fraud"))
from fraud_benchmark.stream import events
from fraud_data.dataset import build_dataset
from fraud_data.settings import Settings

FRAUD = Path(__file__).parents[3] / "examples" / "fraud" / "definitions"
ROW = "row"
"""The column that numbers the rows of a spine."""
GOLDEN = (
    "entities with keys of several parts, text among them",
    "training knows only what was known at t (feast#6615, feast#6617)",
    "every function over sealed tiles gives what it gives over the events",
    "of equal versions and times the one with the greater canonical bytes wins - numbers by value, null first",
    "where decides for the row of a request as for an event",
)
AT_NIGHT = (
    "with an offset an event enters o after its time, and leaves o + w after it",
    "equal timestamps across sources of an entity have one result, online and offline (openmldb#1780)",
    "first and last values and lists of every type",
    "a lifetime window has everything before t",
    "a new version may move an event in time, into a window and out of it",
    "one id of two entities is two events, and a version with another entity replaces nothing",
    "without ids every event counts, equal ones too",
)


def numbered(spine: pa.Table) -> pa.Table:
    """A spine whose rows have numbers, by which they are put in order again."""
    return spine.append_column(ROW, pa.array(np.arange(spine.num_rows)))


def assert_same(made: unskew.TrainingSet, wanted: unskew.TrainingSet) -> None:
    """Two training sets have the same bits."""
    assert made.vectors.tobytes() == wanted.vectors.tobytes()
    assert (made.slots, made.fingerprint, made.fitted) == (wanted.slots, wanted.fingerprint, wanted.fitted)
    assert made.incomplete == wanted.incomplete
    assert made.features.column_names == wanted.features.column_names
    for name in wanted.statuses.column_names:
        assert made.statuses[name].to_pylist() == wanted.statuses[name].to_pylist(), name
        assert made.features[name].type == wanted.features[name].type, name
        assert made.features[name].equals(wanted.features[name]), name


def test_golden_cases(started: SparkSession) -> None:
    session = started.newSession()
    # Pieces of one row: whatever a later row needs of an entity has to be carried over.
    session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "1")
    names = {*GOLDEN, *(AT_NIGHT if os.environ.get("UNSKEW_FRAUD_NIGHTLY") else ())}
    found = [case for case in cases("training") if case["name"] in names]
    assert len(found) == len(names)
    for case in found:
        service, fitted = service_of(case)
        tables = {name: pa.concat_tables(map(table_of, parts)) for name, parts in case["sources"].items()}
        made = spark.training_set(
            session,
            service.definitions,
            case["service"],
            session.createDataFrame(numbered(table_of(case["spine"]))),
            {name: session.createDataFrame(plain(table)) for name, table in tables.items()},
            fitted=fitted,
            time_column=case["time"],
            memory_limit=1 << 14,
        ).collect([ROW])
        assert made.vectors.view(np.uint32).tolist() == case["vectors"], case["name"]
        assert {it.row: it.slot for it in made.incomplete} == {it["row"]: it["slot"] for it in case["incomplete"]}


def plain(table: pa.Table) -> pa.Table:
    """A table without lists of a fixed size, which Spark does not take."""
    for at, field in enumerate(table.schema):
        if pa.types.is_fixed_size_list(field.type):
            table = table.set_column(at, field.name, table.column(at).cast(pa.list_(field.type.value_type)))
    return table


def test_a_month_of_the_fraud_benchmark(tmp_path: Path, connected: Connected) -> None:
    data = build_dataset(Settings(customers=250, terminals=500, days=31, radius=10.0)).table
    found = offline.open(FRAUD, warehouse=tmp_path / "warehouse")
    found.apply(layout=offline.Layout("none", 2))
    found.append("transactions", events(data, labelled=False))
    found.append("transactions", events(data, labelled=True))
    spine = data.select(["transaction_id", "customer_id", "terminal_id", "tx_datetime", "tx_amount", "tx_fraud"])
    wanted = found.training_set("fraud_benchmark", spine)

    session = connected(found)
    made = spark.training_set(session, found, "fraud_benchmark", session.createDataFrame(spine))
    again = made.collect(["transaction_id"])
    assert len(again) > 8_000
    assert_same(again, wanted)
    assert again.origin == wanted.origin
    # The set is an ordinary table of Spark, and written as one.
    made.rows.write.parquet(str(tmp_path / "set"))
    assert session.read.parquet(str(tmp_path / "set")).count() == len(wanted)
    made.unpersist()


QUANTILES = """
entities: {user: {keys: {user: string}}}
views: {v: {entity: user, features: {a: float64, b: float64, c: string}}}
services:
  s:
    vector:
      - {name: a, input: v.a, steps: [{impute: {strategy: median}}, robust_scale]}
      - {name: b, input: v.b, steps: [{impute: {value: 0}}, {quantile_bucketize: {bins: 10}}]}
      - {name: c, input: v.c, steps: [{vocabulary: {max_tokens: 20}}]}
      - {name: d, input: v.c, steps: [{target_encode: {target: y}}, standardize]}
"""


def test_a_fit_has_the_bytes_of_a_local_one(started: SparkSession) -> None:
    random = np.random.default_rng(4)
    table = pa.table(
        {
            "v.a": pa.array(random.normal(0, 3, 20_000), mask=random.random(20_000) < 0.1),
            "b": np.round(random.exponential(2, 20_000), 3),
            "c": random.choice(["x", "y", "z", "w"], 20_000),
            "y": random.integers(0, 2, 20_000),
        }
    )
    service = unskew.parse(QUANTILES).services["s"]
    rows = started.createDataFrame(table).repartition(5)
    assert spark.fit(service, rows) == service.fit(table)
    with pytest.raises(errors.DataError, match=r"the table has no column 'y'"):
        spark.fit(service, rows.drop("y"))
    with pytest.raises(errors.FitError):
        spark.fit(service, rows.limit(0))


def test_a_training_set_is_made_again_after_all_that_can_happen_to_its_tables(
    tmp_path: Path, connected: Connected
) -> None:
    found = store(tmp_path, layout=offline.Layout("none", 0))
    found.append("payments", random_payments(1, 500))
    found.append("profiles", random_profiles(2, 100))
    found.tag("then")
    session = connected(found)
    spine = session.createDataFrame(numbered(random_spine(5, 200)))
    made = spark.training_set(session, found, "model", spine, tag="then").collect([ROW])
    assert made.origin is not None
    rows = session.sql("SELECT * FROM unskew.shop.payments VERSION AS OF 'then' ORDER BY id, version").toArrow()

    found.append("payments", random_payments(3, 500, 500))
    text = DEFINITIONS.replace("limit: float64, region: string}\nviews", "limit: float64, grade: int32}\nviews")
    text = text.replace("features: {limit: float64, region: string}", "features: {limit: float64, grade: int32}")
    opened(tmp_path, text).apply(allow_loss=True)
    later = opened(
        tmp_path,
        text.replace("amount: float64}", "note: string, value: float64}")
        .replace("column: amount", "column: value")
        .replace("grade: int32", "grade: int64"),
    )
    later.apply(renames={"payments": {"amount": "value"}})
    later.append("profiles", random_profiles(9, 30).drop_columns("region").append_column("grade", pa.array([1] * 30)))
    for source in ("payments", "profiles"):
        later.compact(source)
        assert later.expire_snapshots(source, older_than=-dt.timedelta(days=1)).snapshots

    # The definitions of then read the tables of then.
    snapshots = {source: read.snapshot_id for source, read in made.origin.tables.items() if read.snapshot_id}
    then = spark.training_set(session, found, "model", spine, as_of_snapshot=snapshots, fitted=made.fitted)
    again = then.collect([ROW])
    assert_same(again, made)
    assert again.origin == made.origin
    assert_same(later.reproduce(made), made)
    now = session.sql("SELECT * FROM unskew.shop.payments VERSION AS OF 'then' ORDER BY id, version").toArrow()
    assert now.equals(rows)
    # Definitions of today read what was there then by the names of today, as the embedded store does.
    newest = spark.training_set(session, later, "model", spine, tag="then").collect([ROW])
    assert_same(newest, later.training_set("model", numbered(random_spine(5, 200)), tag="then"))


def test_forgotten_entities_are_left_out(tmp_path: Path, connected: Connected) -> None:
    found = store(tmp_path, layout=offline.Layout("none", 0))
    found.append("payments", random_payments(1, 300))
    found.tag("before", ["payments"])
    found.forget("customer", [{"customer": 7}, {"customer": 8}])
    session, spine = connected(found), numbered(random_spine(5, 100))
    made = spark.training_set(session, found, "payments_only", session.createDataFrame(spine), tag="before")
    assert_same(made.collect([ROW]), found.training_set("payments_only", spine, tag="before"))


def test_what_the_spine_or_a_history_lacks_is_told(started: SparkSession) -> None:
    definitions = unskew.parse(DEFINITIONS)
    spine = started.createDataFrame(numbered(random_spine(5, 10)))
    payments = started.createDataFrame(random_payments(1, 10))

    def made(spine: Any, history: Any = payments) -> spark.SparkTrainingSet:
        return spark.training_set(started, definitions, "payments_only", spine, {"payments": history})

    with pytest.raises(errors.DataError, match=r"the spine has no column 'customer', which is a key of 'customer'"):
        made(spine.drop("customer"))
    with pytest.raises(errors.DataError, match=r"payments: the column `id` is missing"):
        made(spine, payments.drop("id"))
    with pytest.raises(errors.DataError, match=r"`event_time` is a bigint; a timestamp is right"):
        made(spine.selectExpr("customer", "row", "row as event_time"))
    with pytest.raises(errors.DataError, match="'vector', which is a column of the result"):
        made(spine.selectExpr("*", "1 as vector"))
    with pytest.raises(errors.DataError, match="history of 'profiles' is not given, and there is no offline store"):
        spark.training_set(started, definitions, "model", spine, {"payments": payments})
    with pytest.raises(errors.DataError, match=r"payments.*`id` .*can't be read as int64|payments.*`id`"):
        made(spine, payments.selectExpr("cast(id as string) id", "version", "customer", "at", "amount")).collect([ROW])
