"""Archives nobody vouches for, read member by member with a bound on every step: zip directories, inflation, tar.

Pure over a seekable stream. `zipfile` and `tarfile` believe an archive's own figures; here they are checked first.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from wheelwarm.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENTRIES_LIMIT = 200_000
"""Members of a zip file that are listed: ten times what the fullest wheels on PyPI have, and a second's work."""

DIRECTORY_LIMIT = 1 << 25
"""Bytes of a zip file's central directory: some 160 for each of ENTRIES_LIMIT."""

_CHUNK = 1 << 16

# APPNOTE 4.3.16, 4.3.15, 4.3.14, 4.3.12 and 4.3.7.
_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LENGTHS = struct.Struct("<28x3H")
_LOCAL = struct.Struct("<4s5H3L2H")
# How far from an archive's end its end record is looked for: in what mostly holds the directory too, then in all that
# the longest comment leaves.
_TAILS = (1 << 14, _END.size + 0xFFFF)
STORED, DEFLATED = 0, 8
"""How a zip member is kept: what nearly all are; `zipfile`, and so pip, knows two more."""
_ENCRYPTED = 1
_IN_ZIP64 = 0xFFFFFFFF
_ZIP64_EXTRA = 1
_EXTRA_FIELDS_LIMIT = 16

_BLOCK = 512
_REGULAR = b"0\0"


class Window:
    """A stretch of a stream: `size` bytes from where it stands."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._start = stream.tell()
        self._kept_from, self._kept = 0, b""
        self.size = size

    def read(self, offset: int, count: int) -> bytes:
        """Read up to `count` bytes from `offset`; fewer at the end of the window or of the stream."""
        count = min(count, self.size - offset)
        if count <= 0:
            return b""
        start = offset - self._kept_from
        if start >= 0 and start + count <= len(self._kept):
            return self._kept[start : start + count]
        self._stream.seek(self._start + offset)
        return self._stream.read(count)

    def keep(self, offset: int, count: int) -> bytes:
        """Read as `read` does, and keep the bytes in memory, until the next call, for reads inside this stretch."""
        self._kept_from, self._kept = offset, self.read(offset, count)
        return self._kept

    def ahead(self, offset: int, count: int, span: int) -> None:
        """Keep `span` bytes from `offset`, for reads one after the other, unless `count` of them are kept already."""
        if not 0 <= offset - self._kept_from <= len(self._kept) - count:
            self.keep(offset, span)

    def unpack(self, form: struct.Struct, offset: int, signature: bytes) -> tuple[int, ...]:
        """Read a record and return its fields without the signature. Raises FormatError unless it is there."""
        record = self.read(offset, form.size) if offset >= 0 else b""
        if len(record) < form.size or not record.startswith(signature):
            raise FormatError(f"no record {signature!r} where the archive says")
        return form.unpack(record)[1:]


class ZipMember(NamedTuple):
    """One file of a zip archive, as the directory tells; sizes are in bytes, `offset` is that of its local header."""

    name: bytes
    version_needed: int
    flags: int
    method: int
    crc: int
    compressed: int
    size: int
    offset: int


def zip_members(window: Window, *, suffixes: tuple[bytes, ...] = (b"",)) -> Iterator[ZipMember]:
    """Yield the members whose names end so, by the central directory, which alone is read.

    Raises FormatError for a broken archive.
    """
    count, size, offset = zip_directory(window)
    directory = window.read(offset, size)
    position = 0
    for _ in range(count):
        name, end = _name_at(directory, position)
        if name.endswith(suffixes):
            yield _member_at(directory, position, name)
        position = end


def zip_directory(window: Window) -> tuple[int, int, int]:
    """Return the central directory's number of members, its size and offset in bytes; FormatError if it cannot be."""
    count, size, offset, end = _end_of(window)
    # zipfile goes back from the end by the size: where that is not the offset, it refuses the archive or shifts it all.
    if count > ENTRIES_LIMIT or size > DIRECTORY_LIMIT or size < count * _CENTRAL.size or offset + size != end:
        raise FormatError("a zip archive with an impossible directory")
    return count, size, offset


def zip_content(window: Window, member: ZipMember) -> int:
    """Return the offset of a member's data. Raises FormatError unless its local header names the same member."""
    fields = window.unpack(_LOCAL, member.offset, b"PK\3\4")
    name_at = member.offset + _LOCAL.size
    if window.read(name_at, fields[-2]) != member.name:
        raise FormatError("a zip member under two names")
    return name_at + fields[-2] + fields[-1]


def read_zip_member(window: Window, member: ZipMember, *, limit: int) -> bytes:
    """Return the start of a member's content, unchecked; `limit` bounds what is read and what that inflates to.

    Raises FormatError for a member that is broken, encrypted or compressed in an unusual way.
    """
    fields = window.unpack(_LOCAL, member.offset, b"PK\3\4")
    start = member.offset + _LOCAL.size + fields[-2] + fields[-1]
    data = window.read(start, min(member.compressed, limit))
    if fields[1] & _ENCRYPTED or member.method not in (STORED, DEFLATED):
        raise FormatError("a zip member that is encrypted, or compressed in an unusual way")
    return data if member.method == STORED else _decompress(zlib.decompressobj(-15), data, limit)


class Inflated:
    """A compressed window as a forward stream of at most `limit` bytes; `wbits` as for `zlib.decompressobj`."""

    def __init__(self, window: Window, *, wbits: int, limit: int) -> None:
        self._window = window
        self._inflate = zlib.decompressobj(wbits)
        self._position = 0
        self._left = limit
        self._ready = b""
        self._taken = 0

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes, fewer at the end. Raises FormatError for broken data or past the limit."""
        parts = []
        while count > 0 and (part := self._some(count)):
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def skip(self, count: int) -> None:
        """Pass over `count` bytes, keeping none."""
        while count > 0 and (part := self._some(min(count, _CHUNK))):
            count -= len(part)

    def _some(self, count: int) -> bytes:
        if self._taken == len(self._ready):
            self._ready, self._taken = self._inflate_more(), 0
        part = self._ready[self._taken : self._taken + count]
        self._taken += len(part)
        return part

    def _inflate_more(self) -> bytes:
        ready = b""
        while not ready and not self._inflate.eof:
            data = self._inflate.unconsumed_tail or self._next_chunk()
            ready = _decompress(self._inflate, data, _CHUNK)
            if not data:
                break
        self._left -= len(ready)
        if self._left < 0:
            raise FormatError("a body that inflates beyond all measure")
        return ready

    def _next_chunk(self) -> bytes:
        chunk = self._window.read(self._position, _CHUNK)
        self._position += len(chunk)
        return chunk


def tar_name(block: bytes) -> bytes | None:
    """Return the name in a tar header of 512 bytes (POSIX ustar; no pax or GNU extensions), None if it is none."""
    if len(block) < _BLOCK or _number(block[148:156]) != sum(block[:148]) + sum(block[156:]) + 8 * ord(" "):
        return None
    name, prefix = _text(block[:100]), _text(block[345:500]) if block[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def tar_size(block: bytes) -> int:
    """Return the size in bytes that a tar header states: octal, or GNU's binary. FormatError for a negative one."""
    field = block[124:136]
    if field[0] & 0x80 == 0:
        return _number(field)
    if field[0] != 0x80:
        raise FormatError("a tar member of a negative size")
    return int.from_bytes(field[1:], "big")


def tar_members(
    stream: Inflated, first: bytes, *, wanted: Callable[[bytes], object], limit: int
) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name of each regular file after the header `first`, with its first `limit` bytes if it is wanted.

    Ends where the archive does, or where it breaks. Raises FormatError as `Inflated.read` does.
    """
    block = first
    while (name := tar_name(block)) is not None:
        size = _number(block[124:136])
        is_regular = block[156] in _REGULAR
        content = stream.read(min(size, limit)) if is_regular and wanted(name) else b""
        if is_regular:
            yield name, content
        stream.skip(-(-size // _BLOCK) * _BLOCK - len(content))
        block = stream.read(_BLOCK)


def _end_of(window: Window) -> tuple[int, int, int, int]:
    """Find the directory's number of entries, size, offset and end: what the end record says, or that of ZIP64."""
    end_at = next((end_at for length in _TAILS if (end_at := _end_at(window, length)) >= 0), -1)
    *_, count, size, offset, _ = window.unpack(_END, end_at, b"PK\5\6")
    locator_at = end_at - _END64_LOCATOR.size
    if locator_at < 0 or window.read(locator_at, 4) != b"PK\6\7":
        return count, size, offset, end_at
    _, end64_at, _ = window.unpack(_END64_LOCATOR, locator_at, b"PK\6\7")
    *_, count, size, offset = window.unpack(_END64, end64_at, b"PK\6\6")
    return count, size, offset, end64_at


def _end_at(window: Window, length: int) -> int:
    tail_at = max(0, window.size - length)
    found = window.keep(tail_at, length).rfind(b"PK\5\6")
    return tail_at + found if found >= 0 else -1


def _name_at(directory: bytes, position: int) -> tuple[bytes, int]:
    """Return the name in a directory record, and where the next record begins."""
    name_at = position + _CENTRAL.size
    if directory[position : position + 4] != b"PK\1\2" or name_at > len(directory):
        raise FormatError("a zip archive with a broken directory")
    name_length, extra_length, comment_length = _LENGTHS.unpack_from(directory, position)
    extra_at = name_at + name_length
    return directory[name_at:extra_at], extra_at + extra_length + comment_length


def _member_at(directory: bytes, position: int, name: bytes) -> ZipMember:
    fields = _CENTRAL.unpack_from(directory, position)
    extra_at = position + _CENTRAL.size + fields[10]
    extra = directory[extra_at : extra_at + fields[11]]
    # In the order of the ZIP64 extra field, which holds those alone that do not fit (APPNOTE 4.5.3).
    numbers = [fields[9], fields[8], fields[-1]]
    for place, at in enumerate(at for at, number in enumerate(numbers) if number == _IN_ZIP64):
        numbers[at] = _zip64_value(extra, place)
    size, compressed, offset = numbers
    return ZipMember(
        name=name,
        version_needed=fields[2] & 0xFF,
        flags=fields[3],
        method=fields[4],
        crc=fields[7],
        compressed=compressed,
        size=size,
        offset=offset,
    )


def _zip64_value(extra: bytes, index: int) -> int:
    """Return a number of the ZIP64 extra field. Raises FormatError if it is not there."""
    position = 0
    for _ in range(_EXTRA_FIELDS_LIMIT):
        kind, length = (int.from_bytes(extra[position + at : position + at + 2], "little") for at in (0, 2))
        if kind == _ZIP64_EXTRA and 8 * (index + 1) <= length:
            value_at = position + 4 + 8 * index
            return int.from_bytes(extra[value_at : value_at + 8], "little")
        position += 4 + length
    raise FormatError("a zip member without a place or a size")


def _decompress(inflate: zlib._Decompress, data: bytes, limit: int) -> bytes:
    try:
        return inflate.decompress(data, limit)
    except zlib.error as exc:
        raise FormatError("broken compressed data") from exc


def _number(field: bytes) -> int:
    """Read an octal number of a tar header; GNU's binary ones are for files too large to matter here."""
    digits = field.strip(b"\0 ")
    return int(digits, 8) if digits.isdigit() and not digits.strip(b"01234567") else 0


def _text(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]
