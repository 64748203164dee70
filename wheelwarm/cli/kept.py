"""Options of `prune` that say what stays, and for which targets, as `prefetch` is told what to warm."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from wheelwarm.cli.configuring import configuration
from wheelwarm.cli.options import TARGET, BuildConstraintFiles, CacheDir, ConstraintFiles, read_requirements
from wheelwarm.cli.targets import Abis, AllPlatforms, Implementation, Platforms, PythonVersion, probe_targets
from wheelwarm.local_files import expanded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wheelwarm.inputs.index_options import IndexOptions
    from wheelwarm.prune import Keep, Kept
    from wheelwarm.targets.target import Target

SELECTORS = "What goes"

KeepReader: TypeAlias = Callable[..., "Keep"]
Chooser: TypeAlias = Callable[..., tuple[Path, tuple["Target", ...]]]

KeepFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--keep",
        metavar="FILE",
        help="What prefetch takes with -r, a script (FILE.py) or a group (pyproject.toml:GROUP): what it needs stays. "
        "Without another selector, all else goes. May be repeated.",
        rich_help_panel=SELECTORS,
    ),
]
Pythons = Annotated[
    list[str] | None,
    typer.Option(
        "--python",
        "-p",
        metavar="PATH|VERSION",
        help="The Python whose pip's cache it is, and for which things are needed; may be repeated.",
        rich_help_panel=TARGET,
    ),
]


def read_keep(
    keep: KeepFiles = None,
    constraint_files: ConstraintFiles = None,
    build_constraint_files: BuildConstraintFiles = None,
    *,
    options: IndexOptions,
) -> Keep:
    """Read what is to be kept: all files as one input, and each as one of its own, since either may be known.

    So is the input of the configuration file, if it has all of them: `prefetch` may have read it with more beside.
    """
    from wheelwarm.prune import Keep

    names = keep or []
    read = functools.partial(
        _read,
        options=options,
        stdin=functools.cache(sys.stdin.buffer.read),
        constraint_files=constraint_files,
        build_constraint_files=build_constraint_files,
    )
    wholes = [names] * bool(names) + [[]] * _is_configured(names)
    return Keep(
        together=tuple(read(whole) for whole in wholes),
        apart=tuple(read([name]) for name in names) if len(names) > 1 else (),
    )


def cache_and_targets(
    python: Pythons = None,
    platforms: Platforms = None,
    python_version: PythonVersion = None,
    implementation: Implementation = None,
    abis: Abis = None,
    all_platforms: AllPlatforms = False,
    cache_dir: CacheDir = None,
    *,
    by_target: bool,
) -> tuple[Path, tuple[Target, ...]]:
    """Find the cache and for whom it is; `by_target` says that it matters what some Python can use.

    Then the targets of the configuration count. Else a given cache needs no process.
    """
    if not (by_target or python) and cache_dir is not None:
        return expanded(cache_dir).absolute(), ()
    environ = dict(os.environ)
    if by_target:
        machine = (platforms, python_version, implementation, abis, all_platforms)
        targets = probe_targets(python, *machine, cache_dir, environ=environ)
    else:
        from wheelwarm.targets.probing import probe

        targets = [probe(one, environ=environ, cwd=Path.cwd(), cache_dir=cache_dir) for one in python or (None,)]
    return targets[0].cache_dir, tuple(targets)


def _read(names: Sequence[str], **given: Any) -> Kept:
    """Read one input; without names that of the configuration."""
    from wheelwarm.prune import Kept

    requirements = read_requirements(
        requirement_files=[name for name in names if _flag_of(name) == "-r"],
        groups=[name for name in names if _flag_of(name) == "--group"],
        scripts=[name for name in names if _flag_of(name) == "--script"],
        **given,
    )
    files = (("-c", requirements.constraint_files), ("--build-constraint", requirements.build_constraint_files))
    beside = [word for flag, values in files for value in values for word in (flag, value)] if names else []
    named = [word for name in names for word in (_flag_of(name), name)]
    return Kept(requirements=requirements, typed=(*named, *beside, *requirements.given_options.arguments()))


def _flag_of(name: str) -> str:
    """Return the option by which `prefetch` takes what is to be kept."""
    from wheelwarm.inputs.input_names import is_lock, is_project

    path, colon, _ = name.rpartition(":")
    if colon and (is_project(path) or is_lock(path)):
        return "--group"
    return "--script" if name.endswith(".py") else "-r"


def _is_configured(names: Sequence[str]) -> bool:
    """Tell whether all of what is to be kept is in the input of the configuration file."""
    inputs = configuration().inputs
    known = {Path(name) for name in (*inputs.files, *inputs.groups, *inputs.scripts)}
    return bool(names) and known.issuperset(Path(name).absolute() for name in names)
