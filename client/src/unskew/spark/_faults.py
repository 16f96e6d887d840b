"""What Spark raises, as the exceptions of this package."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from unskew import errors

RAISED = re.compile(r"unskew\.errors\.(\w+): (.*)")
CODE = re.compile(r" \([A-Z_]+(, request [^)]*)?\)$")

KINDS: tuple[tuple[str, type[errors.UnskewError], str], ...] = (
    ("TABLE_OR_VIEW_NOT_FOUND", errors.NotFound, "there is no such table in the catalog of the session"),
    ("org.apache.iceberg.exceptions.NotFoundException", errors.DataLoss, "a file of a table is missing"),
    ("org.apache.iceberg.exceptions.RESTException", errors.Unavailable, "the catalog of the session does not answer"),
    ("Cannot find snapshot", errors.NotFound, "the catalog of the session has another table of that name"),
)
"""What a message of Spark has, what it is, and what that means."""
NO_JARS = re.compile(r"ClassNotFoundException: (org\.apache\.iceberg\S*)|Cannot find catalog plugin class .*?: (\S+)")


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Raises what fails below, on the driver or an executor, as one of the exceptions of `unskew.errors`.

    Args:
        what: what is being done, as a message begins: `the table fraud.transactions can't be read`.
    """
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        text = str(error)
        if raised := RAISED.findall(text):
            # The last one is what a worker ended with.
            name, message = raised[-1]
            found: Any = getattr(errors, name, errors.Unknown)
            kind: type[errors.UnskewError] = errors.DataError if issubclass(found, errors.DefinitionsError) else found
            raise _made(kind, CODE.sub("", message)) from error
        if missing := NO_JARS.search(text):
            raise errors.FailedPrecondition(
                f"{what}: Spark lacks the class {missing[1] or missing[2]}: start it with the jars of Iceberg, as by "
                "unskew.spark.confs(store, packages=True), or jars= a folder of them"
            ) from error
        for part, kind, meaning in KINDS:
            if part in text:
                # The first line may tell no more than which method of Java was called.
                told = next(line for line in text.splitlines() if part in line).strip(": ")
                raise kind(f"{what}: {meaning}: {told}") from error
        raise


def _made(kind: type[errors.UnskewError], message: str) -> errors.UnskewError:
    """The exception; the root of the tree for one that is made of more than a message."""
    try:
        return kind(message)
    except TypeError:
        return errors.Unknown(message)
