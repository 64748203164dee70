"""What the disk holds under a key of pip's HTTP cache, in either layout: read only, and never failing on what is there.

Owns what counts as an entry: regular files, not led out of the section by a symbolic link, readable, in pip's format.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from functools import partial
from io import FileIO
from itertools import accumulate, islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from wheelwarm.cache.format import HEAD_SIZE, check_key, embedded_body, is_key, loads, without_body
from wheelwarm.cache.freshness import lowered
from wheelwarm.errors import FormatError
from wheelwarm.model import Layout, Reason, StoredResponse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_METADATA = 16 * 2**20
"""Bytes of metadata that are read at most: http.client lets no response through with more than 6.5 MiB of headers."""

FAN_OUT = 5
"""Folders of one hex digit between the section and an entry."""

_CHUNK = 2**20
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_QUIETLY = _FLAGS | getattr(os, "O_NOATIME", 0)
_USUAL_METADATA = 2**14


class Entry(NamedTuple):
    """What the disk holds under one key; `stored` is None when there is no readable entry, and `problem` says why.

    The body is `size` bytes from `body_offset` on in `body_file`, which is the metadata's file in the `http` layout.
    The files are texts: making paths of them takes longer than all else that a look at an entry does.
    """

    key: str
    metadata_file: str
    body_file: str
    body_offset: int = 0
    size: int | None = None
    body_stat: os.stat_result | None = None
    metadata_stat: os.stat_result | None = None
    """What the metadata's file was before it was read, as `body_stat` is of the body's."""
    stored: StoredResponse | None = None
    problem: Reason | None = None

    @property
    def metadata_path(self) -> Path:
        """Where the metadata stands."""
        return Path(self.metadata_file)

    @property
    def body_path(self) -> Path:
        """Where the body stands."""
        return Path(self.body_file)


def place(section: Path, key: str) -> str:
    """Return where an entry's metadata stands, as `format.entry_path` says; FormatError for what is no key."""
    return os.sep.join((str(section), *check_key(key)[:FAN_OUT], key))  # noqa: PTH118 - a Path takes ten times as long


def read_entry(section: Path, key: str, layout: Layout, *, walked: bool = False) -> Entry:
    """Read what a section folder holds under a key, all but the body.

    `walked` says that the caller has come to the entry through its folders, none of which is a symbolic link.
    """
    path = place(section, key)
    body_path = path if layout is Layout.HTTP else body_of(path)
    found = partial(Entry, key=key, metadata_file=path, body_file=body_path)
    metadata, body = _lstat(path), _lstat(body_path)
    if metadata is None or body is None:
        return found(problem=Reason.ABSENT if metadata is None else Reason.BODY_MISSING)
    if not (stat.S_ISREG(metadata.st_mode) and stat.S_ISREG(body.st_mode)) or (not walked and is_led_out(section, key)):
        return found(problem=Reason.UNREADABLE)
    try:
        stored, offset, size = read_embedded(path) if layout is Layout.HTTP else _read_pair(path, body_path, body)
    except (OSError, FormatError):
        return found(size=body.st_size, body_stat=body, problem=Reason.UNREADABLE)
    return found(size=size, body_stat=body, metadata_stat=metadata, stored=stored, body_offset=offset)


def keys(section: Path, layout: Layout) -> set[str]:
    """Return every key that has an entry's files in a section folder."""
    folders = [str(section)]
    for _ in range(FAN_OUT):
        folders = [item.path for folder in folders for item in _scan(folder) if item.is_dir(follow_symlinks=False)]
    body = "" if layout is Layout.HTTP else ".body"
    found: set[str] = set()
    for folder in folders:
        names = {item.name for item in _scan(folder)}
        found.update(name for name in names if is_key(name) and name + body in names)
    return found


def read_metadata(path: Path | str) -> StoredResponse:
    """Read the metadata half of an `http-v2` entry. Raises OSError or FormatError."""
    with open_quietly(path) as file:
        return _without_body(loads(_to_end(file)))


def read_embedded(path: Path | str) -> tuple[StoredResponse, int, int]:
    """Read an `http` entry: the response without its body, and the body's offset and size in bytes.

    Reads around the body, which may be gigabytes; only an entry that does not begin with it is read whole. Raises
    OSError or FormatError.
    """
    with open_quietly(path) as file:
        head = file.read(HEAD_SIZE)
        if (span := embedded_body(head)) is None:
            data = head + _to_end(file)
            stored = loads(data)
            return _without_body(stored), data.index(stored.body), len(stored.body)
        offset, size = span
        file.seek(offset + size)
        return loads(without_body(head[:offset], _to_end(file))), offset, size


def digest_of(entry: Entry, algorithm: str = "sha256") -> str:
    """Return the digest, in hex, of an entry's body; OSError if it cannot be read."""
    digest = hashlib.new(algorithm)
    for chunk in chunks(entry):
        digest.update(chunk)
    return digest.hexdigest()


def chunks(entry: Entry) -> Iterator[bytes]:
    """Yield an entry's body as it was sent (a Content-Encoding still on it); OSError if it cannot be read."""
    with open_quietly(entry.body_file) as file:
        file.seek(entry.body_offset)
        yield from read(file, entry.size or 0)


def read(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield `size` bytes of a file, fewer if it ends."""
    while size and (chunk := file.read(min(size, _CHUNK))):
        size -= len(chunk)
        yield chunk


def open_quietly(path: Path | str) -> FileIO:
    """Open a regular file; neither a link nor a pipe that took its place meanwhile is followed or waited for.

    Where the system allows it (Linux, for one's own files) reading leaves no access time: a look is no use.
    """
    try:
        descriptor = os.open(path, _QUIETLY)
    except PermissionError:
        descriptor = os.open(path, _FLAGS)
    try:
        return FileIO(descriptor)
    except OSError:  # a folder, which the system opens and Python does not
        os.close(descriptor)
        raise


def is_truncated(entry: Entry, stored: StoredResponse) -> bool:
    """Tell whether the body is not as long as the server said, where it said the length of what is stored."""
    return is_cut(entry.size or 0, lowered(stored.headers))


def is_cut(size: int, headers: Mapping[str, str]) -> bool:
    """Tell the same of a body of `size` bytes; `headers` are by lower-case name."""
    if headers.get("content-encoding") or headers.get("transfer-encoding"):
        return False
    length = headers.get("content-length", "")
    return length.isdecimal() and length.isascii() and int(length[:20]) != size


def header_of(stored: StoredResponse, name: str) -> str | None:
    """Return a stored header's value; `name` is in lower case."""
    return next((value for header, value in stored.headers.items() if header.lower() == name), None)


def body_of(place: str) -> str:
    """Return where the body stands beside an entry's metadata in the `http-v2` layout."""
    return f"{place}.body"


def is_led_out(section: Path, key: str) -> bool:
    """Tell whether one of an entry's five folders is a symbolic link, which may lead out of the section."""
    folders = accumulate((str(section), *key[:FAN_OUT]), lambda above, name: f"{above}{os.sep}{name}")
    return any(map(os.path.islink, islice(folders, 1, None)))


def _read_pair(path: str, body_path: str, body: os.stat_result) -> tuple[StoredResponse, int, int]:
    """Return the response without a body, and where the body is: its offset and size in bytes."""
    if not os.access(body_path, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), body_path)
    return read_metadata(path), 0, body.st_size


def _without_body(stored: StoredResponse) -> StoredResponse:
    return stored._replace(body=b"") if stored.body else stored


def _to_end(file: BinaryIO) -> bytes:
    """Read to the end of the file; nearly always that is one read of a few hundred bytes."""
    data = file.read(_USUAL_METADATA)
    if len(data) < _USUAL_METADATA:
        return data
    if os.fstat(file.fileno()).st_size - file.tell() > MAX_METADATA:
        raise FormatError("the metadata is larger than any response's headers")
    return data + file.read()


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _scan(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as items:
            return list(items)
    except OSError:
        return []
