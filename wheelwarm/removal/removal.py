"""Removing things from the cache: a plan that is shown first, then carried out to the letter and not beyond.

Metadata goes before body, so that no pip finds a half; no symbolic link is followed, and nothing outside the section
folders is touched. What is not any more as the plan saw it stays: pip has no locks, and may just have renewed it. What
has vanished meanwhile is no error.
"""

from __future__ import annotations

import stat
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wheelwarm.cache.inventory import TEMPORARY_SUFFIX, Form, Section, allocated
from wheelwarm.cache.wheels import ORIGIN
from wheelwarm.errors import CacheError
from wheelwarm.removal.descent import Descent

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from wheelwarm.cache.inventory import File, Item

BUILD_GRACE_SECONDS = 24 * 3600
"""How long a folder of locally built wheels stays when it is empty: pip makes it before it begins to build."""

_SECTIONS = frozenset({Section.HTTP_V2.value, Section.HTTP.value, Section.WHEELS.value})
_PATIENT = frozenset({Section.WHEELS.value})
_PIP_FOLDERS = (*_SECTIONS, "selfcheck")


@dataclass(frozen=True, slots=True)
class Removal:
    """How much is to go, or has gone.

    `bytes` is apparent size; `freed` is what the disk gets back, which is nothing for a file of which another hard
    link stays. `changed` counts the entries that were left since they are not what the plan saw, or a pip is at work
    with them.
    """

    entries: int = 0
    files: int = 0
    bytes: int = 0
    freed: int = 0
    changed: int = 0

    def __add__(self, other: Removal) -> Removal:
        return Removal(
            self.entries + other.entries,
            self.files + other.files,
            self.bytes + other.bytes,
            self.freed + other.freed,
            self.changed + other.changed,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to go: items, and folders that were empty before."""

    items: tuple[Item, ...]
    folders: tuple[str, ...] = ()

    @property
    def total(self) -> Removal:
        """The sum of the plan."""
        return amount(self.items)


def plan(items: Iterable[Item], *, among: Iterable[Item], folders: Iterable[str] = ()) -> Plan:
    """Plan the removal of items of the sections; `among` is everything that is there, `folders` are empty ones.

    The `origin.json` that built wheels share goes when the last of them does, and stays as long as one stays.
    """
    chosen = [item for item in items if item.section.value in _SECTIONS]
    paths = {item.path for item in chosen}
    staying = {_folder(item) for item in among if item.section is Section.WHEELS and item.path not in paths}
    below = tuple(folder for folder in folders if _is_below_section(folder))
    return Plan(tuple(_without_shared(item) if _folder(item) in staying else item for item in chosen), below)


def amount(items: Iterable[Item]) -> Removal:
    """Return how much these items are; the disk gets back only files all of whose hard links are among them."""
    items = list(items)
    files = [file for item in items for file in item.files]
    linked = Counter(file.inode for file in files if file.links > 1)
    freed = sum([file.allocated for file in files if file.links < 2 or linked[file.inode] == file.links])
    return Removal(len(items), len(files), sum([file.size for file in files]), freed)


def check_is_cache(root: Path, *, home: Path) -> None:
    """Raise CacheError for a directory that nothing may be removed from, since it is no cache of pip's."""
    try:
        reason = _why_no_cache(root, home)
    except OSError as exc:
        reason = f"{root} cannot be read: {exc.strerror or exc}."
    if reason:
        raise CacheError(reason, hint="Name pip's cache directory: see `pip cache dir`.")


def _why_no_cache(root: Path, home: Path) -> str:
    """Say why a directory is no cache of pip's; empty if it may be one. OSError where it may not be looked into."""
    if not root.is_dir():
        return f"There is no cache directory {root}."
    place = root.resolve()
    if place == place.parent or place == home.resolve():
        return f"{root} is not a cache directory of pip, and nothing is removed from it."
    if not any((root / name).is_dir() for name in _PIP_FOLDERS):
        return f"{root} holds nothing that pip keeps in its cache."
    return ""


def refuse_stranger(root: Path, *, home: Path) -> None:
    """Raise CacheError likewise, but for a directory that is missing or empty: that may become a cache."""
    with suppress(OSError):
        if any(one.name != Form.OWN for one in root.iterdir()):
            check_is_cache(root, home=home)


def carry_out(root: Path, plan: Plan, *, is_in_use: Callable[[Item], bool] = lambda _: False) -> Removal:
    """Remove what was planned below the cache directory `root`; return what has really gone.

    `is_in_use` is asked right before an item goes, and keeps it when it says so.
    Raises CacheError when a file will not go; what went before is gone.
    """
    total = Removal()
    what = ""
    try:
        with Descent(root, patient=_PATIENT, before=time.time() - BUILD_GRACE_SECONDS) as descent:
            for item in sorted(plan.items, key=lambda item: item.path):
                what = item.path
                total += _remove(descent, item, is_in_use)
            for what in sorted(plan.folders):
                if descent.enter(what):
                    descent.give_up()
    except OSError as exc:
        before = f" {total.entries} of {len(plan.items)} entries were removed before." if total.entries else ""
        raise CacheError(
            f"{root / what} cannot be removed: {exc.strerror or exc}.{before}",
            hint="Run as the owner of the cache, or mend its permissions.",
        ) from exc
    return total


def _folder(item: Item) -> str:
    return item.path.rpartition("/")[0]


def _is_below_section(folder: str) -> bool:
    section, _, below = folder.partition("/")
    return section in _SECTIONS and bool(below)


def _without_shared(item: Item) -> Item:
    """Leave an origin to the wheels that stay beside it."""
    return item if item.section is not Section.WHEELS else type(item)(item.form, item.section, item.files[:1])


def _remove(descent: Descent, item: Item, is_in_use: Callable[[Item], bool]) -> Removal:
    if not descent.enter(_folder(item)):
        return Removal()
    found = []
    for file in item.files:
        if (status := descent.status(file.name)) is not None:
            if _has_changed(file, status):
                return Removal(changed=1)
            found.append((file.name, status))
    if found and is_in_use(item):
        return Removal(changed=1)
    removed = list(_unlink_all(descent, found))
    return Removal(
        entries=1 if removed else 0,
        files=len(removed),
        bytes=sum([status.st_size for status in removed]),
        freed=sum([allocated(status) for status in removed if status.st_nlink < 2]),
    )


def _has_changed(file: File, status: os.stat_result) -> bool:
    """Tell whether a file is another than the one seen; a directory listing on Windows tells no inode."""
    return (
        status.st_mtime_ns != file.mtime_ns
        or status.st_size != file.size
        or (file.inode != 0 and status.st_ino != file.inode)
        or stat.S_IFMT(status.st_mode) != stat.S_IFMT(file.mode)
    )


def _unlink_all(descent: Descent, found: Sequence[tuple[str, os.stat_result]]) -> Iterator[os.stat_result]:
    """Remove the files of one item in their order; yield the state of those that went."""
    if len(found) > 1 and not descent.may_write(found[1][0]):
        with suppress(FileNotFoundError):  # another process was faster
            _unlink_last_first(descent, *[name for name, _ in found])
            yield from [status for _, status in found]
        return
    for name, status in found:
        # A wheel may have been built meanwhile, whose origin this is now.
        if name == ORIGIN and any(other.endswith(".whl") for other in descent.names()):
            continue
        if descent.unlink(name):
            yield status


def _unlink_last_first(descent: Descent, first: str, last: str) -> None:
    """Remove a pair whose second file may be held fast: then the first comes back, and no half is left."""
    aside = f"{first}wheelwarm{TEMPORARY_SUFFIX}"
    descent.rename(first, aside)
    try:
        descent.unlink(last)
    except OSError:
        descent.rename(aside, first)
        raise
    descent.unlink(aside)
