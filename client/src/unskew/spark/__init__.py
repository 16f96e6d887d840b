"""Training sets, fits and materializations on Apache Spark, over the tables of the offline store.

    from unskew import offline, spark

    store = offline.open("definitions", warehouse="/data/warehouse")
    session = spark.session(store)                       # or a session of your own, with spark.confs(store)
    spark.ship(session)                                  # where executors do not have the package
    made = spark.training_set(session, store, "fraud_model", spine)
    made.rows.write.parquet("sets/november")
    for view in spark.materialize(session, store, "127.0.0.1:50051"):
        print(view.view, view.mode, view.accepted)

It needs the extra `spark`. The engine runs in the Python workers of the executors, and no rows pass through the driver.
"""

try:
    import pyspark  # noqa: F401 (whether it is there)
except ModuleNotFoundError as error:  # pragma: no cover
    raise ModuleNotFoundError(
        f"Spark needs the extra `spark`: the module {error.name} is not installed; "
        "install it with: pip install 'unskew[spark]'",
        name=error.name,
    ) from None

from unskew.spark._shipping import ship
from unskew.spark.fits import fit
from unskew.spark.materialization import materialize
from unskew.spark.sessions import PACKAGES, confs, session
from unskew.spark.training import SparkTrainingSet, training_set

__all__ = ["PACKAGES", "SparkTrainingSet", "confs", "fit", "materialize", "session", "ship", "training_set"]
