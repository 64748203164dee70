"""Everything below pip's cache directory, walked once and classified by place and name; no file is opened.

Owns what counts as one item (the two files of an entry, a built wheel with its origin) and what each stray file is.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from wheelwarm import file_names
from wheelwarm.cache.wheels import ORIGIN
from wheelwarm.cache.wheels import SECTION as WHEELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

BODY_SUFFIX = ".body"
TEMPORARY_SUFFIX = ".tmp"

_BUILT = re.compile(rf"{WHEELS}/[0-9a-f]{{2}}/[0-9a-f]{{2}}/[0-9a-f]{{2}}/[0-9a-f]{{50}}")
_DEVICE_BLOCK = 512  # the unit of st_blocks, whatever the file system's own block is (POSIX, sys/stat.h)


class Section(StrEnum):
    """The folder of the cache directory that something stands in."""

    HTTP_V2 = "http-v2"
    HTTP = "http"
    WHEELS = "wheels"
    OTHER = "other"


_SECTIONS = {section.value: section for section in Section}
_DIGIT = "[0-9a-f]"
_IN_PLACE = re.compile(rf"(?:http|http-v2){f'/({_DIGIT})' * 5}/\1\2\3\4\5{_DIGIT}{{51}}")  # as format.entry_path says


class Form(StrEnum):
    """What an item is by its place and name; what an entry's body is takes a look inside."""

    ENTRY = "entry"
    """Both halves of an `http-v2` entry, or the one file of an `http` entry."""
    METADATA_ALONE = "metadata without body"
    BODY_ALONE = "body without metadata"
    BUILT_WHEEL = "built wheel"
    ORIGIN_ALONE = "origin without wheel"
    SELFCHECK = "selfcheck"
    """pip's notes on when it last looked for a newer pip, one a virtual environment."""
    TEMPORARY = "temporary"
    """A file under way, or what a crash has left of it; since pip 25.3 builds in `wheels` too."""
    OWN = "wheelwarm"
    """wheelwarm's ledger and what belongs to it."""
    FOREIGN = "foreign"
    """Nothing that a pip puts there."""


class File(NamedTuple):
    """One file, unopened. `path` is below the cache directory, with `/`.

    A tuple, since there are half a million in a large cache. `size` is in bytes; `allocated` are the bytes that it
    takes on the disk, 0 for each further hard link to a file counted already; `mtime_ns` is since the epoch, UTC.
    `read_ns` is when it was last read, where the access time proves that it was since it came here, else 0; `links`
    counts its hard links.
    """

    path: str
    size: int
    allocated: int
    mtime_ns: int
    inode: int
    mode: int
    read_ns: int = 0
    links: int = 1

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def is_regular(self) -> bool:
        """Whether it is a plain file, no link, pipe, socket or device."""
        return stat.S_ISREG(self.mode)


@dataclass(frozen=True, slots=True)
class Item:
    """What stands and falls together; metadata comes before body, a built wheel before its origin."""

    form: Form
    section: Section
    files: tuple[File, ...]

    @property
    def path(self) -> str:
        """The path of its first file, below the cache directory."""
        return self.files[0].path

    @property
    def bytes(self) -> int:
        """Apparent size of all its files, in bytes."""
        return sum([file.size for file in self.files])

    @property
    def allocated(self) -> int:
        """Bytes that its files take on the disk."""
        return sum([file.allocated for file in self.files])

    @property
    def mtime(self) -> float:
        """When the youngest of its files was written, in seconds since the epoch, UTC."""
        return max([file.mtime_ns for file in self.files]) / 1e9

    @property
    def read(self) -> float:
        """When one of its files was last read, in seconds since the epoch, UTC; 0 where nothing proves that any was."""
        return max([file.read_ns for file in self.files]) / 1e9

    @property
    def mark(self) -> str:
        """What changes when one of its files does: name, size, time and inode of each."""
        return " ".join([f"{file.size}:{file.mtime_ns}:{file.inode}" for file in self.files])


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The whole cache directory.

    `folder_bytes` and `folder_allocated` are what its folders themselves take, as `du` counts them; `unreadable` are
    the folders that could not be looked into, `empty` those with nothing in them, by their path below `root`.
    """

    root: Path
    items: tuple[Item, ...] = ()
    folders: int = 0
    folder_bytes: int = 0
    folder_allocated: int = 0
    unreadable: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()


def take(root: Path, *, with_folders: bool = True) -> Inventory:
    """Walk a cache directory. What vanishes meanwhile is left out; no link is followed but `root` itself.

    `with_folders` counts what the folders themselves take, for which each has to be looked at.
    """
    walk = _Walk(root, with_folders)
    items: list[Item] = []
    for folder, files in walk:
        items += classify(folder, files)
    return Inventory(
        root=root,
        items=tuple(items),
        folders=walk.folders,
        folder_bytes=walk.folder_bytes,
        folder_allocated=walk.folder_allocated,
        unreadable=tuple(walk.unreadable),
        empty=tuple(walk.empty),
    )


def item_of(root: Path, form: Form, *paths: Path) -> Item:
    """Return the item that these files below a cache directory make, as a walk would; OSError if one is gone."""
    walk = _Walk(root, with_folders=False)
    files = tuple(walk._file(path.relative_to(root).as_posix(), path.lstat()) for path in paths)
    return Item(form, _SECTIONS.get(files[0].path.partition("/")[0], Section.OTHER), files)


def classify(folder: str, files: Sequence[File]) -> list[Item]:
    """Return the items that the files of one folder make; `folder` is its path below the cache directory. Pure."""
    section = _SECTIONS.get(folder.partition("/")[0], Section.OTHER)
    plain = [file for file in files if file.is_regular]
    if len(plain) < len(files):
        odd = [Item(Form.FOREIGN, section, (file,)) for file in files if not file.is_regular]
        return [*odd, *classify(folder, plain)]
    if section is Section.WHEELS:
        return list(_wheel_items(folder, plain))
    if section is Section.OTHER:
        return [Item(_other_form(folder, file), section, (file,)) for file in plain]
    return list(_http_items(plain, section))


def _http_items(files: Iterable[File], section: Section) -> Iterator[Item]:
    """Pair metadata and body; a key elsewhere than in its five folders is nothing that pip would find."""
    body_suffix = BODY_SUFFIX if section is Section.HTTP_V2 else ""
    found = {file.path: file for file in files}
    for path, file in found.items():
        key_path = path.removesuffix(body_suffix)
        if not _IN_PLACE.fullmatch(key_path):
            yield Item(Form.TEMPORARY if path.endswith(TEMPORARY_SUFFIX) else Form.FOREIGN, section, (file,))
        elif not body_suffix:
            yield Item(Form.ENTRY, section, (file,))
        elif key_path == path:
            body = found.get(path + body_suffix)
            yield Item(Form.ENTRY, section, (file, body)) if body else Item(Form.METADATA_ALONE, section, (file,))
        elif key_path not in found:
            yield Item(Form.BODY_ALONE, section, (file,))


def _wheel_items(folder: str, files: Iterable[File]) -> Iterator[Item]:
    """Join the wheels of one folder with the origin that they share: it goes with the last of them to be listed."""
    place = _BUILT.match(folder)
    if place is None or place.end() < len(folder):
        form = Form.FOREIGN if place is None else Form.TEMPORARY
        yield from (Item(form, Section.WHEELS, (file,)) for file in files)
        return
    origin = next(((file,) for file in files if file.name == ORIGIN), ())
    wheels = sorted(file for file in files if file_names.of_wheel(file.name))
    known = {*wheels, *origin}
    for file in files:
        if file not in known:
            form = Form.TEMPORARY if file.name.endswith(TEMPORARY_SUFFIX) else Form.FOREIGN
            yield Item(form, Section.WHEELS, (file,))
    for wheel in wheels:
        yield Item(Form.BUILT_WHEEL, Section.WHEELS, (wheel, *(origin if wheel is wheels[-1] else ())))
    if origin and not wheels:
        yield Item(Form.ORIGIN_ALONE, Section.WHEELS, origin)


def _other_form(folder: str, file: File) -> Form:
    """Tell pip's own notes from strangers; `selfcheck.json` is what `pip cache purge` calls no longer used."""
    top = folder.partition("/")[0]
    if top == Form.OWN:
        return Form.OWN
    if folder == Form.SELFCHECK:
        return Form.TEMPORARY if file.name.endswith(TEMPORARY_SUFFIX) else Form.SELFCHECK
    return Form.SELFCHECK if file.path == "selfcheck.json" else Form.FOREIGN


@dataclass(slots=True)
class _Walk:
    """The folders below `root`, each with its files; counts what the folders themselves take."""

    root: Path
    with_folders: bool
    folders: int = 0
    folder_bytes: int = 0
    folder_allocated: int = 0
    unreadable: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    _linked: set[tuple[int, int]] = field(default_factory=set)
    _base: str = field(init=False)

    def __post_init__(self) -> None:
        self._base = f"{self.root}/"

    def __iter__(self) -> Iterator[tuple[str, list[File]]]:
        try:
            self._count(self.root.stat())
        except OSError:
            return
        pending = [""]
        while pending:
            folder = pending.pop()
            others = len(pending)
            if files := self._look_into(folder, pending):
                yield folder, files
            elif len(pending) == others and self.unreadable[-1:] != [folder]:
                self.empty.append(folder)

    def _look_into(self, folder: str, pending: list[str]) -> list[File]:
        """Return the files of a folder; add its folders to those to be looked into."""
        prefix = f"{folder}/" if folder else ""
        files = []
        try:
            if self.with_folders and folder:
                self._count(os.lstat(self._base + folder))
            with os.scandir(self._base + folder) as found:
                for one in found:
                    if one.is_dir(follow_symlinks=False):
                        pending.append(prefix + one.name)
                    elif (status := _status(one)) is not None:
                        files.append(self._file(prefix + one.name, status))
        except FileNotFoundError:
            pass
        except OSError:
            self.unreadable.append(folder)
        return files

    def _count(self, status: os.stat_result) -> None:
        self.folders += 1
        self.folder_bytes += status.st_size
        self.folder_allocated += allocated(status)

    def _file(self, path: str, status: os.stat_result) -> File:
        taken = allocated(status)
        if status.st_nlink > 1:
            identity = (status.st_dev, status.st_ino)
            taken = 0 if identity in self._linked else taken
            self._linked.add(identity)
        # What puts a file in place sets its change time, also where it sets the others back (tar, cp -a): an access
        # time after that is a reader's. relatime lets the first read after a change leave one, then one a day.
        read = status.st_atime_ns if status.st_atime_ns > status.st_ctime_ns else 0
        return File(
            path, status.st_size, taken, status.st_mtime_ns, status.st_ino, status.st_mode, read, status.st_nlink
        )


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Return the state of a file that a folder lists, None if it has vanished."""
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None


def allocated(status: os.stat_result) -> int:
    """Return the bytes that a file takes on the disk; Windows tells no blocks, there its size has to do."""
    return status.st_blocks * _DEVICE_BLOCK if hasattr(status, "st_blocks") else status.st_size
