"""Windows of training sets against DuckDB, pandas and the text of the contract."""

import math
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unskew

SOURCE = """
entities:
  customer: {keys: {customer: int64}}
sources:
  payments:
    event_time: at
    event_id: id
    version: version
    columns: {id: int64, version: int64, customer: int64, at: timestamp, amount: float64, whole: int64}
  learned:
    event_time: at
    event_id: id
    version: version
    known_at: known_at
    columns:
      {id: int64, version: int64, customer: int64, at: timestamp, amount: float64, whole: int64, known_at: timestamp}
  bare:
    event_time: at
    event_id: none
    columns: {customer: int64, at: timestamp, amount: float64, whole: int64}
"""
FUNCTIONS = """
      nb: {function: count, windows: [5s, 30s]}
      values: {function: count, column: amount, windows: [5s, 30s]}
      total: {function: sum, column: amount, windows: [5s, 30s]}
      whole: {function: sum, column: whole, windows: [5s, 30s]}
      avg: {function: mean, column: amount, windows: [5s, 30s]}
      least: {function: min, column: whole, windows: [5s, 30s]}
      most: {function: max, column: whole, windows: [5s, 30s]}
"""
FEATURES = ("nb", "values", "total", "whole", "avg", "least", "most")
READ = "\n".join(
    f"      - {{input: VIEW.{name}_{length}, steps: [{{impute: {{value: 0}}}}]}}"
    for name in FEATURES
    for length in ("5s", "30s")
)


def service(source: str, view: str = "") -> unskew.Definitions:
    """Definitions of one view of a source, and one service that reads all of it."""
    request = "request: {at: timestamp, amount: float64, whole: int64}"
    return unskew.parse(
        f"{SOURCE}views:\n  spending:\n    entity: customer\n    source: {source}\n{view}    aggregations:{FUNCTIONS}"
        f"services:\n  model:\n    time: at\n    {request}\n    vector:\n{READ.replace('VIEW', 'spending')}\n"
    )


def test_features_of_a_window_view_have_the_names_that_services_use() -> None:
    features = service("payments").views["spending"].features
    assert [feature.name for feature in features] == [
        f"{name}_{window}" for name in FEATURES for window in ("5s", "30s")
    ]


# Few customers, times and ids: ties, duplicates and versions are what there is.
SECOND = 1_000_000
TIMES = st.integers(0, 60).map(lambda half: half * SECOND // 2) | st.integers(0, 30 * SECOND)
FLOATS = st.none() | st.floats(-1e300, 1e300) | st.sampled_from([0.1, -0.0, 1e16, -1e16, 1.0, math.nan])
EVENT = st.fixed_dictionaries(
    {
        "id": st.integers(0, 12),
        "version": st.none() | st.integers(0, 2),
        "customer": st.integers(0, 2),
        "at": TIMES,
        "amount": FLOATS,
        "whole": st.none() | st.integers(-(2**40), 2**40),
        "known_at": TIMES,
    }
)
ROW = st.fixed_dictionaries(
    {"customer": st.integers(0, 3), "at": TIMES, "amount": FLOATS, "whole": st.none() | st.integers(-100, 100)}
)
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("version", pa.int64()),
        ("customer", pa.int64()),
        ("at", pa.timestamp("us")),
        ("amount", pa.float64()),
        ("whole", pa.int64()),
        ("known_at", pa.timestamp("us")),
    ]
)
ROW_NAMES = ("customer", "at", "amount", "whole")
EVENTS = st.lists(EVENT, max_size=40).map(lambda rows: pa.Table.from_pylist(rows, SCHEMA))
ROWS = st.lists(ROW, min_size=1, max_size=20).map(
    lambda rows: pa.Table.from_pylist(rows, pa.schema([SCHEMA.field(name) for name in ROW_NAMES]))
)


def figures(amounts: list[float | None] | None, wholes: list[int | None] | None, nb: int) -> dict[str, Any]:
    """What the contract says of the events of one window."""
    numbers = [it for it in amounts or [] if it is not None and not math.isnan(it)]
    ints = [it for it in wholes or [] if it is not None]
    total = math.fsum(numbers) + 0.0 if numbers else None
    return {
        "nb": nb,
        "values": len(numbers),
        "total": total,
        "whole": sum(ints) if ints else None,
        "avg": None if total is None else total / len(numbers),
        "least": min(ints, default=None),
        "most": max(ints, default=None),
    }


def check(found: unskew.TrainingSet, of_windows: dict[str, list[dict[str, Any]]]) -> None:
    """Compares every feature with what a window holds, for each row of the spine, bit for bit."""
    for length, rows in of_windows.items():
        for name in FEATURES:
            given = found.features[f"spending.{name}_{length}"].to_pylist()
            wanted = [row[name] for row in rows]
            assert [repr(value) for value in given] == [repr(value) for value in wanted], (name, length)
            states = found.statuses[f"spending.{name}_{length}"].to_pylist()
            assert states == ["NULL" if value is None else "PRESENT" for value in wanted], (name, length)


CON = duckdb.connect()


def ask(query: str, **tables: pa.Table) -> pa.Table:
    """What DuckDB answers."""
    with CON.cursor() as cursor:
        for name, table in tables.items():
            cursor.register(name, table)
        return cursor.sql(query).to_arrow_table()


def of_rows(spine: pa.Table, events: pa.Table, query: str) -> list[dict[str, Any]]:
    """The figures of each row of the spine, by a query of row, amount and whole of every event in its window."""
    numbered = spine.append_column("row", pa.array(range(len(spine))))
    lists = f"SELECT row, list(amount) a, list(whole) w, count(*) n FROM ({query}) GROUP BY row"  # noqa: S608 (ours)
    found = ask(lists, spine=numbered, events=events).to_pylist()
    by_row = {it["row"]: figures(it["a"], it["w"], it["n"]) for it in found}
    return [by_row.get(row, figures([], [], 0)) for row in range(len(spine))]


def within(microseconds: int, offset: int = 0, start: str = "events") -> str:
    """A query of the events of a window, as the contract says it: t - o - w < e <= t - o, and e < t."""
    return f"""
        SELECT s.row, e.amount, e.whole FROM spine s JOIN {start} e ON e.customer = s.customer AND e."at" < s."at"
        AND epoch_us(e."at") > epoch_us(s."at") - {offset} - {microseconds}
        AND epoch_us(e."at") <= epoch_us(s."at") - {offset}
    """  # noqa: S608 (numbers)


def greatest(rows: str, of: str) -> str:
    """A query that keeps of each event its greatest version."""
    return f"""
        SELECT * FROM ({rows}) QUALIFY row_number() OVER (
            PARTITION BY {of} ORDER BY coalesce(version, 0) DESC, "at" DESC,
            if(isnan(amount), NULL, amount + 0.0) DESC NULLS LAST, whole DESC NULLS LAST) = 1
    """  # noqa: S608 (names)


def newest(events: pa.Table) -> pa.Table:
    """Of each event its greatest version."""
    return ask(greatest("FROM events", "customer, id"), events=events)


LENGTHS = {"5s": 5 * SECOND, "30s": 30 * SECOND}


@settings(deadline=None)
@given(EVENTS, ROWS, st.sampled_from(["0s", "2s", "30s"]), st.randoms())
def test_windows_hold_what_a_join_of_duckdb_gives(events: pa.Table, spine: pa.Table, offset: str, random: Any) -> None:
    definitions = service("payments", "" if offset == "0s" else f"    offset: {offset}\n")
    order = list(range(len(events)))
    random.shuffle(order)
    repeated = events.take(pa.array(order + order[: len(order) // 2], pa.int64()))
    found = unskew.training_set(definitions, "model", spine, {"payments": repeated})
    kept = newest(events)

    check(found, {name: of_rows(spine, kept, within(it, int(offset[:-1]) * SECOND)) for name, it in LENGTHS.items()})


@settings(deadline=None)
@given(EVENTS)
def test_windows_hold_what_a_range_of_duckdb_without_its_group_holds(events: pa.Table) -> None:
    rows = newest(events)
    found = unskew.training_set(service("payments"), "model", rows.select(ROW_NAMES), {"payments": events})
    of_windows = {}
    for name, length in LENGTHS.items():
        window = f"""
            OVER (PARTITION BY customer ORDER BY "at"
            RANGE BETWEEN INTERVAL {length - 1} MICROSECONDS PRECEDING AND CURRENT ROW EXCLUDE GROUP)
        """
        lists = f"list(amount) {window} a, list(whole) {window} w, count(*) {window} n"
        answer = ask(f"SELECT id, customer, {lists} FROM events", events=rows).to_pylist()  # noqa: S608 (ours)
        by_row = {(it["id"], it["customer"]): figures(it["a"], it["w"], it["n"]) for it in answer}
        keys = zip(rows["id"].to_pylist(), rows["customer"].to_pylist(), strict=True)
        of_windows[name] = [by_row[key] for key in keys]

    check(found, of_windows)


@settings(deadline=None)
@given(EVENTS, ROWS)
def test_the_row_of_the_request_counts_once(events: pa.Table, spine: pa.Table) -> None:
    found = unskew.training_set(
        service("payments", "    include_request: true\n"), "model", spine, {"payments": events}
    )
    kept, own = newest(events), "SELECT row, amount, whole FROM spine"

    check(found, {name: of_rows(spine, kept, f"{within(it)} UNION ALL {own}") for name, it in LENGTHS.items()})


@settings(deadline=None)
@given(EVENTS, ROWS)
def test_what_was_not_known_yet_is_not_seen(events: pa.Table, spine: pa.Table) -> None:
    found = unskew.training_set(service("learned"), "model", spine, {"learned": events})
    seen = 'SELECT e.*, s.row FROM events e, spine s WHERE e.known_at <= s."at"'
    visible = f"({greatest(seen, 'row, customer, id')})"
    queries = {name: f"{within(it, 0, visible)} AND e.row = s.row" for name, it in LENGTHS.items()}

    check(found, {name: of_rows(spine, events, query) for name, query in queries.items()})


@settings(deadline=None)
@given(EVENTS, ROWS)
def test_events_without_ids_all_count(events: pa.Table, spine: pa.Table) -> None:
    twice = pa.concat_tables([events, events])
    found = unskew.training_set(service("bare"), "model", spine, {"bare": twice})

    check(found, {name: of_rows(spine, twice, within(it)) for name, it in LENGTHS.items()})


def test_windows_are_those_of_pandas_where_times_differ() -> None:
    random = np.random.default_rng(7)
    at = np.sort(random.choice(10**9, 3_000, replace=False)) + 1
    frame = pd.DataFrame(
        {
            "id": np.arange(3_000),
            "version": 0,
            "customer": random.integers(0, 5, 3_000),
            "at": pd.to_datetime(at, unit="us", utc=True),
            "amount": random.integers(0, 1_000, 3_000) / 4,
            "whole": random.integers(0, 1_000, 3_000),
        }
    )
    found = unskew.training_set(service("payments"), "model", frame, {"payments": frame})

    rolled = frame.set_index("at").groupby("customer")["amount"].rolling("30s", closed="left")
    for name, wanted in {"values": rolled.count().fillna(0), "total": rolled.sum(), "avg": rolled.mean()}.items():
        # Rows of pandas are in the order of customers and times; sums of quarters are exact.
        order = np.lexsort((frame["at"], frame["customer"]))
        given = found.features[f"spending.{name}_30s"].to_pandas().to_numpy()[order]
        assert given == pytest.approx(wanted.to_numpy(), rel=1e-12, abs=0, nan_ok=True), name
