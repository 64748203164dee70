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


def offers(folder: Path, *, apart_from: Path | None = None) -> list[Path]:
    """Return what may stand for an input that nobody named, there or not; `apart_from` is a file yet to be written."""
    written = apart_from.resolve() if apart_from else None
    return [folder / name for name in OFFERS if (folder / name).resolve() != written]


def other_lock(folder: Path) -> Path | None:
    """Return a lock in the folder that pip cannot read; None where there is none."""
    return next((folder / name for name in OTHER_LOCKS if (folder / name).is_file()), None)


def export_command(lock: Path) -> str:
    """Return what to type so that pip can read what such a lock holds."""
    elsewhere = lock.absolute().parent != Path.cwd()
    return f"{f'cd {shlex.quote(str(lock.parent))} && ' if elsewhere else ''}{OTHER_LOCKS[lock.name]}"
