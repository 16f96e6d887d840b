"""Requests for vectors and explanations, and their replies. Shared by the sync and the asyncio client."""

import array
import datetime as dt
import sys
from collections.abc import Iterable, Mapping
from typing import Any, SupportsIndex

from unskew import _times
from unskew._columns import encode_columns
from unskew._generated import feature_store_pb2 as wire
from unskew._replies import decode_status
from unskew.errors import Internal, InvalidArgument
from unskew.vectors import IncompleteRow, Vectors, as_lists

FINGERPRINT_BYTES = 32
NO_TIME = _times.INT64_MIN

Time = dt.datetime | SupportsIndex


def vectors_request(  # noqa: PLR0913 (the members of the request)
    service: str,
    entities: Mapping[str, Any],
    request: Mapping[str, Any] | None,
    fingerprint: str | bytes | None,
    as_of: Time | Iterable[Time] | None,
    *,
    names: bool,
    slot_statuses: bool,
    event_times: bool,
) -> bytes:
    """The request of `vectors` as it is sent. What the gateway judges (names, types, numbers of rows) is left to it."""
    message = wire.FeatureVectorsRequest(
        service=check_service(service), names=names, event_times=event_times, slot_statuses=slot_statuses
    )
    columns = encode_columns("entities", entities)
    if request is not None:
        columns += encode_columns("request", request)
    if fingerprint is not None:
        message.fingerprint = to_fingerprint(fingerprint)
    if as_of is not None:
        message.as_of.extend(_as_of(as_of))
    # The fields of a message may stand in any order.
    return message.SerializeToString() + columns


def check_service(service: object) -> str:
    """The name of a service."""
    if not isinstance(service, str):
        raise TypeError(f"service must be a str, its name, not {type(service).__name__}")
    if not service:
        raise InvalidArgument("service must be the name of a service, and not empty")
    return service


def to_fingerprint(fingerprint: str | bytes) -> bytes:
    """The 32 bytes of a fingerprint: hexadecimal text, as `Vectors.fingerprint`, or the bytes themselves."""
    if isinstance(fingerprint, bytes):
        found = fingerprint
    elif isinstance(fingerprint, str):
        try:
            found = bytes.fromhex(fingerprint)
        except ValueError:
            raise InvalidArgument(f"fingerprint {fingerprint!r} must be 64 hexadecimal digits") from None
    else:
        raise TypeError(f"fingerprint must be a str of 64 hexadecimal digits, not {type(fingerprint).__name__}")
    if len(found) != FINGERPRINT_BYTES:
        raise InvalidArgument(
            f"fingerprint must be {FINGERPRINT_BYTES} bytes, 64 hexadecimal digits, not {len(found)} bytes"
        )
    return found


def _as_of(as_of: Time | Iterable[Time]) -> list[int]:
    if isinstance(as_of, Iterable) and not isinstance(as_of, str | bytes):
        return [_times.to_micros(time, f"as_of[{row}]") for row, time in enumerate(as_of)]
    return [_times.to_micros(as_of, "as_of")]  # type: ignore[arg-type]


def decode_vectors(reply: wire.FeatureVectorsResponse, as_numpy: bool) -> Vectors:
    """The result of a reply.

    Raises:
        Internal: the reply contradicts itself.
    """
    rows, columns, slots = reply.rows, reply.columns, tuple(reply.slots)
    block, codes = reply.vectors, reply.slot_statuses
    if rows < 0 or columns < 0 or len(block) != rows * columns * 4 or len(codes) != (rows * len(slots)):
        raise Internal(
            f"the gateway's reply has {len(block)} bytes for {rows} rows of {columns} columns of float32, and "
            f"{len(codes)} statuses for {len(slots)} slots"
        )
    incomplete = [
        IncompleteRow(row.row, row.slot, *decode_status(row.status, row.reason), row.message)
        for row in reply.incomplete
    ]
    if incomplete and not all(0 <= row.row < rows for row in incomplete):
        raise Internal(f"the gateway's reply names a row that {rows} rows do not have")
    return Vectors(
        values=_matrix(block, rows, columns) if as_numpy else _lists(block, rows, columns),
        rows=rows,
        columns=columns,
        fingerprint=reply.fingerprint.hex(),
        incomplete=tuple(incomplete),
        oldest_event_time_us=reply.oldest_event_time if reply.HasField("oldest_event_time") else None,
        names=tuple(reply.names) or None,
        slots=slots or None,
        event_times_us={
            times.view: tuple(None if time == NO_TIME else time for time in times.event_times)
            for times in reply.event_times
        }
        or None,
        status_codes=codes if slots else None,
    )


def _matrix(block: bytes, rows: int, columns: int) -> Any:
    try:
        import numpy as np  # noqa: PLC0415 (a client without numpy can read lists)
    except ImportError as error:
        raise ImportError(f"{error}: vectors as arrays need numpy; ask for lists with as_numpy=False") from None
    return np.frombuffer(block, dtype="<f4").reshape(rows, columns)


def _lists(block: bytes, rows: int, columns: int) -> list[list[float | None]]:
    numbers = array.array("f", block)
    if sys.byteorder == "big":
        numbers.byteswap()
    return as_lists(numbers.tolist(), rows, columns)
