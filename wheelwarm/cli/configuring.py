"""How typed options, `WHEELWARM_*` variables and the configuration file come together, for every command by one rule.

Typed beats the variable of the option's name (`--only-binary`: `WHEELWARM_ONLY_BINARY`, lists with blanks between),
which beats the file, which beats the option's own default. Inputs and targets count as wholes: what is typed or in
a variable replaces those of the file.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperOption

from wheelwarm.cli.answering import answering
from wheelwarm.cli.helping import WithoutTypes
from wheelwarm.errors import WheelwarmError

if TYPE_CHECKING:
    from wheelwarm.config import Config

PREFIX = "WHEELWARM"
HELP = {"--help", "-h"}


class Command(WithoutTypes, TyperCommand):
    """A command whose options may come from the environment and from the configuration file."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for option in self._options():
            option.envvar = variable_of(option)
            option.show_envvar = False  # the rule is simple, and a name behind each option hides their help

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Give the file's values to the parser, and name the file below the help."""
        found = None
        if HELP.intersection(args) or extra.get("resilient_parsing"):
            with suppress(WheelwarmError):  # who asks for help, or for a completion, gets it
                found = configuration()
        else:
            with answering(info_name or "", as_json="--json" in args):
                found = configuration()
        if found is None or found.path is None:
            return super().make_context(info_name, args, parent, **extra)
        self.epilog = "\n\n".join(filter(None, [self.epilog, f"Configuration: {found.path}"]))
        return super().make_context(info_name, args, parent, default_map=self._defaults(found), **extra)

    def _options(self) -> list[TyperOption]:
        return [one for one in self.params if isinstance(one, TyperOption) and one.name != "help"]

    def _defaults(self, config: Config) -> dict[str, Any]:
        """Return the file's values by the names of this command's parameters."""
        values = {**config.options, **(config.prune if self.name == "prune" else {})}
        named = {flag_of(option): option.name or "" for option in self._options()}
        return {named[name]: value for name, value in values.items() if name in named}


def configuration() -> Config:
    """Read the nearest configuration file from the current directory upward."""
    from wheelwarm.config import load

    return load(Path.cwd())


def flag_of(option: TyperOption) -> str:
    """Return an option's long name without dashes before it."""
    return max(option.opts, key=len).lstrip("-")


def variable_of(option: TyperOption) -> str:
    """Return the environment variable of an option."""
    return f"{PREFIX}_{flag_of(option).upper().replace('-', '_')}"
