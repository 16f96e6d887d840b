"""Training sets from tables: the snapshots that were read are kept, and give the same bytes again."""

import datetime as dt
import time
from pathlib import Path

import pyarrow as pa
import pytest

import unskew
from tests.offline.store import DEFINITIONS, opened, payments, random_payments, random_profiles, spine, store
from unskew import errors, offline

DAY = dt.timedelta(days=1)


def filled(folder: Path, layout: offline.Layout | None = None, text: str = DEFINITIONS) -> offline.OfflineStore:
    """A store with 3,000 payments in three batches, and 500 profiles."""
    found = store(folder, text, layout or offline.Layout("month", 2))
    for batch in range(3):
        found.append("payments", random_payments(batch, 1_000, batch * 1_000), batch_id=f"batch {batch}")
    found.append("profiles", random_profiles(9, 500))
    return found


def test_a_training_set_is_that_of_the_same_rows_in_memory(tmp_path: Path) -> None:
    found, rows = filled(tmp_path), spine(5, 400)
    tables = {
        "payments": pa.concat_tables([random_payments(batch, 1_000, batch * 1_000) for batch in range(3)]),
        "profiles": random_profiles(9, 500),
    }
    wanted = unskew.training_set(found.definitions, "model", rows, tables)
    made = found.training_set("model", rows)

    assert made.vectors.tobytes() == wanted.vectors.tobytes()
    assert made.features.equals(wanted.features)
    assert made.statuses.equals(wanted.statuses)
    assert made.fingerprint == wanted.fingerprint
    assert wanted.origin is None
    assert made.origin is not None
    snapshots = {source: read.snapshot_id for source, read in made.origin.tables.items()}
    assert snapshots == {it: found.snapshots(it)[-1].snapshot_id for it in ("payments", "profiles")}
    # A spine of a few entities reads few files, and gives the same bits.
    few = rows.slice(0, 5)
    alone = unskew.training_set(found.definitions, "model", few, tables, fitted=wanted.fitted)
    assert found.training_set("model", few, fitted=wanted.fitted).vectors.tobytes() == alone.vectors.tobytes()


def test_histories_larger_than_the_memory_give_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unskew.offline._scan.GROUP_BYTES", 1)
    found, rows = filled(tmp_path), spine(5, 400)
    wanted = found.training_set("model", rows)

    assert found.training_set("model", rows, memory_limit=20_000).vectors.tobytes() == wanted.vectors.tobytes()


def test_a_training_set_is_made_again_after_more_data_other_columns_and_compaction(tmp_path: Path) -> None:
    narrow = DEFINITIONS.replace("limit: float64", "limit: float32")
    found, rows = filled(tmp_path, text=narrow), spine(5, 400)
    made = found.training_set("model", rows, pin="june")
    made.save(tmp_path / "made")
    # From here on limits are wider.
    found = opened(tmp_path)
    found.apply()
    found.append("payments", random_payments(7, 2_000, 10_000))
    found.append("payments", random_payments(1, 1_000, 1_000).set_column(1, "version", pa.array([5] * 1_000)))
    found.append("profiles", random_profiles(10, 200))
    text = DEFINITIONS.replace("amount: float64}", "value: float64, note: string}").replace(
        "column: amount", "column: value"
    )
    later = opened(tmp_path, text)
    later.apply(renames={"payments": {"amount": "value"}})
    assert later.training_set("model", rows).vectors.tobytes() != made.vectors.tobytes()
    fewer = opened(tmp_path, text.replace("limit: float64, region: string}\nviews", "limit: float64}\nviews").replace(
        "features: {limit: float64, region: string}", "features: {limit: float64}"))  # fmt: skip
    fewer.apply(allow_loss=True)
    for source in ("payments", "profiles"):
        assert fewer.compact(source).files_before > 0
        assert fewer.expire_snapshots(source, older_than=-DAY).snapshots
    again = fewer.reproduce(unskew.TrainingSet.load(tmp_path / "made"))

    assert again.vectors.tobytes() == made.vectors.tobytes()
    assert again.features.equals(made.features)
    assert again.statuses.equals(made.statuses)
    assert (again.fingerprint, again.origin, again.fitted) == (made.fingerprint, made.origin, made.fitted)


def test_snapshots_are_named_by_number_time_and_tag(tmp_path: Path) -> None:
    found = store(tmp_path)
    rows = pa.table({"customer": [7], "event_time": payments((1, 7, 24, 1.0))["at"]})
    seen = []
    for number in range(1, 4):
        done = found.append("payments", payments((number, 7, number, 1.0)))
        seen.append((done.snapshot_id, dt.datetime.now(dt.timezone.utc)))
        time.sleep(0.01)
    found.tag("second", {"payments": seen[1][0] or 0})

    def nb(**as_of: object) -> float:
        made = unskew.training_set(found.definitions, "payments_only", rows, catalog=found.catalog, **as_of)  # type: ignore[arg-type]
        return float(made.vectors[0, 0])

    assert [nb(as_of_snapshot=snapshot) for snapshot, _ in seen] == [1.0, 2.0, 3.0]
    assert [nb(as_of_time=at) for _, at in seen] == [1.0, 2.0, 3.0]
    assert nb(as_of_time=seen[0][1] - DAY) == 0.0
    assert nb(tag="second") == 2.0
    assert nb(as_of_snapshot={"payments": seen[1][0]}) == 2.0
    assert [it.tags for it in found.snapshots("payments")] == [(), ("second",), ()]
    with pytest.raises(
        errors.NotFound, match=r"'shop.payments' has no snapshot 5: it has expired, or never was; a tag keeps one"
    ):
        nb(as_of_snapshot=5)
    with pytest.raises(errors.NotFound, match=r"has no tag 'third'; it has .'second'."):
        nb(tag="third")
    with pytest.raises(errors.InvalidArgument, match="as_of_time and tag both say what to read"):
        nb(as_of_time=seen[0][1], tag="second")
    with pytest.raises(errors.InvalidArgument, match="2 tables are read, and each has snapshots of its own"):
        found.training_set("model", rows, as_of_snapshot=seen[0][0])
    with pytest.raises(errors.AlreadyExists, match=r"'shop.payments' has a tag 'second' for the snapshot"):
        found.tag("second")
    assert found.untag("second") == ("payments",)
    assert found.untag("second") == ()


def appended(found: offline.OfflineStore, count: int) -> list[tuple[int, dt.datetime]]:
    """Appends of one row each: the snapshot, and a time at which it was the newest."""
    seen = []
    for number in range(count):
        done = found.append("payments", payments((number, 7, number, 1.0)))
        seen.append((done.snapshot_id or 0, dt.datetime.now(dt.timezone.utc)))
        time.sleep(0.01)
    return seen


def test_a_time_whose_snapshot_expired_is_not_read_as_another(tmp_path: Path) -> None:
    found = store(tmp_path)
    seen = appended(found, 5)
    for place in (0, 1):
        found.tag(f"kept {place}", {"payments": seen[place][0]})
    found.expire_snapshots("payments", older_than=-DAY)

    def rows(at: dt.datetime) -> int:
        return int(found.read("payments", as_of_time=at).read_all().num_rows)

    assert [rows(at) for at in (seen[0][1] - DAY, seen[0][1], seen[4][1])] == [0, 1, 5]
    # The second is there, but not for how long it was the newest.
    for _, at in seen[1:4]:
        left = rf"still there are {seen[1][0]} of .* \(tag 'kept 1'\), and {seen[4][0]} of "
        with pytest.raises(errors.NotFound, match=rf"'shop.payments' had at {at.isoformat()[:19]}.* expired.*{left}"):
            rows(at)
    for place in (0, 1):
        found.untag(f"kept {place}")
    found.expire_snapshots("payments", older_than=-DAY)
    for _, at in seen[:4]:
        with pytest.raises(errors.NotFound, match=rf"'shop.payments' had at .*; still there is {seen[4][0]} of "):
            rows(at)
    assert rows(seen[4][1]) == 5


def test_a_time_before_a_rollback_is_read_until_snapshots_expire(tmp_path: Path) -> None:
    found = store(tmp_path)
    seen = appended(found, 3)
    found.catalog.load_table("shop.payments").manage_snapshots().rollback_to_snapshot(seen[1][0]).commit()
    after = dt.datetime.now(dt.timezone.utc)

    def rows(at: dt.datetime) -> int:
        return int(found.read("payments", as_of_time=at).read_all().num_rows)

    assert [rows(at) for at in (*(at for _, at in seen), after)] == [1, 2, 3, 2]
    found.expire_snapshots("payments", older_than=-DAY, retain_last=2)
    assert [rows(at) for at in (seen[0][1], after)] == [1, 2]
    for _, at in seen[1:]:
        with pytest.raises(errors.NotFound, match="expired"):
            rows(at)


def test_what_can_t_be_made_again_says_why(tmp_path: Path) -> None:
    found, rows = filled(tmp_path), spine(5, 50)
    given = found.training_set("model", rows, {"profiles": random_profiles(9, 500)})
    made = found.training_set("model", rows)
    with pytest.raises(
        errors.FailedPrecondition, match="the history of 'profiles' was given as a table, and is not kept"
    ):
        found.reproduce(given)
    found.append("payments", random_payments(7, 10, 10_000))
    found.expire_snapshots("payments", older_than=-DAY)
    with pytest.raises(errors.NotFound, match=r"has no snapshot .* a tag keeps one"):
        found.reproduce(made)


def test_rows_appended_since_a_snapshot_are_told_until_others_are_changed(tmp_path: Path) -> None:
    found = store(tmp_path)
    first, rows = found.appended_since("payments", None)
    assert first is None
    assert rows is not None
    assert rows.read_all().num_rows == 0
    start = found.append("payments", payments((1, 7, 1, 1.0))).snapshot_id
    found.append("payments", payments((2, 7, 2, 1.0)))
    end = found.append("payments", payments((3, 8, 2, 1.0))).snapshot_id

    def since() -> tuple[int | None, list[int] | None]:
        newest, rows = found.appended_since("payments", start)
        return newest, None if rows is None else rows.read_all()["id"].to_pylist()

    assert since() == (end, [2, 3])
    found.compact("payments")
    assert since()[1] == [2, 3]
    found.forget("customer", [{"customer": 8}])
    assert since()[1] is None
