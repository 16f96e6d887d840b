"""Fits whose rows stay on the executors: their partial states are merged on the driver."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import types as t

from unskew import _tables
from unskew._engine import translated as engine
from unskew.service import Fitted, Service
from unskew.spark import _vectors
from unskew.spark._columns import without_path
from unskew.spark._faults import translated
from unskew.spark._shipping import mapped
from unskew.spark._stream import STATUS

__all__ = ["fit"]

SAVED = t.StructType([t.StructField(_vectors.SAVED, t.BinaryType())])


def fit(service: Service, rows: DataFrame, *, time_column: str | None = None) -> Fitted:
    """Learns the parameters of all steps of a service, as `Service.fit` does, and to the same bits.

    Each pass is a job of Spark. What comes to the driver is one state for each partition that has rows: counts and
    sums, and where a step needs them the distinct values, or up to a million values of a quantile.

    Args:
        service: the service.
        rows: a table with a column for each of `Service.inputs`, and the targets of its steps. It is read once for each
            pass, and has to have the same rows each time: `persist` it where that is dear or not so.
        time_column: as in `Service.fit`.

    Raises:
        DataError: a column is missing, or a value does not fit its type.
        FitError: nothing to learn from, infinite values, too many categories.
    """
    wanted = dict.fromkeys([*service.inputs, *service.targets])
    if (time := service.time or time_column) is not None:
        wanted[time] = None
    places = {name: _tables.resolve(name, rows.columns, list(wanted)) for name in wanted}
    return passes(service, rows, places, time_column)


def passes(
    service: Service, rows: DataFrame, places: dict[str, str], time: str | None, features: tuple[str, ...] = ()
) -> Fitted:
    """The passes of a fit.

    Args:
        service: the service.
        rows: the rows.
        places: the column of each that the fit reads, by the name that the engine knows.
        time: the column of t, where the service names none.
        features: those whose statuses stand beside them.
    """
    asked = _vectors.Asked(service.definitions, service.name, features)
    names = tuple((place, name) for name, place in places.items())
    read = without_path(dict.fromkeys([*places.values(), *(STATUS + name for name in features)]), rows)
    with engine():
        fitter = service._native.fitter(time)
    while True:
        step = _vectors.Pass(asked, names, time, fitter.save())
        with translated(f"the service {service.name!r} can't be fitted"):
            saved = mapped(read, _vectors.fit, step, SAVED).collect()
        with engine():
            for row in saved:
                fitter.merge(bytes(row[0]))
            if (text := fitter.finish_pass()) is not None:
                return Fitted(service.name, text)
