"""Reads dependency groups (PEP 735) named as for pip's `--group`: `NAME` or `path/to/pyproject.toml:NAME`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wheelwarm.errors import InputError
from wheelwarm.inputs.declared import Source, decoded

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
    except (ExceptionGroup, RecursionError) as exc:
        problems = exc.exceptions if isinstance(exc, ExceptionGroup) else ("it is nested too deeply",)
        reason = "; ".join(str(problem) for problem in problems)
        raise InputError(f"{path}: group '{name}' cannot be read: {reason}.", hint=_names(table)) from exc


def _groups_table(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise InputError(
            f"{path} cannot be read: {exc.strerror}.", hint="Give --group NAME or --group path/to/pyproject.toml:NAME."
        ) from exc
    text = decoded(path, data)
    table = Source(path, text).table(text).get("dependency-groups")
    if not isinstance(table, dict):
        raise InputError(f"{path} has no [dependency-groups] table.", hint="Groups are named there (PEP 735).")
    return table


def _names(table: dict[str, Any]) -> str:
    return f"Its groups are {', '.join(sorted(table))}." if table else "It has none yet."
