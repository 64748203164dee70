"""The whole cache in numbers: sums that agree with each other and with the disk."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.cache.test_inventory import du, has_gnu_du, write
from tests.helpers.artifacts import make_wheel
from tests.helpers.stocks import FILES, Stock
from wheelwarm.cache.format import entry_path
from wheelwarm.cache.inventory import Section
from wheelwarm.holdings.reclaim import Cause, Reader
from wheelwarm.holdings.selection import Pattern, Sort
from wheelwarm.holdings.tallies import DAY, Span
from wheelwarm.ledger.ledger import Ledger
from wheelwarm.model import Kind, Layout, Silent
from wheelwarm.stats import Duplicates, StatsReport, _digest, listing, stats

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    """Return an empty cache."""
    (tmp_path / "scratch").mkdir()
    return Stock(tmp_path / "cache", tmp_path / "scratch")


def report(stock: Stock, reader: Reader | None = None) -> StatsReport:
    """Count a cache."""
    return stats(stock.root, reader=reader or Reader(), observer=Silent())


def test_all_sums_agree(stock: Stock) -> None:
    """Sections, kinds and the total are the same things counted in different ways, and `du` counts them too."""
    stock.wheel("demo", "1.0")
    stock.metadata("demo", "1.0")
    stock.sdist("other", "2.0")
    stock.page("demo")
    stock.built("other", "2.0")
    stock.store(f"{FILES}/demo-0.9-py3-none-any.whl", b"x" * 9999, layout=Layout.HTTP)
    write(stock.root / "selfcheck" / "abc")
    write(stock.root / "http-v2" / "stray.txt", b"x" * 5000)

    found = report(stock)

    for tallies in (found.sections, found.kinds):
        assert sum(tally.entries for tally in tallies.values()) == found.total.entries
        assert sum(tally.files for tally in tallies.values()) == found.total.files
        assert sum(tally.bytes for tally in tallies.values()) == found.total.bytes
        assert sum(tally.allocated for tally in tallies.values()) == found.total.allocated
    assert found.kinds[Kind.INDEX_PAGE].entries == 1
    assert found.sections[Section.HTTP].entries == 1
    if has_gnu_du():
        again = report(stock)  # the ledger has grown by the first
        assert again.total.allocated + again.folders.allocated == du(stock.root)


def test_an_empty_cache_is_all_zeros(stock: Stock) -> None:
    """Where no pip has been there is nothing, and nothing is made."""
    found = report(stock)

    assert (found.total.entries, found.projects, found.runs, found.unidentified) == (0, (), (), ())
    assert found.kinds.keys() == set(Kind)
    assert not stock.root.exists()


def test_ages_and_last_use(stock: Stock) -> None:
    """Each artifact is in one span of each histogram; pip's notes and leftovers are in none."""
    now = time.time()
    for number, days in enumerate((0.5, 5, 20, 80, 300, 900)):
        stock.wheel("demo", f"{number}.0", when=now - days * DAY)
    write(stock.root / "selfcheck" / "abc")

    found = report(stock)

    assert [found.ages[span].entries for span in Span] == [1] * 6
    assert found.ages == found.last_used


@pytest.mark.parametrize("paged", [True, False])
def test_the_same_bytes_twice(stock: Stock, paged: bool) -> None:
    """One wheel under two URLs, or in both layouts, is a duplicate, by the page's hash or by its own."""
    wheel = make_wheel(stock.scratch, "demo", "1.0")
    stock.store(f"{FILES}/{wheel.name}", wheel.read_bytes())
    stock.store(f"{FILES}/{wheel.name}", wheel.read_bytes(), layout=Layout.HTTP)
    stock.store(f"https://mirror.example/{wheel.name}", wheel.read_bytes())
    stock.wheel("other", "1.0")
    size = wheel.stat().st_size
    different = make_wheel(stock.scratch, "demo", "1.0", size=10)
    stock.store(f"https://third.example/{wheel.name}", different.read_bytes())
    if paged:
        stock.page("demo", wheel.name)

    found = [report(stock).duplicates for _ in range(2)]

    assert found[0] == found[1]
    expected = 2 if paged else 3  # this page states a hash that the third URL's body has not
    assert (found[0].groups, found[0].entries) == (1, expected)
    assert found[0].bytes > (expected - 1) * size


def test_built_wheels_may_be_duplicates(stock: Stock) -> None:
    """A wheel built here that is also cached as a download counts, and what cannot be read does not."""
    built = stock.built("demo", "1.0")
    downloaded = stock.store(f"{FILES}/{built.name}", built.read_bytes())
    assert report(stock).duplicates.entries == 2
    downloaded.with_name(f"{downloaded.name}.body").unlink()

    assert report(stock).duplicates == Duplicates()


def test_what_is_beyond_measure_is_not_hashed(stock: Stock) -> None:
    """Two files that claim a terabyte each (and take no disk) are counted, and their bytes left unread."""
    wheel = stock.built("demo", "1.0")
    twin = write(wheel.parent.with_name("0" * 50) / wheel.name)
    for file in (wheel, twin):
        os.truncate(file, 1 << 40)

    found = report(stock)

    assert found.kinds[Kind.BUILT_WHEEL].bytes >= 1 << 41
    assert found.duplicates == Duplicates()


@pytest.mark.parametrize("layout", Layout)
def test_a_hash_is_learnt_of_what_was_read_alone(stock: Stock, layout: Layout) -> None:
    """An entry that is spoilt or gone by the time it is hashed is no duplicate, and nothing is learnt of it."""
    path = stock.store(f"{FILES}/demo-1.0-py3-none-any.whl", b"PK", layout=layout)
    (entry,) = stock.holdings().values()
    with Ledger(stock.root) as ledger:
        for spoil in (lambda: path.write_bytes(b"garbage"), path.unlink):
            spoil()
            body = path if layout is Layout.HTTP else path.with_name(f"{path.name}.body")
            assert _digest(stock.root, entry, ledger) == ""
            assert not body.exists() or ledger.digest_of(body, body.lstat()) is None


def test_what_is_unidentified_is_named(stock: Stock) -> None:
    """Garbage, halves, strangers and leftovers are listed; pip's own notes and our ledger are not."""
    stock.wheel("demo", "1.0")
    stock.store(f"{FILES}/x", b"no body that pip knows")
    (stock.root / "http-v2" / entry_path("0" * 56)).parent.mkdir(parents=True)
    (stock.root / "http-v2" / entry_path("0" * 56)).write_bytes(b"cc=4,")
    write(stock.root / "http-v2" / "stray")
    write(stock.root / "http-v2" / "x.tmp")
    write(stock.root / "selfcheck" / "abc")

    oddities = {one.oddity for one in report(stock).unidentified}

    assert oddities == {"unidentified", "metadata without body", "foreign", "temporary"}


def test_what_could_go_is_counted_once(stock: Stock) -> None:
    """The causes overlap, their total does not; other Pythons are asked about only with a target's tags."""
    stock.store(f"{FILES}/a-1.0-py3-none-any.whl", make_wheel(stock.scratch, "a", "1.0").read_bytes(), headers={})
    stock.wheel("a", "1.5")
    stock.wheel("a", "2.0", tag="cp27-cp27m-win32")

    found = report(stock, Reader(version="3.11", tags=frozenset({"py3-none-any"})))

    amounts = {cause: tally.entries for cause, tally in found.reclaimable.items() if tally.entries}
    assert amounts == {Cause.EXPIRED: 1, Cause.SUPERSEDED: 1, Cause.OTHER_PYTHONS: 1}
    assert found.reclaimable_total.entries == 2
    assert Cause.OTHER_PYTHONS not in report(stock).reclaimable


def test_pythons_and_platforms(stock: Stock) -> None:
    """Wheels, downloaded and built, are counted by what they are for."""
    stock.wheel("demo", "1.0")
    stock.wheel("demo", "1.1", tag="cp311-cp311-manylinux_2_17_x86_64")
    stock.built("other", "1.0", tag="cp311-cp311-linux_x86_64")

    found = report(stock)

    assert {label: tally.entries for label, tally in found.pythons.items()} == {"py3": 1, "cp311": 2}
    assert {label: tally.entries for label, tally in found.platforms.items()} == {"any": 1, "Linux x86_64": 2}


def test_a_list_is_chosen_and_sorted(stock: Stock) -> None:
    """Pattern, kinds and order are applied; what only kind `other` shows is counted."""
    stock.wheel("demo", "1.0")
    stock.wheel("demo", "2.0")
    stock.page("other")
    write(stock.root / "selfcheck" / "abc")

    everything = listing(stock.root, None, kinds=(), sort=Sort.NAME, observer=Silent())
    some = listing(stock.root, Pattern("demo==2"), kinds={Kind.WHEEL}, sort=Sort.SIZE, observer=Silent())
    others = listing(stock.root, None, kinds={Kind.OTHER}, sort=Sort.NAME, observer=Silent())

    assert [one.contents.version for one in everything.holdings] == ["1.0", "2.0", None]
    assert everything.hidden == len(others.holdings) == 2  # and the ledger
    assert [one.contents.version for one in some.holdings] == ["2.0"]
    assert some.hidden == 0
