"""Rules of a source: what breaks one is refused, put aside or told, and each batch is so once."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import CommitTableResponse, Table

from tests.offline.store import DEFINITIONS, payments, store
from unskew import errors, offline
from unskew.offline import _rows, maintenance
from unskew.offline._quarantine import Quarantine
from unskew.offline.quality import Inspection

RULES = """
    quality:
      ids: {column: id, unique: true, on_failure: quarantine}
      customers: {column: customer, not_null: true, on_failure: quarantine}
      amounts: {column: amount, min: 0, max: 1000}
      small: {column: amount, max: 100, on_failure: warn}
      versions: {column: version, one_of: [0, 1], on_failure: quarantine}
"""
WITH_RULES = DEFINITIONS.replace(
    "    columns: {id: int64, version: int64", RULES.lstrip("\n") + "    columns: {id: int64, version: int64"
)
ROWS = payments((1, 7, 1, 10.0), (2, 8, 2, 500.0), (2, 8, 3, 5.0), (3, 9, 3, 5.0), (4, 9, 3, 5.0))


def rows() -> pa.Table:
    """The second id twice, a customer that is null, and a version that is none of those."""
    found = ROWS.set_column(2, "customer", pa.array([7, 8, 8, None, 9]))
    return found.set_column(1, "version", pa.array([0, 1, None, 0, 5]))


def aside(found: offline.OfflineStore) -> list[dict[str, Any]]:
    rows = found.catalog.load_table("shop.payments__quarantine").scan().to_arrow()
    return list(rows.sort_by("id").to_pylist())


def test_rows_that_break_a_rule_are_put_aside_with_the_reason(tmp_path: Path) -> None:
    found = store(tmp_path, WITH_RULES)
    done = found.append("payments", rows(), batch_id="one")

    assert (done.rows, done.quarantined) == (2, 3)
    assert [(it.rule, it.on_failure, it.rows) for it in done.broken] == [
        ("ids", "quarantine", 1), ("customers", "quarantine", 1), ("small", "warn", 1), ("versions", "quarantine", 1),
    ]  # fmt: skip
    assert done.broken[1].reason == "row 3: 'customer' may not be null, and it is None"
    assert found.read("payments").read_all().sort_by("id")["id"].to_pylist() == [1, 2]
    assert [(it["id"], it["unskew_rule"], it["unskew_reason"], it["unskew_batch"]) for it in aside(found)] == [
        (2, "ids", "'id' may not repeat", "one"),
        (3, "customers", "'customer' may not be null", "one"),
        (4, "versions", "'version' has one_of [0, 1]", "one"),
    ]
    assert not found.append("payments", rows(), batch_id="one").committed
    assert len(aside(found)) == 3


@pytest.mark.parametrize("batch_id", [None, "a batch whose name is longer than the bounds of statistics"])
def test_rows_are_not_left_aside_when_their_batch_is_not_committed(
    batch_id: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = store(tmp_path, WITH_RULES)
    found.append("payments", rows())
    before = aside(found)
    commit = found.catalog.commit_table

    def overtaken(table: Table, *what: Any) -> CommitTableResponse:
        if table.name()[-1] == "payments":
            raise CommitFailedException("another was faster")
        return commit(table, *what)

    monkeypatch.setattr("unskew.offline._commits.ATTEMPTS", 2)
    with monkeypatch.context() as patched:
        patched.setattr(found.catalog, "commit_table", overtaken)
        for _ in range(2):
            with pytest.raises(errors.Aborted, match=r"others committed 2 times in between; try again \(ABORTED\)$"):
                found.append("payments", rows(), batch_id=batch_id)
            assert aside(found) == before
    # Also when the snapshots that tell of it have expired.
    found.append("payments", rows())
    now = dt.datetime.now(dt.timezone.utc)
    assert maintenance.expire(found.catalog, "shop.payments__quarantine", now, 1).snapshots
    assert found.append("payments", rows(), batch_id=batch_id).committed
    assert len(aside(found)) == 9


def test_rows_that_another_writer_of_the_batch_takes_back_are_put_aside_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = store(tmp_path, WITH_RULES)
    source = found.definitions.sources["payments"]
    other = Quarantine(found.catalog, source, "one")
    commit = found.catalog.commit_table

    def late(table: Table, *what: Any) -> CommitTableResponse:
        if table.name()[-1] == "payments":
            with pytest.raises(errors.Aborted), other.taken_back_on_failure():
                raise errors.Aborted("others committed")
            assert aside(found) == []
        return commit(table, *what)

    for block in _rows.blocks(source, rows(), _rows.now()):
        other.add(Inspection(source).block(block)[1])
    other.commit()
    assert len(aside(found)) == 3
    with monkeypatch.context() as patched:
        patched.setattr(found.catalog, "commit_table", late)
        assert found.append("payments", rows(), batch_id="one").committed
    assert len(aside(found)) == 3
    # Nor does one that comes too late take back what belongs to a batch that is there.
    with pytest.raises(errors.Aborted), other.taken_back_on_failure():
        raise errors.Aborted("others committed")
    assert len(aside(found)) == 3


@pytest.mark.parametrize("amount", [-1.0, 1001.0, float("nan")])
def test_a_rule_that_fails_refuses_the_whole_batch(amount: float, tmp_path: Path) -> None:
    found = store(tmp_path, WITH_RULES)

    with pytest.raises(
        errors.DataError, match=r"rule 'amounts' of the source 'payments' is broken by 1 rows: row 1: 'amount' has m"
    ):
        found.append("payments", payments((1, 7, 1, 10.0), (2, 8, 2, amount), (2, 8, 2, 1.0)))
    assert found.snapshots("payments") == ()
    assert not list((tmp_path / "warehouse").rglob("*.parquet"))


def test_rules_look_across_the_blocks_of_a_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unskew.offline._rows.BLOCK_BYTES", 1)
    found = store(tmp_path, WITH_RULES)
    done = found.append("payments", ROWS.to_reader(max_chunksize=1))

    assert (done.rows, done.quarantined) == (4, 1)


@pytest.mark.parametrize("block", [1, 1 << 20])
def test_a_value_of_a_row_that_is_put_aside_may_come_again(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unskew.offline._rows.BLOCK_BYTES", block)
    text = WITH_RULES.replace(
        "      amounts:", "      prices: {column: amount, unique: true, on_failure: quarantine}\n      amounts:"
    )
    found = store(tmp_path, text)
    # The second has the id of one that is put aside for its customer, the fifth that of one put aside for its amount.
    given = payments(
        (1, 7, 1, 10.0), (1, 8, 1, 11.0), (2, 8, 2, 11.0), (3, 8, 2, 11.0), (3, 8, 3, 12.0), (3, 8, 4, 13.0)
    )
    given = given.set_column(2, "customer", pa.array([None, 8, 8, 8, 8, 8]))
    done = found.append("payments", given.to_reader(max_chunksize=1))

    kept = found.read("payments").read_all().sort_by("id")
    assert (kept["id"].to_pylist(), kept["amount"].to_pylist()) == ([1, 3], [11.0, 12.0])
    assert sorted((it["amount"], it["unskew_rule"]) for it in aside(found)) == [
        (10.0, "customers"), (11.0, "prices"), (11.0, "prices"), (13.0, "ids"),
    ]  # fmt: skip
    assert [it.rule for it in done.broken] == ["ids", "customers", "prices"]


@pytest.mark.parametrize("on_failure", ["fail", "warn"])
def test_old_rows_are_told_or_refused(on_failure: str, tmp_path: Path) -> None:
    rule = f"    quality: {{recent: {{freshness: 2d, on_failure: {on_failure}}}}}\n"
    found = store(
        tmp_path, DEFINITIONS.replace("    columns: {id: int64, version", rule + "    columns: {id: int64, version")
    )

    if on_failure == "fail":
        with pytest.raises(errors.DataError, match=r"the newest event is of 1970-01-01T03:00:00.*, and may be 2 days"):
            found.append("payments", ROWS)
    else:
        assert [it.rule for it in found.append("payments", ROWS).broken] == ["recent"]


def test_forgotten_entities_leave_what_was_put_aside(tmp_path: Path) -> None:
    found = store(tmp_path, WITH_RULES)
    found.append("payments", rows())
    report = found.forget("customer", [{"customer": 8}])

    assert {it.table: it.rows for it in report.tables} == {
        "shop.payments": 1, "shop.payments__quarantine": 1, "shop.profiles": 0,
    }  # fmt: skip
    assert [it["customer"] for it in aside(found)] == [None, 9]
    found.append("payments", rows())
    assert [it["customer"] for it in aside(found)] == [None, None, 9, 9]
