"""docs/commands.md out of the program itself: `python -m wheelwarm.cli.manual` prints it, `make docs` writes it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from wheelwarm.cli.commands import COMMANDS, build
from wheelwarm.cli.examples import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = """\
# Commands

Made by `make docs` from the program; `wheelwarm COMMAND --help` says the same. Every option has a variable
(`--cache-dir`: `WHEELWARM_CACHE_DIR`) and may stand in a configuration file; flags that pip has keep pip's names and
meanings. Exit codes: 0 done, 1 the answer is no, 2 usage, 3 could not do it, 130 interrupted.
"""


def manual() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *(line for name in COMMANDS for line in section(name, build(name)))])


def section(name: str, command: Any) -> Iterator[str]:
    """Yield one command's lines: what it does, examples, its arguments and options by group."""
    yield f"## {name}\n"
    yield (command.help or "").strip() + "\n"
    if name in EXAMPLES:
        yield "```sh"
        yield from (f"{line}  # {meaning}" for line, meaning in EXAMPLES[name])
        yield "```\n"
    shown = [one for one in command.params if one.name != "help" and not getattr(one, "hidden", False)]
    for panel in dict.fromkeys(map(panel_of, shown)):
        yield f"**{panel}**\n"
        yield from (entry(parameter) for parameter in shown if panel_of(parameter) == panel)
        yield ""


def panel_of(parameter: Any) -> str:
    """Return the group under which help shows a parameter."""
    if parameter.param_type_name == "argument":
        return "Arguments"
    return getattr(parameter, "rich_help_panel", None) or "Options"


def entry(parameter: Any) -> str:
    """Return a parameter's line: its names, what stands for its value, its help."""
    if parameter.param_type_name == "argument":
        names = parameter.metavar or parameter.name
    else:
        names = ", ".join(f"`{one}`" for one in (*parameter.opts, *parameter.secondary_opts))
        names += f" {parameter.metavar}" if parameter.metavar else ""
    return f"- {names}: {unescaped(parameter.help or '')}{default_of(parameter)}"


def default_of(parameter: Any) -> str:
    """Say a default that is worth saying."""
    value = parameter.default
    return f" Default: {value}." if isinstance(value, (int, str)) and not isinstance(value, bool) and value else ""


def unescaped(text: str) -> str:
    """Take out what keeps brackets from being markup."""
    return text.replace(r"\[", "[")


if __name__ == "__main__":
    sys.stdout.write(manual())
