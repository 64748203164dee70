"""Options that say for which Pythons and machines, and the probing of what they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from wheelwarm.cli.configuring import configuration
from wheelwarm.cli.options import TARGET, CacheDir

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wheelwarm.targets.target import Target


class Prober(Protocol):
    """The probing of the targets that a command line names."""

    def __call__(self, *, environ: Mapping[str, str]) -> list[Target]:
        """Ask each Python what it is."""


Pythons = Annotated[
    list[str] | None,
    typer.Option(
        "--python",
        "-p",
        metavar="PATH|VERSION",
        help="The Python to warm for, may be repeated; else $VIRTUAL_ENV, ./.venv, python3, wheelwarm's own.",
        rich_help_panel=TARGET,
    ),
]
Platforms = Annotated[
    list[str] | None,
    typer.Option("--platform", metavar="NAME", help="Wheels for a machine elsewhere.", rich_help_panel=TARGET),
]
PythonVersion = Annotated[
    str | None,
    typer.Option("--python-version", metavar="3.12", help="Its Python's version.", rich_help_panel=TARGET),
]
Implementation = Annotated[
    str | None,
    typer.Option("--implementation", metavar="cp|pp|py", help="Its Python's kind.", rich_help_panel=TARGET),
]
Abis = Annotated[
    list[str] | None, typer.Option("--abi", metavar="ABI", help="Its Python's ABI.", rich_help_panel=TARGET)
]

AllPlatforms = Annotated[
    bool,
    typer.Option("--all-platforms", help="Every file of a lock, whatever it is for.", rich_help_panel=TARGET),
]


def probe_targets(
    pythons: Pythons = None,
    platforms: Platforms = None,
    python_version: PythonVersion = None,
    implementation: Implementation = None,
    abis: Abis = None,
    all_platforms: AllPlatforms = False,
    cache_dir: CacheDir = None,
    *,
    environ: Mapping[str, str],
) -> list[Target]:
    """Ask each Python what it is, in this environment; the parameters are those of every command that takes targets."""
    from wheelwarm.config import TargetChoice
    from wheelwarm.parts import distinct, located
    from wheelwarm.targets.elsewhere import Elsewhere
    from wheelwarm.targets.probing import probe

    elsewhere = Elsewhere(
        platforms=tuple(platforms or ()),
        python_version=python_version,
        implementation=implementation,
        abis=tuple(abis or ()),
        everywhere=all_platforms,
    )
    typed = [TargetChoice(python=python, elsewhere=elsewhere) for python in pythons or ()]
    if elsewhere and not typed:
        typed = [TargetChoice(elsewhere=elsewhere)]
    cwd = Path.cwd()
    return distinct(
        located(probe(choice.python, environ=environ, cwd=cwd, cache_dir=cache_dir), choice.elsewhere)
        for choice in typed or configuration().targets or (TargetChoice(),)
    )
