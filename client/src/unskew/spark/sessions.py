"""Sessions of Spark that have the catalog of an offline store."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyspark.sql import SparkSession
from sqlalchemy.engine import URL, make_url

from unskew import errors
from unskew.offline.store import OfflineStore

__all__ = ["PACKAGES", "confs", "session"]

PACKAGES = ("org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.12.0", "org.xerial:sqlite-jdbc:3.54.1.0")
"""Maven coordinates of what Spark 4.1 needs for Iceberg tables, and for a catalog in SQLite."""

EXTENSIONS = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"

# Drivers of databases that a `sql` catalog lies in, by SQLAlchemy's names.
JDBC = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mysql", "mariadb": "mariadb"}
OF_PYTHON = frozenset(
    ("uri", "type", "warehouse", "py-catalog-impl", "py-io-impl", "init_catalog_tables", "echo", "pool_pre_ping")
)
"""Properties of PyIceberg that Java has by other names, or not at all."""
OF_CLASS = {"RestCatalog": "rest", "HiveCatalog": "hive", "GlueCatalog": "glue"}
"""What Java calls a catalog of PyIceberg."""
RENAMED = {"s3.region": "client.region", "glue.region": "client.region"}
"""Properties that Java has by another name."""


def confs(
    store: OfflineStore | Catalog, *, jars: str | os.PathLike[str] | None = None, packages: bool = False
) -> dict[str, str]:
    """The settings of a session that finds the tables of an offline store, by the same names.

    Args:
        store: an offline store, or its catalog: of type `sql`, `rest`, `hive` or `glue`.
        jars: a folder of jars, as `scripts/spark_jars` makes one; all of them are loaded.
        packages: whether Spark shall fetch `PACKAGES` from Maven by itself.

    Returns:
        Settings by name, as `SparkSession.builder.config(map=…)` takes them, and `spark-submit --conf`.

    Raises:
        InvalidArgument: a catalog of another type, or a folder without jars.
    """
    catalog = store.catalog if isinstance(store, OfflineStore) else store
    prefix = f"spark.sql.catalog.{catalog.name}"
    found = {
        "spark.sql.extensions": EXTENSIONS,
        prefix: "org.apache.iceberg.spark.SparkCatalog",
        # Else a session goes on reading the table as it was when it was first read.
        f"{prefix}.cache-enabled": "false",
        **{f"{prefix}.{name}": value for name, value in _properties(catalog).items()},
    }
    if jars is not None:
        files = sorted(str(file.absolute()) for file in Path(jars).glob("*.jar"))
        if not files:
            raise errors.InvalidArgument(f"there is no jar in {os.fspath(jars)}: scripts/spark_jars prints a folder")
        found["spark.jars"] = ",".join(files)
    if packages:
        found["spark.jars.packages"] = ",".join(PACKAGES)
    return found


def session(store: OfflineStore | Catalog, settings: Mapping[str, Any] | None = None, **options: Any) -> SparkSession:
    """A session of Spark with the catalog of an offline store; the one that runs, if one does.

    Args:
        store: as in `confs`.
        settings: more settings of Spark; they come before those of `confs`.
        options: those of `confs`.
    """
    wanted = {**confs(store, **options), **(settings or {})}
    builder: Any = SparkSession.builder
    found: SparkSession = builder.config(map=wanted).getOrCreate()
    return found


def _properties(catalog: Catalog) -> dict[str, str]:
    """The properties of a catalog by the names that Iceberg's own Java has."""
    given = {str(name): str(value) for name, value in catalog.properties.items()}
    found = {RENAMED.get(name, name): value for name, value in given.items() if name not in OF_PYTHON}
    if "warehouse" in given:
        found["warehouse"] = given["warehouse"]
    if isinstance(catalog, SqlCatalog):
        return found | _jdbc(catalog.name, given["uri"])
    # By name: the module of each needs libraries that need not be there.
    kind = OF_CLASS.get(type(catalog).__name__)
    if kind is not None:
        return {**found, "type": kind, **({"uri": given["uri"]} if "uri" in given else {})}
    raise errors.InvalidArgument(
        f"the catalog {catalog.name!r} is a {type(catalog).__name__}, which Spark does not know by these properties; "
        f"known are sql, rest, hive and glue: set spark.sql.catalog.{catalog.name} yourself"
    )


def _jdbc(name: str, uri: str) -> dict[str, str]:
    """A URL of SQLAlchemy as one of JDBC."""
    url: URL = make_url(uri)
    database = JDBC.get(url.get_backend_name())
    if database is None:
        raise errors.InvalidArgument(
            f"the catalog {name!r} lies in a database of {url.get_backend_name()}, for which no driver of JDBC is "
            f"known here; known are {', '.join(JDBC)}: set spark.sql.catalog.{name}.uri yourself"
        )
    found = {"catalog-impl": "org.apache.iceberg.jdbc.JdbcCatalog", "jdbc.schema-version": "V1"}
    if database == "sqlite":
        if not url.database or url.database == ":memory:":
            raise errors.InvalidArgument(f"the catalog {name!r} lies in the memory of this process: give it a file")
        # Both wait for the file, which one of them holds at a time.
        return {**found, "uri": f"jdbc:sqlite:{Path(url.database).absolute()}", "jdbc.busy_timeout": "60000"}
    if url.username:
        found["jdbc.user"] = unquote(url.username)
    if url.password:
        found["jdbc.password"] = str(url.password)
    port = f":{url.port}" if url.port else ""
    return {**found, "uri": f"jdbc:{database}://{url.host or 'localhost'}{port}/{url.database or ''}"}
