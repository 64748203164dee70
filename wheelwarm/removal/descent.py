"""Going down into the folders of a cache to remove what is there, and never through a symbolic link.

Each folder on the way is opened from the one above it and held open, so that none can be exchanged for a link in
between; where a system knows no files relative to an open folder (Windows), each is looked at before it is entered.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from pathlib import Path

BY_DESCRIPTOR = {os.open, os.stat, os.unlink, os.rename, os.rmdir, os.access} <= os.supports_dir_fd
"""Whether the system takes paths relative to an open folder."""

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class _At(TypedDict, total=False):
    dir_fd: int


@dataclass(slots=True)
class _Folder:
    """A folder that is stood in, and how the system is told so.

    `may_go` tells whether it is to be removed on leaving it when it is empty, `emptied` whether something went from it.
    """

    name: str
    path: str
    descriptor: int
    at: _At
    may_go: bool
    emptied: bool = False


class Descent:
    """Stands in a folder below the cache directory `root`; a context manager. Raises OSError as the system does.

    A folder from which something went is removed on leaving it when nothing is left in it: not the section's own,
    from which pip takes permissions, and in the sections named in `patient` only if nothing was written there since
    `before` (seconds since the epoch, UTC): a pip that builds a wheel has made sure of its folder long before.
    """

    def __init__(self, root: Path, *, patient: frozenset[str] = frozenset(), before: float = 0.0) -> None:
        self._patient = patient
        self._before = before
        self._way: list[_Folder] = []
        self._way.append(self._open("", str(root), follow=True))

    def __enter__(self) -> Descent:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._climb(0)

    def enter(self, folder: str) -> bool:
        """Go to a folder, given by its path below the root; False if it is not there, or a link or a file is."""
        names = folder.split("/")
        shared = 0
        for name, one in zip(names, self._way[1:], strict=False):
            if name != one.name:
                break
            shared += 1
        self._climb(1 + shared)
        try:
            for name in names[shared:]:
                self._way.append(self._open(name, f"{self._way[-1].path}/{name}"))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            # A link is not entered (ELOOP). Any other failure is none of its own: the files in it will tell.
            if not self._is_link(name):
                raise
            return False
        return True

    def status(self, name: str) -> os.stat_result | None:
        """Return the state of a file in this folder, None if there is none."""
        try:
            return os.lstat(self._place(name), **self._at())
        except FileNotFoundError:
            return None

    def may_write(self, name: str) -> bool:
        """Tell whether a file could be written: one that could not may be held fast, as by `chattr +i`."""
        return os.access(self._place(name), os.W_OK, **self._at())

    def unlink(self, name: str) -> bool:
        """Remove a file of this folder; False if another process was faster."""
        try:
            os.unlink(self._place(name), **self._at())
        except FileNotFoundError:
            return False
        self._way[-1].emptied = True
        return True

    def rename(self, name: str, to: str) -> None:
        """Rename a file within this folder."""
        at = self._at()
        if at:
            os.rename(name, to, src_dir_fd=at["dir_fd"], dst_dir_fd=at["dir_fd"])
        else:
            os.replace(self._place(name), self._place(to))  # noqa: PTH105 - as above

    def names(self) -> list[str]:
        """Return what is in this folder."""
        here = self._way[-1]
        return os.listdir(here.descriptor if BY_DESCRIPTOR else here.path)  # noqa: PTH208 - as above

    def give_up(self) -> None:
        """Let this folder go when it is left, if nothing is in it."""
        self._way[-1].emptied = True

    def _open(self, name: str, path: str, *, follow: bool = False) -> _Folder:
        if not BY_DESCRIPTOR:
            status = (os.stat if follow else os.lstat)(path)
            if not stat.S_ISDIR(status.st_mode):
                raise NotADirectoryError(path)
            return _Folder(name, path, -1, {}, not self._is_patient(name) or status.st_mtime < self._before)
        if follow:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        else:
            descriptor = os.open(name, _FOLDER, dir_fd=self._way[-1].descriptor)
        may_go = not self._is_patient(name) or os.fstat(descriptor).st_mtime < self._before
        return _Folder(name, path, descriptor, {"dir_fd": descriptor}, may_go)

    def _climb(self, depth: int) -> None:
        """Leave folders until only `depth` of them, the root included, are on the way."""
        while len(self._way) > depth:
            left = self._way.pop()
            if BY_DESCRIPTOR:
                os.close(left.descriptor)
            if left.emptied and left.may_go and len(self._way) > 1:
                self._remove(left.name)

    def _remove(self, name: str) -> None:
        try:
            os.rmdir(self._place(name), **self._at())
        except OSError:  # not empty, or another process was faster
            return
        self._way[-1].emptied = True

    def _is_patient(self, name: str) -> bool:
        section = self._way[1].name if len(self._way) > 1 else name
        return section in self._patient

    def _is_link(self, name: str) -> bool:
        status = self.status(name)
        return status is not None and stat.S_ISLNK(status.st_mode)

    def _place(self, name: str) -> str:
        return name if BY_DESCRIPTOR else f"{self._way[-1].path}/{name}"

    def _at(self) -> _At:
        return self._way[-1].at
