"""Removal: what was planned goes, metadata first, and nothing else on the disk changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cache.test_inventory import BUILT, KEY, PLACES, WHEEL, du, gnu_du, write
from wheelwarm.cache.format import entry_path
from wheelwarm.cache.inventory import Form, Item, Section, take
from wheelwarm.errors import CacheError
from wheelwarm.removal import descent
from wheelwarm.removal.descent import Descent
from wheelwarm.removal.removal import BUILD_GRACE_SECONDS, Plan, Removal, carry_out, check_is_cache, plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENTRY = f"http-v2/{entry_path(KEY)}"


def fill(root: Path) -> None:
    """Put one of each kind of file into a cache, each with content of its own."""
    for number, place in enumerate(PLACES):
        write(root / place, b"x" * (100 + number))
    write(root / f"{ENTRY}.body", b"body")


def contents(root: Path) -> dict[str, bytes]:
    """Return every file below a folder with its content."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@settings(max_examples=40)
@given(st.data())
def test_what_is_planned_goes_and_nothing_else(data: st.DataObject) -> None:
    """Any choice of items: their files go, every other keeps its bytes, and plan, removal and disk agree."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        fill(root)
        before, stock = contents(root), take(root).items
        chosen = data.draw(st.lists(st.sampled_from(stock), unique_by=lambda item: item.path))

        planned = plan(chosen, among=stock)
        removed = carry_out(root, planned)

        after = contents(root)
        gone = {file.path for item in planned.items for file in item.files}
        assert gone == before.keys() - after.keys()
        assert {path: before[path] for path in after} == after
        assert removed.bytes == sum(len(before[path]) for path in gone)
        expected = planned.total
        assert (removed.entries, removed.files, removed.bytes) == (expected.entries, expected.files, expected.bytes)
        assert {item.path for item in chosen if item.section is not Section.OTHER} == {i.path for i in planned.items}


@gnu_du
def test_what_is_freed_is_what_the_disk_gets_back(tmp_path: Path) -> None:
    """The allocated bytes of what goes are the difference that `du` sees, and a second hard link frees nothing."""
    write(tmp_path / ENTRY, b"m" * 5000)
    write(tmp_path / f"{ENTRY}.body", b"b" * 100_000)
    linked = write(tmp_path / "http-v2" / entry_path("0" * 56), b"l" * 50_000)
    os.link(linked, tmp_path / "elsewhere")
    keep_folders(tmp_path)
    before = du(tmp_path)

    stock = take(tmp_path).items
    removed = carry_out(tmp_path, plan(stock, among=stock))

    assert removed.files == 3 + 2  # the two that keep the folders are planned, too
    assert removed.bytes == 155_000
    assert before - du(tmp_path) == removed.freed + folders_gone(tmp_path)


def keep_folders(root: Path) -> None:
    """Put an empty file beside each entry; it takes no block."""
    for parent in (Path(ENTRY).parent, Path("http-v2") / entry_path("0" * 56).parent):
        write(root / parent / "x.tmp", b"")


def folders_gone(root: Path) -> int:
    """Return what the ten folders took that went with the entries."""
    return 10 * root.stat().st_blocks * 512


def test_metadata_goes_before_the_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pip that looks in between finds no entry; one that found only metadata would find half of one."""
    write(tmp_path / ENTRY)
    write(tmp_path / f"{ENTRY}.body")
    order: list[str] = []
    unlink = Descent.unlink

    def noted(self: Descent, name: str) -> bool:
        order.append(Path(name).suffix)
        return unlink(self, name)

    monkeypatch.setattr(Descent, "unlink", noted)
    stock = take(tmp_path).items
    carry_out(tmp_path, plan(stock, among=stock))

    assert order == ["", ".body"]


def test_empty_folders_go_up_to_the_section(tmp_path: Path) -> None:
    """The folders of an entry go with it, but not its section's, which has the permissions of the cache."""
    write(tmp_path / ENTRY)
    write(tmp_path / BUILT / WHEEL)
    age(tmp_path)

    stock = take(tmp_path).items
    carry_out(tmp_path, plan(stock, among=stock))

    assert sorted(path.name for path in tmp_path.rglob("*")) == ["http-v2", "wheels"]


def age(root: Path, *, seconds: float = 2 * BUILD_GRACE_SECONDS) -> None:
    """Make everything below a folder look as old as that."""
    when = time.time() - seconds
    for path in (*root.rglob("*"), root):
        os.utime(path, (when, when), follow_symlinks=False)


def test_the_folder_of_a_fresh_wheel_stays(tmp_path: Path) -> None:
    """A pip that builds has made sure of its folder and moves the wheel there minutes later: it is not taken away."""
    write(tmp_path / BUILT / WHEEL)
    stock = take(tmp_path).items

    assert carry_out(tmp_path, plan(stock, among=stock)).files == 1

    assert (tmp_path / BUILT).is_dir()


def test_folders_that_were_empty_before_go_too(tmp_path: Path) -> None:
    """Those below a section, with the folders that are empty then; never the section, nor anything outside."""
    for folder in ("http-v2/a/b/c", "wheels/aa", "elsewhere/deep"):
        (tmp_path / folder).mkdir(parents=True)
    write(tmp_path / ENTRY)
    age(tmp_path)

    stock = take(tmp_path)
    assert set(stock.empty) == {"http-v2/a/b/c", "wheels/aa", "elsewhere/deep"}
    carry_out(tmp_path, plan((), among=stock.items, folders=stock.empty))

    assert {path.name for path in tmp_path.iterdir()} == {"http-v2", "wheels", "elsewhere"}
    assert not (tmp_path / "http-v2/a").exists()
    assert not (tmp_path / "wheels/aa").exists()
    assert (tmp_path / "elsewhere/deep").exists()
    assert (tmp_path / ENTRY).exists()


def test_an_origin_stays_with_the_wheels_that_stay(tmp_path: Path) -> None:
    """Of two wheels of one sdist the origin belongs to both: it goes with the last."""
    other = "demo-1.0-cp311-cp311-linux_x86_64.whl"
    for name in (WHEEL, other, "origin.json"):
        write(tmp_path / BUILT / name)

    for chosen, left in ((WHEEL, {other, "origin.json"}), (other, set())):
        stock = take(tmp_path).items
        wheels = [item for item in stock if item.path.endswith(chosen)]
        carry_out(tmp_path, plan(wheels, among=stock))
        assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == left


def test_what_vanished_is_no_error(tmp_path: Path) -> None:
    """Files that another process removed first are not counted."""
    write(tmp_path / ENTRY, b"12")
    write(tmp_path / f"{ENTRY}.body", b"123")
    stock = take(tmp_path).items
    (tmp_path / ENTRY).unlink()

    assert carry_out(tmp_path, plan(stock, among=stock)).files == 1
    assert carry_out(tmp_path, plan(stock, among=stock)) == Removal()


def test_what_vanishes_under_the_hands_is_no_error(tmp_path: Path) -> None:
    """Two that remove the same at once both end well: what the other took between look and removal is not counted."""
    halves = [write(tmp_path / ENTRY), write(tmp_path / f"{ENTRY}.body")]
    stock = take(tmp_path).items

    def other_is_faster(_: Item) -> bool:
        for half in halves:
            half.unlink()
        return False

    assert carry_out(tmp_path, plan(stock, among=stock), is_in_use=other_is_faster) == Removal()


def test_links_are_never_followed(tmp_path: Path) -> None:
    """A link that took the place of a file, or of a folder on the way to it, is no more what was planned."""
    outside = tmp_path / "outside"
    root = tmp_path / "cache"
    for name in (ENTRY, f"{ENTRY}.body"):
        write(root / name)
        write(outside / Path(name).relative_to("http-v2"))
    stock = take(root).items
    (root / ENTRY).unlink()
    (root / ENTRY).symlink_to(outside / Path(ENTRY).relative_to("http-v2"))
    assert carry_out(root, plan(stock, among=stock)) == Removal(changed=1)
    shutil.rmtree(root / "http-v2")
    (root / "http-v2").symlink_to(outside)

    assert carry_out(root, plan(stock, among=stock)) == Removal()
    assert len(contents(outside)) == 2


@pytest.mark.parametrize("half", ["", ".body"])
@pytest.mark.parametrize("change", ["renewed", "touched", "longer"])
def test_what_changed_since_the_plan_stays_whole(tmp_path: Path, half: str, change: str) -> None:
    """An entry that a pip has renewed meanwhile keeps both its halves, and is counted as left."""
    write(tmp_path / ENTRY, b"12")
    write(tmp_path / f"{ENTRY}.body", b"123")
    stock = take(tmp_path).items
    path = tmp_path / f"{ENTRY}{half}"
    if change == "renewed":
        status = path.stat()
        write(tmp_path / "new", path.read_bytes()).replace(path)
        os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    elif change == "touched":
        os.utime(path, (1, 1))
    else:
        status = path.stat()
        path.write_bytes(b"1234")
        os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    before = contents(tmp_path)

    assert carry_out(tmp_path, plan(stock, among=stock)) == Removal(changed=1)

    assert contents(tmp_path) == before


def test_an_origin_stays_with_a_wheel_that_came_meanwhile(tmp_path: Path) -> None:
    """A wheel built after the plan keeps the note of what it was built from."""
    for name in (WHEEL, "origin.json"):
        write(tmp_path / BUILT / name)
    stock = take(tmp_path).items
    write(tmp_path / BUILT / "demo-1.0-cp311-cp311-linux_x86_64.whl")

    carry_out(tmp_path, plan(stock, among=stock))

    left = {"demo-1.0-cp311-cp311-linux_x86_64.whl", "origin.json"}
    assert {path.name for path in (tmp_path / BUILT).iterdir()} == left


def test_hard_links_are_not_promised_as_freed(tmp_path: Path) -> None:
    """A file frees its blocks only if all its names are in the plan."""
    one = write(tmp_path / ENTRY, b"x" * 5000)
    other = tmp_path / "http-v2" / entry_path("0" * 56)
    other.parent.mkdir(parents=True)
    os.link(one, other)
    stock = take(tmp_path).items
    taken = one.stat().st_blocks * 512

    assert [plan([item], among=stock).total.freed for item in stock] == [0, 0]
    assert plan(stock, among=stock).total.freed == taken
    assert carry_out(tmp_path, plan(stock, among=stock)).freed == taken


def test_only_the_sections_are_touched(tmp_path: Path) -> None:
    """What stands elsewhere below the cache directory is in no plan, the ledger least of all."""
    fill(tmp_path)
    stock = take(tmp_path).items
    others = [item for item in stock if item.section is Section.OTHER]

    assert {item.form for item in others} == {Form.OWN, Form.SELFCHECK, Form.TEMPORARY, Form.FOREIGN}
    assert plan(others, among=stock) == Plan(())


immutable = pytest.mark.skipif(
    os.name != "posix" or not hasattr(os, "getuid") or os.getuid() != 0 or shutil.which("chattr") is None,
    reason="only root can make files immutable",
)


@pytest.fixture
def hold_fast() -> Iterator[Callable[[Path], None]]:
    """Return what makes a file immutable until the test ends, or skips where the file system cannot."""
    held: list[Path] = []

    def hold(path: Path) -> None:
        if subprocess.run(["chattr", "+i", path], capture_output=True).returncode:
            pytest.skip("this file system knows no immutable files")
        held.append(path)

    yield hold
    for path in held:
        subprocess.run(["chattr", "-i", path], check=True)


@immutable
@pytest.mark.parametrize("half", ["", ".body"])
def test_what_will_not_go_is_an_error_and_no_half(tmp_path: Path, half: str, hold_fast: Callable[[Path], None]) -> None:
    """A file held fast stops the removal with an error that names its entry; the entry keeps both its halves."""
    write(tmp_path / "http-v2" / entry_path("0" * 56), b"goes first")
    for name in (ENTRY, f"{ENTRY}.body"):
        write(tmp_path / name)
    stock = take(tmp_path).items
    hold_fast(tmp_path / f"{ENTRY}{half}")

    with pytest.raises(CacheError, match=f"{ENTRY} cannot be removed: .* 1 of 2 entries were removed before"):
        carry_out(tmp_path, plan(stock, among=stock))

    assert contents(tmp_path).keys() == {ENTRY, f"{ENTRY}.body"}


@pytest.mark.parametrize("folder", ["/", "home", "project", "missing", "d" * 300])
def test_what_is_no_cache_is_refused(tmp_path: Path, folder: str) -> None:
    """The root, a home with whatever folders, a folder with none of pip's, and one that cannot be looked into."""
    home = tmp_path / "home"
    (home / "wheels").mkdir(parents=True)
    (tmp_path / "project" / "src").mkdir(parents=True)
    (tmp_path / "cache" / "http-v2").mkdir(parents=True)
    check_is_cache(tmp_path / "cache", home=home)

    with pytest.raises(CacheError):
        check_is_cache(Path(folder) if folder == "/" else tmp_path / folder, home=home)


def test_a_system_without_open_folders_does_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where paths cannot be relative to an open folder, each is looked at: the same goes, no link is followed."""
    monkeypatch.setattr(descent, "BY_DESCRIPTOR", False)
    test_empty_folders_go_up_to_the_section(tmp_path / "one")
    test_folders_that_were_empty_before_go_too(tmp_path / "two")
    test_links_are_never_followed(tmp_path / "three")
    test_what_vanished_is_no_error(tmp_path / "four")
    test_an_origin_stays_with_a_wheel_that_came_meanwhile(tmp_path / "five")
