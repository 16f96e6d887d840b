"""Figures per customer, against pandas row by row; the three formats; and files that can't be used."""

import csv
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]
import pytest
from features import main
from fraud_data.dataset import TRANSACTIONS
from fraud_data.errors import InputError
from fraud_data.history import CUSTOMER_FEATURES, customer_features
from fraud_oracle import per_customer


def write_transactions(path: Path, rows: list[tuple[int, int, int, int, float]]) -> Path:
    """Write rows of (transaction, customer, terminal, microseconds, amount)."""
    columns = [*map(list, zip(*rows, strict=True)), [0] * len(rows), [0] * len(rows)] if rows else [[]] * 7
    arrays = [pa.array(column).cast(field.type) for column, field in zip(columns, TRANSACTIONS, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=TRANSACTIONS), path)
    return path


def test_equals_the_oracle(small_file: Path) -> None:
    table = customer_features(small_file)
    assert table.schema.equals(CUSTOMER_FEATURES)
    assert table.to_pylist() == per_customer(pd.read_parquet(small_file))


def test_order_of_rows_does_not_matter(small_file: Path, tmp_path: Path) -> None:
    table = pq.read_table(small_file)
    shuffled = tmp_path / "shuffled.parquet"
    pq.write_table(table.take(np.random.RandomState(5).permutation(table.num_rows)), shuffled)
    assert customer_features(shuffled).equals(customer_features(small_file))


def test_last_is_by_time_then_transaction(tmp_path: Path) -> None:
    rows = [(9, 4, 1, 10, 1.0), (3, 4, 2, 20, 2.0), (5, 4, 3, 20, 4.0), (4, 4, 4, 20, 8.0)]
    (row,) = customer_features(write_transactions(tmp_path / "t.parquet", rows)).to_pylist()
    assert (row["nb_tx"], row["last_terminal"], row["last_amount"]) == (4, 3, 4.0)
    assert row["last_time"] == datetime(1970, 1, 1, microsecond=20, tzinfo=UTC)


def test_mean_is_of_the_exact_sum(tmp_path: Path) -> None:
    amounts = [1e16, 1.0, -1e16, 0.1]
    rows = [(number, 0, 0, number, amount) for number, amount in enumerate(amounts)]
    (row,) = customer_features(write_transactions(tmp_path / "t.parquet", rows)).to_pylist()
    assert row["avg_amount"] == 1.1 / 4
    assert row["avg_amount"] != sum(amounts) / 4


def test_customers_ascend_by_number(tmp_path: Path) -> None:
    rows = [(number, customer, 0, number, 1.0) for number, customer in enumerate([10, 9, 100, -1])]
    table = customer_features(write_transactions(tmp_path / "t.parquet", rows))
    assert table["customer_id"].to_pylist() == [-1, 9, 10, 100]


def test_no_transactions_give_no_rows(tmp_path: Path) -> None:
    table = customer_features(write_transactions(tmp_path / "t.parquet", []))
    assert table.num_rows == 0
    assert table.schema.equals(CUSTOMER_FEATURES)


def test_formats_hold_the_same(call: Callable[..., Any], small_file: Path, tmp_path: Path) -> None:
    for name in ("parquet", "ndjson", "csv"):
        arguments = ["--transactions", str(small_file), "--out", str(tmp_path / "new"), "--format", name]
        ended = call(main, arguments)
        path = tmp_path / "new" / f"customer_features.{name}"
        assert ended == (0, f"wrote {path}: 120 customers\n", "")
    expected = customer_features(small_file).to_pylist()
    assert pq.read_table(tmp_path / "new" / "customer_features.parquet").to_pylist() == expected

    text = {id(row): row["event_time"].isoformat().replace("+00:00", "Z") for row in expected}
    as_text = [row | {"event_time": text[id(row)], "last_time": text[id(row)]} for row in expected]
    lines = (tmp_path / "new" / "customer_features.ndjson").read_text().splitlines()
    assert [json.loads(line) for line in lines] == as_text
    with (tmp_path / "new" / "customer_features.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [{name: str(value) for name, value in row.items()} for row in as_text]


def test_out_is_the_folder_of_the_transactions(call: Callable[..., Any], small_file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "transactions.parquet"
    copy.write_bytes(small_file.read_bytes())
    assert call(main, ["--transactions", str(copy)]).code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["customer_features.parquet", "transactions.parquet"]


def _no_file(path: Path) -> None:
    """Leave the place empty."""


def _folder(path: Path) -> None:
    path.mkdir()


def _text(path: Path) -> None:
    path.write_text("transaction_id,customer_id\n1,2\n")


def _cut(path: Path) -> None:
    write_transactions(path, [(0, 0, 0, 0, 1.0)] * 9)
    path.write_bytes(path.read_bytes()[:-40])


def _damaged(path: Path) -> None:
    write_transactions(path, [(number, number, 0, 0, 1.0) for number in range(999)])
    content = bytearray(path.read_bytes())
    content[4:60] = bytes([0xFF]) * 56
    path.write_bytes(content)


def _without_amount(path: Path) -> None:
    pq.write_table(pq.read_table(write_transactions(path, [(0, 0, 0, 0, 1.0)])).drop_columns(["tx_amount"]), path)


def _naive_time(path: Path) -> None:
    table = pq.read_table(write_transactions(path, [(0, 0, 0, 0, 1.0)]))
    place = table.schema.get_field_index("tx_datetime")
    pq.write_table(table.set_column(place, "tx_datetime", table["tx_datetime"].cast(pa.timestamp("us"))), path)


def _null_terminal(path: Path) -> None:
    table = pq.read_table(write_transactions(path, [(0, 0, 0, 0, 1.0)]))
    place = table.schema.get_field_index("terminal_id")
    pq.write_table(table.set_column(place, "terminal_id", pa.array([None], pa.int64())), path)


def _not_a_number(path: Path) -> None:
    write_transactions(path, [(0, 0, 0, 0, 1.0), (1, 0, 0, 0, math.nan)])


def _far_time(path: Path) -> None:
    write_transactions(path, [(0, 0, 0, 2**62, 1.0)])


def _huge_sum(path: Path) -> None:
    write_transactions(path, [(0, 0, 0, 0, 1.7e308), (1, 0, 0, 0, 1.7e308)])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_no_file, "No such file"),
        (_folder, "can't read"),
        (_text, "can't read"),
        (_cut, "can't read"),
        (_damaged, "can't read"),
        (_without_amount, "there are 0 columns tx_amount; there must be one, double"),
        (_naive_time, "column tx_datetime is timestamp[us]; it must be timestamp[us, tz=UTC]"),
        (_null_terminal, "column terminal_id has 1 nulls"),
        (_not_a_number, "column tx_amount has 1 values that are not finite, the first in row 1 (from 0): nan"),
        (_far_time, "it must lie in the years 1 to 9999"),
        (_huge_sum, "sum is beyond float64"),
    ],
)
def test_bad_files_are_one_line_and_code_2(
    call: Callable[..., Any], tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    path = tmp_path / "transactions.parquet"
    make(path)
    ended = call(main, ["--transactions", str(path), "--out", str(tmp_path / "out")])
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1), ended.err
    assert ended.err.startswith("features.py: error: ")
    assert str(path) in ended.err
    assert said in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [[], ["--transactions", "t.parquet", "--format", "xml"]])
def test_bad_arguments_are_one_line_and_code_2(call: Callable[..., Any], arguments: list[str]) -> None:
    ended = call(main, arguments)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1), ended.err


def test_a_folder_that_cant_be_made_is_named(call: Callable[..., Any], small_file: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    ended = call(main, ["--transactions", str(small_file), "--out", str(tmp_path / "taken")])
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert f"can't write in the folder {tmp_path / 'taken'}" in ended.err


def test_the_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.parquet"):
        customer_features(tmp_path / "nowhere.parquet")
