"""The command line `unskew`; it needs the extra `cli`.

    pip install 'unskew[cli]'
    unskew --help

`main` is the entry point, for those who start it from Python.
"""

import json
import sys
from collections.abc import Sequence

__all__ = ["main"]

EXTRA = {"click", "rich"}
INSTALL = "install it with: pip install 'unskew[cli]'"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    It prints to the standard output and the standard error of the process, and raises nothing on purpose.

    Args:
        arguments: what stands behind `unskew`; None: the arguments of the process.

    Returns:
        The exit code. 0: all is well. 1: the command worked, and what it looked at is not as it should be. 2: a fault
            of the arguments, a file, the data or the connection. 130: interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        from unskew.cli._app import run  # noqa: PLC0415 (the extra can be missing)
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in EXTRA:
            raise
        _tell_missing(module, as_json="--json" in given)
        return 2
    return run(given)


def _tell_missing(module: str, *, as_json: bool) -> None:
    message = f"the command line needs the extra `cli`: the module {module} is not installed; {INSTALL}"
    if as_json:
        sys.stdout.write(json.dumps({"error": {"code": "MISSING_EXTRA", "message": message}}) + "\n")
    else:
        sys.stderr.write(f"error: {message}\n")
