"""Removal: what was planned goes, metadata first, and nothing else on the disk changes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cache.test_inventory import BUILT, KEY, PLACES, WHEEL, du, gnu_du, write
from wheelwarm.cache.format import entry_path
from wheelwarm.cache.inventory import Form, Section, take
from wheelwarm.errors import CacheError
from wheelwarm.removal import Plan, Removal, carry_out, plan

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
    unlink = Path.unlink

    def noted(path: Path) -> None:
        order.append(path.suffix)
        unlink(path)

    monkeypatch.setattr(Path, "unlink", noted)
    stock = take(tmp_path).items
    carry_out(tmp_path, plan(stock, among=stock))

    assert order == ["", ".body"]


def test_empty_folders_go_up_to_the_section(tmp_path: Path) -> None:
    """The folders of an entry go with it, but not its section's, which has the permissions of the cache."""
    write(tmp_path / ENTRY)
    write(tmp_path / BUILT / WHEEL)

    stock = take(tmp_path).items
    carry_out(tmp_path, plan(stock, among=stock))

    assert sorted(path.name for path in tmp_path.rglob("*")) == ["http-v2", "wheels"]


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


def test_links_are_removed_not_followed(tmp_path: Path) -> None:
    """A link that took a file's place goes itself; a link that took a folder's place leads to nothing removed."""
    outside = tmp_path / "outside"
    root = tmp_path / "cache"
    for name in (ENTRY, f"{ENTRY}.body"):
        write(root / name)
        write(outside / Path(name).relative_to("http-v2"))
    stock = take(root).items
    (root / ENTRY).unlink()
    (root / ENTRY).symlink_to(outside / Path(ENTRY).relative_to("http-v2"))
    assert carry_out(root, plan(stock, among=stock)).files == 2
    shutil.rmtree(root / "http-v2")
    (root / "http-v2").symlink_to(outside)

    assert carry_out(root, plan(stock, among=stock)) == Removal()
    assert len(contents(outside)) == 2


def test_only_the_sections_are_touched(tmp_path: Path) -> None:
    """What stands elsewhere below the cache directory is in no plan, the ledger least of all."""
    fill(tmp_path)
    stock = take(tmp_path).items
    others = [item for item in stock if item.section is Section.OTHER]

    assert {item.form for item in others} == {Form.OWN, Form.SELFCHECK, Form.TEMPORARY, Form.FOREIGN}
    assert plan(others, among=stock) == Plan(())


def test_what_will_not_go_is_an_error(tmp_path: Path) -> None:
    """A folder where a file stood cannot be unlinked: an error that names the cache, and the folder stays."""
    write(tmp_path / ENTRY)
    stock = take(tmp_path).items
    (tmp_path / ENTRY).unlink()
    write(tmp_path / ENTRY / "inside")

    with pytest.raises(CacheError, match=str(tmp_path)):
        carry_out(tmp_path, plan(stock, among=stock))

    assert (tmp_path / ENTRY / "inside").exists()
