"""The group of commands, and how an error of any of them ends the process."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from unskew import __version__
from unskew.cli._faults import Ended, ended
from unskew.cli._output import printable, write_json

INTERRUPTED = 130

# In the order in which they are shown; each is a module beside this one, imported when it is asked for.
COMMANDS = (
    "validate", "diff", "apply", "append", "fit", "training-set", "vectors", "online", "explain", "materialize",
    "verify", "compact", "expire-snapshots", "forget", "completion",
)  # fmt: skip


class Commands(click.Group):
    """Finds a command in the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (of click)
        """The names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (of click)
        """The command of a name."""
        if cmd_name not in COMMANDS:
            return None
        command: Any = importlib.import_module(f"unskew.cli.{cmd_name.replace('-', '_')}").command
        return command if isinstance(command, click.Command) else None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="unskew", message="%(prog)s %(version)s")
def application() -> None:
    """Features declared once and computed by one engine: offline from files, online from a gateway.

    Exit codes: 0, all is well; 1, the command worked and what it looked at is not as it should be; 2, a fault of the
    arguments, a file, the data or the connection. With --json every command prints one JSON document, errors too.
    """


def run(arguments: Sequence[str]) -> int:
    """Runs a command and returns its exit code."""
    try:
        result = application.main(args=list(arguments), prog_name="unskew", standalone_mode=False)
    except BrokenPipeError:
        # Who read the output has seen enough, as `head` does; what is left in the buffer must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except (click.Abort, KeyboardInterrupt):
        return _tell(Ended("INTERRUPTED", "interrupted", INTERRUPTED), arguments)
    except click.UsageError as error:
        if not _as_json(arguments):
            error.show()
            return 2
        return _tell(Ended("USAGE", error.format_message()), arguments)
    except Exception as error:
        told = ended(error)
        if told is None:
            raise
        return _tell(told, arguments)
    return result if isinstance(result, int) else 0


def _as_json(arguments: Sequence[str]) -> bool:
    """Whether JSON is asked for, also by arguments that can't be read otherwise. Behind `--` nothing is an option."""
    given = list(arguments)
    return "--json" in (given[: given.index("--")] if "--" in given else given)


def _tell(told: Ended, arguments: Sequence[str]) -> int:
    if _as_json(arguments):
        write_json(told.document())
    else:
        lines = (printable(line) for line in told.text().split("\n"))
        sys.stderr.write("\n".join(lines) + "\n")
    return told.exit_code
