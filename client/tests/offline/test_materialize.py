"""From Iceberg to the online store: what is there then is what the engine computes offline, however it came."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

import unskew
from tests.offline.online import (
    CUSTOMERS,
    DAY,
    DEFINITIONS,
    VIEWS,
    Rows,
    assert_equal,
    compared,
    loaded,
    served,
)
from unskew import errors, offline
from unskew.offline import _latest
from unskew.offline.materialize import MaterializedView

pytestmark = pytest.mark.integration


@pytest.fixture
def store(tmp_path: Path) -> offline.OfflineStore:
    """An offline store with its tables."""
    found = offline.open(unskew.parse(DEFINITIONS), warehouse=tmp_path / "warehouse")
    # One file for each append: these tests have few rows.
    found.apply(layout=offline.Layout(period="none", buckets=0))
    return found


@pytest.fixture
def client(tmp_path: Path) -> Iterator[unskew.FeatureStoreClient]:
    """A client of a gateway with an empty store."""
    with served(tmp_path) as found:
        yield found


def test_online_is_offline_after_all_of_it_and_after_each_step(
    store: offline.OfflineStore, client: unskew.FeatureStoreClient
) -> None:
    rows = Rows(1)
    rows.append_to(store, 3_000)
    first = loaded(store, client, memory_limit=200_000)
    assert tuple(sorted(first)) == VIEWS
    assert {found.mode for found in first.values()} == {"full"}
    assert {found.reason for found in first.values()} == {"this store has nothing of it yet"}
    assert {str(found.first_refused) for found in first.values()} == {"()"}
    # Without ids the last, open tile waits until the table is beyond it.
    assert {found.rows for found in first.values() if found.view != "hourly"} == {3_000}
    assert first["spending"].accepted == CUSTOMERS
    assert first["spending"].without_key > 0
    assert_equal(store, client)

    # Late rows, newer ones, other versions of events.
    for days in (50, 0.1):
        rows.end += int(DAY * (days < 1))
        rows.append_to(store, 200, days)
        step = loaded(store, client)
        assert {found.mode for found in step.values()} == {"incremental"}
        assert {str(found.first_refused) for found in step.values()} == {"()"}
        assert {found.rows for found in step.values() if found.view != "hourly"} == {200}
        assert_equal(store, client)

    again = loaded(store, client)
    assert {(found.rows, found.accepted, found.mode) for found in again.values()} == {(0, 0, "incremental")}
    assert_equal(store, client)


def test_more_new_keys_than_memory_is_for_are_no_keys_to_look_for(
    store: offline.OfflineStore, client: unskew.FeatureStoreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Rows(11)
    rows.append_to(store, 3_000)
    loaded(store, client)
    rows.append_to(store, 40)
    monkeypatch.setattr(_latest, "BLOCK_ROWS", 50)
    step = loaded(store, client, memory_limit=1_000)
    assert {found.mode for found in step.values()} == {"incremental"}
    assert {found.rows for found in step.values() if found.view != "hourly"} == {40}
    # All are written, more than have something new.
    assert step["spending"].accepted == CUSTOMERS
    assert_equal(store, client)


def test_compacting_and_forgetting_make_nothing_new(
    store: offline.OfflineStore, client: unskew.FeatureStoreClient
) -> None:
    rows = Rows(2)
    rows.append_to(store, 300)
    loaded(store, client)
    rows.append_to(store, 50)
    for source in store.definitions.sources:
        store.compact(source)
    store.forget("customer", [{"customer": 7}])
    found = loaded(store, client)
    assert {view.mode for view in found.values()} == {"incremental"}
    assert found["tiles"].rows <= 50
    # Forgotten entities are not compared, and not written again.
    assert_equal(store, client)


def test_everything_is_written_where_what_is_new_can_not_be_told(
    store: offline.OfflineStore, client: unskew.FeatureStoreClient
) -> None:
    rows, views = Rows(3), ["owner"]

    def again() -> MaterializedView:
        return loaded(store, client, views)["owner"]

    store.append("names", rows.names(100))
    loaded(store, client, views)
    assert loaded(store, client, views, full=True)["owner"].reason == "it was asked for"
    first = store.snapshots("names")[0].snapshot_id
    store.append("names", rows.names(10))
    assert again().mode == "incremental"

    table = store.catalog.load_table("shop.names")
    table.manage_snapshots().rollback_to_snapshot(first).commit()
    assert "the table was rolled back" in again().reason
    store.append("names", rows.names(10))
    store.append("names", rows.names(10))
    store.expire_snapshots("names", older_than=dt.timedelta(0))
    assert "was expired" in again().reason
    store.overwrite("names", rows.names(50))
    found = again()
    assert (found.mode, found.rows) == ("incremental", 50)
    store.catalog.drop_table("shop.names")
    store.apply()
    store.append("names", rows.names(5))
    assert again().reason == "the table is another one than was materialized last"


def test_a_dry_run_writes_nothing(store: offline.OfflineStore, client: unskew.FeatureStoreClient) -> None:
    Rows(4).append_to(store, 100)
    dry = loaded(store, client, dry_run=True)
    assert {(found.mode, found.rows, found.accepted) for found in dry.values()} == {("full", 100, 0)}
    assert {found.mode for found in loaded(store, client).values()} == {"full"}


def test_a_definition_that_changed_is_written_anew(tmp_path: Path, store: offline.OfflineStore) -> None:
    store.append("names", Rows(5).names(100))
    with served(tmp_path) as client:
        assert loaded(store, client, ["owner"])["owner"].ok
    text = DEFINITIONS.replace(
        "features: {owner: string}", "features: {owner: string, holder: {dtype: string, column: owner}}"
    )
    changed = offline.OfflineStore(unskew.parse(text), store.catalog)
    with served(tmp_path, text) as client:
        with pytest.raises(
            errors.FailedPrecondition, match="feature 'holder' is absent in these definitions, and string at"
        ):
            loaded(store, client, ["owner"])
        assert loaded(changed, client, ["owner"])["owner"].reason == "its definition has changed"
        assert compared(changed, client, ["owner"])["owner"].ok


def test_a_store_that_lost_its_rows_is_filled_again(tmp_path: Path, store: offline.OfflineStore) -> None:
    store.append("names", Rows(6).names(100))
    for folder in (tmp_path / "first", tmp_path / "second"):
        folder.mkdir()
        with served(folder) as client:
            assert loaded(store, client, ["owner"])["owner"].mode == "full"
            assert compared(store, client, ["owner"])["owner"].ok


def test_what_the_gateway_refuses_is_told_and_tried_again(tmp_path: Path, store: offline.OfflineStore) -> None:
    rows = Rows(7)
    store.append("names", rows.names(100).set_column(0, "bank", [["x" * 30] * 50 + ["y"] * 50]))
    with served(tmp_path, APP__LIMITS__MAX_ID_BYTES="20") as client:
        for _ in range(2):
            found = loaded(store, client, ["owner"])["owner"]
            assert (found.ok, found.mode, set(found.refused)) == (False, "full", {"BAD_KEY"})
            assert "bank='xxxxx" in str(found.first_refused[0])
            assert "(BAD_KEY)" in str(found.first_refused[0])


def test_differences_are_found_and_named(store: offline.OfflineStore, client: unskew.FeatureStoreClient) -> None:
    rows = Rows(8)
    rows.append_to(store, 200)
    loaded(store, client)
    newest = rows.end / 1e6
    row = {"customer": 7, "event_time": dt.datetime.fromtimestamp(newest, dt.timezone.utc), "home": "elsewhere"}
    client.write_rows("profile", [row])
    before = dt.datetime.fromtimestamp(newest - 86_400, dt.timezone.utc)
    event = rows.payments(1).to_pylist()[0] | {"customer": 9, "amount": 1e9, "at": before}
    client.write_events("payments", [event])
    found = compared(store, client, entities=1000)

    assert [it for it in found["profile"].differences if it.key != {"customer": 7}] == []
    told = "\n".join(map(str, found["profile"].differences))
    assert "customer=7: profile.home is " in told
    assert "offline, 'elsewhere' online" in told
    for view in ("spending", "scored"):
        assert {tuple(it.key.values()) for it in found[view].differences} == {(9,)}
    assert found["visited"].ok
    # What is newer than the table can't be compared, and is no difference.
    client.write_rows("profile", [row | {"event_time": dt.datetime.now(dt.timezone.utc)}])
    assert compared(store, client, ["profile"], entities=1000)["profile"].not_compared == {"NEWER_THAN_AS_OF": 5}
    assert compared(store, client, ["owner"], entities=3)["owner"].entities == 3


def test_a_table_that_is_ahead_is_told(store: offline.OfflineStore, client: unskew.FeatureStoreClient) -> None:
    rows = Rows(9)
    store.append("names", rows.names(100))
    assert {it.online_status for it in compared(store, client, ["owner"])["owner"].differences} == {"MISSING"}
    loaded(store, client, ["owner"])
    store.append("names", rows.names(100))
    found = compared(store, client, ["owner"])["owner"]
    assert (found.ok, found.behind) == (True, True)


def test_a_file_that_is_gone_is_told(
    tmp_path: Path, store: offline.OfflineStore, client: unskew.FeatureStoreClient
) -> None:
    rows = Rows(10)
    rows.append_to(store, 50)
    for file in (tmp_path / "warehouse").glob("**/*.parquet"):
        file.unlink()
    for view in ("owner", "visited"):
        with pytest.raises(errors.DataLoss, match="can't be read: "):
            loaded(store, client, [view])


def test_what_is_not_there_is_named(
    tmp_path: Path, store: offline.OfflineStore, client: unskew.FeatureStoreClient
) -> None:
    with pytest.raises(errors.UnknownName, match="there is no view 'owners'; there is 'hourly', 'owner', "):
        loaded(store, client, ["owners"])
    text = DEFINITIONS + "\n  other: {vector: [{input: amount}], request: {amount: float64}}"
    more = unskew.parse(
        text.replace("services:", "  named: {entity: account, source: names, features: {owner: string}}\nservices:")
    )
    with pytest.raises(errors.NotFound, match="the gateway has no view 'named'; it has 'hourly', 'owner', "):
        loaded(offline.OfflineStore(more, store.catalog), client, ["named"])
    with pytest.raises(errors.InvalidArgument, match="concurrency must be 1 or more, not 0"):
        loaded(store, client, concurrency=0)
    empty = offline.open(store.definitions, warehouse=tmp_path / "other")
    with pytest.raises(errors.NotFound, match=r"there is no table 'shop\.names' in the catalog"):
        loaded(empty, client, ["owner"])
    other = unskew.parse(DEFINITIONS.replace("empty: 0", "empty: 1"))
    with pytest.raises(errors.FailedPrecondition, match="the gateway's service 'model' has another fingerprint"):
        loaded(offline.OfflineStore(other, store.catalog), client, ["spending"])
    with unskew.FeatureStoreClient("127.0.0.1:1", timeout=0.2) as nobody, pytest.raises(errors.Unavailable):
        loaded(store, nobody, ["owner"])
