"""Operators, a sensor and DAGs for Apache Airflow 3: what fills the offline store, and the online store from it.

    from unskew.airflow import feature_dags

    dags = feature_dags(
        "/features/definitions",
        start_date=datetime(2026, 11, 1, tzinfo=timezone.utc),
        rows={"transactions": "/landing/transactions/{{ ds }}.parquet"},
    )
    globals().update(dags)  # one for each source with a schedule: append, materialize, verify

It needs Airflow, and the extra `iceberg` where tasks run. The gateway and the catalog come from an Airflow connection.
"""

try:
    import airflow.sdk  # noqa: F401 (whether it is there)
except ModuleNotFoundError as error:  # pragma: no cover
    raise ModuleNotFoundError(
        f"unskew.airflow needs Apache Airflow 3: the module {error.name} is not installed; "
        "install it with: pip install 'unskew[airflow]'",
        name=error.name,
    ) from None

from unskew.airflow.dags import feature_dags
from unskew.airflow.operators import AppendOperator, MaterializeOperator, VerifyOperator
from unskew.airflow.sensors import FreshnessSensor

__all__ = ["AppendOperator", "FreshnessSensor", "MaterializeOperator", "VerifyOperator", "feature_dags"]
