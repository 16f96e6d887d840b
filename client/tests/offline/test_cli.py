"""The commands of the offline store."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyarrow import csv

import unskew
from tests.command import Command, written
from tests.gateway import Gateway
from tests.offline.store import DEFINITIONS, payments, random_payments, random_profiles, spine, store
from unskew import offline


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def files(folder: Path) -> tuple[Path, list[str]]:
    """Definitions, and the options that say where the tables are."""
    for name, table in (
        ("payments", random_payments(1, 500)),
        ("profiles", random_profiles(1, 200)),
        ("spine", spine(3, 60)),
    ):
        pq.write_table(table, folder / f"{name}.parquet")
    return written(folder / "definitions", DEFINITIONS), ["--warehouse", str(folder / "warehouse")]


def test_from_nothing_to_a_training_set_and_away_again(run: Command, tmp_path: Path) -> None:
    definitions, where = files(tmp_path)
    planned = run("apply", definitions, "--dry-run", *where)
    assert (planned.code, planned.err) == (1, "")
    assert "shop.payments: create it with 6 columns" in planned.out
    assert run("apply", definitions, "--period", "month", "--buckets", "2", "--json", *where).document["applied"]
    assert run("apply", definitions, "--dry-run", *where).out == "the tables are as defined\n"

    for _ in range(2):
        told = run(
            "append", definitions, "payments", tmp_path / "payments.parquet", "--batch-id", "b1", "--json", *where
        )
        assert (told.code, told.document["batch_id"]) == (0, "b1")
    assert told.document["committed"] is False
    assert "200 rows in snapshot" in run("append", definitions, "profiles", tmp_path / "profiles.parquet", *where).out

    made = run(
        "training-set", definitions, "model", tmp_path / "spine.parquet", "--out", tmp_path / "made", "--pin", "first",
        "--json", *where,
    ).document  # fmt: skip
    found = unskew.TrainingSet.load(tmp_path / "made")
    assert found.origin is not None
    assert made["snapshots"] == {name: read.snapshot_id for name, read in found.origin.tables.items()}
    assert run("compact", definitions, *where).code == 0
    expired = run("expire-snapshots", definitions, "payments", "--older-than", "0s", "--orphans", *where)
    assert "0 snapshots" in expired.out
    again = run(
        "training-set", definitions, "model", tmp_path / "spine.parquet", "--out", tmp_path / "again", "--tag", "first",
        *where,
    )  # fmt: skip
    assert again.code == 0
    assert unskew.TrainingSet.load(tmp_path / "again").vectors.tobytes() == found.vectors.tobytes()

    left = run("forget", definitions, "customer", "customer=7", "--json", *where)
    assert (left.code, left.document["complete"], left.document["recorded"]) == (1, False, 1)
    gone = run("forget", definitions, "customer", "customer=7", "--purge", *where)
    assert gone.out.startswith("shop.payments: 0 rows deleted\n")
    assert gone.out.endswith("not looked at: the built-in view, whose rows belong to no entity\n")


def test_a_csv_file_is_appended_as_its_table_is(run: Command, tmp_path: Path) -> None:
    definitions, where = files(tmp_path)
    table = pq.read_table(tmp_path / "payments.parquet")
    csv.write_csv(table, tmp_path / "payments.csv")
    assert run("apply", definitions, *where).code == 0
    told = run("append", definitions, "payments", tmp_path / "payments.csv", "--batch-id", "b1", "--json", *where)
    assert (told.code, told.err, told.document["rows"]) == (0, "", table.num_rows)
    read = offline.open(definitions, warehouse=tmp_path / "warehouse").read("payments").read_all()
    order = [(name, "ascending") for name in table.column_names]
    there = read.select(table.column_names).sort_by(order)
    assert there.equals(table.cast(there.schema).sort_by(order))

    for name, changed, said in (
        (
            "more",
            table.append_column("colour", [["red"] * table.num_rows]),
            "a column 'colour' is there, which the source",
        ),
        ("less", table.drop_columns(["amount"]), "the table has no column 'amount'"),
        ("wrong", table.drop_columns(["amount"]).append_column("amount", [["much"] * table.num_rows]), "wrong.csv: "),
        ("none", table.slice(0, 0), "there are no rows in"),
    ):
        csv.write_csv(changed, tmp_path / f"{name}.csv")
        refused = run("append", definitions, "payments", tmp_path / f"{name}.csv", "--json", *where)
        assert (refused.code, refused.document["error"]["code"]) == (2, "INVALID_DATA")
        assert said in refused.document["error"]["message"]


FAULTS: list[tuple[list[str], str, str]] = [
    (["append", "{definitions}", "payments", "{rows}"], "NOT_FOUND", "there is no table 'shop.payments'"),
    (["append", "{definitions}", "nothing", "{rows}"], "NOT_FOUND", "there is no source 'nothing'"),
    (["append", "{definitions}", "payments", "{rows}", "--start", "0"], "USAGE", "--overwrite replaces"),
    (["apply", "{definitions}", "--rename", "amount=value"], "USAGE", "SOURCE.OLD=NEW is right"),
    (["forget", "{definitions}", "customer", "customer=x"], "INVALID_ARGUMENT", "is 'x', and must be int64"),
    (["forget", "{definitions}", "terminal", "id=1"], "NOT_FOUND", "there is no entity 'terminal'"),
    (["expire-snapshots", "{definitions}", "--older-than", "week"], "USAGE", "no length of time, such as 7d"),
    (["compact", "{definitions}", "--property", "uri=sqlite:////nowhere/at/all.db"], "USAGE", "leave it out"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), FAULTS, ids=[" ".join(it[0][::3]) for it in FAULTS])
def test_faults_are_told(arguments: list[str], code: str, message: str, run: Command, tmp_path: Path) -> None:
    definitions, where = files(tmp_path)
    places: dict[str, Any] = {"definitions": definitions, "rows": tmp_path / "payments.parquet"}
    ended = run(*(text.format(**places) for text in arguments), "--json", *where)

    assert ended.code == 2
    assert message in ended.document["error"]["message"]
    assert ended.document["error"]["code"] == ("INVALID_ARGUMENT" if "nowhere" in str(arguments) else code)


@pytest.mark.integration
def test_a_forgotten_entity_is_deleted_online(run: Command, tmp_path: Path) -> None:
    definitions, where = files(tmp_path)
    found = store(tmp_path)
    found.append("payments", payments((1, 7, 1, 1.0)))
    (tmp_path / "gateway").mkdir()
    with (
        Gateway(tmp_path / "gateway", settings={"APP__DEFINITIONS__PATH": str(definitions)}) as gateway,
        unskew.FeatureStoreClient(gateway.address, timeout=10.0) as client,
    ):
        at = payments((1, 7, 1, 1.0))["at"]
        rows = {"customer": [7, 8], "event_time": [at[0].as_py()] * 2, "limit": [5.0, 6.0], "region": ["n", "s"]}
        client.write_rows("profile", [dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)])
        now = dt.datetime.now(dt.timezone.utc)
        events = [{"id": who, "customer": who, "at": now, "amount": 5.0} for who in (7, 8)]
        assert client.write_events("payments", events).accepted == 2
        ended = run("forget", definitions, "customer", "customer=7", "--address", gateway.address, "--json", *where)
        assert ended.document["online"] == ["profile", "spending"]
        assert ended.document["online_left"] == []
        later = now + dt.timedelta(seconds=1)
        known = client.vectors("payments_only", {"customer": [7, 8]}, as_of=later)
        assert [list(row) for row in known.values] == [[0.0], [1.0]]
        reply = client.online_features(["7", "8"], ["profile.limit"])
        assert reply["7"].statuses["profile.limit"] is unskew.Status.MISSING
        assert reply["8"].statuses["profile.limit"] is unskew.Status.EXPIRED
