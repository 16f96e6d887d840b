"""Training sets: what they hold, what they refuse, and how they are kept."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import unskew
from tests.training import HOUR, WINDOWS, at, payments
from unskew import errors

SPINE = {
    "customer": pa.array([8, 7, 7, 7, None], pa.int64()),
    "event_time": at(30, 30, 1, 30, 30),
    "limit": pa.array([1.0, 2.0, 3.0, 4.0, 5.0]),
    "label": pa.array([0, 1, 0, 1, 0]),
}


def made(spine: Any = None, service: str = "model", **options: Any) -> unskew.TrainingSet:
    spine = pa.table(SPINE) if spine is None else spine
    return unskew.training_set(unskew.parse(WINDOWS), service, spine, {"payments": payments()}, **options)


def test_rows_stand_in_the_order_of_the_spine_with_its_columns_and_its_duplicates() -> None:
    found = made()

    assert found.features.column_names == [*SPINE, "spending.total_1d", "spending.nb_1d"]
    assert found.features.select(list(SPINE)).equals(pa.table(SPINE))
    assert found.features["spending.total_1d"].to_pylist() == [None, 6.0, 10.0, 6.0, None]
    assert found.features["spending.nb_1d"].to_pylist() == [0, 2, 1, 2, None]
    assert found.statuses["spending.total_1d"].to_pylist() == ["NULL", "PRESENT", "PRESENT", "PRESENT", "ERROR BAD_KEY"]
    assert found.slots == ("total", "nb", "share")
    assert found.vectors.dtype == np.float32
    assert found.fitted is not None
    assert len(found) == len(found.vectors) == found.features.num_rows == 5


def test_no_step_fills_what_is_in_error() -> None:
    found = made()

    # `total` is imputed where it is null, and not where the key is none.
    assert np.isfinite(found.vectors[:4, 0]).all()
    assert found.vectors[4].view(np.uint32).tolist() == [0x7FC00000] * 3
    assert found.incomplete == (
        unskew.Incomplete(0, "share", "NULL", "", ""),
        unskew.Incomplete(4, "total", "ERROR", "BAD_KEY", ""),
    )
    assert found.complete.tolist() == [False, True, True, True, False]
    assert found.fitted is not None
    total = found.fitted.summary["slots"][0]
    assert (total["null_count"], total["error_count"]) == (1, 1)


def test_a_row_that_is_not_complete_has_the_status_that_the_gateway_would_give() -> None:
    definitions = unskew.parse("""
        entities:
          customer: {keys: {customer: int64}}
        sources:
          profiles: {event_time: at, columns: {customer: int64, at: timestamp, limit: int64}}
          payments: {event_time: at, event_id: id, columns: {id: int64, customer: int64, at: timestamp, amount: int64}}
        views:
          profile: {entity: customer, source: profiles, features: {limit: {dtype: int64, ttl: 1h}}}
          spending:
            entity: customer
            source: payments
            aggregations: {total: {function: sum, column: amount, windows: [1d]}}
        services:
          model:
            vector:
              - {name: limit, input: profile.limit}
              - {name: filled, input: spending.total_1d, steps: [{impute: {value: 0}}]}
              - {name: both, expr: "coalesce(spending.total_1d, 0) + 1", steps: [{missing_indicator: {}}]}
    """)
    rows = pa.table({"customer": [1, 2, 3], "at": at(1, 1, 1), "limit": [5, 5, None]})
    largest = 2**63 - 1
    events = pa.table({"id": [1, 2], "customer": [4, 4], "at": at(1, 1), "amount": [largest, largest]})
    spine = pa.table({"customer": [1, 2, 3, 4], "event_time": at(2, 3, 2, 2)})
    found = unskew.training_set(definitions, "model", spine, {"profiles": rows, "payments": events})

    assert [(it.row, it.slot, it.status, it.reason) for it in found.incomplete] == [
        (1, "limit", "EXPIRED", ""),
        (2, "limit", "NULL", ""),
        (3, "limit", "MISSING", ""),
    ]
    assert found.statuses["spending.total_1d"].to_pylist() == ["NULL"] * 3 + ["ERROR OVERFLOW"]
    assert np.isnan(found.vectors[3]).all()
    assert found.vectors[0].tolist() == [5.0, 0.0, 0.0]


def test_a_test_set_takes_the_parameters_of_the_training_set() -> None:
    train = made()
    test = made(pa.table(SPINE).slice(1, 2), fitted=train.fitted)

    assert test.fitted == train.fitted
    assert test.fingerprint == train.fingerprint
    assert np.array_equal(test.vectors, train.vectors[1:3])
    assert made(pa.table(SPINE).slice(1, 2)).fingerprint != train.fingerprint


def test_a_service_without_steps_that_learn_is_not_fitted() -> None:
    found = made(service="plain")

    assert found.fitted is None
    assert found.fingerprint == unskew.parse(WINDOWS).fingerprint("plain")
    assert found.features.column_names == [*SPINE, "spending.total_1d"]


@pytest.mark.parametrize("form", ["pandas", "polars", "duckdb", "mapping", "batch", "reader", "parquet", "folder"])
def test_tables_of_every_library_give_the_same_bits(form: str, tmp_path: Path) -> None:
    def of(table: pa.Table, name: str) -> Any:
        file = tmp_path / name / "part.parquet"
        file.parent.mkdir()
        pq.write_table(table, file)
        forms: dict[str, Any] = {
            "pandas": lambda: table.to_pandas(types_mapper=pd.ArrowDtype),
            "polars": lambda: pl.from_arrow(table),
            "duckdb": lambda: duckdb.from_arrow(table),
            "mapping": lambda: {name: table[name] for name in table.column_names},
            "batch": lambda: table.combine_chunks().to_batches()[0],
            "reader": lambda: table.to_reader(max_chunksize=2),
            "parquet": lambda: str(file),
            "folder": lambda: file.parent,
        }
        return forms[form]()

    definitions, wanted = unskew.parse(WINDOWS), made()
    sources = {"payments": of(payments(), "payments")}
    found = unskew.training_set(definitions, "model", of(pa.table(SPINE), "spine"), sources)

    assert found.vectors.tobytes() == wanted.vectors.tobytes()
    assert found.fingerprint == wanted.fingerprint
    assert found.statuses.equals(wanted.statuses)
    assert found.features["spending.total_1d"].equals(wanted.features["spending.total_1d"])


def test_a_spine_without_rows_gives_a_set_without_rows() -> None:
    found = made(pa.table(SPINE).slice(0, 0), service="plain")

    assert (len(found), found.vectors.shape) == (0, (0, 1))
    assert found.features.column_names == [*SPINE, "spending.total_1d"]
    assert found.features.schema.field("spending.total_1d").type == pa.float64()
    assert found.statistics.slots[0].count == 0
    assert "plain" in repr(found)


def test_a_history_without_events_gives_empty_windows() -> None:
    spine = pa.table(SPINE).slice(0, 4)
    found = unskew.training_set(unskew.parse(WINDOWS), "plain", spine, {"payments": payments().slice(0, 0)})

    assert found.statuses["spending.total_1d"].to_pylist() == ["NULL"] * 4


def test_any_number_of_threads_gives_the_same_bits() -> None:
    one, many = made(threads=1), made(threads=7)

    assert one.vectors.tobytes() == many.vectors.tobytes()
    assert one.features.equals(many.features)


def test_statistics_count_what_there_is() -> None:
    statistics = made().statistics
    nb, limit = statistics.slots[1:]
    total = statistics.features[0]

    assert statistics.rows == 5
    assert (nb.name, nb.count, nb.missing, nb.min, nb.max, nb.mean) == ("nb", 4, 1, 0.0, 2.0, 1.25)
    assert limit.count == 3
    assert (total.name, total.nulls) == ("spending.total_1d", 2)
    assert total.statuses == {"PRESENT": 3, "ERROR BAD_KEY": 1, "NULL": 1}
    assert "ERROR BAD_KEY 1" in str(statistics)
    assert "<td>spending.total_1d</td>" in made()._repr_html_()


def test_a_set_that_was_saved_is_the_same_when_it_is_loaded(tmp_path: Path) -> None:
    found = made()
    found.save(tmp_path / "sets" / "train")
    found.save(tmp_path / "sets" / "train")
    again = unskew.TrainingSet.load(tmp_path / "sets" / "train")

    assert again.vectors.tobytes() == found.vectors.tobytes()
    assert again.features.equals(found.features)
    assert again.statuses.to_pydict() == found.statuses.to_pydict()
    assert (again.fitted, again.fingerprint, again.slots) == (found.fitted, found.fingerprint, found.slots)
    assert again.incomplete == found.incomplete
    assert again.statistics == found.statistics
    assert [path.name for path in (tmp_path / "sets").iterdir()] == ["train"]


def test_a_folder_with_anything_else_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.txt").write_text("years")

    with pytest.raises(FileExistsError, match=r"thesis\.txt"):
        made().save(tmp_path / "work")
    with pytest.raises(FileExistsError, match="is a file"):
        made().save(tmp_path / "work" / "thesis.txt")
    assert (tmp_path / "work" / "thesis.txt").read_text() == "years"


def test_what_is_no_training_set_is_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(errors.DataError, match=r"there is no training_set\.json"):
        unskew.TrainingSet.load(tmp_path)
    place = tmp_path / "set"
    made().save(place)
    pq.write_table(pq.read_table(place / "vectors.parquet").slice(1), place / "vectors.parquet")
    with pytest.raises(errors.DataError, match=r"vectors\.parquet does not belong"):
        unskew.TrainingSet.load(place)
    (place / "features.parquet").unlink()
    with pytest.raises(errors.DataError, match=r"can't be read.*features\.parquet"):
        unskew.TrainingSet.load(place)
    facts = json.loads((place / "training_set.json").read_text())
    (place / "training_set.json").write_text(json.dumps({**facts, "format": 2}))
    with pytest.raises(errors.DataError, match="format 2; this version reads 1"):
        unskew.TrainingSet.load(place)
    (place / "training_set.json").write_text("[]")
    with pytest.raises(errors.DataError, match="tells of no training set"):
        unskew.TrainingSet.load(place)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"customer": None}, "the spine has no column 'customer', which is a key of 'customer'"),
        ({"limit": None}, "the spine has no column 'limit', which is a request column of 'model'"),
        ({"event_time": None}, "no column 'event_time', which is the time of each row; time_column names another"),
        ({"customer": pa.array(["a"] * 5)}, "the spine: the column `customer` "),
        ({"event_time": at(1, 2, None, 4, 5)}, "the spine, row 2: the column `event_time` is null"),
        ({"event_time": pa.array([1] * 5)}, "the spine: the column `event_time` "),
        ({"limit": pa.array(["a"] * 5)}, "column `limit`"),
        ({"spending.nb_1d": pa.array([1] * 5)}, "a column 'spending.nb_1d', which is the name of a feature to compute"),
    ],
)
def test_a_spine_that_does_not_fit_is_refused(change: dict[str, Any], said: str) -> None:
    columns = {name: column for name, column in {**SPINE, **change}.items() if column is not None}

    with pytest.raises(errors.DataError) as caught:
        made(pa.table(columns))
    assert said in str(caught.value)


def test_a_history_that_does_not_fit_is_refused() -> None:
    definitions, spine, events = unskew.parse(WINDOWS), pa.table(SPINE), payments()

    def refused(sources: Any, said: str, kind: type[Exception] = errors.DataError) -> None:
        with pytest.raises(kind) as caught:
            unskew.training_set(definitions, "model", spine, sources)
        assert said in str(caught.value)

    refused(None, "the view 'spending' needs the history of 'payments': give sources={'payments': table}")
    refused({"payment": events}, "there is no source 'payment'; there is 'payments'", errors.UnknownName)
    refused({"payments": events.drop_columns("amount")}, "payments: the column `amount` is missing")
    refused({"payments": events.drop_columns("amount").slice(0, 0)}, "payments: the column `amount` is missing")
    refused({"payments": "nowhere.parquet"}, "nowhere.parquet can't be read as Parquet")
    refused({"payments": 7}, "a table must be of pyarrow", TypeError)
    times = events.set_column(2, "at", pa.nulls(events.num_rows, pa.timestamp("us", "UTC")))
    refused({"payments": times}, "payments, row 0: the column `at` is null")
    ids = events.set_column(0, "id", pa.nulls(events.num_rows, pa.int64()))
    refused({"payments": ids}, "the column `id` is null, and every event needs it")


def test_a_wrong_argument_is_refused() -> None:
    with pytest.raises(errors.UnknownName, match="there is no service 'modle'; there is 'model', 'plain'"):
        made(service="modle")
    with pytest.raises(ValueError, match="threads must be 1 or more, not 0"):
        made(threads=0)
    with pytest.raises(errors.FitError):
        made(pa.table(SPINE).slice(0, 0))
    with pytest.raises(errors.FittedFileError):
        made(fitted=unskew.Fitted("model", "{}"))


def test_times_of_any_unit_are_floored_to_microseconds_and_naive_ones_are_utc() -> None:
    naive = pd.Series([dt.datetime(1970, 1, 2, 6), dt.datetime(1970, 1, 1, 1)]).astype("datetime64[ns]")
    spine = pd.DataFrame({"customer": [7, 7], "when": naive, "limit": [1.0, 1.0]})
    found = made(spine, service="plain", time_column="when")

    assert found.vectors[:, 0].tolist() == [6.0, 10.0]
    assert HOUR == 3600 * 10**6
