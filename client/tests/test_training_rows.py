"""Rows of training sets against ASOF joins of DuckDB."""

from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

import unskew

SECOND = 1_000_000
TTL = 5 * SECOND
DEFINITIONS = unskew.parse("""
entities:
  customer: {keys: {customer: string}}
sources:
  profiles:
    event_time: since
    created: written
    columns: {customer: string, since: timestamp, written: timestamp, limit: float64, tier: string}
  learned:
    event_time: since
    known_at: known_at
    columns: {customer: string, since: timestamp, known_at: timestamp, limit: float64}
views:
  profile:
    entity: customer
    source: profiles
    features:
      limit: {dtype: float64, ttl: 5s}
      tier: {dtype: string, default: new}
  told:
    entity: customer
    source: learned
    features: {limit: {dtype: float64}}
services:
  both:
    vector:
      - {name: limit, input: profile.limit, steps: [{impute: {value: 0}}]}
      - {name: tier, input: profile.tier, steps: [{one_hot: {tokens: [new, old]}}]}
      - {name: told, input: told.limit, steps: [{impute: {value: 0}}]}
""")
TIMES = st.integers(0, 40).map(lambda half: half * SECOND // 2)
CUSTOMERS = st.sampled_from(["ann", "bob", "ünal|7"])
SCHEMA = pa.schema(
    [
        ("customer", pa.string()),
        ("since", pa.timestamp("us")),
        ("written", pa.timestamp("us")),
        ("known_at", pa.timestamp("us")),
        ("limit", pa.float64()),
        ("tier", pa.string()),
    ]
)
PROFILE = st.fixed_dictionaries(
    {
        "customer": CUSTOMERS,
        "since": TIMES,
        "written": TIMES,
        "known_at": TIMES,
        "limit": st.none() | st.integers(0, 9).map(float),
        "tier": st.none() | st.sampled_from(["old", "gold"]),
    }
)
# Rows that nothing but their bytes tells apart are for the golden cases.
PROFILES = st.lists(PROFILE, max_size=30, unique_by=lambda row: (row["customer"], row["since"])).map(
    lambda rows: pa.Table.from_pylist(rows, SCHEMA)
)
WRITTEN = st.lists(PROFILE, max_size=30, unique_by=lambda row: (row["customer"], row["since"], row["written"])).map(
    lambda rows: pa.Table.from_pylist(rows, SCHEMA)
)
SPINES = st.lists(
    st.fixed_dictionaries({"customer": CUSTOMERS | st.just("nobody"), "at": TIMES}), min_size=1, max_size=20
).map(lambda rows: pa.Table.from_pylist(rows, pa.schema([("customer", pa.string()), ("at", pa.timestamp("us"))])))


def made(spine: pa.Table, profiles: pa.Table) -> unskew.TrainingSet:
    sources = {"profiles": profiles, "learned": profiles}
    return unskew.training_set(DEFINITIONS, "both", spine, sources, time_column="at")


CON = duckdb.connect()


def query(spine: pa.Table, profiles: pa.Table, text: str) -> list[tuple[Any, ...]]:
    with CON.cursor() as cursor:
        cursor.register("spine", spine.append_column("row", pa.array(range(len(spine)))))
        cursor.register("profiles", profiles)
        return list(cursor.execute(text).fetchall())


@settings(deadline=None)
@given(PROFILES, SPINES)
def test_rows_are_those_of_an_asof_join(profiles: pa.Table, spine: pa.Table) -> None:
    found = made(spine, profiles)
    rows = query(
        spine,
        profiles,
        """
        SELECT p.since, epoch_us(s."at") - epoch_us(p.since), p."limit", p.tier
        FROM spine s ASOF LEFT JOIN profiles p ON s.customer = p.customer AND s."at" >= p.since ORDER BY s.row
        """,
    )
    states = found.statuses.to_pydict()
    for row, (since, age, limit, tier) in enumerate(rows):
        if since is None:
            wanted = (("MISSING", None), ("MISSING", "new"))
        else:
            is_old = age > TTL
            limited = ("NULL" if limit is None else "PRESENT", limit)
            wanted = (("EXPIRED", None) if is_old else limited, ("NULL" if tier is None else "PRESENT", tier))
        given = tuple(
            (states[name][row], found.features[name][row].as_py()) for name in ("profile.limit", "profile.tier")
        )
        assert given == wanted, row


@settings(deadline=None)
@given(WRITTEN, SPINES)
def test_of_rows_of_one_time_the_one_written_last_counts(profiles: pa.Table, spine: pa.Table) -> None:
    found = made(spine, profiles)
    rows = query(
        spine,
        profiles,
        """
        WITH one AS (
            SELECT * FROM profiles
            QUALIFY row_number() OVER (PARTITION BY customer, since ORDER BY written DESC) = 1
        )
        SELECT p.since IS NULL, p.tier
        FROM spine s ASOF LEFT JOIN one p ON s.customer = p.customer AND s."at" >= p.since ORDER BY s.row
        """,
    )
    wanted = ["new" if is_missing else tier for is_missing, tier in rows]
    assert found.features["profile.tier"].to_pylist() == wanted


@settings(deadline=None)
@given(PROFILES, SPINES)
def test_rows_that_were_not_known_yet_are_not_seen(profiles: pa.Table, spine: pa.Table) -> None:
    found = made(spine, profiles)
    rows = query(
        spine,
        profiles,
        """
        SELECT count(p.since) = 0, first(p."limit" ORDER BY p.since DESC)
        FROM spine s LEFT JOIN profiles p ON s.customer = p.customer AND s."at" >= greatest(p.since, p.known_at)
        GROUP BY s.row ORDER BY s.row
        """,
    )
    for row, (is_missing, limit) in enumerate(rows):
        state = found.statuses["told.limit"][row].as_py()
        assert found.features["told.limit"][row].as_py() == limit
        assert state == ("MISSING" if is_missing else "NULL" if limit is None else "PRESENT")
