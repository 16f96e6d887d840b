"""Events that are written to the real gateway, and the windows that it serves then."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pyarrow as pa
import pytest

import unskew
from tests.gateway import Gateway
from tests.scripted import Failure, scripted
from unskew import FeatureStoreClient
from unskew._generated import feature_store_pb2 as wire
from unskew.errors import BadRows, Internal, InvalidArgument, Unavailable

UTC = dt.timezone.utc
NOON = dt.datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = dt.timedelta(hours=1)
WINDOWS = """
entities:
  customer: {keys: {customer: string}}
sources:
  payments:
    event_time: at
    event_id: id
    version: version
    columns: {id: int64, version: int64, customer: string, at: timestamp, amount: float64, due: timestamp}
views:
  spending:
    entity: customer
    source: payments
    aggregations:
      total: {function: sum, column: amount, windows: [1d], empty: 0}
      nb: {function: count, windows: [1d]}
services:
  model: {vector: [{input: spending.total_1d}, {input: spending.nb_1d}]}
"""


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that serves windows."""
    folder = tmp_path_factory.mktemp("windows")
    (folder / "definitions").mkdir()
    (folder / "definitions" / "windows.yaml").write_text(WINDOWS)
    with Gateway(folder, settings={"APP__DEFINITIONS__PATH": str(folder / "definitions")}) as started:
        yield started


@pytest.fixture
def client(windows: Gateway) -> Iterator[FeatureStoreClient]:
    """A client of it. Its deadline leaves room for a busy machine."""
    with FeatureStoreClient(windows.address, timeout=5.0) as client:
        yield client


def payments(customer: str, *amounts: float, first: int = 0, version: int = 0) -> list[dict[str, Any]]:
    """A payment an hour."""
    return [
        {
            "id": first + at,
            "version": version,
            "customer": customer,
            "at": NOON + at * HOUR,
            "amount": amount,
            "due": NOON,
        }
        for at, amount in enumerate(amounts)
    ]


def windows_of(client: FeatureStoreClient, customer: str, at: dt.datetime = NOON + 5 * HOUR) -> list[float]:
    vectors = client.vectors("model", {"customer": [customer]}, as_of=at).require()
    assert isinstance(vectors, np.ndarray)
    numbers: list[float] = vectors[0].tolist()
    return numbers


@pytest.mark.integration
@pytest.mark.parametrize("form", ["rows", "table", "pandas", "reader"])
def test_events_are_in_the_windows_once_they_are_written(client: FeatureStoreClient, form: str) -> None:
    rows = payments(form, 1.0, 2.0, 4.0)
    table = pa.Table.from_pylist(rows)
    events = {"rows": rows, "table": table, "pandas": table.to_pandas(), "reader": table.to_reader()}[form]
    result = client.write_events("payments", events, batch_size=2)

    assert (result.rows, result.accepted, result.late, result.bad) == (3, 3, 0, ())
    assert windows_of(client, form) == [7.0, 3.0]
    assert windows_of(client, form, NOON + HOUR) == [1.0, 1.0]


@pytest.mark.integration
def test_an_event_is_counted_once_however_often_it_is_written_and_in_its_greatest_version(
    client: FeatureStoreClient,
) -> None:
    for version, amount in [(1, 10.0), (1, 10.0), (0, 3.0), (2, 20.0)]:
        assert client.write_events("payments", payments("versions", amount, version=version), idempotent=True).ok
    assert windows_of(client, "versions") == [20.0, 1.0]


@pytest.mark.integration
def test_what_is_wrong_is_named_and_the_others_are_stored(client: FeatureStoreClient) -> None:
    good, late = payments("some", 1.0), payments("some", 1.0, first=7)[0]
    assert client.write_events("payments", good).ok
    late["at"] = NOON - 400 * HOUR
    future = {**late, "at": dt.datetime.now(UTC) + HOUR}
    naive = {**late, "at": NOON.replace(tzinfo=None)}
    nobody = {**late, "customer": None, "at": NOON}
    unknown = {**late, "at": NOON, "colour": "red"}
    result = client.write_events("payments", [late, future, naive, nobody, unknown, *payments("some", 5.0, first=9)])

    assert (result.rows, result.accepted, result.late) == (6, 1, 1)
    assert [(bad.row, bad.code, bad.field) for bad in result.bad] == [
        (0, "LATE", "spending"),
        (1, "FUTURE", "at"),
        (2, "INVALID_ROW", "at"),
        (3, "BAD_KEY", "customer"),
        (4, "INVALID_ROW", "colour"),
    ]
    assert windows_of(client, "some") == [6.0, 2.0]
    assert client.write_events("payments", [unknown], ignore_unknown=True).ok
    with pytest.raises(BadRows, match="the first: row 0, member 'colour'"):
        client.write_events("payments", [unknown], strict=True)


@pytest.mark.integration
def test_a_source_that_no_view_reads_is_refused(client: FeatureStoreClient) -> None:
    with pytest.raises(InvalidArgument, match="payments"):
        client.write_events("nothing", payments("a", 1.0))
    with pytest.raises(TypeError, match="source must be a str, the name of a source, before the events; not list"):
        client.write_events(payments("a", 1.0), "payments")  # type: ignore[arg-type]


@pytest.mark.integration
def test_the_asyncio_client_writes_events_too(windows: Gateway) -> None:
    async def run() -> None:
        async def stream() -> Any:
            for event in payments("asyncio", 1.0, 2.0):
                yield event

        async with unskew.AsyncFeatureStoreClient(windows.address, timeout=5.0) as client:
            first = await client.write_events("payments", stream())
            second = await client.write_events("payments", pa.Table.from_pylist(payments("asyncio", 4.0, first=5)))
            assert (first.accepted, second.accepted) == (2, 1)
            vectors = await client.vectors("model", {"customer": ["asyncio"]}, as_of=NOON + 5 * HOUR)
            assert np.asarray(vectors.values).tolist() == [[7.0, 3.0]]

    asyncio.run(run())


def test_events_are_written_again_only_if_the_caller_says_that_they_have_ids() -> None:
    steps = (Failure(grpc.StatusCode.UNAVAILABLE), wire.WriteEventsResponse(accepted=1))
    with scripted(*steps) as script, FeatureStoreClient(script.address) as client:
        result = client.write_events("payments", payments("a", 1.0), idempotent=True)
        assert (result.accepted, len(script.requests)) == (1, 2)
    with scripted(*steps) as script, FeatureStoreClient(script.address) as client:
        with pytest.raises(Unavailable):
            client.write_events("payments", payments("a", 1.0))
        assert len(script.requests) == 1


@pytest.mark.integration
def test_history_is_loaded_and_live_events_go_on(client: FeatureStoreClient, tmp_path: Path) -> None:
    (tmp_path / "windows.yaml").write_text(WINDOWS)
    history = [*payments("loaded", 1.0, 2.0, 4.0, 8.0), *payments("quiet", 16.0)]
    cut = NOON + 2 * HOUR
    # Live events came before the load, some of them on both sides of the cut.
    assert client.write_events("payments", history[2:4]).ok
    states = unskew.states(tmp_path, "spending", pa.Table.from_pylist(history), cut=cut)
    result = client.write_states("spending", states, cut)

    assert (result.rows, result.accepted, result.bad) == (2, 2, ())
    assert windows_of(client, "loaded") == [15.0, 4.0]
    assert windows_of(client, "quiet") == [16.0, 1.0]
    again = unskew.states(tmp_path, "spending", pa.Table.from_pylist(history), cut=cut)
    assert client.write_states("spending", again, cut).ok
    assert windows_of(client, "loaded") == [15.0, 4.0]


@pytest.mark.integration
def test_states_that_are_none_are_refused(client: FeatureStoreClient) -> None:
    table = pa.table({"customer": ["a"], "state": [b"nonsense"]})
    result = client.write_states("spending", table, NOON)

    assert (result.accepted, [(bad.row, bad.code, bad.field) for bad in result.bad]) == (
        0,
        [(0, "INVALID_ROW", "state")],
    )
    with pytest.raises(InvalidArgument, match="spending"):
        client.write_states("spendings", table, NOON)
    with pytest.raises(TypeError, match="states must be a table"):
        client.write_states("spending", [{"customer": "a"}], NOON)
    with pytest.raises(InvalidArgument, match="no time zone"):
        client.write_states("spending", table, NOON.replace(tzinfo=None))


def test_a_load_ends_when_all_states_are_stored_and_not_before() -> None:
    table = pa.table({"customer": ["a", "b", "c"], "state": [b"1", b"2", b"3"]})
    with scripted(wire.WriteStatesResponse(accepted=1)) as script, FeatureStoreClient(script.address) as client:
        assert client.write_states("spending", table, 7, complete_since=3, batch_size=1).accepted == 3
    sent = script.requests
    assert [(it.view, it.cut, it.complete_since, it.done, bool(it.arrow_ipc)) for it in sent] == [
        *[("spending", 7, 3, False, True)] * 3,
        ("spending", 7, 3, True, False),
    ]
    bad = wire.BadRow(row=0, code="STORE", field="state", message="gone")
    with scripted(wire.WriteStatesResponse(bad=[bad])) as script, FeatureStoreClient(script.address) as client:
        assert not client.write_states("spending", table.slice(0, 1), 7).ok
    assert [it.done for it in script.requests] == [False]
    with scripted(wire.WriteStatesResponse()) as script, FeatureStoreClient(script.address) as client:
        client.write_states("spending", table.slice(0, 0), 7)
    assert [(it.done, it.HasField("complete_since")) for it in script.requests] == [(True, False)]
    ends = (wire.WriteStatesResponse(accepted=3), Failure(grpc.StatusCode.INTERNAL))
    with scripted(*ends) as script, FeatureStoreClient(script.address) as client:
        with pytest.raises(Internal) as caught:
            client.write_states("spending", table, 7)
        assert caught.value.written is not None
        assert caught.value.written.accepted == 3
