"""`unskew validate`."""

from __future__ import annotations

import click
from rich.console import Console

from unskew.cli._options import json_option
from unskew.cli._output import Output, printable
from unskew.definitions import load


@click.command("validate")
@click.argument("path", metavar="DEFINITIONS", type=click.Path())
@json_option
def command(path: str, output: Output) -> int:
    """Check definitions.

    DEFINITIONS is a directory of YAML files, or one file. Prints all that is wrong, each with file, line, column
    and what would be right, as `unskew-gateway check` does. The exit code is 1 if anything is.
    """
    found = load(path)
    counts = {
        "entities": len(found.entities),
        "sources": len(found.sources),
        "views": len(found.views),
        "services": len(found.services),
    }

    def show(console: Console) -> None:
        said = ", ".join(f"{count} {section}" for section, count in counts.items())
        console.print(f"{printable(path)}: {said}", soft_wrap=True)

    output.give({"path": path, "valid": True, **counts}, show)
    return 0
