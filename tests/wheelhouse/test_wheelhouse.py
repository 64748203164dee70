"""Files get into a wheelhouse whole, checked, under names that lead nowhere else, and harm neither side later."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel
from wheelwarm.cache.entries import Entry
from wheelwarm.errors import FormatError, InputError
from wheelwarm.wheelhouse import wheelhouse
from wheelwarm.wheelhouse.wheelhouse import How, LinkMode, Wheelhouse

if TYPE_CHECKING:
    from pathlib import Path

BODY = b"the bytes of a body"
NAME = "demo-1.0-py3-none-any.whl"
AFRESH = {How.COPIED, How.REFLINKED}


def entry(path: Path, *, offset: int = 0, size: int | None = None) -> Entry:
    """Describe a body in the cache."""
    whole = path.stat().st_size if size is None else size
    return Entry(key="", metadata_file=str(path), body_file=str(path), body_offset=offset, size=whole)


def hashes(content: bytes) -> dict[str, str]:
    """State the sha256 of a body."""
    return {"sha256": hashlib.sha256(content).hexdigest()}


@pytest.fixture
def body(tmp_path: Path) -> Path:
    """Write a body as a cache has it."""
    path = tmp_path / "key.body"
    path.write_bytes(BODY)
    return path


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Name a folder that nobody has made yet."""
    return tmp_path / "house"


@pytest.mark.parametrize("mode", [LinkMode.AUTO, LinkMode.COPY, LinkMode.REFLINK])
def test_a_later_edit_leaves_the_cache_alone(body: Path, house: Path, mode: LinkMode) -> None:
    """Unless a hard link is asked for, who writes into the wheelhouse writes nowhere else."""
    placed = Wheelhouse(house, mode=mode).place(NAME, entry(body), hashes=hashes(BODY))

    assert (placed.size, placed.sha256) == (len(BODY), hashes(BODY)["sha256"])
    assert placed.how in AFRESH
    with (house / NAME).open("r+b") as file:
        file.write(b"THE")
    assert body.read_bytes() == BODY
    assert [path.name for path in house.iterdir()] == [NAME]


def test_a_hard_link_is_the_same_file(body: Path, house: Path) -> None:
    """Where it is asked for no byte is copied; asked for otherwise later, the two are parted."""
    linked = Wheelhouse(house, mode=LinkMode.HARDLINK).place(NAME, entry(body), hashes=hashes(BODY))
    assert linked.how is How.HARDLINKED
    assert (house / NAME).samefile(body)
    assert Wheelhouse(house, mode=LinkMode.HARDLINK).place(NAME, entry(body), hashes={}).how is How.KEPT

    assert Wheelhouse(house).place(NAME, entry(body), hashes=hashes(BODY)).how in AFRESH
    assert not (house / NAME).samefile(body)


def test_a_part_of_a_file_is_copied(tmp_path: Path, house: Path) -> None:
    """A body inside a `http` entry cannot be linked: just its bytes are there."""
    path = tmp_path / "entry"
    path.write_bytes(b"head" + BODY + b"tail")

    placed = Wheelhouse(house, mode=LinkMode.HARDLINK).place(
        NAME, entry(path, offset=4, size=len(BODY)), hashes=hashes(BODY)
    )

    assert (placed.how, (house / NAME).read_bytes()) == (How.COPIED, BODY)


@pytest.mark.parametrize("mode", LinkMode)
def test_a_file_system_that_cannot_link_gets_a_copy(
    body: Path, house: Path, mode: LinkMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mode is a wish: the file is there in any case."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr("fcntl.ioctl", refuse)

    placed = Wheelhouse(house, mode=mode).place(NAME, entry(body), hashes=hashes(BODY))

    assert (placed.how, (house / NAME).read_bytes()) == (How.COPIED, BODY)
    assert [path.name for path in house.iterdir()] == [NAME]


def test_no_reflink_but_on_linux(body: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere the system call means something else, or nothing."""
    monkeypatch.setattr("sys.platform", "darwin")

    assert not wheelhouse._reflink(body, tmp_path / "clone")
    assert not (tmp_path / "clone").exists()


def test_what_is_there_is_kept(body: Path, house: Path) -> None:
    """The same bytes are not written again, whether a hash states them or not."""
    first = Wheelhouse(house).place(NAME, entry(body), hashes=hashes(BODY))
    before = (house / NAME).stat()

    for stated in (hashes(BODY), {}):
        again = Wheelhouse(house).place(NAME, entry(body), hashes=stated)
        assert (again.how, again.sha256, again.size) == (How.KEPT, first.sha256, first.size)
    assert (house / NAME).stat().st_mtime_ns == before.st_mtime_ns


def test_other_bytes_give_way_and_links_are_not_followed(body: Path, house: Path, tmp_path: Path) -> None:
    """A file of that name is replaced, a symbolic link too, and what it led to stays; so do all other files."""
    house.mkdir()
    precious = tmp_path / "precious"
    precious.write_bytes(BODY)
    (house / NAME).symlink_to(precious)
    (house / "other").write_bytes(b"mine")

    assert Wheelhouse(house).place(NAME, entry(body), hashes=hashes(BODY)).how in AFRESH
    assert not (house / NAME).is_symlink()
    (house / NAME).write_bytes(b"x" * len(BODY))
    assert Wheelhouse(house).place(NAME, entry(body), hashes=hashes(BODY)).how in AFRESH

    assert (house / NAME).read_bytes() == precious.read_bytes() == BODY
    assert (house / "other").read_bytes() == b"mine"


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "md5"])
@pytest.mark.parametrize("mode", LinkMode)
def test_wrong_bytes_do_not_get_in(body: Path, house: Path, mode: LinkMode, algorithm: str) -> None:
    """Any hash that pip knows is held against the bytes; nothing is left, and an older file stays."""
    house.mkdir()
    (house / NAME).write_bytes(b"older")
    stated = {algorithm: hashlib.new(algorithm, b"other").hexdigest()}

    with pytest.raises(FormatError, match="hash mismatch"):
        Wheelhouse(house, mode=mode).place(NAME, entry(body), hashes=stated)

    assert {path.name: path.read_bytes() for path in house.iterdir()} == {NAME: b"older"}


def test_without_a_hash_the_archive_has_to_be_whole(tmp_path: Path, house: Path) -> None:
    """Where nobody states a hash, or one that pip knows, a wheel or sdist is unpacked to its end."""
    sound = [make_wheel(tmp_path, "demo", "1.0"), make_sdist(tmp_path, "demo", "1.0")]
    for path in sound:
        assert Wheelhouse(house).place(path.name, entry(path), hashes={"crc32": "0"}).how in AFRESH
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(FormatError, match="broken archive"):
            Wheelhouse(house).place(path.name, entry(path), hashes={})
    assert {path.name for path in house.iterdir()} == {path.name for path in sound}


def test_other_archives_are_taken_as_they_are(body: Path, house: Path) -> None:
    """Nothing tells of an old kind of sdist whether it is whole."""
    assert Wheelhouse(house).place("demo-1.0.tar.bz2", entry(body), hashes={}).how in AFRESH


@pytest.mark.parametrize("name", ["../x.whl", "a/b.whl", "a\\b.whl", "C:x.whl", "", ".", "..", ".x.whl", "x\0.whl"])
def test_a_name_leads_nowhere_else(body: Path, house: Path, name: str) -> None:
    """The last part of a URL may be any text; only a plain file name becomes a file."""
    with pytest.raises(InputError, match="is no file name"):
        Wheelhouse(house).place(name, entry(body), hashes=hashes(BODY))

    assert not house.exists()


def test_a_folder_that_cannot_be_written(body: Path, house: Path, tmp_path: Path) -> None:
    """What keeps a file from being written is said of the wheelhouse, not of the cache."""
    house.write_text("a file")
    with pytest.raises(InputError, match="cannot be written"):
        Wheelhouse(house).place(NAME, entry(body), hashes=hashes(BODY))
    taken = tmp_path / "taken"
    (taken / NAME).mkdir(parents=True)
    with pytest.raises(InputError, match=f"{NAME} cannot be written"):
        Wheelhouse(taken).place(NAME, entry(body), hashes=hashes(BODY))
    assert [path.name for path in taken.iterdir()] == [NAME]


def test_a_body_that_vanishes_is_the_caches_trouble(body: Path, house: Path) -> None:
    """It is an OSError, for the caller to name."""
    gone = entry(body)
    body.unlink()
    for stated in (hashes(BODY), {}):
        with pytest.raises(FileNotFoundError):
            Wheelhouse(house).place(NAME, gone, hashes=stated)


def test_small_files_are_written_anew(house: Path) -> None:
    """Folders are made on the way."""
    for content in (b"one", b"two"):
        Wheelhouse(house).write(house / "demo" / "index.html", content)
        assert (house / "demo" / "index.html").read_bytes() == content
