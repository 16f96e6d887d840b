"""One session of Spark for all tests; each store is a catalog of a session of its own, which shares its machine."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from unskew import offline, spark

SCRIPTS = Path(__file__).parents[3] / "scripts"

# Less of a compiler that has no time to pay: these tests have few rows.
SMALL = {
    "spark.master": "local[2]",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.showConsoleProgress": "false",
    # Not UTC: times are the same instants in any zone.
    "spark.sql.session.timeZone": "America/New_York",
    "spark.sql.extensions": spark.sessions.EXTENSIONS,
}

Connected = Callable[[offline.OfflineStore], SparkSession]


def pytest_configure(config: pytest.Config) -> None:
    """PySpark leaves sockets for the collector."""
    config.addinivalue_line("filterwarnings", "ignore::ResourceWarning")
    config.addinivalue_line("filterwarnings", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="session")
def jars() -> Path:
    """The folder of the jars."""
    found = os.environ.get("UNSKEW_SPARK_JARS")
    return Path(
        found or subprocess.run([SCRIPTS / "spark_jars"], check=True, capture_output=True, text=True).stdout.strip()
    )


@pytest.fixture(scope="session")
def started(jars: Path) -> Iterator[SparkSession]:
    """A session without a catalog."""
    files = ",".join(str(jar) for jar in jars.glob("*.jar"))
    session = SparkSession.builder.config(map={**SMALL, "spark.jars": files}).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture
def connected(started: SparkSession) -> Connected:
    """Gives a session that has the catalog of a store."""

    def connect(store: offline.OfflineStore) -> SparkSession:
        session = started.newSession()
        for name, value in spark.confs(store).items():
            if name != "spark.sql.extensions":
                session.conf.set(name, value)
        return session

    return connect
