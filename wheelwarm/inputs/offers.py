"""What a folder offers to look at when nothing is named, and the locks of other tools that may stand beside it."""

from __future__ import annotations

import shlex
from pathlib import Path

OFFERS = ("pylock.toml", "requirements.txt", "pyproject.toml")
"""The most exact first."""

# Each tool writes of its lock what pip reads, by the command that its documentation names.
OTHER_LOCKS = {
    "uv.lock": "uv export --format pylock.toml -o pylock.toml",
    "poetry.lock": "poetry export -f requirements.txt -o requirements.txt",
    "pdm.lock": "pdm export -f pylock -o pylock.toml",
    "Pipfile.lock": "pipenv requirements --hash > requirements.txt",
}


def offered(folder: Path) -> Path | None:
    """Return the file that stands for an input that nobody named; None where there is none."""
    return next((folder / name for name in OFFERS if (folder / name).is_file()), None)


def other_lock(folder: Path) -> Path | None:
    """Return a lock in the folder that pip cannot read; None where there is none."""
    return next((folder / name for name in OTHER_LOCKS if (folder / name).is_file()), None)


def export_command(lock: Path) -> str:
    """Return what to type so that pip can read what such a lock holds."""
    elsewhere = lock.absolute().parent != Path.cwd()
    return f"{f'cd {shlex.quote(str(lock.parent))} && ' if elsewhere else ''}{OTHER_LOCKS[lock.name]}"
