"""What the commands share: bad input ends in one line on stderr and exit code 2."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

import unskew

BAD_INPUT = 2
INTERRUPTED = 130


class InputError(Exception):
    """Something that the user gave can't be used: the message says what, where, and what would be right."""


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Print the error and end with exit code 2."""
        self.exit(BAD_INPUT, f"{self.prog}: error: {message} (--help lists all options)\n")


def run(program: str, work: Callable[[], None]) -> int:
    """Do the work of a command and return its exit code."""
    try:
        work()
    except (InputError, unskew.UnskewError) as error:
        print(f"{program}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0
