"""The command that writes a configuration file to start from: init."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wheelwarm.cli.answering import answering
from wheelwarm.cli.options import OUTPUT, Json


def init(
    to_stdout: Annotated[
        bool, typer.Option("--stdout", help="Print the text; write nothing.", rich_help_panel=OUTPUT)
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a commented configuration file to start from.

    Into the current directory's pyproject.toml behind what is there, else as wheelwarm.toml.
    Nothing is written where there is a configuration already.
    """
    with answering("init", as_json=as_json):
        from wheelwarm.render import path_text, print_json
        from wheelwarm.starting_file import start

        done = start(Path.cwd(), write=not to_stdout)
        if as_json:
            print_json("init", "ok", {"path": str(done.path), "appended": done.appended, "text": done.text}, [])
        elif to_stdout:
            typer.echo(done.text, nl=False)
        else:
            typer.echo(f"{'Added [tool.wheelwarm] to' if done.appended else 'Wrote'} {path_text(done.path)}")
