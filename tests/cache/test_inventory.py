"""The walk through a cache: every file in one item, sums as `du` has them, nothing followed out."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelwarm.cache import inventory
from wheelwarm.cache.format import entry_path, key
from wheelwarm.cache.inventory import File, Form, Inventory, Section, classify, take
from wheelwarm.cache.wheels import directory

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = key("https://files.example/demo-1.0-py3-none-any.whl")
BUILT = directory(Path(), KEY).as_posix()
WHEEL = "demo-1.0-py3-none-any.whl"
MODE = 0o100644

# One of each that pips leave, and strangers at every level; what each is.
PLACES = {
    f"http-v2/{entry_path(KEY)}": Form.ENTRY,
    f"http-v2/{entry_path(KEY)}abc123.tmp": Form.TEMPORARY,
    f"http-v2/{entry_path(KEY)}.body0_1x.tmp": Form.TEMPORARY,
    f"http-v2/{entry_path('0' * 56)}": Form.METADATA_ALONE,
    f"http-v2/{entry_path('1' * 56)}.body": Form.BODY_ALONE,
    f"http-v2/{KEY}": Form.FOREIGN,
    f"http-v2/0/0/0/0/0/{KEY}": Form.FOREIGN,
    f"http-v2/{entry_path(KEY)}.lock": Form.FOREIGN,
    f"http-v2/0/0/0/0/0/0/{'0' * 56}": Form.FOREIGN,
    "http-v2/.DS_Store": Form.FOREIGN,
    "http-v2/wheelwarm8x_.tmp": Form.TEMPORARY,
    f"http/{entry_path(KEY)}": Form.ENTRY,
    f"http/{entry_path('1' * 56)}.body": Form.FOREIGN,
    f"{BUILT}/{WHEEL}": Form.BUILT_WHEEL,
    f"{BUILT}/demo.whl": Form.FOREIGN,
    f"{BUILT}/x.tmp": Form.TEMPORARY,
    f"{BUILT}/tmpab12/{WHEEL}": Form.TEMPORARY,
    f"{directory(Path(), '0' * 56).as_posix()}/origin.json": Form.ORIGIN_ALONE,
    f"wheels/{WHEEL}": Form.FOREIGN,
    "selfcheck/fe300af6f7d708c14827daac3afc81fbb8306b73de8dd6e3f1f8ea3b": Form.SELFCHECK,
    "selfcheck/fe300af6f7d7.tmp": Form.TEMPORARY,
    "selfcheck/below/x": Form.FOREIGN,
    "selfcheck.json": Form.SELFCHECK,
    "wheelwarm/ledger.sqlite3": Form.OWN,
    "wheelwarm/deeper/file": Form.OWN,
    "CACHEDIR.TAG": Form.FOREIGN,
    "other/file": Form.FOREIGN,
}


def write(path: Path, content: bytes = b"x") -> Path:
    """Write a file and the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def has_gnu_du() -> bool:
    """Tell whether there is a `du` that counts in bytes."""
    return shutil.which("du") is not None and not subprocess.run(["du", "--version"], capture_output=True).returncode


gnu_du = pytest.mark.skipif(not has_gnu_du(), reason="there is no GNU du")


def du(root: Path, *options: str) -> int:
    """Return what `du` says of a folder, in bytes."""
    done = subprocess.run(["du", "--summarize", "--block-size=1", *options, root], check=True, capture_output=True)
    return int(done.stdout.split()[0])


def forms(stock: Inventory) -> dict[str, Form]:
    """Return each item's form by its path."""
    return {item.path: item.form for item in stock.items}


def test_every_place_is_told_from_the_others(tmp_path: Path) -> None:
    """What pips write is known by its place and name at every level, and a stranger is a stranger."""
    for place in PLACES:
        write(tmp_path / place)
    write(tmp_path / f"http-v2/{entry_path(KEY)}.body")

    assert forms(take(tmp_path)) == PLACES


def test_an_entry_is_metadata_and_body(tmp_path: Path) -> None:
    """The two files of an entry are one item, the metadata first; its size is that of both."""
    write(tmp_path / f"http-v2/{entry_path(KEY)}.body", b"12345")
    write(tmp_path / f"http-v2/{entry_path(KEY)}", b"12")
    os.utime(tmp_path / f"http-v2/{entry_path(KEY)}", (2000.5, 2000.5))
    os.utime(tmp_path / f"http-v2/{entry_path(KEY)}.body", (1000, 1000))

    (item,) = take(tmp_path).items

    assert [file.size for file in item.files] == [2, 5]
    assert (item.section, item.bytes, item.mtime) == (Section.HTTP_V2, 7, 2000.5)


def test_built_wheels_share_their_origin(tmp_path: Path) -> None:
    """Of several wheels of one sdist just one item has the `origin.json`, so that no sum counts it twice."""
    for name in ("demo-1.0-cp311-cp311-linux_x86_64.whl", WHEEL, "origin.json"):
        write(tmp_path / BUILT / name)

    items = take(tmp_path).items

    assert [item.form for item in items] == [Form.BUILT_WHEEL] * 2
    assert sorted(file.name for item in items for file in item.files) == sorted(
        ["demo-1.0-cp311-cp311-linux_x86_64.whl", WHEEL, "origin.json"]
    )


@gnu_du
def test_sums_are_those_of_du(tmp_path: Path) -> None:
    """Apparent and allocated bytes, with the folders, are what GNU du counts; a hard link is allocated once."""
    for number, place in enumerate(PLACES):
        write(tmp_path / place, b"x" * 1000 * number)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(50_000_000)
    os.link(tmp_path / "sparse", tmp_path / "http" / "linked")
    (tmp_path / "link").symlink_to("/usr")

    stock = take(tmp_path)

    assert sum(item.allocated for item in stock.items) + stock.folder_allocated == du(tmp_path)
    apparent = sum(item.bytes for item in stock.items)
    # Since coreutils 9.2 `--apparent-size` leaves the folders out.
    assert du(tmp_path, "--apparent-size", "--count-links") in (apparent, apparent + stock.folder_bytes)
    assert stock.folders == 1 + sum(path.is_dir() and not path.is_symlink() for path in tmp_path.rglob("*"))


def test_nothing_is_followed_or_opened(tmp_path: Path) -> None:
    """Links to files and folders, pipes and sockets are strangers, wherever they stand; a pipe is not waited for."""
    outside = tmp_path / "outside"
    write(outside / "http-v2" / entry_path(KEY))
    root = tmp_path / "cache"
    folder = root / "http-v2" / entry_path(KEY).parent
    folder.mkdir(parents=True)
    (folder / KEY).symlink_to(outside / "http-v2" / entry_path(KEY))
    os.mkfifo(folder / f"{KEY}.body")
    (root / "http").symlink_to(outside / "http-v2")
    (root / "wheels").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(root / "socket"))

    stock = take(root)

    assert set(forms(stock).values()) == {Form.FOREIGN}
    assert {file.path for item in stock.items for file in item.files} == {
        f"http-v2/{entry_path(KEY)}",
        f"http-v2/{entry_path(KEY)}.body",
        "http",
        "wheels",
        "socket",
    }
    assert {item.section for item in stock.items} == {Section.HTTP_V2, Section.OTHER}


def test_folders_where_files_should_be(tmp_path: Path) -> None:
    """A folder named as an entry or a wheel is walked as any folder, and what is in it is foreign."""
    write(tmp_path / f"http-v2/{entry_path(KEY)}" / "inside")
    write(tmp_path / f"http-v2/{entry_path(KEY)}.body")
    write(tmp_path / BUILT / WHEEL / "inside")

    assert forms(take(tmp_path)) == {
        f"http-v2/{entry_path(KEY)}/inside": Form.FOREIGN,
        f"http-v2/{entry_path(KEY)}.body": Form.BODY_ALONE,
        f"{BUILT}/{WHEEL}/inside": Form.TEMPORARY,
    }


def test_a_missing_folder_holds_nothing(tmp_path: Path) -> None:
    """Where no pip has stored anything yet there is nothing to find."""
    assert take(tmp_path / "none") == Inventory(root=tmp_path / "none")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_unreadable_folders_are_named(tmp_path: Path) -> None:
    """A folder that may not be looked into is counted and named, and the rest is still there."""
    write(tmp_path / "http-v2" / "0" / "file")
    write(tmp_path / "seen")
    (tmp_path / "http-v2").chmod(0)
    try:
        stock = take(tmp_path)
    finally:
        (tmp_path / "http-v2").chmod(0o700)

    assert stock.unreadable == ("http-v2",)
    assert set(forms(stock)) == {"seen"}


@contextmanager
def unreadable_below(folder: Path) -> Iterator[None]:
    """Nest folders for a while so deeply that the system cannot name the last ones: nobody can read these by a path."""
    here = os.getcwd()  # noqa: PTH109 -- the test stands where no path leads
    os.chdir(folder)
    try:
        for _ in range(30):
            Path("d" * 200).mkdir()
            os.chdir("d" * 200)
        os.chdir(here)
        yield
    finally:
        os.chdir(here)
        shutil.rmtree(folder / ("d" * 200))


def test_too_long_a_way_down_is_named(tmp_path: Path) -> None:
    """Folders nested beyond what the system can name end the walk there, and only there."""
    with unreadable_below(tmp_path):
        assert len(take(tmp_path).unreadable) == 1


def test_files_that_vanish_are_left_out(tmp_path: Path) -> None:
    """A folder that goes away between listing and looking is passed over."""
    write(tmp_path / "http-v2" / "0" / "file")
    walk = iter(inventory._Walk(tmp_path, with_folders=True))
    write(tmp_path / "first")
    assert next(walk)[0] == ""
    shutil.rmtree(tmp_path / "http-v2")

    assert list(walk) == []


def test_a_folder_of_very_many_wheels() -> None:
    """Thousands of wheels of one sdist are told apart in no time that grows with their square."""
    files = [File(f"{BUILT}/demo-{number}-py3-none-any.whl", 1, 512, 0, number, MODE) for number in range(30_000)]
    begin = time.process_time()

    assert len(classify(BUILT, files)) == len(files)
    assert time.process_time() - begin < 5


NAMES = st.one_of(
    st.sampled_from([KEY, f"{KEY}.body", f"{KEY}.tmp", WHEEL, "origin.json", "0", "x.whl"]),
    st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=20),
)
FOLDERS = st.one_of(
    st.sampled_from([f"http-v2/{'/'.join(KEY[:5])}", f"http/{'/'.join(KEY[:5])}", BUILT, "selfcheck", "wheelwarm", ""]),
    st.lists(NAMES, max_size=8).map("/".join),
)


@given(FOLDERS, st.sets(NAMES, max_size=6), st.sampled_from([MODE, 0o120777, 0o010644]))
def test_every_file_is_in_just_one_item(folder: str, names: set[str], mode: int) -> None:
    """Whatever names a folder holds, each file is classified once, and none is lost."""
    files = [File(f"{folder}/{name}" if folder else name, 1, 512, 0, 0, mode) for name in sorted(names)]

    items = list(classify(folder, files))

    assert sorted(file.path for item in items for file in item.files) == sorted(file.path for file in files)
    if mode != MODE:
        assert {item.form for item in items} <= {Form.FOREIGN}


@given(st.sets(st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & {0, 47}), max_size=4))
def test_names_of_any_bytes_are_found(names: set[bytes]) -> None:
    """File names that are no text in any encoding come back as they are."""
    names -= {b".", b".."}
    with TemporaryDirectory() as folder:
        for name in names:
            Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).touch()
        found = {os.fsencode(item.path) for item in take(Path(folder)).items}

    assert found == names


def test_where_the_system_tells_no_blocks() -> None:
    """On Windows a file's size has to stand for what it takes."""

    class Status:
        st_size = 42

    assert inventory.allocated(Status()) == 42  # type: ignore[arg-type]
