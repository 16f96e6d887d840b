"""Executors without the package: they are told so, until it is shipped to them."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import unskew
from unskew import errors, spark

DEFINITIONS = """
entities: {user: {keys: {user: string}}}
views: {v: {entity: user, features: {a: float64}}}
services: {s: {vector: [{input: v.a, steps: [standardize]}]}}
"""


def python_without_unskew(folder: Path) -> Path:
    """A Python that has all other libraries of this one."""
    venv, script = folder / "venv", folder / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    place = next(venv.glob("lib/python*/site-packages"))
    for entry in Path(pa.__file__).parents[1].iterdir():
        if not entry.name.startswith("unskew") and entry.suffix != ".pth":
            (place / entry.name).symlink_to(entry)
    script.write_text(f'#!/bin/sh\nexec env -u PYTHONPATH {venv}/bin/python "$@"\n')
    script.chmod(0o755)
    return script


def test_executors_get_the_package(tmp_path: Path, started: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"v.a": [1.0, 2.0, 4.0]})
    service, rows = unskew.parse(DEFINITIONS).services["s"], started.createDataFrame(table)
    monkeypatch.setattr(started.sparkContext, "pythonExec", str(python_without_unskew(tmp_path)))
    with pytest.raises(
        errors.FailedPrecondition, match=r"can't import unskew, by .*: .* call unskew.spark.ship\(session\)"
    ):
        spark.fit(service, rows)
    other = tmp_path / "unskew-9-cp310-abi3-linux.whl"
    other.touch()
    with pytest.raises(errors.InvalidArgument, match="is no wheel of unskew"):
        spark.ship(started, other)
    spark.ship(started)
    assert spark.fit(service, rows) == service.fit(table)
