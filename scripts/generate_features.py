#!/usr/bin/env python3
"""Computes features with Spark, writes them to Iceberg, and from there to the online store, through a gateway.

    cp examples/features/users.yaml examples/fraud/definitions/fraud.yaml definitions/
    unskew-gateway serve --definitions definitions &
    python scripts/generate_features.py --definitions definitions --warehouse warehouse --jars "$(scripts/spark_jars)"

`default.user_features` has user_0 … user_99; the gateway serves them as the view `user_features`, and in its built-in
view, which Redis holds as JSON under `features:user_0` and so on. `fraud.transactions` is the card fraud benchmark,
simulated anew: each transaction, and seven days later its label as another version of it. A second run replaces what
the first wrote.
It needs the package with the extra `spark`, and Java 17.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import unskew
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (as everyone names it)
from unskew import offline, spark
from unskew.offline import _schema

FRAUD = Path(__file__).resolve().parents[1] / "examples" / "fraud"
USERS = 100
LABELS_AFTER = dt.timedelta(days=7)
BUILT_IN = "default"
"""The view that needs no definition."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    given = arguments_of().parse_args(arguments)
    try:
        store = offline.open(given.definitions, warehouse=given.warehouse)
        session = spark.session(store, {"spark.master": given.master, **_confs(given.conf)}, jars=given.jars)
        try:
            return generate(session, store, given)
        finally:
            session.stop()
    except (unskew.UnskewError, OSError) as error:
        print(f"generate_features.py: {error}", file=sys.stderr)
        return 2


def generate(session: SparkSession, store: offline.OfflineStore, given: argparse.Namespace) -> int:
    """Computes, writes and materializes; the exit code."""
    store.apply()
    replace(session, store, "user_features", users(session, given.event_time))
    replace(session, store, "transactions", transactions(session, given))
    with unskew.FeatureStoreClient(given.address, timeout=10, write_timeout=30, retries=20) as client:
        built_in(client, store)
    code = 0
    for found in spark.materialize(session, store, given.address):
        print(f"{found.view}: {found.mode}, {found.rows} rows read, {found.accepted} written")
        for refused in found.first_refused:
            print(f"  refused: {refused}", file=sys.stderr)
        code = code if found.ok else 1
    return code


def users(session: SparkSession, at: dt.datetime) -> DataFrame:
    """A row for each user."""
    number = F.col("id")
    return session.range(USERS).select(
        F.concat(F.lit("user_"), number.cast("string")).alias("entity_id"),
        F.lit(at).alias("event_time"),
        (F.lit(0.1) * number).alias("feature_a"),
        (number % 10).alias("feature_b"),
        F.when(number % 2 == 0, "A").otherwise("B").alias("feature_c"),
    )


def transactions(session: SparkSession, given: argparse.Namespace) -> DataFrame:
    """The events of the benchmark: transactions without a label, and those whose labels are known with them."""
    sys.path.append(str(FRAUD))
    from fraud_data.dataset import build_dataset  # noqa: PLC0415 (it lies beside no package)
    from fraud_data.settings import Settings  # noqa: PLC0415

    settings = Settings(given.customers, given.terminals, given.days)
    rows = session.createDataFrame(_plain(build_dataset(settings).table)).drop("tx_fraud_scenario")
    end = dt.datetime.combine(settings.start, dt.time(), dt.UTC) + dt.timedelta(days=given.days)
    unlabelled = rows.withColumn("tx_fraud", F.lit(None).cast("bigint")).withColumn(
        "label_version", F.lit(0).cast("bigint")
    )
    labelled = rows.where(F.col("tx_datetime") < F.lit(end - LABELS_AFTER)).withColumn(
        "label_version", F.lit(1).cast("bigint")
    )
    return unlabelled.unionByName(labelled)


def replace(session: SparkSession, store: offline.OfflineStore, source: str, rows: DataFrame) -> None:
    """Puts rows in the place of all that the table of a source has, in one commit."""
    found = store.definitions.sources[source]
    columns = [F.col(column.name) for column in found.columns]
    if found.created is None:
        columns.append(F.current_timestamp().alias(_schema.CREATED))
    name = ".".join(f"`{part}`" for part in (store.catalog.name, *_schema.table_of(found).split(".")))
    rows.select(*columns).writeTo(name).overwrite(F.lit(True))
    print(f"{_schema.table_of(found)}: {session.table(name).count()} rows")


def built_in(client: unskew.FeatureStoreClient, store: offline.OfflineStore) -> None:
    """The rows of the users in the built-in view, as the table has them."""
    result = client.write_rows(BUILT_IN, store.read("user_features").read_all(), strict=True)
    print(f"{BUILT_IN}: {result.accepted} rows")


def _plain(table: Any) -> pa.Table:
    """A table all of whose columns may be null, as those of Iceberg are."""
    return pa.table({name: table.column(name) for name in table.column_names})


def _confs(given: list[str]) -> dict[str, str]:
    return {name: value for name, _, value in (conf.partition("=") for conf in given)}


def _time(text: str) -> dt.datetime:
    found = dt.datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} has no zone: write {text}Z")
    return found


def arguments_of() -> argparse.ArgumentParser:
    """The parser of the command."""
    parser = argparse.ArgumentParser(
        prog="generate_features.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--definitions", type=Path, required=True, metavar="DIR", help="the folder that the gateway reads")
    add(
        "--warehouse",
        type=Path,
        default=Path("warehouse"),
        metavar="DIR",
        help="where the tables lie; default: %(default)s",
    )
    add("--address", default="127.0.0.1:50051", help="of the gateway; default: %(default)s")
    add("--jars", type=Path, metavar="DIR", help="a folder of jars; without it Spark needs them otherwise")
    add("--master", default="local[2]", help="where Spark runs; default: %(default)s")
    add("--conf", action="append", default=[], metavar="NAME=VALUE", help="a setting of Spark; as often as needed")
    add("--customers", type=int, default=200, help="of the fraud tables; default: %(default)s")
    add("--terminals", type=int, default=400, help="of the fraud tables; default: %(default)s")
    add("--days", type=int, default=30, help="of the fraud tables; default: %(default)s")
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    add("--event-time", type=_time, default=now, help="of the rows of the users, in ISO 8601; default: now")
    return parser


if __name__ == "__main__":
    sys.exit(main())
