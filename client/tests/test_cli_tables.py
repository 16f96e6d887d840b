"""`unskew fit` and `unskew vectors`, over tables of every format."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest

import unskew
from tests.command import DEFINITIONS, Command, written
from unskew.cli._tables import Tables

ROWS = 40_000  # more than two batches
ZONED = pa.timestamp("us", tz="UTC")


@pytest.fixture
def unskew_command(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """Rows with nulls, and a column that no service reads."""
    random = np.random.default_rng(596)
    amounts = random.lognormal(3, 1, ROWS)
    return pa.table(
        {
            "tx_id": pa.array(range(ROWS)),
            "tx_amount": pa.array(amounts),
            "at": pa.array(random.integers(0, 2_000_000_000_000_000, ROWS), ZONED),
            "history.nb_tx": pa.array(random.integers(0, 99, ROWS), mask=random.random(ROWS) < 0.1),
            "history.avg_amount": pa.array(random.lognormal(3, 1, ROWS), mask=random.random(ROWS) < 0.1),
        }
    )


def write_csv(table: pa.Table, path: Path) -> None:
    at = table.schema.get_field_index("at")
    texts = pa.array([time.isoformat() for time in table["at"].to_pylist()])
    pyarrow.csv.write_csv(table.set_column(at, "at", texts), path)


def write_ndjson(table: pa.Table, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in table.to_pylist():
            row["at"] = row["at"].isoformat()
            file.write(json.dumps({name: value for name, value in row.items() if value is not None}) + "\n")


def write_stream(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_stream(path, table.schema) as stream:
        stream.write_table(table, 1000)


WRITERS: dict[str, Callable[[pa.Table, Path], Any]] = {
    "rows.parquet": pyarrow.parquet.write_table,
    "rows.csv": write_csv,
    "rows.ndjson": write_ndjson,
    "rows.feather": pyarrow.feather.write_feather,
    "rows.arrows": write_stream,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_bits_that_the_library_gives(
    unskew_command: Command, tmp_path: Path, table: pa.Table, name: str
) -> None:
    definitions, path = written(tmp_path / "d"), tmp_path / name
    WRITERS[name](table, path)
    service = unskew.load(definitions).services["fraud"]
    fitted = service.fit(table)

    ran = unskew_command("fit", definitions, "fraud", path, "--json")
    assert (ran.code, ran.document["rows"]) == (0, ROWS)
    assert (definitions / "fraud.fitted.json").read_text(encoding="utf-8") == fitted.text
    assert ran.document["fingerprint"] == service.fingerprint(fitted)

    out = tmp_path / "vectors.npy"
    ran = unskew_command("vectors", definitions, "fraud", path, "--out", out, "--json")
    expected = service.vectors(table, fitted)
    assert np.load(out).tobytes() == expected.values.tobytes()
    document = ran.document
    assert (document["rows"], document["columns"]) == (ROWS, 4)
    assert document["fingerprint"] == expected.fingerprint
    assert document["incomplete"] == len(expected.incomplete) > 0
    assert [it["row"] for it in document["first_incomplete"]] == [it.row for it in expected.incomplete[:10]]
    assert document["causes"] == [{"slot": "ratio", "status": "NULL", "reason": None, "rows": len(expected.incomplete)}]
    assert not list(tmp_path.rglob("*.partial"))


def test_several_tables_are_one_behind_the_other(unskew_command: Command, tmp_path: Path, table: pa.Table) -> None:
    definitions = written(tmp_path / "d")
    first, second = tmp_path / "a.parquet", tmp_path / "b.csv"
    pyarrow.parquet.write_table(table.slice(0, 1000), first)
    write_csv(table.slice(1000, 500), second)
    ran = unskew_command("fit", definitions, "fraud", first, second, "--name", "both", "--time-column", "at", "--json")
    document = ran.document
    assert document["file"] == str(definitions / "fraud.both.fitted.json")
    service = unskew.load(definitions).services["fraud"]
    assert service.fitted("both") == service.fit(table.slice(0, 1500), time_column="at")
    assert set(document["interval"]) == {"from", "to"}
    assert document["slots"][0]["count"] == 1500

    out = tmp_path / "v.parquet"
    ran = unskew_command(
        "vectors", definitions, "fraud", first, second, "--out", out, "--fitted", "both", "--keep", "tx_id"
    )
    assert ran.code == 0
    assert "1,500 \u00d7 4 float32" in ran.out
    made = pyarrow.parquet.read_table(out)
    assert made.column_names == ["tx_id", *service.names(service.fitted("both"))]
    assert made["tx_id"].to_pylist() == list(range(1500))
    assert made.schema.metadata[b"unskew.service"] == b"fraud"
    assert made.schema.metadata[b"unskew.fingerprint"].decode() == document["fingerprint"]
    expected = service.transform(table.slice(0, 1500), service.fitted("both"))
    values = np.column_stack([made[name].to_numpy() for name in made.column_names[1:]])
    assert values.astype("f4").tobytes() == expected.tobytes()


def test_features_may_have_their_own_names(unskew_command: Command, tmp_path: Path, table: pa.Table) -> None:
    definitions, path = written(tmp_path / "d"), tmp_path / "rows.parquet"
    short = table.slice(0, 100)
    pyarrow.parquet.write_table(short.rename_columns(["tx_id", "tx_amount", "at", "nb_tx", "avg_amount"]), path)
    assert unskew_command("fit", definitions, "fraud", path).code == 0
    service = unskew.load(definitions).services["fraud"]
    assert service.fitted() == service.fit(short)


def test_strict_tells_of_incomplete_rows_by_the_exit_code(
    unskew_command: Command, tmp_path: Path, table: pa.Table
) -> None:
    definitions, path, out = written(tmp_path / "d"), tmp_path / "rows.parquet", tmp_path / "v.npy"
    pyarrow.parquet.write_table(table, path)
    unskew_command("fit", definitions, "fraud", path)
    assert unskew_command("vectors", definitions, "fraud", path, "--out", out, "--strict").code == 1
    assert out.exists()
    assert unskew_command("vectors", definitions, "plain", path, "--out", out, "--strict").code == 0


def test_an_empty_table_has_no_vectors(unskew_command: Command, tmp_path: Path, table: pa.Table) -> None:
    definitions, path = written(tmp_path / "d"), tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(table.slice(0, 0), path)
    for name in ("v.npy", "v.parquet"):
        assert unskew_command("vectors", definitions, "plain", path, "--out", tmp_path / name, "--json").code == 0
    assert np.load(tmp_path / "v.npy").shape == (0, 1)
    assert pyarrow.parquet.read_table(tmp_path / "v.parquet").num_rows == 0
    assert unskew_command("fit", definitions, "fraud", path, "--json").document["error"]["code"] == "INVALID_DATA"


def test_the_default_of_a_service_is_the_one_that_the_gateway_takes(
    unskew_command: Command, tmp_path: Path, table: pa.Table
) -> None:
    definitions, path = tmp_path / "d", tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(table.slice(0, 100), path)
    written(definitions)
    unskew_command("fit", definitions, "fraud", path, "--name", "new")
    written(definitions, DEFINITIONS.replace("  fraud:\n", "  fraud:\n    default: new\n"))
    ran = unskew_command("vectors", definitions, "fraud", path, "--out", tmp_path / "v.npy", "--json")
    service = unskew.load(definitions).services["fraud"]
    assert ran.document["fingerprint"] == service.fingerprint(service.fitted("new"))


def test_diff_tells_of_fitted_parameters(unskew_command: Command, tmp_path: Path, table: pa.Table) -> None:
    before, after, path = written(tmp_path / "a"), written(tmp_path / "b"), tmp_path / "rows.parquet"
    for definitions, rows in ((before, 100), (after, 200)):
        pyarrow.parquet.write_table(table.slice(0, rows), path)
        unskew_command("fit", definitions, "fraud", path)
    ran = unskew_command("diff", before, after, "--json")
    fraud = ran.document["services"][0]
    assert (ran.code, fraud["name"], fraud["status"]) == (1, "fraud", "changed")
    assert [change["name"] for change in fraud["changes"]] == ["slot tx_amount, step 2, fitted parameters"]
    assert fraud["fingerprints"][0]["file"] == "fraud.fitted.json"
    # A changed definition has no fit any more.
    written(after, DEFINITIONS.replace("offset: 1", "offset: 2"))
    (found,) = unskew_command("diff", before, after, "--json").document["services"][0]["fingerprints"]
    assert found["before"] is not None
    assert found["after"] is None


BAD: dict[str, tuple[list[str], str, str]] = {
    "a column that is not there": (["fit", "D", "fraud", "lacking.parquet"], "INVALID_DATA", "no column 'tx_amount'"),
    "a column that no line has": (
        ["vectors", "D", "plain", "lacking.ndjson", "--out", "v.npy"], "INVALID_DATA", "tx_amount"),
    "a text that is no number": (["vectors", "D", "plain", "texts.csv", "--out", "v.npy"], "INVALID_DATA", "texts.csv"),
    "a column of texts": (["vectors", "D", "plain", "texts.parquet", "--out", "v.npy"], "INVALID_DATA", "tx_amount"),
    "a format without a name": (["fit", "D", "fraud", "rows.xlsx"], "FILE", "ends with one of .parquet"),
    "a file that is not there": (["fit", "D", "fraud", "nothing.csv"], "FILE", "nothing.csv: there is no such file"),
    "no table at all": (["fit", "D", "fraud", "broken.parquet"], "INVALID_DATA", "broken.parquet"),
    "a line that is no JSON": (["vectors", "D", "plain", "broken.ndjson", "--out", "v.npy"], "INVALID_DATA", "broken"),
    "a service that is not there": (["fit", "D", "froud", "rows.parquet"], "NOT_FOUND", "'fraud', 'plain'"),
    "nothing to fit": (["fit", "D", "plain", "rows.parquet"], "NOTHING_TO_FIT", "no step of the service 'plain'"),
    "a bad name": (["fit", "D", "fraud", "rows.parquet", "--name", "a/b"], "USAGE", "letters, digits"),
    "no fit": (["vectors", "D", "fraud", "rows.parquet", "--out", "v.npy"], "NOT_FITTED", "unskew fit"),
    "no such fit": (
        ["vectors", "D", "fraud", "rows.parquet", "--out", "v.npy", "--fitted", "x"], "NOT_FITTED", "fraud.x"),
    "another output": (["vectors", "D", "plain", "rows.parquet", "--out", "v.csv"], "FILE", ".parquet or .npy"),
    "an array with a column": (
        ["vectors", "D", "plain", "rows.parquet", "--out", "v.npy", "--keep", "tx_id"], "FILE", "no place for"),
    "its own input": (["vectors", "D", "plain", "rows.parquet", "--out", "rows.parquet"], "FILE", "one of the tables"),
    "a folder that is not there": (["vectors", "D", "plain", "rows.parquet", "--out", "no/v.npy"], "FILE", "no/v.npy"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_faults_say_what_and_where(
    unskew_command: Command, tmp_path: Path, table: pa.Table, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "D")
    few = table.slice(0, 5)
    pyarrow.parquet.write_table(few, "rows.parquet")
    pyarrow.parquet.write_table(few.drop_columns(["tx_amount"]), "lacking.parquet")
    write_ndjson(few.drop_columns(["tx_amount"]), Path("lacking.ndjson"))
    texts = pa.table({"tx_amount": ["1.5", "many"]})
    pyarrow.parquet.write_table(texts, "texts.parquet")
    pyarrow.csv.write_csv(texts, "texts.csv")
    for name in ("broken.parquet", "rows.xlsx"):
        Path(name).write_text("no table", encoding="utf-8")
    Path("broken.ndjson").write_text('{"tx_amount": 1}\n{"tx_amount": \n', encoding="utf-8")

    arguments, code, said = BAD[case]
    ran = unskew_command(*arguments, "--json")
    assert (ran.code, ran.document["error"]["code"]) == (2, code)
    assert said in ran.document["error"]["message"]
    ran = unskew_command(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert not Path("v.npy").exists()
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize("name", WRITERS)
def test_no_format_keeps_what_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("unskew.cli._formats.CSV_BLOCK", 1 << 16)
    rows = 400_000
    numbers = np.random.default_rng(1).random(rows)
    path = tmp_path / name
    if name.endswith("parquet"):
        pyarrow.parquet.write_table(pa.table({"tx_amount": numbers}), path, row_group_size=20_000, use_dictionary=False)
    else:
        many = pa.table({"tx_amount": numbers, "at": pa.repeat(pa.scalar(0, ZONED), rows)})
        WRITERS[name](many, path)
    before, most, read = pa.total_allocated_bytes(), 0, 0
    for batch in Tables([path], {"tx_amount": "float64"}).batches():
        read += batch.num_rows
        most = max(most, pa.total_allocated_bytes() - before)
    assert read == rows
    assert most < path.stat().st_size / 2


def test_a_row_group_has_many_batches(unskew_command: Command, tmp_path: Path, table: pa.Table) -> None:
    definitions, path, out = written(tmp_path / "d"), tmp_path / "rows.parquet", tmp_path / "v.parquet"
    pyarrow.parquet.write_table(table, path)
    assert unskew_command("vectors", definitions, "plain", path, "--out", out).code == 0
    assert pyarrow.parquet.ParquetFile(out).num_row_groups == 1


def test_a_position_and_a_kept_column_of_one_name(unskew_command: Command, tmp_path: Path, table: pa.Table) -> None:
    definitions, path = written(tmp_path / "d"), tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(table.slice(0, 5), path)
    out = tmp_path / "v.parquet"
    ran = unskew_command("vectors", definitions, "plain", path, "--out", out, "--keep", "tx_amount", "--json")
    assert "a position of the vector has that name" in ran.document["error"]["message"]
