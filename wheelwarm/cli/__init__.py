"""The command line: options -> one operation -> a report rendered -> an exit code.

Exit codes: 0 done, 1 the answer is no, 2 usage, 3 could not do it, 130 interrupted. Operations are imported by the
command that needs them, so that the others start quickly.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from wheelwarm import __version__
from wheelwarm.cli.answering import is_of_output, tell_unwritten
from wheelwarm.cli.commands import CONTEXT, Group
from wheelwarm.cli.ending import heed_signals
from wheelwarm.targets.surroundings import leave_hook

app = typer.Typer(
    name="wheelwarm",
    cls=Group,
    help="Fill, explain, trim and repair pip's own cache.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
)


def print_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"wheelwarm {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=print_version, is_eager=True)
    ] = False,
) -> None:
    """Fill, explain, trim and repair pip's own cache."""
    leave_hook(os.environ, Path(sys.prefix))


def main() -> None:
    """Run the command line; SystemExit with its code in the end."""
    heed_signals()
    try:
        app()
    except OSError as error:  # of help and version, which no command prints
        if not is_of_output(error):
            raise
        raise SystemExit(tell_unwritten(error)) from None
