"""What a folder offers to look at when nothing is named, the most exact first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

OFFERS = ("pylock.toml", "requirements.txt", "pyproject.toml")


def offered(folder: Path) -> Path | None:
    """Return the file that stands for an input that nobody named; None where there is none."""
    return next((folder / name for name in OFFERS if (folder / name).is_file()), None)
