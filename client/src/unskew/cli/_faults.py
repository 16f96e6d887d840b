"""What ends a command: every error as a code, a message and an exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from unskew.errors import (
    DataError,
    DefinitionsError,
    Diagnostic,
    FitError,
    FittedFileError,
    NotFitted,
    UnskewError,
)

# Codes of what goes wrong offline, where no gateway gives one.
CODES: dict[type[UnskewError], str] = {
    DefinitionsError: "INVALID_DEFINITIONS",
    DataError: "INVALID_DATA",
    FitError: "FIT_REFUSED",
    FittedFileError: "INVALID_FITTED_FILE",
    NotFitted: "NOT_FITTED",
}


class Fault(Exception):
    """A fault that a command found itself: a stable code, and what is wrong, where, and what would be right."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Ended:
    """How an error is told."""

    code: str
    message: str
    exit_code: int = 2
    places: tuple[dict[str, Any], ...] = ()
    request_id: str | None = None

    def document(self) -> dict[str, Any]:
        """The JSON of it: `{"error": {"code", "message"}}`, with `places` and `request_id` where there are any."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.places:
            error["places"] = list(self.places)
        if self.request_id:
            error["request_id"] = self.request_id
        return {"error": error}

    def text(self) -> str:
        """For people. What the engine says of definitions begins with `error:` already, as the gateway prints it."""
        if self.message.startswith("error: "):
            return self.message.rstrip()
        request = f", request {self.request_id}" if self.request_id else ""
        return f"error: {self.message.rstrip()} ({self.code}{request})"


def place(found: Diagnostic) -> dict[str, Any]:
    """A fault in definitions as a mapping; what there is not is None."""
    return {
        "file": found.file or None,
        "line": found.line or None,
        "column": found.column or None,
        "message": found.message,
        "help": found.help or None,
    }


def ended(error: Exception) -> Ended | None:
    """How an error is told; None for one that is a bug, whose trace has to be seen."""
    if isinstance(error, DefinitionsError):
        places = tuple(place(found) for found in error.diagnostics)
        return Ended(CODES[DefinitionsError], error.message, 1, places)
    if isinstance(error, UnskewError):
        return Ended(CODES.get(type(error), error.code), error.message, request_id=error.request_id)
    if isinstance(error, Fault):
        return Ended(error.code, error.message)
    if isinstance(error, click.ClickException):
        return Ended("USAGE", error.format_message())
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return Ended("FILE", f"{where}{error.strerror or error}")
    return None
