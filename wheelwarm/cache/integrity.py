"""Whether an archive is whole, by its own words alone: zip structure and CRCs, a wheel's RECORD, gzip and tar.

Pure over a stream that nobody vouches for: memory is bounded whatever it declares, time by what it really holds.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import re
import zlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from wheelwarm.cache.archive import DEFLATED, STORED, tar_name, tar_size, zip_content, zip_directory, zip_members
from wheelwarm.errors import ExcessError, FormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wheelwarm.cache.archive import Window, ZipMember

RECORD_LIMIT = 1 << 24
"""Bytes of a RECORD that are read: some 150,000 lines."""

RATIO_LIMIT, RATIO_FREE = 100, 1 << 28
"""How many times its size an archive may unpack to, and the bytes that it always may: more is no distribution."""

_CHUNK = 1 << 18
_BLOCK = 512
_UTF8_NAME = 0x800  # APPNOTE 4.4.4, bit 11
# What `zipfile` knows: APPNOTE up to 6.3; stored, deflated, by bzip2, LZMA and (Python 3.14) Zstandard; neither
# encrypted nor patched data (4.4.4, bits 0, 5 and 6).
_VERSION = 63
_METHODS = (STORED, DEFLATED, 12, 14, 93)
_UNREAD_FLAGS = 1 << 0 | 1 << 5 | 1 << 6
_RECORD = re.compile(rb"[^/]+\.dist-info/RECORD")
# What the wheel specification leaves out of RECORD: itself and its signatures.
_UNRECORDED = (".dist-info/RECORD", ".dist-info/RECORD.jws", ".dist-info/RECORD.p7s")
# "sha256 or better" (binary distribution format, the .dist-info directory); others are not looked at.
_ALGORITHMS: Mapping[str, Callable[[], hashlib._Hash]] = {
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
}
_GZIP = 31
# Types of tar members: links, devices and folders have no data, whatever size they state; a sparse file may have more
# headers (POSIX ustar, GNU tar).
_WITHOUT_DATA = (b"1", b"2", b"3", b"4", b"5", b"6")
_SPARSE = b"S"


class Damage(StrEnum):
    """Why an entry or a built wheel would break an install, or is none: a closed set."""

    METADATA_MISSING = "metadata missing"
    BODY_MISSING = "body missing"
    UNREADABLE = "unreadable"
    """The metadata is not what pip writes, or a file cannot be opened."""
    TRUNCATED = "truncated"
    """The body is not as long as the server said."""
    HASH_MISMATCH = "hash mismatch"
    """The body has another sha256 than an index page, a lock or the ledger states."""
    BROKEN_ARCHIVE = "broken archive"
    RECORD_MISMATCH = "record mismatch"
    """The archive is whole, but a file in it is not what the wheel's RECORD says."""
    EXCESSIVE_ARCHIVE = "excessive archive"
    """It unpacks to more than any distribution does."""
    BROKEN_PAGE = "broken page"
    """An index page that pip could not decode or parse."""
    BROKEN_METADATA = "broken metadata"
    """A `.metadata` file without the headers that each has."""


class Recorded(NamedTuple):
    """What a line of RECORD says of a file: the hash's algorithm and digest as written there, and the size."""

    algorithm: str
    digest: str
    size: str


@dataclass(slots=True)
class Unpacking:
    """Inflates what one archive holds, and keeps count: ExcessError beyond what `size` bytes may hold."""

    size: int
    _total: int = field(default=0, init=False)

    def inflate(self, chunks: Iterator[bytes], *, wbits: int = -zlib.MAX_WBITS) -> Iterator[bytes]:
        """Yield what chunks of compressed data hold, in pieces of bounded size. FormatError where it breaks or ends.

        A gzip file may be several, one after the other (RFC 1952, 2.2).
        """
        rest: bytes | None = b""
        while rest is not None:
            inflate = zlib.decompressobj(wbits)
            yield from self._one(inflate, rest, chunks)
            rest = _next_member(inflate, chunks) if wbits == _GZIP else None

    def _one(self, inflate: zlib._Decompress, data: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
        while not inflate.eof:
            data = data or next(chunks, b"")
            try:
                part = inflate.decompress(data, _CHUNK)
            except zlib.error as exc:
                raise FormatError("broken compressed data") from exc
            if not part and not data:
                raise FormatError("compressed data that ends too early")
            data = inflate.unconsumed_tail
            self._count(len(part))
            yield part

    def _count(self, amount: int) -> None:
        self._total += amount
        if self._total > RATIO_LIMIT * self.size + RATIO_FREE:
            raise ExcessError("an archive that unpacks beyond all measure")


def zip_damage(window: Window, *, is_wheel: bool) -> Damage | None:
    """Tell what is wrong with a zip archive: every member is read, and compared with RECORD where there is one.

    `is_wheel` says that there has to be one.
    """
    try:
        return _check_zip(window, is_wheel=is_wheel)
    except ExcessError:
        return Damage.EXCESSIVE_ARCHIVE
    except FormatError:
        return Damage.BROKEN_ARCHIVE


def tar_gz_damage(window: Window, *, is_sdist: bool) -> Damage | None:
    """Tell what is wrong with gzipped data, and with the tar archive in it, which `is_sdist` says there has to be."""
    unpacked = Unpacking(window.size).inflate(_chunks(window, 0, window.size), wbits=_GZIP)
    try:
        _check_tar(_Stream(piece for piece in unpacked if piece), is_sdist=is_sdist)
    except ExcessError:
        return Damage.EXCESSIVE_ARCHIVE
    except FormatError:
        return Damage.BROKEN_ARCHIVE
    return None


def read_record(content: bytes) -> dict[str, Recorded]:
    """Read a RECORD: the files that have a hash, by path. Raises ValueError for what is none."""
    rows: Iterable[list[str]] = csv.reader(content.decode().splitlines())
    try:
        found = {row[0]: _recorded(*row[1:3]) for row in rows if row}
    except (csv.Error, TypeError) as exc:
        raise ValueError("not a RECORD") from exc
    return {path: line for path, line in found.items() if line.digest and not path.endswith(_UNRECORDED)}


def _recorded(stated: str, size: str) -> Recorded:
    algorithm, _, digest = stated.partition("=")
    return Recorded(algorithm.lower(), digest.rstrip("="), size)


def _check_zip(window: Window, *, is_wheel: bool) -> Damage | None:
    _, _, end = zip_directory(window)
    members = sorted(zip_members(window), key=lambda one: one.offset)
    unpacking = Unpacking(window.size)
    try:
        record = _record_of(window, members, unpacking, is_wheel=is_wheel)
    except ValueError:
        return Damage.RECORD_MISMATCH
    unmet, matches = set(record), True
    for at, member in enumerate(members):
        # What a member may take ends where the next one begins: `zipfile` refuses archives that overlap, too.
        limit = members[at + 1].offset if at + 1 < len(members) else end
        name = _name_of(member)
        matches = _check_member(window, member, limit, unpacking, record.get(name)) and matches
        unmet.discard(name)
    return None if matches and not unmet else Damage.RECORD_MISMATCH


def _record_of(
    window: Window, members: Iterable[ZipMember], unpacking: Unpacking, *, is_wheel: bool
) -> dict[str, Recorded]:
    """Return what the one RECORD says. ValueError where a wheel has none that can be read."""
    records = [member for member in members if _RECORD.fullmatch(member.name)]
    if len(records) != 1:
        if is_wheel:
            raise ValueError("a wheel has one RECORD")
        return {}
    (member,) = records
    if member.size > RECORD_LIMIT:
        raise ExcessError("a RECORD that is too long")
    start = zip_content(window, member)
    return read_record(b"".join(_content(window, member, start, unpacking)))


def _check_member(
    window: Window, member: ZipMember, limit: int, unpacking: Unpacking, recorded: Recorded | None
) -> bool:
    """Read a member to its end; tell whether it is as recorded. FormatError where it is not what the archive says."""
    if limit - member.offset <= _CHUNK:
        window.ahead(member.offset, limit - member.offset, _CHUNK)
    start = zip_content(window, member)
    if start + member.compressed > limit or not _is_known_to_zipfile(member):
        raise FormatError("a zip member that overlaps the next, or that no pip can read")
    if member.method not in (STORED, DEFLATED):
        return True
    digest = _ALGORITHMS[recorded.algorithm]() if recorded and recorded.algorithm in _ALGORITHMS else None
    size, crc = 0, 0
    for part in _content(window, member, start, unpacking):
        size += len(part)
        crc = zlib.crc32(part, crc)
        if digest:
            digest.update(part)
    if (size, crc) != (member.size, member.crc):
        raise FormatError("a zip member that is not what the directory says")
    return recorded is None or digest is None or _is_recorded(recorded, digest, size)


def _is_known_to_zipfile(member: ZipMember) -> bool:
    """Tell whether some Python's zipfile, and so some pip, reads such members at all."""
    return member.version_needed <= _VERSION and not member.flags & _UNREAD_FLAGS and member.method in _METHODS


def _is_recorded(recorded: Recorded, digest: hashlib._Hash, size: int) -> bool:
    if recorded.size.isdecimal() and recorded.size.lstrip("0") != str(size).lstrip("0"):
        return False
    encoded = base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")
    # Some builders write the digest in hex (gmsh 4.15), which pip does not mind.
    return recorded.digest in (encoded, digest.hexdigest())


def _content(window: Window, member: ZipMember, start: int, unpacking: Unpacking) -> Iterator[bytes]:
    """Yield a member's content, no more than the directory declares and one piece."""
    data = _chunks(window, start, member.compressed)
    left = member.size
    if member.method == DEFLATED and member.compressed:
        data = unpacking.inflate(data)
    for part in data:
        left -= len(part)
        yield part
        if left < 0:
            raise FormatError("a zip member that is longer than the directory says")


def _name_of(member: ZipMember) -> str:
    return member.name.decode("utf-8" if member.flags & _UTF8_NAME else "cp437", "replace")


def _chunks(window: Window, start: int, size: int) -> Iterator[bytes]:
    end = start + size
    while start < end and (chunk := window.read(start, min(_CHUNK, end - start))):
        yield chunk
        start += len(chunk)


def _next_member(inflate: zlib._Decompress, chunks: Iterator[bytes]) -> bytes | None:
    """Return the start of the gzip member that follows, None where there is none: padding and trailers may."""
    rest = inflate.unused_data.lstrip(b"\0")
    while len(rest) < 2 and (more := next(chunks, b"")):
        rest = (rest + more).lstrip(b"\0")
    return rest if rest.startswith(b"\x1f\x8b") else None


class _Stream:
    """Pieces of unknown length as a stream that goes forward only."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece, self._at = b"", 0

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes, fewer at the end."""
        return b"".join(self._take(count))

    def skip(self, count: int) -> int:
        """Pass over `count` bytes; return how many of them were not there."""
        return count - sum(map(len, self._take(count)))

    def drain(self) -> None:
        """Read to the end."""
        for _ in self._pieces:
            pass

    def _take(self, count: int) -> Iterator[bytes]:
        while count > 0:
            if self._at == len(self._piece):
                self._piece, self._at = next(self._pieces, b""), 0
                if not self._piece:
                    return
            part = self._piece[self._at : self._at + count]
            self._at += len(part)
            count -= len(part)
            yield part


def _check_tar(stream: _Stream, *, is_sdist: bool) -> None:
    """Walk from header to header as `tarfile` does, and read what follows, since gzip's own check is at the end."""
    block = stream.read(_BLOCK)
    if tar_name(block) is None:
        if is_sdist:
            raise FormatError("no tar archive")
        block = b""
    while block.strip(b"\0"):
        if tar_name(block) is None:
            raise FormatError("no tar header where one should be")
        if block[156:157] == _SPARSE:
            break
        size = 0 if block[156:157] in _WITHOUT_DATA else tar_size(block)
        padding = -size % _BLOCK
        if stream.skip(size + padding) > padding:
            raise FormatError("a tar archive that ends in a member")
        block = stream.read(_BLOCK)
    stream.drain()
