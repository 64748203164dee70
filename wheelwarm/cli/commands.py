"""The commands by name: each is imported and built when it is asked for, since building all takes longer than a run."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
import typer.main
from typer.core import TyperGroup

COMMANDS = {
    "prefetch": "warming:prefetch",
    "check": "checking:check",
    "stats": "looking:stats",
    "list": "looking:list_",
    "prune": "keeping:prune",
    "remove": "looking:remove",
    "verify": "verifying:verify",
    "export": "exporting:export",
    "doctor": "doctoring:doctor",
    "init": "starting:init",
}
"""Where in this package each command's function stands, in the order in which help shows them."""

CONTEXT = {"help_option_names": ["-h", "--help"]}


class Group(TyperGroup):
    """The program itself."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        names: Any = dict.fromkeys(COMMANDS)
        self.commands = names  # for typer to suggest one of them where a name is misspelt

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer asks so
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Return a command by its name, None for a name that is none."""
        return build(cmd_name) if cmd_name in COMMANDS else None


def build(name: str) -> Any:
    """Make one command."""
    from wheelwarm.cli.configuring import Command
    from wheelwarm.cli.examples import epilog

    module, _, function = COMMANDS[name].partition(":")
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, context_settings=CONTEXT)
    alone.command(name, cls=Command, epilog=epilog(name))(getattr(import_module(f"wheelwarm.cli.{module}"), function))
    return typer.main.get_command(alone)
