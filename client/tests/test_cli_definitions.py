"""`unskew validate` and `unskew diff`."""

import subprocess
from pathlib import Path

import pytest

from tests.command import DEFINITIONS, Command, written
from tests.gateway import binary

WRONG = """
views:
  history:
    entity: custommer
    features: {nb_tx: int46}
services:
  fraud:
    vector:
\t- {input: nothing}
"""


@pytest.fixture
def unskew_command(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.mark.integration
@pytest.mark.parametrize(
    "text",
    [
        DEFINITIONS,
        WRONG,
        WRONG.replace("\t", "      "),
        DEFINITIONS.replace("rescale: {scale: 2}", "rescal: {scale: 2}"),
        DEFINITIONS.replace("customer_id: int64}", "customer_id: money}"),
    ],
)
def test_validate_prints_what_the_gateway_prints(unskew_command: Command, tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    expected = subprocess.run([binary(), "check", path], capture_output=True, text=True, check=False, timeout=30)
    ran = unskew_command("validate", path)
    assert (ran.code, ran.out, ran.err) == (expected.returncode, expected.stdout, expected.stderr)


@pytest.mark.integration
def test_validate_of_a_folder_that_is_not_there_is_as_the_gateway_has_it(
    unskew_command: Command, tmp_path: Path
) -> None:
    path = tmp_path / "nothing"
    expected = subprocess.run([binary(), "check", path], capture_output=True, text=True, check=False, timeout=30)
    ran = unskew_command("validate", path)
    assert (ran.code, ran.out, ran.err) == (expected.returncode, expected.stdout, expected.stderr)


def test_validate_as_json(unskew_command: Command, tmp_path: Path) -> None:
    path = written(tmp_path / "right")
    ran = unskew_command("validate", path, "--json")
    expected = {"path": str(path), "valid": True, "entities": 1, "sources": 1, "views": 1, "services": 2}
    assert (ran.code, ran.document) == (0, expected)

    path = written(tmp_path / "wrong", DEFINITIONS.replace("entity: customer\n", "entity: custommer\n"))
    ran = unskew_command("validate", path, "--json")
    error = ran.document["error"]
    assert (ran.code, error["code"]) == (1, "INVALID_DEFINITIONS")
    place = error["places"][0]
    assert list(place) == ["file", "line", "column", "message", "help"]
    assert Path(place["file"]).name == "definitions.yaml"
    assert "custommer" in place["message"]


def test_the_same_definitions_do_not_differ(unskew_command: Command, tmp_path: Path) -> None:
    before, after = written(tmp_path / "a"), written(tmp_path / "b", f"# a comment\n{DEFINITIONS}")
    ran = unskew_command("diff", before, after)
    assert ran.code == 0
    assert ran.out == "services: 0 changed, 0 added, 0 removed, 2 same; 0 incompatibilities of stored rows\n"
    assert unskew_command("diff", before, after, "--json").document["differ"] is False


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("offset: 1", "offset: 2", ["slot tx_amount, step 1 log, argument offset: was 1.0, is now 2.0"]),
        (
            "{log: {offset: 1}}, standardize",
            "{log: {offset: 1}}, {clip: {max: 9}}, standardize",
            ["slot tx_amount, step 2: new, clip "],
        ),
        ("{log: {offset: 1}}, standardize", "standardize", ["slot tx_amount, step 1: gone, was log "]),
        ("[{impute: {value: 0}}]", "[{impute: {value: 0, on_null: error}}]", ["step 1 impute, on_null: was propagate"]),
        ("part: hour", "part: day", ["slot hour, step 1 date_part, argument part: was hour, is now day"]),
        ("nullif(history.avg_amount, 0)", "nullif(history.avg_amount, 1)", ["slot ratio: was expr "]),
        ("- {name: hour,", "- {name: clock,", ["slot hour: gone, was input at", "slot clock: new, input at"]),
        ("nb_tx: int64", "nb_tx: int32", ["feature history.nb_tx, dtype: was int64, is now int32"]),
        (
            "    source: rows\n",
            "    source: rows\n    ttl: 1d\n",
            ["feature history.avg_amount, ttl: was none, is now"],
        ),
        ("    source: rows\n", "    source: rows\n    version: 2\n", ["view history, version: was 1, is now 2"]),
        ("at: timestamp, nb_tx", "at: timestamp, x: bool, nb_tx", ["source rows, column x: new, bool"]),
        (
            "{tx_amount: float64, at",
            "{tx_amount: float32, at",
            ["request column tx_amount: was float64, is now float32"],
        ),
        ("  fraud:\n", "  fraud:\n    time: at\n", ["time: was none, is now at"]),
    ],
)
def test_diff_names_what_changed(
    unskew_command: Command, tmp_path: Path, old: str, new: str, expected: list[str]
) -> None:
    assert DEFINITIONS.count(old) >= 1
    before, after = written(tmp_path / "a"), written(tmp_path / "b", DEFINITIONS.replace(old, new))
    ran = unskew_command("diff", before, after)
    assert ran.code == 1
    for text in expected:
        assert text in ran.out
    document = unskew_command("diff", before, after, "--json").document
    fraud = next(service for service in document["services"] if service["name"] == "fraud")
    assert (fraud["status"], document["differ"]) == ("changed", True)
    assert list(fraud["changes"][0]) == ["kind", "name", "before", "after", "text"]


def test_diff_tells_the_order_of_slots_and_new_services(unskew_command: Command, tmp_path: Path) -> None:
    hour = "      - {name: hour, input: at, steps: [{date_part: {part: hour}}]}\n"
    moved = (
        DEFINITIONS.replace(hour, "")
        .replace("    vector:\n", f"    vector:\n{hour}", 1)
        .replace("  plain:", "  other:")
    )
    before, after = written(tmp_path / "a"), written(tmp_path / "b", moved)
    document = unskew_command("diff", before, after, "--json").document
    assert {it["name"]: it["status"] for it in document["services"]} == {
        "fraud": "changed", "other": "added", "plain": "removed",
    }  # fmt: skip
    fraud = next(service for service in document["services"] if service["name"] == "fraud")
    assert [change["name"] for change in fraud["changes"]] == ["order of the slots"]


def test_diff_tells_the_fingerprints_of_a_service_without_a_fit(unskew_command: Command, tmp_path: Path) -> None:
    before, after = written(tmp_path / "a"), written(tmp_path / "b", DEFINITIONS.replace("scale: 2", "scale: 3"))
    document = unskew_command("diff", before, after, "--json").document
    plain = next(service for service in document["services"] if service["name"] == "plain")
    (found,) = plain["fingerprints"]
    assert found["file"] is None
    assert len(found["before"]) == len(found["after"]) == 64
    assert found["before"] != found["after"]


def test_diff_tells_what_stored_rows_forbid(unskew_command: Command, tmp_path: Path) -> None:
    changed = DEFINITIONS.replace(
        "{nb_tx: int64, avg_amount: float64}\nserv", "{nb_tx: string, avg_amount: float64}\nserv"
    )
    changed = changed.replace("nb_tx: int64, avg_amount: float64}\nviews", "nb_tx: string, avg_amount: float64}\nviews")
    changed = changed.replace("steps: [{impute: {value: 0}}]", "steps: [{hash_bucket: {bins: 8}}]")
    before, after = written(tmp_path / "a"), written(tmp_path / "b", changed)
    ran = unskew_command("diff", before, after)
    assert "the feature `history.nb_tx` is stored as int64, and is now string" in ran.out
    assert "raise the `version`" in ran.out
    (found,) = unskew_command("diff", before, after, "--json").document["incompatibilities"]
    assert found["line"] > 0


def test_diff_refuses_definitions_that_are_not_valid(unskew_command: Command, tmp_path: Path) -> None:
    before, after = written(tmp_path / "a"), written(tmp_path / "b", WRONG)
    ran = unskew_command("diff", before, after, "--json")
    assert (ran.code, ran.document["error"]["code"]) == (1, "INVALID_DEFINITIONS")
