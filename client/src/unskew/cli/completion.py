"""`unskew completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_UNSKEW_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    """Print what lets a shell complete commands.

    The script for SHELL completes commands, options and names of services. In bash: eval "$(unskew completion
    bash)"; in zsh the same with zsh; in fish: unskew completion fish | source.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.BadParameter(f"this version of click does not know {shell}")
    click.echo(kind(context.find_root().command, {}, "unskew", VARIABLE).source())
    return 0
