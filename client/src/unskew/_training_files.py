"""A training set on disk: a folder of Parquet files, and one of JSON that tells what they are."""

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from unskew import _native
from unskew._origin import Origin
from unskew._room import room_in
from unskew.errors import DataError
from unskew.service import Fitted, Incomplete

if TYPE_CHECKING:
    from unskew.training import TrainingSet

FORMAT = 1
FACTS = "training_set.json"
FEATURES, STATUSES = "features.parquet", "statuses.parquet"
VECTORS, INCOMPLETE = "vectors.parquet", "incomplete.parquet"
FITTED = "fitted.json"
MEMBERS = {FACTS, FEATURES, STATUSES, VECTORS, INCOMPLETE, FITTED}

INCOMPLETE_SCHEMA = pa.schema(
    [("row", pa.int64()), *((name, pa.string()) for name in ("slot", "status", "reason", "message"))]
)


def save(made: "TrainingSet", folder: str | os.PathLike[str]) -> None:
    """Writes it beside the folder, and puts it in its place when it is whole."""
    place = Path(folder)
    check_place(place)
    partial = place.with_name(f"{place.name}.{os.getpid()}.partial")
    with room_in(place, "the training set can't be written", "make some, or give another folder"):
        partial.mkdir(parents=True)
        try:
            _write(made, partial)
            if place.exists():
                shutil.rmtree(place)
            partial.rename(place)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def check_place(place: Path) -> None:
    """Refuses a place that holds anything but a training set.

    Raises:
        FileExistsError: it does.
    """
    if not place.exists():
        return
    if not place.is_dir():
        raise FileExistsError(f"{place} is a file: a training set is written into a folder of its own")
    there = {entry.name for entry in place.iterdir()}
    if there and (FACTS not in there or there - MEMBERS):
        raise FileExistsError(f"{place} holds {min(there - MEMBERS or there)!r}: give a folder that is not there yet")


def _write(made: "TrainingSet", place: Path) -> None:
    pq.write_table(made.features, place / FEATURES)
    pq.write_table(made.statuses, place / STATUSES)
    columns = [pa.array(np.ascontiguousarray(made.vectors[:, at])) for at in range(len(made.slots))]
    # Numbers that hardly repeat: a dictionary of them would only take time.
    pq.write_table(pa.table(columns, names=list(made.slots)), place / VECTORS, use_dictionary=False)
    rows = [[getattr(row, name) for row in made.incomplete] for name in INCOMPLETE_SCHEMA.names]
    pq.write_table(pa.table(rows, schema=INCOMPLETE_SCHEMA), place / INCOMPLETE)
    if made.fitted is not None:
        (place / FITTED).write_text(made.fitted.text, encoding="utf-8")
    facts = {
        "format": FORMAT,
        "service": made.service,
        "fingerprint": made.fingerprint,
        "semantics": _native.SEMANTICS,
        "rows": len(made),
        "incomplete": len(made.incomplete),
        "fitted": made.fitted is not None,
        "slots": list(made.slots),
        "statistics": made.statistics.to_dict(),
    }
    if made.origin is not None:
        facts["origin"] = made.origin.to_dict()
    text = json.dumps(facts, ensure_ascii=False, indent=1, allow_nan=False)
    (place / FACTS).write_text(text + "\n", encoding="utf-8")


def load(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The members of a training set."""
    place = Path(folder)
    facts = _facts(place)
    try:
        tables = {name: pq.read_table(place / name) for name in (FEATURES, STATUSES, VECTORS, INCOMPLETE)}
        fitted = Fitted.load(place / FITTED) if facts["fitted"] else None
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{place} holds a training set that can't be read: {error}") from None
    rows, slots = facts["rows"], tuple(facts["slots"])
    wrong = next((name for name in (FEATURES, STATUSES, VECTORS) if not _has(tables[name], rows)), None)
    if wrong is not None or tuple(tables[VECTORS].column_names) != slots:
        raise DataError(f"{place / (wrong or VECTORS)} does not belong to the training set that {FACTS} tells of")
    vectors = np.empty((rows, len(slots)), np.float32)
    for at, column in enumerate(tables[VECTORS].columns):
        vectors[:, at] = column.to_numpy()
    incomplete = tuple(Incomplete(**row) for row in tables[INCOMPLETE].to_pylist())
    return {
        "service": facts["service"], "features": tables[FEATURES], "vectors": vectors, "slots": slots,
        "statuses": tables[STATUSES], "fitted": fitted, "fingerprint": facts["fingerprint"], "incomplete": incomplete,
        "origin": Origin.from_dict(facts["origin"]) if facts.get("origin") else None,
    }  # fmt: skip


def _has(table: pa.Table, rows: int) -> bool:
    """Whether it has so many rows; a table without columns has none in Parquet."""
    return bool(table.num_rows == rows or not table.num_columns)


def _facts(place: Path) -> dict[str, Any]:
    try:
        facts = dict(json.loads((place / FACTS).read_text(encoding="utf-8")))
        if facts["format"] != FORMAT:
            raise DataError(f"{place / FACTS} has format {facts['format']}; this version reads {FORMAT}")
    except FileNotFoundError:
        raise DataError(f"{place} holds no training set: there is no {FACTS}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{place / FACTS} tells of no training set: {error}") from None
    return facts
