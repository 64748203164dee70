"""Reads dependency groups (PEP 735) named as for pip's `--group`: `NAME` or `path/to/pyproject.toml:NAME`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wheelwarm.errors import InputError
from wheelwarm.inputs.declared import Source, decoded
from wheelwarm.redaction import one_line

if TYPE_CHECKING:
    from packaging.requirements import Requirement


def read_group(group: str) -> tuple[Path, tuple[Requirement, ...]]:
    """Return the pyproject.toml of a group and its requirements, those of included groups among them.

    Raises InputError for a file or group that is not there, or that breaks PEP 735.
    """
    from packaging.dependency_groups import DependencyGroupResolver
    from packaging.requirements import InvalidRequirement

    folder, colon, name = group.rpartition(":")
    path = Path(folder if colon else "pyproject.toml")
    if path.name != "pyproject.toml":
        raise InputError(f"{path} cannot hold a group for --group.", hint="Only a pyproject.toml or a pylock.toml can.")
    source = _source(path)
    table = _groups_table(source)
    try:
        return path, DependencyGroupResolver(table).resolve(name)
    except (ExceptionGroup, RecursionError) as exc:
        problems = exc.exceptions if isinstance(exc, ExceptionGroup) else ("it is nested too deeply",)
        if any(isinstance(problem, InvalidRequirement) for problem in problems):
            _check_lines(source, table)
        reason = "; ".join(one_line(str(problem)) for problem in problems)
        raise InputError(f"{path}: group '{name}' cannot be read: {reason}.", hint=_names(table)) from exc


def _check_lines(source: Source, table: dict[str, Any]) -> None:
    """Raise InputError with its line for the first requirement that is none."""
    for group in table.values():
        for item in group if isinstance(group, list) else ():
            if isinstance(item, str):
                source.requirement(item)


def _source(path: Path) -> Source:
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise InputError(
            f"{path} cannot be read: {exc.strerror}.", hint="Give --group NAME or --group path/to/pyproject.toml:NAME."
        ) from exc
    return Source(path, decoded(path, data))


def _groups_table(source: Source) -> dict[str, Any]:
    table = source.table(source.text).get("dependency-groups")
    if not isinstance(table, dict):
        raise InputError(f"{source.path} has no [dependency-groups] table.", hint="Groups are named there (PEP 735).")
    return table


def _names(table: dict[str, Any]) -> str:
    return f"Its groups are {', '.join(sorted(table))}." if table else "It has none yet."
