"""What the commands share: arguments, and errors that are one line and exit code 2."""

import argparse
import sys
from collections.abc import Callable
from datetime import date
from typing import NoReturn

from .errors import InputError

BAD_INPUT = 2
INTERRUPTED = 130


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Print the error and end with exit code 2."""
        self.exit(BAD_INPUT, f"{self.prog}: error: {message} (--help lists all options)\n")


def parse_date(text: str) -> date:
    """Parse YYYY-MM-DD, for argparse."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no date; write YYYY-MM-DD") from None


def run(program: str, work: Callable[[], None]) -> int:
    """Do the work of a command and return its exit code; bad input is reported in one line on stderr."""
    try:
        work()
    except InputError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        return BAD_INPUT
    except MemoryError:
        print(f"{program}: error: out of memory; ask for fewer customers or days", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0
