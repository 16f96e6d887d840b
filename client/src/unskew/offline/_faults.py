"""What PyIceberg, its catalogs and files raise, as the exceptions of this package."""

import contextlib
import errno
import os
from collections.abc import Iterator

import pyarrow as pa
from pyiceberg import exceptions as iceberg
from requests.exceptions import RequestException
from sqlalchemy.exc import DBAPIError

from unskew import errors
from unskew._room import FULL

ABSENT = (iceberg.NoSuchTableError, iceberg.NoSuchNamespaceError)
CONFLICT = (iceberg.CommitFailedException, iceberg.ValidationException)
FULL_OF_SQLITE = "database or disk is full"


@contextlib.contextmanager
def translated(what: str, place: str | os.PathLike[str] | None = None) -> Iterator[None]:
    """Raises what goes wrong below as one of the exceptions of `unskew.errors`.

    Args:
        what: what is being done, as a message begins: `the table fraud.transactions can't be read`.
        place: where it writes, if it does.
    """
    try:
        yield
    except errors.UnskewError:
        raise
    except Exception as error:
        found = _kind(error)
        if found is None:
            raise
        told = str(error).strip().split("\n")[0] or type(error).__name__
        if found is errors.ResourceExhausted and place is not None:
            where = os.fspath(place)
            told += f": there is no room left in {where}: make some, and give the same call again"
        raise found(f"{what}: {told}") from error


def _kind(error: Exception) -> type[errors.UnskewError] | None:
    """The exception for one of a library; None for what is a bug."""
    if isinstance(error, DBAPIError) and FULL_OF_SQLITE in str(error.orig):
        # It has rolled back what it was given.
        return errors.ResourceExhausted
    by_type: tuple[tuple[type[Exception] | tuple[type[Exception], ...], type[errors.UnskewError]], ...] = (
        (ABSENT, errors.NotFound),
        (CONFLICT, errors.Aborted),
        (iceberg.UnauthorizedError, errors.Unauthenticated),
        (iceberg.ForbiddenError, errors.PermissionDenied),
        ((iceberg.RESTError, RequestException, DBAPIError), errors.Unavailable),
        ((iceberg.NotInstalledError, iceberg.NoSuchPropertyException), errors.FailedPrecondition),
    )
    for types, found in by_type:
        if isinstance(error, types):
            return found
    if isinstance(error, OSError) and error.errno is not None:
        if error.errno in FULL:
            return errors.ResourceExhausted
        return errors.DataLoss if error.errno == errno.ENOENT else errors.Unavailable
    # pyarrow raises an OSError without a number for a file that is no Parquet, or is cut off.
    return errors.DataLoss if isinstance(error, OSError | pa.ArrowException) else None
