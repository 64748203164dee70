"""The user's surroundings, as they were before a hook runner put its own environment in front of them.

pre-commit sets VIRTUAL_ENV to the environment that it made for the hook, and puts that one's folder first on PATH. What
the user had stands behind it on PATH; the user's VIRTUAL_ENV is lost. A hook that took these for the project's Python
would warm for the wrong one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

# What a runner leaves in an environment that it has made: pre-commit 1 to 4, prek.
_MARKS = (".install_state_v1", ".install_state_v2", ".prek-hook.json")


def made_for_hooks(prefix: Path) -> bool:
    """Tell whether an environment is one that a hook runner made for its hooks."""
    return any((prefix / mark).is_file() for mark in _MARKS)


def without_environment(environ: Mapping[str, str], prefix: Path) -> dict[str, str]:
    """Return the variables as they are without an environment: out of PATH, and not the active one."""
    own = {_resolved(prefix / folder) for folder in ("bin", "Scripts")}
    folders = [folder for folder in environ.get("PATH", "").split(os.pathsep) if _resolved(Path(folder)) not in own]
    left = {**environ, "PATH": os.pathsep.join(folders)}
    if _resolved(Path(left.get("VIRTUAL_ENV") or os.curdir)) == _resolved(prefix):
        left.pop("VIRTUAL_ENV", None)
    return left


def leave_hook(environ: MutableMapping[str, str], prefix: Path) -> None:
    """Take a hook's environment out of the variables; nothing for any other environment."""
    if not made_for_hooks(prefix):
        return
    left = without_environment(environ, prefix)
    for name in set(environ) - set(left):
        del environ[name]
    environ["PATH"] = left["PATH"]


def _resolved(path: Path) -> Path:
    return Path(os.path.normcase(path.resolve()))
