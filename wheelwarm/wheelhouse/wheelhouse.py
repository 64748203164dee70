"""A wheelhouse: a folder of wheels and sdists for `pip install --no-index --find-links`. The only writer of one.

Each file is made beside its place, checked, and moved there in one step; what else stands in the folder is left alone.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from wheelwarm.cache import entries
from wheelwarm.cache.archive import Window
from wheelwarm.cache.integrity import Damage, tar_gz_damage, zip_damage
from wheelwarm.errors import FormatError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from wheelwarm.cache.entries import Entry

_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file until one of the two is written to
_ALGORITHMS = frozenset({"sha512", "sha384", "sha256", "sha224", "sha1", "md5"})
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class LinkMode(StrEnum):
    """How files get into the folder; where the file system cannot do it, they are copied."""

    AUTO = "auto"
    """A reflink where the file system has them, else a copy: whatever happens to either file, the other stays."""
    COPY = "copy"
    REFLINK = "reflink"
    HARDLINK = "hardlink"
    """The same file under two names: takes no space, but who writes to the one writes into pip's cache."""


class How(StrEnum):
    """How one file got there."""

    COPIED = "copied"
    REFLINKED = "reflinked"
    HARDLINKED = "hardlinked"
    KEPT = "kept"
    """It was there already, with these very bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One file of the wheelhouse; `sha256` is that of the bytes which are there, `size` is in bytes."""

    filename: str
    how: How
    sha256: str
    size: int


class Wheelhouse:
    """The folder `directory`, made when the first file comes."""

    def __init__(self, directory: Path, *, mode: LinkMode = LinkMode.AUTO) -> None:
        self.directory = directory
        self._mode = mode

    def place(self, filename: str, body: Entry, *, hashes: Mapping[str, str]) -> Placed:
        """Put a body there under this name, checked against its hashes, or by itself where nobody states any.

        Raises FormatError, with the damage as its message, for bytes that are not what they should be, OSError where
        they cannot be read, InputError for a name that is none and a folder that cannot be written. Nothing is left of
        the file then.
        """
        path = self.directory / _checked(filename)
        expected = hashes.get("sha256") or entries.digest_of(body)
        if self._is_there(path, body, expected):
            return Placed(filename=filename, how=How.KEPT, sha256=expected, size=body.size or 0)
        with self._new(path) as temporary:
            how = self._fill(temporary, body)
            digests = _digests(temporary, {*hashes, "sha256"})
            stated = {name: value.lower() for name, value in hashes.items() if name in digests}
            if any(digests[name] != value for name, value in stated.items()):
                raise FormatError(Damage.HASH_MISMATCH)
            if not stated and (damage := _damage(temporary, filename)):
                raise FormatError(damage)
        return Placed(filename=filename, how=how, sha256=digests["sha256"], size=body.size or 0)

    def write(self, path: Path, content: bytes) -> None:
        """Put a small file below the folder, in place of an older one. InputError where it cannot be written."""
        with self._new(path) as temporary:
            _copy(temporary, [content])

    def _is_there(self, path: Path, body: Entry, expected: str) -> bool:
        """Tell whether the file is there; one that shares the cache's inode only where that is asked for."""
        try:
            status, source = path.lstat(), body.body_path.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_size != body.size:
                return False
            if os.path.samestat(status, source) and self._mode is not LinkMode.HARDLINK:
                return False
            return _digests(path, {"sha256"})["sha256"] == expected
        except OSError:
            return False

    def _fill(self, temporary: Path, body: Entry) -> How:
        is_whole = not body.body_offset and body.body_path.lstat().st_size == body.size
        if is_whole and self._mode is LinkMode.HARDLINK and _hard_link(body.body_path, temporary):
            return How.HARDLINKED
        if is_whole and self._mode in (LinkMode.AUTO, LinkMode.REFLINK) and _reflink(body.body_path, temporary):
            return How.REFLINKED
        _copy(temporary, entries.chunks(body))
        return How.COPIED

    @contextmanager
    def _new(self, path: Path) -> Iterator[Path]:
        """Give the name of a file to be made, which then takes this place; without it nothing has changed."""
        temporary = path.with_name(f".wheelwarm-{secrets.token_hex(8)}.tmp")
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            with _writing(path):
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say of what fails in here that this file cannot be written."""
    try:
        yield
    except OSError as exc:
        raise InputError(
            f"{path} cannot be written: {exc.strerror or exc}.", hint="Name a folder that you may write to."
        ) from exc


def _checked(filename: str) -> str:
    """Refuse what would be a path: a URL may have any text in its last part."""
    is_name = PurePosixPath(filename).name == filename == PureWindowsPath(filename).name
    if not is_name or not filename or filename.startswith(".") or "\0" in filename:
        raise InputError(f"{filename!r} is no file name.", hint="Name the file otherwise in the index or requirement.")
    return filename


def _hard_link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another file system, or one without hard links
        return False
    return True


def _reflink(source: Path, target: Path) -> bool:
    """Make a clone that shares blocks, as btrfs, XFS and others have them; False where that is not to be had."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        with entries.open_quietly(source) as read, os.fdopen(os.open(target, _NEW, 0o666), "wb") as written:
            fcntl.ioctl(written.fileno(), _FICLONE, read.fileno())
    except OSError:
        target.unlink(missing_ok=True)
        return False
    return True


def _copy(target: Path, content: Iterable[bytes]) -> None:
    """Write a new file; an OSError is the content's own."""
    with _writing(target):
        file = os.fdopen(os.open(target, _NEW, 0o666), "wb")
    with file:
        for chunk in content:
            with _writing(target):
                file.write(chunk)
        with _writing(target):
            file.flush()


def _digests(path: Path, algorithms: Iterable[str]) -> dict[str, str]:
    """Read a file once and return its digests, in hex, by those of the algorithms that pip knows."""
    digests = {name: hashlib.new(name) for name in algorithms if name in _ALGORITHMS}
    with entries.open_quietly(path) as file:
        for chunk in entries.read(file, path.lstat().st_size):
            for digest in digests.values():
                digest.update(chunk)
    return {name: digest.hexdigest() for name, digest in digests.items()}


def _damage(path: Path, filename: str) -> Damage | None:
    with entries.open_quietly(path) as file:
        window = Window(file, path.lstat().st_size)
        if filename.endswith((".whl", ".zip")):
            return zip_damage(window, is_wheel=filename.endswith(".whl"))
        return tar_gz_damage(window, is_sdist=True) if filename.endswith(".tar.gz") else None
