"""A table of features as Parquet, as JSON lines or as CSV."""

import csv
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from .files import write_parquet, write_whole

FORMATS = ("parquet", "ndjson", "csv")


def write_rows(table: Any, path: Path, name: str) -> None:
    """Write a pyarrow.Table in the format `name`, one of `FORMATS`.

    Text has floats as the shortest text that reads back, and times as RFC 3339 with Z.
    """
    if name == "parquet":
        write_parquet(table, path)
    elif name == "ndjson":
        write_whole(path, lambda unfinished: _write_ndjson(table, unfinished))
    elif name == "csv":
        write_whole(path, lambda unfinished: _write_csv(table, unfinished))
    else:
        raise ValueError(f"format is '{name}'; it must be one of {', '.join(FORMATS)}")


def _write_ndjson(table: Any, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in _text_rows(table):
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n")


def _write_csv(table: Any, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, table.schema.names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_text_rows(table))


def _text_rows(table: Any) -> Iterator[dict[str, Any]]:
    for row in table.to_pylist():
        yield {name: _as_text(value) if isinstance(value, datetime) else value for name, value in row.items()}


def _as_text(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
