"""The same rows behind a defined view and a service, and the requests for their vectors."""

import http.client
import json
import struct
from pathlib import Path
from typing import Any

from bench_lib.dataset import FEATURES, Rows
from bench_lib.errors import BenchError

SERVICE = "all_features"
VIEW = "bench_rows"
# Rows in one write.
CHUNK = 500
EVENT_TIME = "2026-01-01T00:00:00Z"


def write_definitions(folder: Path) -> Path:
    """Write a view of the rows and a service of all its features as they are; answers with the folder."""
    features = "\n".join(f"      {name}: float64" for name in FEATURES)
    vector = "\n".join(f"      - {{input: {VIEW}.{name}}}" for name in FEATURES)
    columns = ", ".join(f"{name}: float64" for name in FEATURES)
    text = f"""entities: {{entity: {{keys: {{entity_id: string}}}}}}
sources:
  rows:
    event_time: event_time
    columns: {{entity_id: string, event_time: timestamp, {columns}}}
views:
  {VIEW}:
    entity: entity
    source: rows
    features:
{features}
services:
  {SERVICE}:
    vector:
{vector}
"""
    definitions = folder / "definitions"
    definitions.mkdir()
    (definitions / "bench.yaml").write_text(text, encoding="utf-8")
    return definitions


def write_rows(address: str, rows: Rows) -> None:
    """Write the rows through the gateway."""
    items = list(rows.items())
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        for start in range(0, len(items), CHUNK):
            chunk = items[start : start + CHUNK]
            body = json.dumps([_row(entity, values) for entity, values in chunk])
            connection.request("POST", f"/v1/views/{VIEW}/rows", body, {"content-type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            if response.status != http.client.OK or json.loads(text)["accepted"] != len(chunk):
                raise BenchError(f"the gateway refused the rows: {response.status} {text[:300]!r}")
    finally:
        connection.close()


def _row(entity: str, values: list[float]) -> dict[str, Any]:
    return {"entity_id": entity, "event_time": EVENT_TIME, **dict(zip(FEATURES, values, strict=True))}


def grpc_body(ids: list[str]) -> bytes:
    """A FeatureVectorsRequest for the ids, in its gRPC frame."""
    texts = b"".join(_field(1, entity.encode()) for entity in ids)
    column = _field(1, b"entity_id") + _field(5, texts)
    message = _field(1, SERVICE.encode()) + _field(2, column)
    return b"\0" + struct.pack(">I", len(message)) + message


def rest_body(ids: list[str]) -> bytes:
    """The same request in JSON."""
    return json.dumps({"service": SERVICE, "entities": {"entity_id": ids}}).encode()


def _field(number: int, content: bytes) -> bytes:
    length, varint = len(content), b""
    while length >= 0x80:
        varint += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | 2]) + varint + bytes([length]) + content


def as_float32(values: list[float]) -> list[float]:
    """Each value rounded to float32, as vectors hold them."""
    return list(struct.unpack(f"<{len(values)}f", struct.pack(f"<{len(values)}f", *values)))
