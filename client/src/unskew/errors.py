"""Exceptions of the client: one tree, one class per gRPC code.

Every exception tells the code the gateway gave (`code`, e.g. `REPLY_TOO_LARGE`; the same word as in REST's JSON), the
gRPC status (`grpc_code`) and the id under which the gateway logged the request (`request_id`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from unskew.results import FeatureRow, WriteResult
    from unskew.vectors import IncompleteRow

__all__ = [
    "Aborted",
    "AlreadyExists",
    "BadRows",
    "Cancelled",
    "ClientClosed",
    "DataError",
    "DataLoss",
    "DeadlineExceeded",
    "DefinitionsError",
    "Diagnostic",
    "FailedPrecondition",
    "FeatureUnavailable",
    "FingerprintMismatch",
    "FitError",
    "FittedFileError",
    "IncompleteVectors",
    "Internal",
    "InvalidArgument",
    "NotFitted",
    "NotFound",
    "OutOfRange",
    "PermissionDenied",
    "ResourceExhausted",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
    "UnknownName",
    "UnskewError",
    "WrongEventLoop",
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


class UnknownName(NotFound, KeyError):
    """A set of definitions has nothing of that name; the message lists what it has."""


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


class FingerprintMismatch(FailedPrecondition):
    """A model was trained on vectors of one fingerprint, and the gateway, or a service, has others.

    Attributes:
        service: the name of the service.
        fingerprint: that of the model, in hexadecimal.
        served: those that are there instead, in hexadecimal; none if the service is not fitted, or is not there.
    """

    def __init__(
        self, message: str, *, service: str, fingerprint: str, served: Iterable[str] = (), request_id: str | None = None
    ) -> None:
        super().__init__(message, grpc_code=grpc.StatusCode.FAILED_PRECONDITION, request_id=request_id)
        self.service = service
        self.fingerprint = fingerprint
        self.served = tuple(served)

    def __reduce__(self) -> tuple[Callable[..., FingerprintMismatch], tuple[str]]:
        given = {name: getattr(self, name) for name in ("service", "fingerprint", "served", "request_id")}
        return partial(type(self), **given), (self.message,)


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


@dataclass(frozen=True)
class Diagnostic:
    """One fault in definitions."""

    file: str
    """As it was named."""
    line: int
    """From 1; 0 where the fault has no place."""
    column: int
    """From 1, in characters."""
    message: str
    """What is wrong."""
    help: str
    """What would be right; empty where that can't be said."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else ""
        return f"{place}{self.message}" + (f" ({self.help})" if self.help else "")


class DefinitionsError(InvalidArgument):
    """Definitions that are not valid. It prints as a compiler does; `diagnostics` has the faults one by one."""

    def __init__(self, text: str, diagnostics: Iterable[Diagnostic] = ()) -> None:
        super().__init__(text)
        self.diagnostics = tuple(diagnostics)

    def __str__(self) -> str:
        return "\n" + self.message.rstrip()

    def __reduce__(self) -> tuple[type[DefinitionsError], tuple[str, tuple[Diagnostic, ...]]]:
        return type(self), (self.message, self.diagnostics)


class DataError(InvalidArgument):
    """A table that does not have what a service reads: a column is missing, or a value does not fit its type."""


class FitError(InvalidArgument):
    """Data that a step can't be fitted on; the message says which slot and step, and why."""


class NotFitted(FailedPrecondition):
    """A service whose steps take parameters from data was used without fitted ones."""


class FittedFileError(FailedPrecondition):
    """A fitted file that was changed after it was written, or belongs to other definitions."""


class WrongEventLoop(UnskewError, RuntimeError):
    """An asyncio client was used in another event loop than that of its first call."""

    default_code = "FAILED_PRECONDITION"


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


class IncompleteVectors(UnskewError, ValueError):
    """Complete vectors were required, and some rows are not; the message names the first, its slot and why.

    Attributes:
        incomplete: the rows that are not complete.
        rows: how many rows the reply has.
    """

    default_code = "INCOMPLETE"

    def __init__(self, incomplete: Iterable[IncompleteRow], rows: int) -> None:
        self.incomplete = tuple(incomplete)
        self.rows = rows
        super().__init__(f"{len(self.incomplete)} of {rows} rows are incomplete; the first: {self.incomplete[0]}")

    def __reduce__(self) -> tuple[type[IncompleteVectors], tuple[tuple[IncompleteRow, ...], int]]:
        return type(self), (self.incomplete, self.rows)


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
