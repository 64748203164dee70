"""Reads dependency groups (PEP 735) named as for pip's `--group`: `NAME` or `path/to/pyproject.toml:NAME`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wheelwarm.errors import InputError

if TYPE_CHECKING:
    from packaging.requirements import Requirement


def read_group(group: str) -> tuple[Path, tuple[Requirement, ...]]:
    """Return the pyproject.toml of a group and its requirements, those of included groups among them.

    Raises InputError for a file or group that is not there, or that breaks PEP 735.
    """
    from packaging.dependency_groups import DependencyGroupResolver

    folder, colon, name = group.rpartition(":")
    path = Path(folder if colon else "pyproject.toml")
    if path.name != "pyproject.toml":
        raise InputError(f"{path} cannot hold a group for --group.", hint="Only a pyproject.toml or a pylock.toml can.")
    table = _groups_table(path)
    try:
        return path, DependencyGroupResolver(table).resolve(name)
    except ExceptionGroup as exc:
        reason = "; ".join(str(problem) for problem in exc.exceptions)
        raise InputError(f"{path}: group '{name}' cannot be read: {reason}.", hint=_names(table)) from exc


def _groups_table(path: Path) -> dict[str, Any]:
    try:
        project = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise InputError(
            f"{path} cannot be read: {reason}.", hint="Give --group NAME or --group path/to/pyproject.toml:NAME."
        ) from exc
    table = project.get("dependency-groups")
    if not isinstance(table, dict):
        raise InputError(f"{path} has no [dependency-groups] table.")
    return table


def _names(table: dict[str, Any]) -> str:
    return f"Its groups are {', '.join(sorted(table))}." if table else ""
