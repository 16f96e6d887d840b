"""`unskew training-set`: tables in, a folder out."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import unskew
from tests.command import Command
from tests.training import WINDOWS, at, payments

SPINE = pa.table(
    {"customer": [7, 8, 7], "event_time": at(30, 30, 1), "limit": [1.0, 2.0, 3.0], "label": ["a", "b", "c"]}
)


@pytest.fixture
def unskew_command(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture
def given(tmp_path: Path) -> tuple[str, ...]:
    """The arguments but `--out`."""
    (tmp_path / "definitions.yaml").write_text(WINDOWS)
    (tmp_path / "payments").mkdir()
    pq.write_table(payments(), tmp_path / "payments" / "1.parquet")
    pq.write_table(SPINE, tmp_path / "spine.parquet")
    source = f"payments={tmp_path / 'payments'}"
    return (
        "training-set",
        str(tmp_path / "definitions.yaml"),
        "model",
        str(tmp_path / "spine.parquet"),
        "--source",
        source,
    )


def test_a_training_set_is_made_and_kept(unskew_command: Command, given: tuple[str, ...], tmp_path: Path) -> None:
    out = tmp_path / "train"
    ran = unskew_command(*given, "--out", str(out), "--json")
    found = unskew.TrainingSet.load(out)
    wanted = unskew.training_set(unskew.parse(WINDOWS), "model", SPINE, {"payments": payments()})

    assert ran.code == 0
    assert found.vectors.tobytes() == wanted.vectors.tobytes()
    assert found.features["label"].to_pylist() == ["a", "b", "c"]
    document = ran.document
    assert (document["rows"], document["columns"], document["incomplete"]) == (3, 3, 1)
    assert document["fingerprint"] == wanted.fingerprint
    assert document["causes"] == [{"slot": "share", "status": "NULL", "reason": None, "rows": 1}]
    assert document["statistics"]["features"][0]["statuses"] == {"PRESENT": 2, "NULL": 1}
    # A test set takes the parameters of the training set.
    test = tmp_path / "test"
    assert unskew_command(*given, "--out", str(test), "--fitted", str(out / "fitted.json"), "--strict").code == 1
    assert unskew.TrainingSet.load(test).fingerprint == wanted.fingerprint


def test_people_are_shown_what_is_in_it(unskew_command: Command, given: tuple[str, ...], tmp_path: Path) -> None:
    ran = unskew_command(*given, "--out", str(tmp_path / "train"), "--memory-limit", "1", "--threads", "1")

    assert ran.code == 0
    for text in (
        "spending.total_1d",
        "NULL 1",
        "1 row not complete",
        "3 × 3 float32",
        f"written to {tmp_path / 'train'}",
    ):
        assert text in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--source", "payments"), "NAME=PATH is right"),
        (("--source", "payments=elsewhere"), "'payments' is given twice"),
        (("--source", "payment=elsewhere"), "there is no source 'payment'"),
        (("--time-column", "when"), "the spine has no column 'when'"),
        (("--fitted", "nowhere.json"), "nowhere.json"),
        (("--out", "."), "give a folder that is not there yet"),
    ],
)
def test_what_is_wrong_is_told(
    unskew_command: Command, given: tuple[str, ...], tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    ran = unskew_command(*given, "--out", str(tmp_path / "train"), *arguments)

    assert ran.code != 0
    assert said in ran.err
    assert not (tmp_path / "train").exists()
