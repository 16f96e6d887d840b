"""The generator on small runs: the same table as the oracle's, the rules of the data set, and bad input."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]
import pytest
from conftest import SMALL, generate
from fraud_data.dataset import TRANSACTIONS, sort_purchases
from fraud_data.errors import InputError
from fraud_data.files import write_whole
from fraud_data.purchases import Purchases
from fraud_data.scenarios import Ledger, mark_frauds, sample_ids
from fraud_oracle import simulate
from generate import main

DAY = 86_400


def ledger_of(customer: list[int], terminal: list[int], second: list[int], amount: list[float]) -> Ledger:
    """Return a ledger of the columns given, nothing of it fraud."""
    return Ledger(
        customer=np.array(customer, dtype=np.int64),
        terminal=np.array(terminal, dtype=np.int64),
        second=np.array(second, dtype=np.int64),
        amount=np.array(amount, dtype=np.float64),
        scenario=np.zeros(len(second), dtype=np.int64),
    )


def test_equals_the_oracle(small_file: Path) -> None:
    table = pq.read_table(small_file)
    expected = simulate(customers=120, terminals=400, days=45, radius=25.0)
    assert table.num_rows > 1_000
    assert set(table["tx_fraud_scenario"].to_pylist()) == {0, 1, 2, 3}
    for name in TRANSACTIONS.names:
        assert table[name].to_pylist() == expected[name].tolist(), name


def test_schema_order_and_numbers(small_file: Path) -> None:
    table = pq.read_table(small_file)
    assert table.schema.equals(TRANSACTIONS)
    assert table["transaction_id"].to_pylist() == list(range(table.num_rows))
    keys = list(zip(table["tx_datetime"].to_pylist(), table["customer_id"].to_pylist(), strict=True))
    assert keys == sorted(keys)
    assert len({time for time, _ in keys}) < len(keys), "no two purchases share a second, so ties were not tested"


def test_two_runs_write_the_same_bytes(small_file: Path, tmp_path: Path) -> None:
    assert generate(tmp_path, *SMALL).read_bytes() == small_file.read_bytes()


def test_a_customer_does_not_depend_on_the_others(small_file: Path, tmp_path: Path) -> None:
    fewer = pd.read_parquet(generate(tmp_path, *SMALL, "--customers", "20"))
    frame = pd.read_parquet(small_file)
    columns = ["customer_id", "terminal_id", "tx_datetime"]
    same = frame.loc[frame.customer_id < 20, columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(fewer[columns], same)


def test_start_date_moves_all_times(small_file: Path, tmp_path: Path) -> None:
    moved = pd.read_parquet(generate(tmp_path, *SMALL, "--start-date", "2024-02-28"))
    frame = pd.read_parquet(small_file)
    shift = pd.Timestamp("2024-02-28") - pd.Timestamp("2018-04-01")
    pd.testing.assert_frame_equal(frame.assign(tx_datetime=frame.tx_datetime + shift), moved)


def test_ties_stay_by_customer_then_as_drawn() -> None:
    purchases = Purchases()
    for customer, terminal, second, amount in [
        (0, 7, 9, 1.0),
        (0, 3, 5, 2.0),
        (0, 1, 9, 3.0),
        (1, 0, 9, 4.0),
        (1, 2, 5, 5),
    ]:
        purchases.customer.append(customer)
        purchases.terminal.append(terminal)
        purchases.second.append(second)
        purchases.amount.append(amount)
    ledger = sort_purchases(purchases)
    assert ledger.second.tolist() == [5, 5, 9, 9, 9]
    assert ledger.customer.tolist() == [0, 1, 0, 0, 1]
    assert ledger.terminal.tolist() == [3, 2, 7, 1, 0]
    assert ledger.amount.tolist() == [2.0, 5.0, 1.0, 3.0, 4.0]


def test_amounts_are_rounded_as_numpy_rounds() -> None:
    purchases = Purchases()
    drawn = [2.675, 1.005, 0.125, 57.155]
    for amount in drawn:
        for column in (purchases.customer, purchases.terminal, purchases.second):
            column.append(1)
        purchases.amount.append(amount)
    assert sort_purchases(purchases).amount.tolist() == [float(np.round(amount, 2)) for amount in drawn]
    assert float(np.round(2.675, 2)) != round(2.675, 2), "this amount does not tell the two roundings apart"


@pytest.mark.parametrize("seed", [0, 1, 7, 181])
@pytest.mark.parametrize(("population", "count"), [(10_000, 2), (5_000, 3), (3, 3)])
def test_ids_are_drawn_as_pandas_samples_them(population: int, count: int, seed: int) -> None:
    ids = pd.Series(range(population)).sample(n=count, random_state=seed)
    assert sample_ids(population, count, seed).tolist() == ids.tolist()


def test_first_scenario_is_above_220_and_before_the_leaks_raise_amounts() -> None:
    ledger = ledger_of([0, 1, 2], [0, 0, 0], [1, 2, 3], [220.0, 220.01, 50.0])
    assert mark_frauds(ledger, customers=3, terminals=2) == (1, 0, 0)
    assert ledger.scenario.tolist() == [0, 1, 0]


def test_second_scenario_holds_28_days_and_starts_before_the_last_day() -> None:
    terminals = pd.Series(range(1_000)).sample(n=2, random_state=0).tolist()
    other = next(key for key in range(1_000) if all(key not in _sampled(1_000, 2, day) for day in range(30)))
    second = [0, 10, 28 * DAY - 1, 28 * DAY, 28 * DAY + 1]
    ledger = ledger_of([0] * 5, [terminals[0], other, terminals[1], terminals[0], other], second, [1.0] * 5)
    assert mark_frauds(ledger, customers=1_000_000, terminals=1_000) == (0, 2, 0)
    assert ledger.scenario.tolist() == [2, 0, 2, 0, 0]


def test_third_scenario_takes_a_third_times_five() -> None:
    customer = int(pd.Series(range(1_000)).sample(n=3, random_state=0).iloc[1])
    assert all(customer not in _sampled(1_000, 3, day) for day in range(1, 15))
    # Eight purchases in the 14 days and one after them: two of the eight are fraud.
    second = [day * DAY for day in (0, 1, 2, 3, 4, 5, 6)] + [14 * DAY - 1, 14 * DAY]
    ledger = ledger_of([customer] * 9, [0] * 9, second, [10.0] * 9)
    assert mark_frauds(ledger, customers=1_000, terminals=1_000_000) == (0, 0, 2)
    stolen = random.Random(0).sample(range(8), k=2)
    assert sorted(stolen) == np.flatnonzero(ledger.scenario == 3).tolist()
    assert [50.0 if row in stolen else 10.0 for row in range(9)] == ledger.amount.tolist()


def _sampled(population: int, count: int, day: int) -> list[int]:
    sampled: list[int] = pd.Series(range(population)).sample(n=count, random_state=day).tolist()
    return sampled


def test_a_single_day_has_large_amounts_only(call: Callable[..., Any], tmp_path: Path) -> None:
    ended = call(
        main, ["--out", str(tmp_path), "--customers", "300", "--terminals", "50", "--days", "1", "--radius", "50"]
    )
    assert ended.code == 0, ended.err
    assert set(pq.read_table(tmp_path / "transactions.parquet")["tx_fraud_scenario"].to_pylist()) <= {0, 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--customers", "0"], "customers is 0; it must be from 3 to"),
        (["--customers", "2"], "customers is 2; it must be from 3 to"),
        (["--customers", "-5"], "customers is -5"),
        (["--customers", "many"], "invalid int value: 'many'"),
        (["--customers", "99999999999"], "customers is 99999999999"),
        (["--terminals", "1"], "terminals is 1; it must be from 2 to"),
        (["--days", "0"], "days is 0; it must be from 1 to"),
        (["--days", "400", "--start-date", "9999-12-01"], "end after 9999-12-31"),
        (["--start-date", "2018-02-30"], "'2018-02-30' is no date; write YYYY-MM-DD"),
        (["--radius", "0"], "radius is 0.0; it must be"),
        (["--radius", "nan"], "radius is nan; it must be"),
        (["--radius", "inf"], "radius is inf; it must be"),
        (["--customers", "3", "--terminals", "2", "--radius", "1e-9"], "no customer made a transaction"),
        (["--size", "3"], "unrecognized arguments: --size 3"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    call: Callable[..., Any], tmp_path: Path, arguments: list[str], said: str
) -> None:
    ended = call(main, ["--out", str(tmp_path), *arguments])
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.count("\n") == 1, ended.err
    assert ended.err.startswith("generate.py: error: ")
    assert said in ended.err
    assert list(tmp_path.iterdir()) == []


def test_out_is_required(call: Callable[..., Any]) -> None:
    ended = call(main, [])
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert "--out" in ended.err


def test_a_folder_that_cant_be_made_is_one_line_and_code_2(call: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    for folder in (tmp_path / "taken", tmp_path / "taken" / "below"):
        ended = call(main, ["--out", str(folder), *SMALL])
        assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1), ended.err
        assert f"can't write in the folder {folder}" in ended.err
    assert (tmp_path / "taken").read_text() == "a file"


def test_a_file_in_whose_place_a_folder_is_cant_be_written(call: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "transactions.parquet").mkdir()
    ended = call(main, ["--out", str(tmp_path), *SMALL])
    assert (ended.code, ended.err.count("\n")) == (2, 1), ended.err
    assert "can't write" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["transactions.parquet"]


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("before")

    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="No space left on device"):
        write_whole(target, fail)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "before")]
