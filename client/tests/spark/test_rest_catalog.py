"""A real REST catalog, the one that Iceberg tests itself with: one machine and Spark share its tables."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

import unskew
from tests.gateway import free_address
from tests.offline.online import DEFINITIONS, Rows, assert_equal, loaded, patient, serving
from tests.spark.conftest import SCRIPTS, Connected
from unskew import errors, offline, spark

LIMIT = 60.0


class Catalog:
    """The process; what it knows lies in an SQLite file, so that it can be started again."""

    def __init__(self, folder: Path, jars: Path) -> None:
        self._command = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{jars}/*"]
        port = free_address().rpartition(":")[2]
        self.uri = f"http://127.0.0.1:{port}"
        self._log = folder / "catalog.log"
        self._environment = {
            "PATH": os.environ["PATH"],
            "CATALOG_CATALOG__IMPL": "org.apache.iceberg.jdbc.JdbcCatalog",
            "CATALOG_URI": f"jdbc:sqlite:{folder}/rest.db",
            "CATALOG_WAREHOUSE": (folder / "warehouse").as_uri(),
            "CATALOG_IO__IMPL": "org.apache.iceberg.hadoop.HadoopFileIO",
            "CATALOG_REST_PORT": port,
        }

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        with self._log.open("ab") as log:
            command = [*self._command, "org.apache.iceberg.rest.RESTCatalogServer"]
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        deadline = time.monotonic() + LIMIT
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.1)

    def kill(self) -> None:
        """`kill -9`."""
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/v1/config", timeout=5) as found:  # noqa: S310 (of this test)
                return bool(found.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False


@pytest.fixture(scope="module")
def server() -> Path:
    """The folder of its jars."""
    found = os.environ.get("UNSKEW_CATALOG_JARS")
    return Path(
        found or subprocess.run([SCRIPTS / "catalog_jars"], check=True, capture_output=True, text=True).stdout.strip()
    )


@pytest.fixture
def catalog(tmp_path: Path, server: Path) -> Iterator[Catalog]:
    """A catalog without tables."""
    found = Catalog(tmp_path, server)
    found.start()
    yield found
    found.kill()


def stored(catalog: Catalog) -> offline.OfflineStore:
    """An offline store of that catalog."""
    return offline.open(unskew.parse(DEFINITIONS), properties={"type": "rest", "uri": catalog.uri})


def test_one_machine_and_spark_give_the_same_over_a_rest_catalog(
    tmp_path: Path, catalog: Catalog, connected: Connected
) -> None:
    layout = offline.Layout(period="none", buckets=2)
    embedded = offline.open(unskew.parse(DEFINITIONS), warehouse=tmp_path / "embedded")
    found = stored(catalog)
    for store in (embedded, found):
        assert store.apply(layout=layout).changes
        rows = Rows(1)
        rows.append_to(store, 500)
    assert not stored(catalog).apply(layout=layout).changes
    # What another process appended is there, and once.
    more = rows.payments(60)
    for store in (embedded, found):
        assert store.append("payments", more, batch_id="more").committed
    assert not stored(catalog).append("payments", more, batch_id="more").committed

    amounts = more.slice(0, 40).drop_null()
    spine = amounts.select(["customer", "at", "amount"]).append_column("note", pa.array(["n"] * amounts.num_rows))
    spine = spine.append_column("row", pa.array(range(amounts.num_rows)))
    wanted = embedded.training_set("model", spine)
    made = found.training_set("model", spine, pin="first")
    session = connected(found)
    by_spark = spark.training_set(session, found, "model", session.createDataFrame(spine)).collect(["row"])
    assert made.vectors.tobytes() == by_spark.vectors.tobytes() == wanted.vectors.tobytes()
    assert made.fingerprint == by_spark.fingerprint == wanted.fingerprint
    assert session.sql("SELECT * FROM unskew.shop.payments VERSION AS OF 'first'").count() == 560
    assert stored(catalog).compact("payments").files_before > 0
    assert found.reproduce(made).vectors.tobytes() == wanted.vectors.tobytes()

    views = ["owner", "profile", "spending"]
    with serving(tmp_path) as gateway, patient(gateway.address) as client:
        connect = partial(patient, gateway.address)
        assert {it.mode for it in spark.materialize(session, found, connect, views)} == {"full"}
        assert {it.mode for it in loaded(found, client).values()} == {"full", "incremental"}
        assert_equal(found, client)
        rows.append_to(found, 60)
        assert {it.rows for it in spark.materialize(session, found, connect, views)} == {60}
        loaded(found, client)
        assert_equal(found, client)


def test_a_rest_catalog_that_is_away_is_told_and_is_used_again_when_it_is_back(
    tmp_path: Path, catalog: Catalog, connected: Connected
) -> None:
    found = stored(catalog)
    found.apply(layout=offline.Layout(period="none", buckets=0))
    rows = Rows(2)
    rows.append_to(found, 50)
    session, more = connected(found), rows.payments(10)
    spine = pa.table({"customer": [7], "at": more["at"].slice(0, 1), "amount": [1.0], "note": ["n"]})
    catalog.kill()
    with pytest.raises(errors.Unavailable, match=r"the table 'shop.payments' can't be opened: .*Connection refused"):
        found.append("payments", more, batch_id="more")
    with pytest.raises(errors.Unavailable, match=r"the catalog 'unskew' can't be opened: .*Connection refused"):
        stored(catalog)
    with serving(tmp_path) as gateway, pytest.raises(errors.Unavailable, match=r"can't be opened: .*refused"):
        list(spark.materialize(session, found, gateway.address, ["owner"]))

    catalog.start()
    assert found.append("payments", more, batch_id="more").committed
    assert session.table("unskew.shop.payments").count() == 60
    # That of the session alone is away.
    other = connected(found)
    other.conf.set("spark.sql.catalog.unskew.uri", "http://127.0.0.1:1")
    with pytest.raises(errors.Unavailable, match=r"the catalog of the session does not answer: .*RESTException"):
        spark.training_set(other, found, "model", other.createDataFrame(spine))
