"""What the compiled engine refuses, as the exceptions of this package."""

import contextlib
from collections.abc import Iterator

from unskew import errors
from unskew._native import EngineError

KINDS: dict[str, type[errors.UnskewError]] = {
    "data": errors.DataError,
    "fit": errors.FitError,
    "fitted": errors.FittedFileError,
    "not_fitted": errors.NotFitted,
    "unknown": errors.NotFound,
    "unsupported": errors.Unimplemented,
}


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raises what the engine refuses as one of the exceptions of `unskew.errors`."""
    try:
        yield
    except EngineError as error:
        kind, message = error.args[0], error.args[1]
        if kind == "definitions":
            found = [errors.Diagnostic(*place) for place in error.args[2]] if len(error.args) > 2 else []  # noqa: PLR2004
            raise errors.DefinitionsError(message, found) from None
        raise KINDS.get(kind, errors.Internal)(message) from None
