"""The names that a ledger knows, read quickly and quietly while a shell waits. Beside the ledger a user of sqlite3.

The ledger is opened to be read only: a completion makes no folders, no tables and no warnings.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from wheelwarm.ledger.ledger import FILE, FOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BUSY_SECONDS = 0.2


def names(cache_dir: Path) -> list[str]:
    """Return the projects that the last looks at the cache found there."""
    return _column(cache_dir, "SELECT DISTINCT name FROM entry WHERE name IS NOT NULL", ())


def versions(cache_dir: Path, project: str) -> list[str]:
    """Return the versions of a project that are there."""
    wanted = canonicalize_name(project)
    return _column(cache_dir, "SELECT DISTINCT version FROM entry WHERE name = ? AND version > ''", (wanted,))


def _column(cache_dir: Path, query: str, values: Sequence[str]) -> list[str]:
    path = cache_dir / FOLDER / FILE
    if path.is_symlink() or not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)) as file:
            return [str(value) for (value,) in file.execute(query, values) if isinstance(value, str)]
    except sqlite3.Error:
        return []
