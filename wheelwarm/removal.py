"""Removing things from the cache: a plan that is shown first, then carried out to the letter and not beyond.

Metadata goes before body, so that no pip finds a half; no symbolic link is followed, and nothing outside the section
folders is touched. What has vanished meanwhile is no error: pip has no locks, and another process may be faster.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from wheelwarm.cache.inventory import Section, allocated
from wheelwarm.errors import CacheError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from wheelwarm.cache.inventory import File, Item

_SECTIONS = frozenset({Section.HTTP_V2.value, Section.HTTP.value, Section.WHEELS.value})


@dataclass(frozen=True, slots=True)
class Removal:
    """How much is to go, or has gone.

    `bytes` is apparent size; `freed` is what the disk gets back, which is nothing for a file with another hard link.
    """

    entries: int = 0
    files: int = 0
    bytes: int = 0
    freed: int = 0

    def __add__(self, other: Removal) -> Removal:
        return Removal(
            self.entries + other.entries,
            self.files + other.files,
            self.bytes + other.bytes,
            self.freed + other.freed,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to go, in this order."""

    items: tuple[Item, ...]

    @property
    def total(self) -> Removal:
        """The sum of the plan."""
        return sum((_planned(item) for item in self.items), Removal())


def plan(items: Iterable[Item], *, among: Iterable[Item]) -> Plan:
    """Plan the removal of items of the sections; `among` is everything that is there.

    The `origin.json` that built wheels share goes when the last of them does, and stays as long as one stays.
    """
    chosen = [item for item in items if item.section.value in _SECTIONS]
    paths = {item.path for item in chosen}
    staying = {_folder(item) for item in among if item.section is Section.WHEELS and item.path not in paths}
    return Plan(tuple(_without_shared(item) if _folder(item) in staying else item for item in chosen))


def carry_out(root: Path, plan: Plan) -> Removal:
    """Remove what was planned below the cache directory `root`; return what has really gone.

    Raises CacheError when a file will not go.
    """
    try:
        return sum((_remove(root, item) for item in plan.items), Removal())
    except OSError as exc:
        raise CacheError(
            f"The cache {root} cannot be written: {exc.strerror or exc}.",
            hint="Run as the owner of the cache, or mend its permissions.",
        ) from exc


def _planned(item: Item) -> Removal:
    return Removal(1, len(item.files), item.bytes, item.allocated)


def _folder(item: Item) -> str:
    return item.path.rpartition("/")[0]


def _without_shared(item: Item) -> Item:
    """Leave an origin to the wheels that stay beside it."""
    return item if item.section is not Section.WHEELS else type(item)(item.form, item.section, item.files[:1])


def _remove(root: Path, item: Item) -> Removal:
    removed = list(_unlink_all(root, item.files))
    return Removal(
        entries=1 if removed else 0,
        files=len(removed),
        bytes=sum(status.st_size for status in removed),
        freed=sum(allocated(status) for status in removed if status.st_nlink < 2),
    )


def _unlink_all(root: Path, files: Iterable[File]) -> Iterator[os.stat_result]:
    for file in files:
        path = root / file.path
        if _is_led_out(root, path):
            continue
        try:
            status = path.lstat()
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            continue
        _remove_empty_folders(root, path)
        yield status


def _is_led_out(root: Path, path: Path) -> bool:
    """Tell whether a folder on the way from the cache directory is no folder, or leads elsewhere."""
    try:
        return any(not stat.S_ISDIR(folder.lstat().st_mode) for folder in _folders(root, path))
    except OSError:
        return True


def _remove_empty_folders(root: Path, path: Path) -> None:
    """Remove the folders that are empty now, but not the section's: pip's permissions come from it."""
    for folder in list(_folders(root, path))[:-1]:
        try:
            folder.rmdir()
        except OSError:  # not empty, or another process was faster
            return


def _folders(root: Path, path: Path) -> Iterator[Path]:
    """Yield the folders from a file's own up to its section's."""
    return takewhile(lambda folder: folder != root, path.parents)
