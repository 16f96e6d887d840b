"""`apply`: tables are created and evolve as the definitions say, without data that is rewritten or lost unasked."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.offline.store import DEFINITIONS, opened, payments, store, times
from unskew import errors, offline

COLUMNS = "{id: int64, version: int64, customer: int64, at: timestamp, amount: float64}"


def changed(columns: str) -> str:
    """The definitions with other columns of the payments."""
    assert COLUMNS in DEFINITIONS
    return DEFINITIONS.replace(COLUMNS, columns)


def files(folder: Path) -> set[Path]:
    return set(folder.rglob("*.parquet"))


def test_tables_are_created_in_partitions_and_nothing_is_left_to_do(tmp_path: Path) -> None:
    found = opened(tmp_path)
    plan = found.plan()
    assert [str(change) for change in plan.changes] == [
        "shop.payments: create it with 6 columns, in partitions by day of at and 4 buckets of customer",
        "shop.profiles: create it with 5 columns, in partitions by day of at and 4 buckets of customer",
    ]
    assert found.apply() == plan
    assert not found.plan()
    table = found.catalog.load_table("shop.payments")
    assert [field.name for field in table.schema().fields][-1] == "unskew_created"
    assert [str(field.transform) for field in table.spec().fields] == ["day", "bucket[4]"]
    assert [table.schema().find_column_name(it.source_id) for it in table.sort_order().fields] == ["customer", "at"]


def test_a_layout_is_chosen_for_new_tables(tmp_path: Path) -> None:
    found = store(tmp_path, layout=offline.Layout("none", 0))

    assert found.catalog.load_table("shop.payments").spec().is_unpartitioned()
    with pytest.raises(errors.InvalidArgument, match="a period is one of day, month, none, not 'week'"):
        offline.Layout("week")


def test_columns_are_added_renamed_widened_and_ordered_without_a_new_file(tmp_path: Path) -> None:
    narrow = DEFINITIONS.replace("version: int64, customer", "version: int32, customer").replace(
        "  payments:\n    iceberg: shop.payments\n    event_time: at\n    event_id: id\n    version: version\n",
        "  payments:\n    iceberg: shop.payments\n    event_time: at\n    event_id: id\n",
    )
    first = store(tmp_path, narrow)
    rows = payments((1, 7, 1, 10.0), (2, 8, 2, 5.0))
    first.append("payments", rows.set_column(1, "version", rows["version"].cast(pa.int32())))
    before = files(tmp_path)
    wider = changed("{id: int64, note: string, at: timestamp, customer: int64, version: int64, value: float64}")
    then = opened(tmp_path, wider.replace("column: amount", "column: value"))
    renames = {"payments": {"amount": "value"}}

    assert [(it.kind, it.column) for it in then.apply(renames=renames).changes] == [
        ("rename", "value"), ("add", "note"), ("widen", "version"), ("reorder", None),
    ]  # fmt: skip
    assert files(tmp_path) == before
    assert not then.plan()
    assert not then.plan(renames=renames)
    names = [field.name for field in then.catalog.load_table("shop.payments").schema().fields]
    assert names == ["id", "note", "at", "customer", "version", "value", "unskew_created"]
    read = then.read("payments").read_all().sort_by("id")
    assert read["value"].to_pylist() == [10.0, 5.0]
    assert read["note"].to_pylist() == [None, None]
    assert read.schema.field("version").type == pa.int64()
    more: dict[str, Any] = {
        "id": [3],
        "note": ["n"],
        "at": times(3),
        "customer": [7],
        "version": [2**40],
        "value": [1.0],
    }
    then.append("payments", more)
    assert then.read("payments").read_all().sort_by("id").to_pylist()[2]["version"] == 2**40


def test_what_would_lose_data_is_refused_unless_told(tmp_path: Path) -> None:
    first = store(tmp_path)
    first.append("payments", payments((1, 7, 1, 10.0)))
    snapshot = first.snapshots("payments")[0].snapshot_id
    fewer = DEFINITIONS.replace(", region: string", "")
    then = opened(tmp_path, fewer)

    assert [str(it) for it in then.plan().loses] == ["shop.profiles: drop region (loses its values)"]
    with pytest.raises(
        errors.FailedPrecondition, match=r"drop region .*nothing was changed; allow_loss .--allow-loss."
    ):
        then.apply()
    assert [it.kind for it in then.plan().changes] == ["drop"]
    then.apply(allow_loss=True)
    assert not then.plan()
    assert first.read("payments", as_of_snapshot=snapshot).read_all().num_rows == 1


BAD = [
    (
        "{id: int64, version: int64, customer: int64, at: timestamp, amount: float32}",
        r"'amount' is double there and float32",
    ),
    ("{id: string, version: int64, customer: int64, at: timestamp, amount: float64}", r"'id' is long there and string"),
    (
        "{id: int64, version: int64, customer: int64, at: timestamp, amount: int64}",
        r"'amount' is double there and int64",
    ),
]


@pytest.mark.parametrize(("columns", "message"), BAD, ids=["narrower", "another", "integer"])
def test_other_types_are_refused_with_what_would_be_right(columns: str, message: str, tmp_path: Path) -> None:
    store(tmp_path)
    found = opened(tmp_path, changed(columns))

    with pytest.raises(errors.FailedPrecondition, match=message + r".*Iceberg widens int32 to int64"):
        found.plan()


def test_renames_are_checked(tmp_path: Path) -> None:
    found = store(tmp_path)

    with pytest.raises(
        errors.InvalidArgument, match="'amount' can't become 'value', which the source 'payments' does not"
    ):
        found.plan(renames={"payments": {"amount": "value"}})
    with pytest.raises(errors.UnknownName, match="there is no source 'nothing'"):
        found.plan(renames={"nothing": {"amount": "value"}})


def test_rows_are_not_appended_to_a_table_that_is_not_as_defined(tmp_path: Path) -> None:
    store(tmp_path)
    more = changed("{id: int64, version: int64, customer: int64, at: timestamp, amount: float64, note: string}")

    with pytest.raises(
        errors.FailedPrecondition, match="has no column 'note', which the definitions have: `unskew apply`"
    ):
        opened(tmp_path, more).append("payments", payments((1, 7, 1, 10.0)).append_column("note", pa.array(["a"])))


def test_a_configured_catalog_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    properties = {"type": "sql", "uri": f"sqlite:///{tmp_path / 'cat.db'}", "warehouse": (tmp_path / "wh").as_uri()}
    found = offline.open(opened(tmp_path).definitions, "fs", properties=properties)
    found.apply()

    assert (tmp_path / "wh" / "shop" / "payments" / "metadata").is_dir()
    with pytest.raises(errors.InvalidArgument, match="configured already, and warehouse 'here' is the folder of one"):
        offline.open(found.definitions, "fs", properties=properties, warehouse="here")
    monkeypatch.chdir(tmp_path)
    offline.open(found.definitions).apply()
    assert (tmp_path / "warehouse" / "catalog.db").is_file()


@pytest.mark.parametrize(
    "properties",
    [{"type": "rest", "uri": "http://127.0.0.1:1"}, {"type": "sql", "uri": "sqlite:////nowhere/at/all.db"}],
    ids=["rest", "sql"],
)
def test_a_catalog_that_does_not_answer_is_told(properties: dict[str, str], tmp_path: Path) -> None:
    definitions = opened(tmp_path).definitions

    with pytest.raises(errors.Unavailable, match="the catalog 'far' can't be opened: "):
        offline.open(definitions, "far", properties={**properties, "rest.retry.max-attempts": "1"})
