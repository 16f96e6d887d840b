"""Random rows for a service that uses every transform: `tests/every_transform`."""

import numpy as np
import pyarrow as pa

REGIONS = ["north", "south", "east", "west", "north-west", "ünbekannt", "", "a|b", "x" * 70]
HARD = [0.0, -0.0, 1.0, -1.0, 1e-300, 5e-324, 1e300, -1e300, float("nan"), float("inf"), float("-inf")]
EVENT_TIME = 1_767_225_600_000_000


def make(count: int, seed: int, *, tame: bool = False) -> pa.Table:
    """Columns named as the inputs of the service, the key, the event time, and the target of the fit.

    `tame`: without numbers that no fit takes, such as infinities.
    """
    random = np.random.default_rng(seed)

    def nulls(share: float = 0.1) -> np.ndarray:
        return random.random(count) < share

    def floats(dtype: type, hard: list[float]) -> pa.Array:
        values = random.normal(20, 60, count)
        places = random.random(count) < 0.05
        if not tame:
            values[places] = random.choice(hard, int(places.sum()))
        with np.errstate(over="ignore"):
            return pa.array(values.astype(dtype), mask=nulls())

    def texts() -> pa.Array:
        found = np.array(REGIONS, dtype=object)[random.integers(0, len(REGIONS), count)]
        return pa.array(found, pa.string(), mask=nulls())

    tags = [
        None if missing else [REGIONS[at] for at in random.integers(0, len(REGIONS), size)]
        for missing, size in zip(nulls(), random.integers(0, 4, count), strict=True)
    ]
    embedding = [None if missing else row for missing, row in zip(nulls(), random.random((count, 4)), strict=True)]
    seen = pa.array(random.integers(0, 2_000_000_000_000_000, count), pa.timestamp("us", "UTC"), mask=nulls())
    finite = [value for value in HARD if np.isfinite(value)]
    return pa.table(
        {
            "account_id": pa.array(np.arange(count), pa.int64()),
            "event_time": pa.array(np.full(count, EVENT_TIME), pa.timestamp("us", "UTC")),
            "account_facts.amount": floats(np.float64, HARD),
            "account_facts.score": floats(np.float32, HARD),
            "account_facts.visits": pa.array(random.integers(-50, 1000, count), pa.int64(), mask=nulls()),
            "account_facts.level": pa.array(random.integers(-100, 100, count).astype(np.int32), mask=nulls()),
            "account_facts.active": pa.array(random.random(count) < 0.5, mask=nulls()),
            "account_facts.region": texts(),
            "account_facts.seen": seen,
            "account_facts.tags": pa.array(tags, pa.list_(pa.string())),
            "account_facts.embedding": pa.array(embedding, pa.list_(pa.float32(), 4)),
            # A request in JSON has neither NaN nor infinity.
            "price": floats(np.float64, finite),
            "channel": texts(),
            "is_fraud": pa.array(random.random(count) < 0.1),
        }
    )
