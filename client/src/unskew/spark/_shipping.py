"""What runs on executors: functions of this package by their names, and the package where it is missing."""

import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from pyspark import cloudpickle
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StructType

import unskew
from unskew import _native, errors
from unskew.spark._columns import column

ARCHIVE = "unskew_package"
"""The folder of an executor that the package is unpacked in."""

T = TypeVar("T")
Function = Callable[[T, Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def ship(spark: SparkSession, wheel: str | Path | None = None) -> None:
    """Gives the package to the executors of a session, for as long as it runs; those that have it use their own.

    Its dependencies have to be there: numpy, pyarrow, protobuf and grpcio, and PyIceberg to materialize. Executors
    need the system and the processor that the wheel is for.

    Args:
        spark: the session.
        wheel: a wheel of the version that runs here; None: the package as it is installed here.

    Raises:
        InvalidArgument: there is no such wheel, or it is of something else.
    """
    folder = Path(tempfile.mkdtemp(prefix="unskew-"))
    packed = folder / f"{ARCHIVE}.zip"
    if wheel is None:
        _pack(packed)
    else:
        _check(Path(wheel))
        # Spark unpacks by the name of a file.
        packed.write_bytes(Path(wheel).read_bytes())
    spark.sparkContext.addArchive(f"{packed}#{ARCHIVE}")


def _pack(packed: Path) -> None:
    package = Path(unskew.__file__).parent
    about = distribution("unskew")
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted(package.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, Path("unskew") / file.relative_to(package))
        archive.writestr(f"unskew-{about.version}.dist-info/METADATA", about.read_text("METADATA") or "")


def _check(wheel: Path) -> None:
    if not wheel.is_file():
        raise errors.InvalidArgument(f"there is no wheel {wheel}")
    if wheel.name.split("-")[:2] != ["unskew", unskew.__version__]:
        raise errors.InvalidArgument(
            f"{wheel.name} is no wheel of unskew {unskew.__version__}, which is the version that runs here"
        )


def mapped(rows: DataFrame, function: Function[T], argument: T, schema: StructType) -> DataFrame:
    """The rows that a function of this package makes of the batches of each partition, on the executors.

    Args:
        rows: what it is given.
        function: one at the top of a module; called with the argument and the batches of a partition.
        argument: what it needs; it is pickled.
        schema: the columns of the batches that it gives.
    """
    # Spark takes a dot in the name of a column for a path; not in those of a struct.
    row = F.struct(*(column(name) for name in rows.columns)).alias("row")
    return rows.select(row).mapInArrow(_task(function, argument), schema)


def _task(function: Function[T], argument: T) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A function as Spark takes it: `run` is sent by value, and finds the package on the executor."""
    module, name, payload = function.__module__, function.__qualname__, cloudpickle.dumps(argument)
    here, archive = (unskew.__version__, _native.SEMANTICS, sys.version_info[:2]), ARCHIVE

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # Nothing of this package may be named outside of the imports below: it need not be there.
        import importlib  # noqa: PLC0415
        import os  # noqa: PLC0415
        import pickle  # noqa: PLC0415
        import platform  # noqa: PLC0415
        import sys  # noqa: PLC0415

        try:
            found: Any = importlib.import_module("unskew")
        except ModuleNotFoundError as error:
            from pyspark import SparkFiles  # noqa: PLC0415

            folder = SparkFiles.get(archive)
            if error.name != "unskew" or not os.path.isdir(folder):
                raise RuntimeError(
                    f"unskew.errors.FailedPrecondition: the executor {platform.node()} can't import {error.name}, by "
                    f"{sys.executable}: install it there, or call unskew.spark.ship(session) once, which gives "
                    "executors the package without its dependencies"
                ) from None
            sys.path.insert(0, folder)
            found = importlib.import_module("unskew")
        there = (found.__version__, importlib.import_module("unskew._native").SEMANTICS, sys.version_info[:2])
        if there != here:
            raise RuntimeError(
                f"unskew.errors.FailedPrecondition: the executor {platform.node()} has another unskew than the driver: "
                f"version, semantics and Python are {there}, and {here} here; let both have the same"
            )
        import pyarrow  # noqa: PLC0415

        rows = (pyarrow.RecordBatch.from_struct_array(batch.column(0)) for batch in batches)
        yield from getattr(importlib.import_module(module), name)(pickle.loads(payload), rows)  # noqa: S301 (ours)

    return run
