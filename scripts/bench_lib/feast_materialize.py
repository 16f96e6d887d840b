"""Feast's `materialize` from Parquet into a Redis: run by `scripts/bench` in an environment that has Feast.

`feast_materialize.py ROWS FEATURES REDIS FOLDER` makes a Parquet file of as many entities, and prints the seconds that
materializing them took as JSON.
"""

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

END = datetime(2026, 1, 1, tzinfo=UTC)
VIEW = "user_features"


def main() -> None:
    """Make the file and the definitions, materialize."""
    # Only that environment has them.
    import feast  # type: ignore[import-not-found] # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    rows, features, address, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    random = np.random.default_rng(0)
    names = [f"f{place}" for place in range(features)]
    frame: Any = pd.DataFrame({"user_id": np.arange(rows), **{name: random.normal(size=rows) for name in names}})
    frame["at"] = pd.Timestamp(END) - pd.to_timedelta(random.integers(1, 86_400, rows), unit="s")
    frame.to_parquet(folder / "users.parquet")
    config = feast.RepoConfig(
        project="bench",
        provider="local",
        registry=str(folder / "registry.db"),
        online_store={"type": "redis", "connection_string": address},
        offline_store={"type": "file"},
        entity_key_serialization_version=3,
    )
    store = feast.FeatureStore(config=config)
    user = feast.Entity(name="user", join_keys=["user_id"], value_type=feast.ValueType.INT64)
    source = feast.FileSource(path=str(folder / "users.parquet"), timestamp_field="at")
    schema = [feast.Field(name=name, dtype=feast.types.Float64) for name in names]
    view = feast.FeatureView(name=VIEW, entities=[user], ttl=timedelta(0), schema=schema, source=source, online=True)
    store.apply([user, view])
    began = time.perf_counter()
    store.materialize(END - timedelta(days=2), END)
    seconds = time.perf_counter() - began
    read = store.get_online_features([f"{VIEW}:{names[0]}"], [{"user_id": rows - 1}]).to_dict()
    if read[names[0]] != [frame[names[0]].iloc[-1]]:
        raise SystemExit(f"Feast serves {read}, not what was materialized")
    print(json.dumps({"rows": rows, "seconds": seconds, "version": feast.__version__}))


if __name__ == "__main__":
    main()
