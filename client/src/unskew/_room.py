"""Disks that are full, as an exception that says which, and what to do."""

import contextlib
import errno
import os
from collections.abc import Iterator

from unskew.errors import ResourceExhausted

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def room_in(place: str | os.PathLike[str], what: str, advice: str) -> Iterator[None]:
    """Raises what is written below to a full disk as `ResourceExhausted`.

    Args:
        place: where it is written.
        what: what can't be done, as a message begins.
        advice: what would be right.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise ResourceExhausted(f"{what}: there is no room left in {os.fspath(place)}: {advice}") from error
