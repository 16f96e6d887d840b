"""Files of transactions that can't be used: each ends in one line that says what is wrong."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fraud_data.dataset import TRANSACTIONS
from fraud_data.errors import InputError
from fraud_data.files import read_parquet


def write_transactions(path: Path, rows: list[tuple[int, int, int, int, float]]) -> Path:
    """Write rows of (transaction, customer, terminal, microseconds, amount)."""
    columns = [*map(list, zip(*rows, strict=True)), [0] * len(rows), [0] * len(rows)] if rows else [[]] * 7
    arrays = [pa.array(column).cast(field.type) for column, field in zip(columns, TRANSACTIONS, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=TRANSACTIONS), path)
    return path


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
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, make: Callable[[Path], None], said: str) -> None:
    path = tmp_path / "transactions.parquet"
    make(path)
    with pytest.raises(InputError) as raised:
        read_parquet(path, TRANSACTIONS)
    text = str(raised.value)
    assert str(path) in text
    assert said in text
    assert "\n" not in text
