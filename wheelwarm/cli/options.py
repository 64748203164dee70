"""Options that several commands share, and the reading of requirements from them.

Flags that pip has keep pip's names and meanings.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable  # noqa: TC003 - `takes` evaluates annotations
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from wheelwarm.cli.configuring import configuration
from wheelwarm.errors import UsageError

if TYPE_CHECKING:
    from wheelwarm.config import Inputs
    from wheelwarm.inputs.index_options import IndexOptions
    from wheelwarm.inputs.requirements import RequirementSet


class Reader(Protocol):
    """The reading of what a command line asks for."""

    def __call__(self, *, options: IndexOptions, apart_from: Path | None = None) -> RequirementSet:
        """Read it, with the options that say where pip looks.

        Where nothing is named: from what the current directory has apart from a file yet to be written.
        """


INPUT, INDEX, TARGET, OUTPUT = "What to look at", "Where pip looks", "For which Python", "What to print"

Requirements = Annotated[
    list[str] | None, typer.Argument(metavar="REQUIREMENT", help="Requirements, as pip takes them.")
]
RequirementFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--requirement",
        "-r",
        metavar="FILE",
        help="A requirements file, pylock.toml or pyproject.toml; - is standard input.",
        rich_help_panel=INPUT,
    ),
]
ConstraintFiles = Annotated[
    list[str] | None,
    typer.Option("--constraint", "-c", metavar="FILE", help="A constraints file.", rich_help_panel=INPUT),
]
BuildConstraintFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--build-constraint",
        metavar="FILE",
        help="A constraints file for what builds need (pip 25.3 and later).",
        rich_help_panel=INPUT,
    ),
]
Groups = Annotated[
    list[str] | None,
    typer.Option(
        "--group", metavar="[PATH:]GROUP", help="A dependency group (pip 25.1 and later).", rich_help_panel=INPUT
    ),
]
Editables = Annotated[
    list[str] | None,
    typer.Option("--editable", "-e", metavar="PATH/URL", help="An editable project.", rich_help_panel=INPUT),
]
Scripts = Annotated[
    list[str] | None,
    typer.Option(
        "--script", "-s", metavar="FILE.py", help="A script that says what it needs (PEP 723).", rich_help_panel=INPUT
    ),
]


def _named(directory: str | None) -> str | None:
    """Refuse an empty name, as of a shell variable that is not set: it would be the current directory's."""
    if directory is not None and not directory.strip():
        raise typer.BadParameter("An empty name is no directory; without the option it is pip's own cache.")
    return directory


CacheDir = Annotated[
    str | None,
    typer.Option(
        "--cache-dir",
        metavar="DIR",
        help="The cache instead of pip's own.",
        rich_help_panel=TARGET,
        callback=_named,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.", rich_help_panel=OUTPUT)]


def read_requirements(
    requirements: Requirements = None,
    requirement_files: RequirementFiles = None,
    constraint_files: ConstraintFiles = None,
    build_constraint_files: BuildConstraintFiles = None,
    groups: Groups = None,
    editables: Editables = None,
    scripts: Scripts = None,
    *,
    options: IndexOptions,
    stdin: Callable[[], bytes] | None = None,
    apart_from: Path | None = None,
) -> RequirementSet:
    """Read what was asked for; the parameters are those of every command that takes requirements.

    `options` say where pip looks. `stdin` gives what standard input holds, to one who reads it more than once. Where
    nothing was asked for, the current directory's own counts, but for a file that is `apart_from` it.
    """
    from wheelwarm.config import Inputs
    from wheelwarm.inputs.requirements import read

    typed = Inputs(
        requirements=tuple(requirements or ()),
        files=tuple(requirement_files or ()),
        constraints=tuple(constraint_files or ()),
        build_constraints=tuple(build_constraint_files or ()),
        groups=tuple(groups or ()),
        editables=tuple(editables or ()),
        scripts=tuple(scripts or ()),
    )
    inputs, found = _or_else(typed, apart_from)
    wanted = read(
        inputs.requirements,
        requirement_files=inputs.files,
        constraint_files=inputs.constraints,
        build_constraint_files=inputs.build_constraints,
        groups=inputs.groups,
        editables=inputs.editables,
        scripts=inputs.scripts,
        options=options,
        environ=os.environ,
        stdin=stdin or sys.stdin.buffer.read,
    )
    return replace(wanted, found=found)


def _or_else(typed: Inputs, apart_from: Path | None) -> tuple[Inputs, Path | None]:
    """Return what is typed, else what the configuration names, else the file that the current directory offers."""
    if typed:
        return typed, None
    from wheelwarm.inputs.offers import OFFERS, export_command, offers, other_lock

    configured = configuration().inputs
    inputs = configured._replace(
        constraints=configured.constraints + typed.constraints,
        build_constraints=configured.build_constraints + typed.build_constraints,
    )
    if inputs:
        return inputs, None
    offered, lock = offers(Path.cwd(), apart_from=apart_from), other_lock(Path.cwd())
    found = next((path for path in offered if path.is_file()), None)
    if found is None and lock is None:
        names = ", ".join(path.name for path in offered)
        raise UsageError(
            f"No requirements were named, and the current directory has none of {names}.",
            hint="Name some, or a file of them, as in: wheelwarm prefetch -r requirements.txt",
        )
    if found is None:
        return inputs._replace(files=(str(lock and lock.name),)), lock  # which is refused, with what to type
    from wheelwarm.render import print_note

    print_note(f"no requirements were named, so {found.name} of the current directory is read")
    if lock is not None and found.name == OFFERS[-1]:
        print_note(f"to have just what {lock.name} holds, first: {export_command(Path(lock.name))}")
    return inputs._replace(files=(found.name,)), found


def takes(*readers: Callable[..., Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the parameters of these functions, and as its first arguments the functions with them filled in.

    So the command itself says when its requirements are read, and what catches the errors of that. Keyword-only
    parameters of the functions are no options: the command gives them.
    """
    # Return types are imported by type checkers only; here any stand-in will do.
    stand_ins = {"RequirementSet": object, "IndexOptions": object, "Keep": object, "Target": object, "Mapping": dict}
    signatures = [inspect.signature(reader, locals=stand_ins, eval_str=True).parameters for reader in readers]
    shared = [
        {name: parameter for name, parameter in parameters.items() if parameter.kind is not parameter.KEYWORD_ONLY}
        for parameters in signatures
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[len(readers) :]

        @functools.wraps(command)
        def with_shared(**values: Any) -> None:
            filled = [
                functools.partial(reader, **{name: values.pop(name) for name in names})
                for reader, names in zip(readers, shared, strict=True)
            ]
            command(*filled, **values)

        parameters = [*(parameter for names in shared for parameter in names.values()), *own]
        with_shared.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_shared.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return with_shared

    return decorate
