"""Integrity: what zipfile, gzip or tarfile refuse is damage, what real builders write is not, and lies cost nothing."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import io
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cache.test_archive import files, tar_of, window_of, zip_of
from tests.helpers.artifacts import make_sdist, make_wheel
from wheelwarm.cache import integrity
from wheelwarm.cache.integrity import Damage, tar_gz_damage, zip_damage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INFO = "demo-1.0.dist-info"
SOURCE = b"print('demo')\n" * 20


def line(path: str, content: bytes, *, algorithm: str = "sha256", size: int | str | None = None) -> str:
    """Write one line of a RECORD."""
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=").decode()
    return f"{path},{algorithm}={digest},{len(content) if size is None else size}"


def wheel_of(members: Mapping[str, bytes], *lines: str) -> bytes:
    """Write a wheel whose RECORD has these lines and its own."""
    record = "\n".join([*lines, f"{INFO}/RECORD,,", ""]).encode()
    return zip_of({**members, f"{INFO}/RECORD": record})


def damage_of(body: bytes, *, is_wheel: bool = False) -> Damage | None:
    """Look at a zip archive."""
    return zip_damage(window_of(body), is_wheel=is_wheel)


def tar_damage_of(body: bytes, *, is_sdist: bool = True) -> Damage | None:
    """Look at gzipped data."""
    return tar_gz_damage(window_of(body), is_sdist=is_sdist)


def zipfile_refuses(body: bytes) -> bool:
    """Tell whether the module with which pip installs cannot read every member."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return archive.testzip() is not None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError):
        return True


def is_compressed_otherwise(body: bytes) -> bool:
    """Tell whether the directory can be read, and names a method that is not usual."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return any(one.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA) for one in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return False


@given(files, st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
def test_what_zipfile_writes_is_whole(members: dict[str, bytes], compression: int) -> None:
    """Archives of any members, with any compression that zipfile knows, have no damage."""
    assert damage_of(zip_of(members, compression=compression)) is None


def test_made_artifacts_are_whole(tmp_path: Path) -> None:
    """A wheel with its RECORD and an sdist, as builders make them."""
    wheel = make_wheel(tmp_path, "demo", "1.0", size=2_000_000, files={"demo/é.txt": "x"})
    sdist = make_sdist(tmp_path, "demo", "1.0")

    assert damage_of(wheel.read_bytes(), is_wheel=True) is None
    assert tar_damage_of(sdist.read_bytes()) is None


@given(st.data())
def test_every_flip_that_zipfile_sees_is_seen(data: st.DataObject) -> None:
    """Whatever byte changes: where zipfile, and so pip, would refuse the wheel, there is damage."""
    body = bytearray(wheel_of({"demo.py": SOURCE, "data.bin": bytes(range(256))}, line("demo.py", SOURCE)))
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))

    # By bzip2 and LZMA no builder compresses; what is said to be so is not unpacked.
    if zipfile_refuses(bytes(body)) and not is_compressed_otherwise(bytes(body)):
        assert damage_of(bytes(body), is_wheel=True) is not None


@pytest.mark.parametrize(
    ("at", "flip"),
    [
        pytest.param(6, 64, id="version needed"),
        pytest.param(8, 1, id="encrypted"),
        pytest.param(8, 32, id="patched"),
        pytest.param(11, 1, id="method"),
        pytest.param(-10, 3, id="directory's size"),
    ],
)
def test_what_zipfile_does_not_know_is_damage(at: int, flip: int) -> None:
    """A flip in the directory that makes zipfile give up: a later format, a password, a patch, a method, a size."""
    body = bytearray(wheel_of({"demo.py": SOURCE}, line("demo.py", SOURCE)))
    body[(body.index(b"PK\1\2") if at > 0 else len(body)) + at] ^= flip

    assert zipfile_refuses(bytes(body))
    assert damage_of(bytes(body), is_wheel=True) is Damage.BROKEN_ARCHIVE


@given(st.data())
def test_every_cut_is_seen(data: st.DataObject) -> None:
    """A wheel or sdist that ends too early is never whole."""
    wheel = wheel_of({"demo.py": SOURCE}, line("demo.py", SOURCE))
    sdist = gzip.compress(tar_of({"demo-1.0/PKG-INFO": SOURCE}), mtime=0)

    for body, look in ((wheel, damage_of), (sdist, tar_damage_of)):
        assert look(body[: data.draw(st.integers(0, len(body) - 1))]) is Damage.BROKEN_ARCHIVE


@given(st.binary(max_size=200), st.sampled_from([b"", b"PK\3\4", b"PK\5\6", b"\x1f\x8b\x08\0"]))
def test_nothing_is_raised(garbage: bytes, start: bytes) -> None:
    """Arbitrary bytes are damage, whatever they pretend to be."""
    assert damage_of(start + garbage) is not None
    assert tar_damage_of(start + garbage) is not None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([line("demo.py", SOURCE)], None),
        ([line("demo.py", SOURCE, algorithm="sha512"), "", f"{INFO}/RECORD.jws,sha256=x,1"], None),
        ([f"demo.py,sha256={hashlib.sha256(SOURCE).hexdigest()},{len(SOURCE)}"], None),
        ([line("demo.py", SOURCE, size="")], None),
        ([line("demo.py", b"another", algorithm="md5", size="")], None),
        (["demo.py,,"], None),
        ([], None),
        ([line("demo.py", b"another", size=len(SOURCE))], Damage.RECORD_MISMATCH),
        ([line("demo.py", SOURCE, size=1)], Damage.RECORD_MISMATCH),
        ([line("demo.py", SOURCE), line("gone.py", SOURCE)], Damage.RECORD_MISMATCH),
        (["demo.py,sha256=é,"], Damage.RECORD_MISMATCH),
        (["demo.py"], Damage.RECORD_MISMATCH),
        (['"' + "x" * 200_000], Damage.RECORD_MISMATCH),
    ],
)  # fmt: skip
def test_record(lines: list[str], expected: Damage | None) -> None:
    """Each file that RECORD lists with a sha256 or better is there and is that; other lines promise nothing."""
    assert damage_of(wheel_of({"demo.py": SOURCE}, *lines), is_wheel=True) is expected


def test_a_wheel_without_one_record() -> None:
    """A wheel needs a RECORD, which pip reads when it installs; another zip archive needs none."""
    without = zip_of({"demo.py": SOURCE})
    unreadable = zip_of({f"{INFO}/RECORD": b"\xff,,"})
    two = zip_of({f"{INFO}/RECORD": b"", "other-1.0.dist-info/RECORD": b""})

    assert damage_of(without) is None
    assert {damage_of(body, is_wheel=True) for body in (without, unreadable, two)} == {Damage.RECORD_MISMATCH}


def test_a_record_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A RECORD beyond all measure is not read."""
    monkeypatch.setattr(integrity, "RECORD_LIMIT", 10)

    assert damage_of(wheel_of({}, "x" * 11), is_wheel=True) is Damage.EXCESSIVE_ARCHIVE


def test_members_that_overlap() -> None:
    """Two directory records over the same data, the way to a bomb without nesting, are damage, as for zipfile."""
    body = bytearray(zip_of({"a": b"x" * 1000, "b": b"x" * 1000}, compression=zipfile.ZIP_STORED))
    second = body.rindex(b"PK\1\2")
    body[second + 42 : second + 46] = struct.pack("<L", 0)

    assert damage_of(bytes(body)) is Damage.BROKEN_ARCHIVE


@pytest.mark.parametrize(
    ("at", "value"),
    [(8, b"\1\0"), (24, struct.pack("<L", 5)), (24, struct.pack("<L", 5000)), (16, b"\0\0\0\0")],
    ids=["encrypted", "longer than stated", "shorter than stated", "another CRC"],
)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_directory_that_lies(at: int, value: bytes, compression: int) -> None:
    """Flags, sizes and CRCs are compared with what the member holds."""
    body = bytearray(zip_of({"a": b"x" * 1000}, compression=compression))
    record = body.rindex(b"PK\1\2")
    body[record + at : record + at + len(value)] = value

    assert damage_of(bytes(body)) is Damage.BROKEN_ARCHIVE


def test_bombs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What unpacks beyond all measure is given up at the limit, with little memory, be it zip or gzip."""
    monkeypatch.setattr(integrity, "RATIO_FREE", 1 << 20)
    zeros = bytes(1 << 25)
    bodies = zip_of({"a": zeros}), gzip.compress(tar_of({"a": zeros}))
    del zeros
    tracemalloc.start()
    try:
        assert damage_of(bodies[0]) is Damage.EXCESSIVE_ARCHIVE
        assert tar_damage_of(bodies[1]) is Damage.EXCESSIVE_ARCHIVE
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 22


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_tarfile_writes_is_whole(form: int) -> None:
    """Every format of tarfile, with long names, empty files and many members."""
    members = {f"demo-1.0/{'long/' * 25}{number}": b"x" * (number * 7) for number in range(300)} | {"é": b""}
    plain = members if form != tarfile.USTAR_FORMAT else {name[-90:]: value for name, value in members.items()}

    assert tar_damage_of(gzip.compress(tar_of(plain, form=form))) is None


def header(name: bytes = b"a", *, kind: bytes = b"0", size: bytes = b"00000000000\0") -> bytes:
    """Write a tar header."""
    block = bytearray(512)
    block[: len(name)] = name
    block[124:136] = size
    block[156:157] = kind
    block[257:263] = b"ustar\0"
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


END = bytes(1024)


@pytest.mark.parametrize(
    ("archive", "expected"),
    [
        (header() + END, None),
        (header(), None),
        (header() + END + b"anything", None),
        (header(kind=b"1", size=b"00000001000\0") + header() + END, None),
        (header(size=b"\x80" + (512).to_bytes(11, "big")) + bytes(512) + END, None),
        (header(kind=b"S", size=b"00000001000\0") + b"more headers" * 50, None),
        (header(size=b"00000000001\0") + b"x", None),
        (header(size=b"00000001000\0") + b"x", Damage.BROKEN_ARCHIVE),
        (header(size=b"\xff" * 12) + END, Damage.BROKEN_ARCHIVE),
        (header() + b"x" * 512, Damage.BROKEN_ARCHIVE),
        (b"no tar archive" * 100, Damage.BROKEN_ARCHIVE),
        (b"", Damage.BROKEN_ARCHIVE),
    ],
)
def test_tar_headers(archive: bytes, expected: Damage | None) -> None:
    """Headers follow each other to the end, as tarfile reads them: links have no data, sizes may be binary."""
    assert tar_damage_of(gzip.compress(archive)) is expected


def test_gzip() -> None:
    """Several gzip members are one file, and padding may follow; each has its own check at the end."""
    archive = tar_of({"a": SOURCE * 100})
    parts = [gzip.compress(archive[:1000]), gzip.compress(archive[1000:])]
    spoilt = parts[1][:-8] + bytes([parts[1][-8] ^ 1]) + parts[1][-7:]

    assert tar_damage_of(b"".join(parts)) is None
    assert tar_damage_of(b"".join(parts) + bytes(600_000)) is None
    assert tar_damage_of(b"".join(parts) + bytes(300_000) + parts[0]) is None
    assert tar_damage_of(parts[0] + spoilt) is Damage.BROKEN_ARCHIVE
    assert tar_damage_of(bz2.compress(archive)) is Damage.BROKEN_ARCHIVE


def test_gzipped_data_that_need_not_be_a_tar_archive() -> None:
    """Where no sdist is expected, data that unpack to their end are whole."""
    whole = gzip.compress(b"a page" * 100)

    assert tar_damage_of(whole, is_sdist=False) is None
    assert tar_damage_of(whole[:-9], is_sdist=False) is Damage.BROKEN_ARCHIVE
