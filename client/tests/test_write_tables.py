"""Tables that are written as Arrow to a defined view of the real gateway."""

import asyncio
import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pandas as pd
import polars
import pyarrow as pa
import pytest

import unskew
from tests.gateway import Gateway
from tests.scripted import Failure, scripted
from unskew import FeatureStoreClient
from unskew._arrow_rows import batches_of, is_table
from unskew._generated import feature_store_pb2 as wire
from unskew._rows import MAX_BATCH_BYTES
from unskew.errors import BadRows, InvalidArgument, Unavailable

UTC = dt.timezone.utc
NOON = dt.datetime(2018, 4, 1, 12, 0, tzinfo=UTC)


def table_of(first_id: int, rows: int = 10) -> pa.Table:
    return pa.table(
        {
            "customer_id": pa.array(range(first_id, first_id + rows)),
            "event_time": pa.array([NOON] * rows),
            "nb_tx": pa.array([None, *range(1, rows)], pa.int64()),
            "avg_amount": pa.array([0.5] * rows),
        }
    )


class Stream:
    """Nothing but Arrow's interface, as a library that the client does not know has it."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


KINDS: dict[str, Callable[[pa.Table], Any]] = {
    "Table": lambda table: table,
    "RecordBatch": lambda table: table.combine_chunks().to_batches()[0],
    "RecordBatchReader": lambda table: table.to_reader(),
    "pandas": lambda table: table.to_pandas().astype({"nb_tx": "Int64"}),
    "pandas with the key as its index": lambda table: (
        table.to_pandas().astype({"nb_tx": "Int64"}).set_index("customer_id")
    ),
    "pandas of Arrow": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
    "a stream": Stream,
    "rows": lambda table: table.to_pylist(),
}


@pytest.mark.integration
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_table_is_written(client: FeatureStoreClient, kind: str) -> None:
    first = 20_000 + 100 * list(KINDS).index(kind)
    if kind == "rows":
        rows = [{**row, "nb_tx": row["nb_tx"]} for row in table_of(first).to_pylist()]
        result = client.write_rows("customer_history", rows, batch_size=4)
    else:
        table = KINDS[kind](table_of(first))
        assert is_table(table)
        result = client.write_rows("customer_history", table, batch_size=4)
    assert (result.rows, result.accepted, result.bad) == (10, 10, ())
    reply = client.online_features(
        [str(first), str(first + 9)], ["customer_history.nb_tx", "customer_history.avg_amount"]
    )
    assert reply[str(first + 9)].require(["customer_history.nb_tx", "customer_history.avg_amount"]) == [9.0, 0.5]
    assert reply[str(first)].statuses["customer_history.nb_tx"] is unskew.Status.NULL


@pytest.mark.integration
def test_polars_is_written(client: FeatureStoreClient) -> None:
    frame: Any = polars.from_arrow(table_of(21_000))
    assert client.write_rows("customer_history", frame, batch_size=4).accepted == 10
    vectors = client.vectors(
        "fraud_model",
        {"customer_id": frame["customer_id"]},
        {"tx_amount": frame["avg_amount"], "tx_datetime": frame["event_time"]},
    )
    assert vectors.complete.tolist() == [False, *[True] * 9]  # type: ignore[union-attr]


@pytest.mark.integration
def test_bad_rows_have_the_positions_of_the_table(client: FeatureStoreClient) -> None:
    table = table_of(22_000)
    times = [NOON] * 10
    times[2] = times[7] = NOON + dt.timedelta(days=36_500)
    table = table.set_column(1, "event_time", pa.array(times))
    for batch_size in (1000, 3, 1):
        result = client.write_rows("customer_history", table, batch_size=batch_size)
        assert (result.rows, result.accepted) == (10, 8)
        assert [(bad.row, bad.code, bad.field) for bad in result.bad] == [
            (2, "FUTURE", "event_time"),
            (7, "FUTURE", "event_time"),
        ]
    with pytest.raises(BadRows, match="row 2") as caught:
        client.write_rows("customer_history", table, batch_size=3, strict=True)
    assert caught.value.written is not None
    assert (caught.value.written.rows, caught.value.written.accepted) == (3, 2)


@pytest.mark.integration
def test_columns_that_the_view_does_not_have(client: FeatureStoreClient) -> None:
    table = table_of(23_000).append_column("unknown", pa.array(range(10)))
    with pytest.raises(InvalidArgument, match='has no column "unknown"'):
        client.write_rows("customer_history", table)
    assert client.write_rows("customer_history", table, ignore_unknown=True).accepted == 10


@pytest.mark.integration
def test_the_built_in_view_takes_tables_as_rows(client: FeatureStoreClient) -> None:
    table = pa.table({"entity_id": ["built_in_1", "built_in_2"], "event_time": [NOON, NOON], "a": [0.5, None]})
    for rows in (table, table.to_pandas()):
        assert client.write_rows("default", rows).accepted == 2
    reply = client.online_features(["built_in_1", "built_in_2"], ["a"])
    assert reply["built_in_1"]["a"] == 0.5
    assert reply["built_in_1"].event_time == NOON


@pytest.mark.integration
def test_asyncio_writes_tables_too(gateway: Gateway) -> None:
    async def write() -> unskew.WriteResult:
        async with unskew.AsyncFeatureStoreClient(gateway.address) as client:
            return await client.write_rows("customer_history", table_of(24_000), batch_size=3)

    assert asyncio.run(write()).accepted == 10


def test_batches_are_cut_by_rows_and_by_bytes() -> None:
    assert [len(batch.positions) for batch in batches_of(table_of(0), 4)] == [4, 4, 2]
    text = "x" * (MAX_BATCH_BYTES // 3)
    large = pa.table({"event_time": pa.array([NOON] * 8), "text": [text] * 8})
    batches = list(batches_of(large, 100))
    assert [position for batch in batches for position in batch.positions] == list(range(8))
    assert {len(batch.positions) for batch in batches} == {2}
    for batch in batches:
        ipc = batch.content()["arrow_ipc"]
        assert pa.ipc.open_stream(ipc).read_all().num_rows == 2
        assert len(ipc) <= MAX_BATCH_BYTES
    one = pa.table({"text": ["x" * (2 * MAX_BATCH_BYTES)]})
    assert [len(batch.positions) for batch in batches_of(one, 100)] == [1]
    assert list(batches_of(table_of(0, 1).slice(1), 4)) == []


def test_a_stream_is_read_as_it_is_sent() -> None:
    taken = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal taken
        for batch in table_of(0).to_batches(max_chunksize=2):
            taken += 1
            yield batch

    reader = pa.RecordBatchReader.from_batches(table_of(0).schema, batches())
    steps = (wire.WriteRowsResponse(accepted=2), Failure(grpc.StatusCode.INTERNAL))
    with scripted(*steps) as server, FeatureStoreClient(server.address) as client:
        with pytest.raises(unskew.errors.Internal) as caught:
            client.write_rows("v", reader)
        assert caught.value.written == unskew.WriteResult(rows=2, accepted=2)
    assert taken == 2


def test_a_table_is_written_again_only_with_event_times() -> None:
    steps = (Failure(grpc.StatusCode.UNAVAILABLE), wire.WriteRowsResponse(accepted=10))
    with scripted(*steps) as server, FeatureStoreClient(server.address) as client:
        assert client.write_rows("v", table_of(0)).accepted == 10
        assert len(server.requests) == 2
    without = [
        table_of(0).drop_columns(["event_time"]),
        table_of(0).set_column(1, "event_time", pa.array([None] * 10, pa.timestamp("us", "UTC"))),
    ]
    for table in without:
        with scripted(*steps) as server, FeatureStoreClient(server.address) as client:
            with pytest.raises(Unavailable):
                client.write_rows("v", table)
            assert len(server.requests) == 1


def test_a_frame_that_arrow_can_not_hold_is_refused() -> None:
    frame = pd.DataFrame({"customer_id": [1, "a"]}, dtype=object)
    with FeatureStoreClient("127.0.0.1:1") as client, pytest.raises(InvalidArgument, match="customer_id"):
        client.write_rows("v", frame)


@pytest.mark.parametrize("view", [[{"entity_id": "a"}], None])
def test_the_view_comes_first(view: Any) -> None:
    with FeatureStoreClient("127.0.0.1:1") as client, pytest.raises(TypeError, match="view must be a str"):
        client.write_rows(view, [])
