"""What a look remembers is what a new look at the disk would say, whatever has happened to the entry meanwhile."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.helpers.shelves import shelf_of, target_of
from tests.shelf.test_lookup import BODY, URL, store, with_hash
from wheelwarm.ledger.ledger import Ledger
from wheelwarm.model import HIT, Outcome, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import PipOf
    from wheelwarm.cache.http import Lookup
    from wheelwarm.model import Artifact
    from wheelwarm.shelf.lookup import Shelf
    from wheelwarm.targets.target import Target

INPUT = "an input"
PAGE = "https://host.test/simple/demo/"
SETTLED = 0.1
FRESH_UNTIL = 1767225600 + 1000000000  # as test_lookup stores it


@pytest.fixture(params=["22.2", "26.3"])
def target(request: pytest.FixtureRequest, pip_of: PipOf, cache_dir: Path) -> Target:
    """Look at either layout."""
    return target_of(pip_of(request.param), cache_dir)


@contextmanager
def looking(target: Target, *, now: float | None = None, alone: bool = False) -> Iterator[Shelf]:
    """Open the shelf as one more run with the same input does, which remembers its look."""
    with shelf_of(target) as shelf:
        shelf.now = shelf.now if now is None else now
        shelf.recall(INPUT)
        yield shelf
        shelf.keep(alone=alone)


def remember(target: Target) -> Path:
    """Store an entry, look at it once it has settled, and return its body's file."""
    with looking(target) as shelf:
        body = store(shelf)
        time.sleep(SETTLED)
        assert shelf.verdict(with_hash()) == HIT
    assert kept(target).keys() == {URL}
    return body


def kept(target: Target) -> dict[str, list[object]]:
    """Return what the ledger has of the last look."""
    with Ledger(target.cache_dir) as ledger:
        return dict(json.loads(ledger.recall_looks(INPUT, target.identity) or "{}"))


def test_an_unchanged_entry_is_not_read_again(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is as it was seen is a hit without being opened."""
    remember(target)
    opened: list[str] = []
    with looking(target) as shelf:
        monkeypatch.setattr("wheelwarm.cache.entries.open_quietly", opened.append)
        assert shelf.verdict(with_hash()) == HIT
    assert opened == []


def flip(body: Path) -> None:
    """Change one bit of the body where it stands."""
    content = bytearray(body.read_bytes())
    content[content.index(BODY)] ^= 1
    body.write_bytes(content)


def cut(body: Path) -> None:
    """Take the metadata's or the only file's end away."""
    metadata = body.with_name(body.name.removesuffix(".body"))
    metadata.write_bytes(metadata.read_bytes()[:-9])


@pytest.mark.parametrize("happened", [flip, cut, os.unlink])
def test_a_changed_entry_is_looked_at_anew(target: Target, happened: Callable[[Path], None]) -> None:
    """Whatever changes a file of an entry, the next run says what it would say had it never looked before."""
    happened(remember(target))
    with shelf_of(target) as shelf:
        expected = shelf.verdict(with_hash())
    assert expected.outcome is Outcome.MISS
    with looking(target) as shelf:
        assert shelf.verdict(with_hash()) == expected


def test_another_hash_is_no_hit(target: Target) -> None:
    """An input that states another hash now asks for another body."""
    remember(target)
    with looking(target) as shelf:
        assert shelf.verdict(with_hash(b"another")) == Verdict(Outcome.MISS, Reason.HASH_MISMATCH)


def test_freshness_ends(target: Target) -> None:
    """A look counts as long as the entry is fresh, to the second."""
    remember(target)
    with looking(target, now=FRESH_UNTIL - 1) as shelf:
        assert shelf.verdict(with_hash()) == HIT
    with looking(target, now=FRESH_UNTIL) as shelf:
        assert shelf.verdict(with_hash()) == Verdict(Outcome.STALE, Reason.EXPIRED)


def test_a_file_that_has_just_changed_is_not_remembered(target: Target) -> None:
    """Its time of change may be that of the next change too, as long as the file system's clock stands."""
    with looking(target) as shelf:
        store(shelf)
        assert shelf.verdict(with_hash()) == HIT
    assert kept(target) == {}


def test_a_redirect_is_not_remembered(target: Target) -> None:
    """An entry that another one leads to is found by reading both."""
    with looking(target) as shelf:
        store(shelf, PAGE, b"", status=301, Location=URL)
        store(shelf)
        time.sleep(SETTLED)
        assert shelf.verdict(with_hash(url=PAGE)) == HIT
    assert kept(target) == {}


def test_pages_are_remembered_with_their_time(target: Target) -> None:
    """A fresh page is known by when it was stored; a spent or changed one is not."""
    with looking(target) as shelf:
        file = store(shelf, PAGE, b"<!DOCTYPE html>")
        time.sleep(SETTLED)
        stored = shelf.fresh_since(PAGE)
    assert stored == file.with_name(file.name.removesuffix(".body")).stat().st_mtime_ns / 1e9
    with looking(target) as shelf:
        assert shelf.looks is not None
        assert shelf.looks.of(PAGE) is not None
        assert shelf.fresh_since(PAGE) == stored
    with looking(target, now=FRESH_UNTIL) as shelf:
        assert shelf.fresh_since(PAGE) is None
    file.unlink()
    with looking(target) as shelf:
        assert shelf.fresh_since(PAGE) is None


def test_a_look_at_less_forgets_the_rest_only_alone(target: Target) -> None:
    """A check, which looks at no page, keeps what a prefetch has seen; a prefetch keeps what it has seen itself."""
    remember(target)
    other = "https://host.test/other-1.0-py3-none-any.whl"
    with looking(target) as shelf:
        store(shelf, other)
        time.sleep(SETTLED)
        assert shelf.verdict(with_hash(url=other)) == HIT
    assert kept(target).keys() == {URL, other}
    with looking(target, alone=True) as shelf:
        assert shelf.verdict(with_hash()) == HIT
    assert kept(target).keys() == {URL}


def test_what_was_seen_is_where_it_stands(target: Target) -> None:
    """Where an entry stands is the same, seen or worked out; nothing stands at what is no URL."""
    body = remember(target)
    with looking(target) as shelf:
        worked_out = shelf.where(URL)
        shelf.verdict(with_hash())
        assert worked_out == shelf.where(URL) == str(body).removesuffix(".body")
        assert shelf.where("https://host.test/absent") is None
        assert shelf.where("https://[/") is None


@pytest.mark.parametrize("content", ["{", "[]", '{"%s": 1}', '{"%s": []}', '{"%s": [1, "x", null, [], []]}'])
def test_an_unreadable_memory_is_none(target: Target, content: str) -> None:
    """Whatever the ledger holds in its place, the entry is looked at."""
    remember(target)
    with Ledger(target.cache_dir) as ledger:
        ledger.remember_looks(INPUT, target.identity, content.replace("%s", URL))
    with looking(target) as shelf:
        assert shelf.verdict(with_hash()) == HIT


def test_what_changes_while_it_is_read_is_not_remembered(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pip that replaces an entry between its reading and the note of it has the new one looked at."""
    with looking(target) as shelf:
        store(shelf)
        time.sleep(SETTLED)
        judge = shelf.entry

        def replaced_after(artifact: Artifact) -> Lookup:
            found = judge(artifact)
            with shelf_of(target) as another:
                store(another, body=b"of another pip")
            time.sleep(SETTLED)
            return found

        monkeypatch.setattr(shelf, "entry", replaced_after)
        assert shelf.verdict(with_hash()) == HIT
    with looking(target) as shelf:
        assert shelf.verdict(with_hash()) == Verdict(Outcome.MISS, Reason.HASH_MISMATCH)
