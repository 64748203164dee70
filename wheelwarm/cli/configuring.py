"""How typed options, `WHEELWARM_*` variables and the configuration file come together, for every command by one rule.

Typed beats the variable of the option's name (`--only-binary`: `WHEELWARM_ONLY_BINARY`, lists with blanks between),
which beats the file, which beats the option's own default. Inputs and targets count as wholes: what is typed or in
a variable replaces those of the file.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperOption

from wheelwarm.cli.answering import answering
from wheelwarm.cli.helping import WithoutTypes
from wheelwarm.errors import WheelwarmError

if TYPE_CHECKING:
    from collections.abc import Iterator

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
            with answering(info_name or "", as_json="--json" in args or os.environ.get(f"{PREFIX}_JSON") == "1"):
                found = configuration()
        if found is not None and found.path is not None:
            self.epilog = "\n\n".join(filter(None, [self.epilog, f"Configuration: {found.path}"]))
            extra["default_map"] = self._defaults(found)
        with self._naming_variables():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command, which may still find a value bad."""
        with self._naming_variables(ctx):
            return super().invoke(ctx)

    @contextmanager
    def _naming_variables(self, ctx: Any = None) -> Iterator[None]:
        """Say of a bad value which variable it comes from: nobody has typed that option."""
        try:
            yield
        except typer.BadParameter as error:
            for option in self._options():
                is_meant = error.param is option or error.param_hint in option.opts
                if is_meant and _is_from_variable(option, ctx or error.ctx):
                    error.param_hint = f"{variable_of(option)} (--{flag_of(option)})"
            raise

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


def _is_from_variable(option: TyperOption, ctx: Any) -> bool:
    source = ctx.get_parameter_source(option.name) if ctx else None
    return source is not None and source.name == "ENVIRONMENT"
