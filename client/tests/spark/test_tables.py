"""Tables that Spark and the embedded store both write and read, at the same snapshots."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import unskew
from tests.offline.store import DEFINITIONS, opened, payments, random_payments, store
from tests.spark.conftest import Connected
from unskew import errors, offline, spark

ONE_FILE = offline.Layout("none", 0)


def rows_of(table: pa.Table) -> list[dict[str, object]]:
    """The rows of a table in an order of their own."""
    columns = ["id", "version", "customer", "at", "amount"]
    return sorted(table.select(columns).to_pylist(), key=lambda row: (row["id"], row["version"]))


def test_spark_reads_what_is_appended_and_the_store_what_spark_writes(tmp_path: Path, connected: Connected) -> None:
    found = store(tmp_path, layout=offline.Layout("month", 2))
    session = connected(found)
    first = random_payments(1, 300)
    found.append("payments", first)
    of_spark = session.table("unskew.shop.payments")
    assert rows_of(of_spark.toArrow()) == rows_of(found.read("payments").read_all()) == rows_of(first)

    second = random_payments(2, 200, 300)
    more = session.createDataFrame(second).selectExpr("*", "current_timestamp() as unskew_created")
    more.writeTo("unskew.shop.payments").append()
    session.sql("DELETE FROM unskew.shop.payments WHERE id = 5")
    session.sql("UPDATE unskew.shop.payments SET amount = 1.5 WHERE id = 6")
    assert rows_of(found.read("payments").read_all()) == rows_of(session.table("unskew.shop.payments").toArrow())
    assert found.read("payments").read_all().num_rows == 499
    # The batch ids and checks of the store are its own; it goes on after what Spark did.
    found.append("payments", random_payments(3, 10, 500), batch_id="b")
    assert session.table("unskew.shop.payments").count() == 509


def test_versions_of_spark_are_those_of_the_store(tmp_path: Path, connected: Connected) -> None:
    found = store(tmp_path, layout=ONE_FILE)
    session = connected(found)
    for number in range(3):
        found.append("payments", payments((number, 7, number, 1.0)))
    renamed = opened(tmp_path, DEFINITIONS.replace("amount: float64}", "value: float64, note: string}").replace(
        "column: amount", "column: value"))  # fmt: skip
    renamed.apply(renames={"payments": {"amount": "value"}})
    first, second, _ = found.snapshots("payments")

    query = "SELECT * FROM unskew.shop.payments"
    version = session.sql(f"{query} VERSION AS OF {second.snapshot_id}").toArrow()
    # What was read then has the names of then.
    assert version.column_names == ["id", "version", "customer", "at", "amount", "unskew_created"]
    assert rows_of(version) == rows_of(found.read("payments", as_of_snapshot=second.snapshot_id).read_all())
    at = first.at + dt.timedelta(milliseconds=1)
    micros = int(at.timestamp() * 10**6)
    timed = session.sql(f"{query} TIMESTAMP AS OF timestamp_micros({micros})").toArrow()
    assert rows_of(timed) == rows_of(found.read("payments", as_of_time=at).read_all())
    assert len(rows_of(timed)) == 1


def test_a_session_without_the_catalog_or_with_another_is_told_so(
    tmp_path: Path, started: SparkSession, connected: Connected
) -> None:
    found = store(tmp_path, layout=ONE_FILE)
    found.append("payments", payments((1, 7, 1, 1.0)))
    spine = started.createDataFrame(pa.table({"customer": [7], "event_time": payments((1, 7, 2, 1.0))["at"]}))

    def made(session: SparkSession, of: offline.OfflineStore = found) -> None:
        spark.training_set(session, of, "payments_only", spine)

    with pytest.raises(errors.FailedPrecondition, match=r"the session of Spark has no catalog 'unskew' .* it has none"):
        made(started.newSession())
    other = store(tmp_path / "other", layout=ONE_FILE)
    other.append("payments", payments((1, 7, 1, 1.0)))
    with pytest.raises(errors.NotFound, match=r"catalog of the session has another table of that name"):
        made(connected(other))
    empty = offline.open(found.definitions, warehouse=tmp_path / "empty")
    with pytest.raises(errors.NotFound, match=r"'shop.payments' can't be read .* no such table in the catalog"):
        made(connected(empty))
    session = connected(found)
    session.conf.set("spark.sql.catalog.unskew", "org.apache.iceberg.spark.NoCatalog")
    with pytest.raises(errors.FailedPrecondition, match=r"Spark lacks the class .*NoCatalog.* jars of Iceberg"):
        made(session)


def test_confs_are_those_of_the_catalog(tmp_path: Path, jars: Path) -> None:
    found = store(tmp_path)
    confs = spark.confs(found, jars=jars, packages=True)
    assert confs["spark.sql.catalog.unskew.uri"] == f"jdbc:sqlite:{tmp_path}/warehouse/catalog.db"
    assert confs["spark.sql.catalog.unskew.warehouse"] == f"file://{tmp_path}/warehouse"
    loaded = {Path(jar).name for jar in confs["spark.jars"].split(",")}
    assert loaded == {"{1}-{2}.jar".format(*it.split(":")) for it in confs["spark.jars.packages"].split(",")}
    with pytest.raises(errors.InvalidArgument, match="there is no jar in"):
        spark.confs(found, jars=tmp_path)
    memory = offline.open(found.definitions, properties={"type": "in-memory", "uri": "sqlite:///:memory:"})
    with pytest.raises(errors.InvalidArgument, match=r"lies in the memory of this process|InMemoryCatalog"):
        spark.confs(memory)


def test_other_catalogs_by_the_names_that_java_has() -> None:
    from pyiceberg.catalog.sql import SqlCatalog  # noqa: PLC0415

    class RestCatalog:
        name = "lake"
        properties = {"type": "rest", "uri": "http://127.0.0.1:1", "warehouse": "w", "s3.region": "r", "token": "t"}  # noqa: RUF012

    found = spark.confs(RestCatalog())  # type: ignore[arg-type]
    assert {name.removeprefix("spark.sql.catalog.lake"): value for name, value in found.items() if ".lake" in name} == {
        "": "org.apache.iceberg.spark.SparkCatalog", ".cache-enabled": "false", ".type": "rest", ".uri": "http://127.0.0.1:1",
        ".warehouse": "w", ".client.region": "r", ".token": "t",
    }  # fmt: skip
    sql = SqlCatalog.__new__(SqlCatalog)
    sql.name, sql.properties = (
        "lake",
        {"uri": "postgresql+psycopg2://me:s%40cret@db:5433/lake", "warehouse": "s3://b/w"},
    )
    postgres = spark.confs(sql)
    assert postgres["spark.sql.catalog.lake.uri"] == "jdbc:postgresql://db:5433/lake"
    assert postgres["spark.sql.catalog.lake.jdbc.password"] == "s@cret"
    assert unskew.__version__
