"""Exceptions of the client: one tree, one class per gRPC code.

Every exception tells the code the gateway gave (`code`, e.g. `REPLY_TOO_LARGE`; the same word as in REST's JSON), the
gRPC status (`grpc_code`) and the id under which the gateway logged the request (`request_id`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from unskew.results import FeatureRow, WriteResult

__all__ = [
    "Aborted",
    "AlreadyExists",
    "BadRows",
    "Cancelled",
    "ClientClosed",
    "DataLoss",
    "DeadlineExceeded",
    "FailedPrecondition",
    "FeatureUnavailable",
    "Internal",
    "InvalidArgument",
    "NotFound",
    "OutOfRange",
    "PermissionDenied",
    "ResourceExhausted",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
    "UnskewError",
]


class UnskewError(Exception):
    """Root of all errors that the client raises on purpose.

    Attributes:
        message: what is wrong, in words.
        code: the gateway's own error code; the name of the gRPC status when the gateway gave none; else the code that
            the gateway would have given.
        grpc_code: the gRPC status, or None when the call was never made.
        request_id: the id of the request in the gateway's log, or None.
        retry_after: seconds after which the gateway asks to try again, or None.
        written: for a write that failed half way: what the gateway had acknowledged until then, else None.
    """

    default_code = "UNKNOWN"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        grpc_code: grpc.StatusCode | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.grpc_code = grpc_code
        self.request_id = request_id
        self.retry_after = retry_after
        self.written: WriteResult | None = None

    def __str__(self) -> str:
        request = f", request {self.request_id}" if self.request_id else ""
        return f"{self.message} ({self.code}{request})"


class Cancelled(UnskewError):
    """The call was cancelled."""

    default_code = "CANCELLED"


class Unknown(UnskewError):
    """The server failed without saying why."""

    default_code = "UNKNOWN"


class InvalidArgument(UnskewError, ValueError):
    """The request is malformed; the message names the field. Raised by the gateway, or before the call."""

    default_code = "INVALID_ARGUMENT"


class DeadlineExceeded(UnskewError, TimeoutError):
    """No answer within the deadline."""

    default_code = "DEADLINE_EXCEEDED"


class NotFound(UnskewError):
    """There is no such view, service or method."""

    default_code = "NOT_FOUND"


class AlreadyExists(UnskewError):
    """What was to be created exists."""

    default_code = "ALREADY_EXISTS"


class PermissionDenied(UnskewError):
    """The caller is known, and may not do this."""

    default_code = "PERMISSION_DENIED"


class ResourceExhausted(UnskewError):
    """A limit was met: the size of a request or of a reply, or the load of the gateway."""

    default_code = "RESOURCE_EXHAUSTED"


class FailedPrecondition(UnskewError):
    """The gateway is not in the state that the request needs."""

    default_code = "FAILED_PRECONDITION"


class Aborted(UnskewError):
    """The request lost against a concurrent one."""

    default_code = "ABORTED"


class OutOfRange(UnskewError):
    """A value lies outside its range."""

    default_code = "OUT_OF_RANGE"


class Unimplemented(UnskewError):
    """The server does not know the method: it is older than this client, or no unskew gateway."""

    default_code = "UNIMPLEMENTED"


class Internal(UnskewError):
    """A fault of the gateway."""

    default_code = "INTERNAL"


class Unavailable(UnskewError):
    """The gateway can't be reached, or its store does not answer; the retries are used up."""

    default_code = "UNAVAILABLE"


class DataLoss(UnskewError):
    """Data was lost or damaged."""

    default_code = "DATA_LOSS"


class Unauthenticated(UnskewError):
    """The caller gave no valid credentials."""

    default_code = "UNAUTHENTICATED"


class ClientClosed(UnskewError, RuntimeError):
    """The client was used after `close()`."""

    default_code = "CANCELLED"


class BadRows(InvalidArgument):
    """A strict write met rows that were refused; `written` lists them. The good rows beside them are stored."""


class FeatureUnavailable(UnskewError, KeyError):
    """A feature was asked of a row that holds no value for it; the message says which, and its status."""

    default_code = "MISSING"

    def __init__(self, row: FeatureRow, names: Iterable[str]) -> None:
        self.row = row
        self.names = tuple(names)
        said = ", ".join(f"{name!r} is {row.describe(name)}" for name in self.names)
        super().__init__(f"entity {row.entity_id!r}: {said}")

    def __reduce__(self) -> tuple[type[FeatureUnavailable], tuple[FeatureRow, tuple[str, ...]]]:
        return type(self), (self.row, self.names)


BY_GRPC_CODE: dict[grpc.StatusCode, type[UnskewError]] = {
    grpc.StatusCode.CANCELLED: Cancelled,
    grpc.StatusCode.UNKNOWN: Unknown,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.ABORTED: Aborted,
    grpc.StatusCode.OUT_OF_RANGE: OutOfRange,
    grpc.StatusCode.UNIMPLEMENTED: Unimplemented,
    grpc.StatusCode.INTERNAL: Internal,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DATA_LOSS: DataLoss,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
}
