"""The fraud example as it would run day by day: the DAG `unskew_transactions`, for Apache Airflow.

Each run appends what became known on its day to Iceberg, materializes it to the gateway, and verifies what is online.
The environment says where things are: FRAUD_DATA is the folder that `generate.py` wrote, FRAUD_DEFINITIONS what the
gateway serves. FRAUD_START and FRAUD_END are the first and the last day that are run.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from unskew.airflow import feature_dags

EXAMPLE = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("FRAUD_DATA") or EXAMPLE.parents[1] / "target" / "fraud")
DEFINITIONS = Path(os.environ.get("FRAUD_DEFINITIONS") or DATA / "benchmark" / "definitions")
LABEL_DELAY = timedelta(days=7)


def known_on(start: datetime, end: datetime) -> Any:
    """What became known from `start` to `end`: transactions without labels, and labels of those of a week before."""
    import pyarrow as pa  # noqa: PLC0415 (only for who runs the task, not for who reads the DAG)
    import pyarrow.parquet as pq  # noqa: PLC0415

    sys.path.append(str(EXAMPLE))
    from fraud_benchmark.stream import events  # noqa: PLC0415

    def between(first: datetime, last: datetime) -> Any:
        when = [("tx_datetime", ">=", first), ("tx_datetime", "<", last)]
        return pq.read_table(DATA / "transactions.parquet", filters=when)

    happened = events(between(start, end), labelled=False)
    labels = events(between(start - LABEL_DELAY, end - LABEL_DELAY), labelled=True)
    return pa.concat_tables([happened, labels])


def day(name: str, default: str) -> datetime:
    """A day of the environment."""
    return datetime.fromisoformat(os.environ.get(name) or default).replace(tzinfo=UTC)


globals().update(
    feature_dags(
        DEFINITIONS,
        start_date=day("FRAUD_START", "2018-04-01"),
        end_date=day("FRAUD_END", "2018-09-30"),
        rows={"transactions": known_on},
        tags=["unskew", "fraud"],
    )
)
