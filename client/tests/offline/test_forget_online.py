"""Forgetting against the online store: whoever writes meanwhile, what was forgotten is away, or it is told."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import unskew
from tests.offline.online import DEFINITIONS, Rows, assert_equal, loaded, served
from unskew import errors, offline
from unskew.offline import _online, _writing
from unskew.offline._work import Run, Work

pytestmark = pytest.mark.integration

FEATURES = ["profile.home", "spending.total_30d", "visited.nb_30d", "hourly.nb_7d"]
"""Of a customer, of views of both kinds."""
NOBODY = "999999"


@pytest.fixture
def store(tmp_path: Path) -> offline.OfflineStore:
    """An offline store with its tables, and rows."""
    found = offline.open(unskew.parse(DEFINITIONS), warehouse=tmp_path / "warehouse")
    found.apply(layout=offline.Layout(period="none", buckets=0))
    Rows(1).append_to(found, 3_000)
    return found


@pytest.fixture
def client(tmp_path: Path) -> Iterator[unskew.FeatureStoreClient]:
    """A client of a gateway with an empty store."""
    with served(tmp_path) as found:
        yield found


def is_there(client: unskew.FeatureStoreClient, customer: str = "7", as_of: dt.datetime | None = None) -> set[str]:
    """The features for which a customer is another than nobody."""
    reply = client.online_features([customer, NOBODY], FEATURES, as_of=as_of)
    found, none = reply[customer], reply[NOBODY]
    return {
        name for name in FEATURES if (found.statuses[name], found.get(name)) != (none.statuses[name], none.get(name))
    }


def test_rows_and_events_of_the_future_are_deleted_too(tmp_path: Path, store: offline.OfflineStore) -> None:
    with served(tmp_path, APP__INGEST__MAX_FUTURE="100d") as client:
        loaded(store, client)
        now = dt.datetime.now(dt.timezone.utc)
        ahead = [now + dt.timedelta(days=days) for days in (0.001, 3, 99)]
        client.write_rows("profile", [{"customer": 7, "event_time": at, "home": "here"} for at in ahead], strict=True)
        client.write_events("visits", [{"customer": 7, "at": at} for at in ahead], strict=True)
        report = store.forget("customer", [{"customer": 7}, {"customer": 10_000}], client=client, purge=True)
        assert (report.online_left, report.complete) == ((), True)
        assert is_there(client, as_of=ahead[-1] + dt.timedelta(seconds=1)) == set()


def test_who_writes_meanwhile_is_told(
    store: offline.OfflineStore, client: unskew.FeatureStoreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = _online._send_rows

    def and_again(*arguments: Any) -> None:
        send(*arguments)
        at = dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=1)
        client.write_rows("profile", [{"customer": 8, "event_time": at, "home": "here"}], strict=True)

    loaded(store, client)
    monkeypatch.setattr(_online, "_send_rows", and_again)
    report = store.forget("customer", [{"customer": 7}, {"customer": 8}], client=client, purge=True)
    assert (report.online, report.online_left) == (("hourly", "scored", "spending", "visited"), ("profile",))
    assert not report.complete
    with pytest.raises(errors.Unavailable, match="the view 'profile' still has entities online that were forgotten"):
        loaded(store, client)
    monkeypatch.undo()
    loaded(store, client)
    assert is_there(client) == set()
    assert is_there(client, "8", dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=5)) == set()


def test_a_full_materialization_leaves_forgotten_entities_away(
    store: offline.OfflineStore, client: unskew.FeatureStoreClient
) -> None:
    loaded(store, client)
    assert is_there(client) == set(FEATURES)
    assert store.forget("customer", [{"customer": 7}], client=client).online_left == ()
    assert is_there(client) == set()
    loaded(store, client, full=True)
    assert is_there(client) == set()
    assert is_there(client, "8") == set(FEATURES)
    assert_equal(store, client)


@pytest.mark.parametrize("is_told", [True, False], ids=["with the gateway", "without it"])
def test_who_materializes_while_an_entity_is_forgotten_does_not_bring_it_back(
    is_told: bool, store: offline.OfflineStore, client: unskew.FeatureStoreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = _writing.write

    def late(run: Run, work: Work) -> Any:
        if not store.forgotten("customer"):
            store.forget("customer", [{"customer": 7}], client=client if is_told else None)
        return write(run, work)

    monkeypatch.setattr(_writing, "write", late)
    loaded(store, client)
    assert is_there(client) == set()
    assert is_there(client, "8") == set(FEATURES)


def test_a_materialization_that_was_killed_leaves_nothing_of_who_was_forgotten(
    store: offline.OfflineStore, client: unskew.FeatureStoreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = _writing.write

    def killed(run: Run, work: Work) -> Any:
        store.forget("customer", [{"customer": 7}], client=client)
        write(run, work)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(_writing, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            loaded(store, client, ["spending"])
    assert is_there(client) == {"spending.total_30d"}
    loaded(store, client)
    assert is_there(client) == set()


def test_what_was_forgotten_without_the_gateway_leaves_it_with_the_next_materialization(
    store: offline.OfflineStore, client: unskew.FeatureStoreClient
) -> None:
    loaded(store, client)
    assert not store.forget("customer", [{"customer": 7}]).complete
    assert is_there(client) == set(FEATURES)
    assert {view.mode for view in loaded(store, client).values()} == {"incremental"}
    assert is_there(client) == set()
