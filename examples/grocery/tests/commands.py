"""The commands of the example, called."""

import contextlib
import importlib
import io
import os
import warnings
from pathlib import Path
from typing import NamedTuple

EXAMPLE = Path(__file__).resolve().parents[1]
NIGHTLY = "UNSKEW_GROCERY_NIGHTLY" in os.environ
EVERY = 1 if NIGHTLY else 40
"""Every so many-th household is taken."""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def run_command(name: str, *arguments: str) -> Ended:
    """Run a command of the example as the shell would, but in this process: to load Keras takes seconds."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        # Of Keras 3.15 with numpy 2: not ours to mend.
        warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy keyword", DeprecationWarning)
        try:
            code = int(importlib.import_module(name).main(arguments))
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
    return Ended(code, out.getvalue(), err.getvalue())
