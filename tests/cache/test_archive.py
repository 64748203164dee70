"""Archives: members are those that zipfile and tarfile find, and figures that lie are found out at once."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelwarm.cache.archive import Inflated, Window, read_zip_member, tar_members, tar_name, zip_members
from wheelwarm.errors import FormatError

names = st.text(alphabet="abcXYZ019_-./é", min_size=1, max_size=60).filter(lambda name: not name.endswith("/"))
contents = st.binary(max_size=300) | st.integers(1, 2000).map(lambda count: b"x" * count)
files = st.dictionaries(names, contents, max_size=5)


def window_of(body: bytes) -> Window:
    """Put a body behind some other bytes, as it is in pip's older layout."""
    stream = io.BytesIO(b"before" + body + b"after")
    stream.seek(6)
    return Window(stream, len(body))


def zip_of(members: dict[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    """Write a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.comment = comment
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(members: dict[str, bytes], *, form: int = tarfile.USTAR_FORMAT) -> bytes:
    """Write a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def inflated(body: bytes, *, limit: int = 1 << 20) -> Inflated:
    """Compress a body and open it."""
    return Inflated(window_of(gzip.compress(body)), wbits=31, limit=limit)


@given(
    members=files,
    compression=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    comment=st.integers(0, 0xFFFF),
)
def test_zip_like_zipfile(members: dict[str, bytes], compression: int, comment: int) -> None:
    """The members that zipfile wrote are listed in its order, and read back."""
    window = window_of(zip_of(members, compression=compression, comment=b"x" * comment))

    listed = {member.name.decode(): member for member in zip_members(window)}

    assert list(listed) == list(members)
    for name, content in members.items():
        assert read_zip_member(window, listed[name], limit=1 << 20) == content
        assert content[:10].startswith(read_zip_member(window, listed[name], limit=10))


@given(members=files, wanted=st.sampled_from(["a", "Z", "/x", "none"]))
def test_zip_members_by_suffix(members: dict[str, bytes], wanted: str) -> None:
    """Only members whose names end as asked are listed, and those are the same as in the whole list."""
    window = window_of(zip_of(members))

    listed = list(zip_members(window, suffixes=(wanted.encode(),)))

    assert listed == [member for member in zip_members(window) if member.name.decode().endswith(wanted)]


@given(size=st.integers(0, 100), data=st.data())
def test_window_keeps(size: int, data: st.DataObject) -> None:
    """What is read is the same stretch of the file, whatever part of it is kept."""
    body = bytes(range(size))
    window = window_of(body)
    stretches = st.tuples(st.integers(0, size), st.integers(0, size))

    for offset, count in data.draw(st.lists(stretches)):
        assert window.keep(offset, count) == body[offset : offset + count]
        at, length = data.draw(stretches)
        assert window.read(at, length) == body[at : at + length]


def test_zip64_directory() -> None:
    """An archive of more members than the old end record can count is listed by that of ZIP64."""
    window = window_of(zip_of({str(number): b"" for number in range(0x10000)}, compression=zipfile.ZIP_STORED))

    assert sum(1 for _ in zip_members(window)) == 0x10000


def test_zip64_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member beyond what 32 bits can say is found by its ZIP64 field; a low limit of zipfile's stands in for 4 GB."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    window = window_of(zip_of({"first": b"1" * 90, "second": b"2" * 90}, compression=zipfile.ZIP_STORED))

    first, second = zip_members(window)

    assert second.offset > 100
    assert read_zip_member(window, first, limit=1000) == b"1" * 90
    assert read_zip_member(window, second, limit=1000) == b"2" * 90


def end(*, count: int = 0, size: int = 0, offset: int = 0) -> bytes:
    """Write the end record of a zip archive with these figures."""
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, offset, 0)


def end64(*, count: int = 0, size: int = 0, offset: int = 0, at: int = 0) -> bytes:
    """Write the end records of ZIP64 with these figures."""
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
    return record + struct.pack("<4sLQL", b"PK\6\7", 0, at, 1) + end(count=0xFFFF, size=2**32 - 1, offset=2**32 - 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"PK\5\6",
        b"PK\3\4" + b"\0" * 100_000,
        end(count=60_000, size=46 * 60_000),
        end(count=1, size=46, offset=2**32 - 2),
        end(count=3, size=0),
        b"\0" * 46 + end(count=1, size=46),
        b"PK\1\2" + end(count=0xFFFE, size=4),
        end(count=0xFFFF),
        end64(count=2**63, size=2**63),
        end64(at=2**64 - 1),
        end64(count=1, size=46, offset=2**64 - 1),
        b"\0" * (1 << 20) + end64(count=200_001, size=200_001 * 46, at=1 << 20),
        b"\0" * 100 + b"PK\1\2" + b"\xff" * 42 + end(count=1, size=46, offset=100),
    ],
)
def test_figures_that_lie(body: bytes) -> None:
    """A zip archive whose records point nowhere, or claim too much, is refused."""
    with pytest.raises(FormatError):
        list(zip_members(window_of(body)))


def test_zip_members_that_cannot_be_read() -> None:
    """Encryption and rare methods of compression are refused, broken data and a member that is not there, too."""
    body = zip_of({"a": b"1" * 50})
    window = window_of(body)
    (member,) = zip_members(window)
    encrypted = window_of(body[:6] + b"\1" + body[7:])
    broken = window_of(body[:31] + b"\xff" * 10 + body[41:])
    lzma = window_of(zip_of({"a": b"1"}, compression=zipfile.ZIP_LZMA))
    cut = window_of(body[:20])

    (odd,) = zip_members(lzma)

    for hostile, its_member in [(encrypted, member), (broken, member), (lzma, odd), (cut, member)]:
        with pytest.raises(FormatError):
            read_zip_member(hostile, its_member, limit=100)


@given(members=files, chunk=st.integers(1, 100_000))
def test_inflated_reads_all(members: dict[str, bytes], chunk: int) -> None:
    """A compressed stream is read whole, piece by piece, whatever the size of the pieces."""
    content = b"".join(members.values())
    stream = inflated(content)
    pieces = []
    while piece := stream.read(chunk):
        pieces.append(piece)

    assert b"".join(pieces) == content


def test_inflated_has_a_limit() -> None:
    """A small body that grows beyond the limit is refused before it fills the memory, read or skipped."""
    bomb = zlib.compress(b"\0" * (1 << 24))
    for use in (Inflated.read, Inflated.skip):
        with pytest.raises(FormatError, match="beyond all measure"):
            use(Inflated(window_of(bomb), wbits=15, limit=1 << 20), 1 << 24)


def test_inflated_broken_and_cut() -> None:
    """Broken compression is refused; a body that was cut off ends early."""
    body = gzip.compress(bytes(range(256)) * 10)
    with pytest.raises(FormatError, match="broken"):
        Inflated(window_of(body[:10] + b"\xff" * 50), wbits=31, limit=1 << 20).read(5000)
    assert len(Inflated(window_of(body[:-60]), wbits=31, limit=1 << 20).read(5000)) < 2560


@given(
    members=st.dictionaries(names.filter(str.isascii), contents, max_size=5),
    form=st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_tar_like_tarfile(members: dict[str, bytes], form: int) -> None:
    """The files that tarfile wrote are found, those wanted with their content."""
    stream = inflated(tar_of(members, form=form), limit=1 << 24)
    found = dict(tar_members(stream, stream.read(512), wanted=lambda name: b"a" in name, limit=1 << 20))

    assert found == {name.encode(): content if "a" in name else b"" for name, content in members.items()}


def test_tar_passes_over_what_is_no_file() -> None:
    """Folders, links and the records of pax are no files, and do not hide the next one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "0f"}) as archive:
        for name, kind in (("demo", tarfile.DIRTYPE), ("demo/a", tarfile.SYMTYPE), ("demo/b", tarfile.REGTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.mtime, member.size = kind, 0.5, 3 * (kind == tarfile.REGTYPE)
            archive.addfile(member, io.BytesIO(b"abc"))
    stream = inflated(buffer.getvalue())

    assert list(tar_members(stream, stream.read(512), wanted=len, limit=2)) == [(b"demo/b", b"ab")]


def test_tar_name_of_ustar() -> None:
    """A long name that ustar splits in two is put together."""
    name = "p" * 90 + "/" + "n" * 90

    assert tar_name(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT)) == name.encode()


@given(block=st.binary(max_size=600))
def test_no_tar(block: bytes) -> None:
    """Bytes that do not have tar's checksum have no name."""
    assert tar_name(block) is None


def test_tar_sizes_that_lie() -> None:
    """A file that claims more than there is ends the archive; so does a size that is no octal number."""
    header = tarfile.TarInfo("a")
    header.size = 8**11 - 1
    stream = inflated(header.tobuf(tarfile.USTAR_FORMAT) + b"content")
    assert list(tar_members(stream, stream.read(512), wanted=len, limit=100)) == [(b"a", b"content")]

    header.size = 2**40
    stream = inflated(header.tobuf(tarfile.GNU_FORMAT) + b"content")
    assert list(tar_members(stream, stream.read(512), wanted=len, limit=100)) == [(b"a", b"")]
