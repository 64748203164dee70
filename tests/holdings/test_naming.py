"""Names for everything in the cache: the best source counts, and what is known is not looked at twice."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.artifacts import make_wheel
from tests.helpers.stocks import FILES, PYPI, Stock
from tests.test_file_names import MANY_DIGITS
from wheelwarm.cache.inventory import Form
from wheelwarm.entry_facts import Contents, Problem, Source
from wheelwarm.errors import CacheError
from wheelwarm.holdings.naming import look, opened
from wheelwarm.ledger.ledger import FOLDER, Ledger
from wheelwarm.model import Artifact, Kind, Layout, Silent

if TYPE_CHECKING:
    from pathlib import Path

    from wheelwarm.holdings.naming import Holding

WHEEL = "demo-1.0-py3-none-any.whl"


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    """Return an empty cache."""
    (tmp_path / "scratch").mkdir()
    return Stock(tmp_path / "cache", tmp_path / "scratch")


def contents(stock: Stock, kind: Kind) -> Contents:
    """Return what the one holding of a kind is."""
    (found,) = [one.contents for one in stock.look().all if one.contents.kind is kind]
    return found


def test_bodies_tell_what_nothing_else_does(stock: Stock) -> None:
    """Without ledger and pages each entry is named by its own bytes, a built wheel by its file."""
    stock.wheel("demo", "1.0")
    stock.metadata("other", "2.0")
    stock.sdist("third", "3.0")
    stock.page("fourth")
    stock.built("fifth", "5.0")

    found = {
        (one.contents.kind, one.contents.name, one.contents.version, one.contents.source)
        for one in stock.holdings().values()
    }

    assert found == {
        (Kind.WHEEL, "demo", "1.0", Source.BODY),
        (Kind.METADATA, "other", "2.0", Source.BODY),
        (Kind.SDIST, "third", "3.0", Source.BODY),
        (Kind.INDEX_PAGE, "fourth", None, Source.BODY),
        (Kind.BUILT_WHEEL, "fifth", "5.0", Source.FILE_NAME),
    }


@pytest.mark.parametrize("layout", Layout)
def test_a_page_tells_the_exact_file(stock: Stock, layout: Layout) -> None:
    """A link whose URL has an entry's key gives it file name, hash and yanked mark, in both layouts."""
    wheel = make_wheel(stock.scratch, "demo", "1.0")
    served = "Demo-1.0-2-py3-none-any.whl"
    stock.store(f"{FILES}/{served}", wheel.read_bytes(), layout=layout)
    stock.page("demo", "demo-0.9.tar.gz", served, more={"yanked": "broken"})

    found = contents(stock, Kind.WHEEL)

    assert (found.filename, found.sha256, found.yanked) == (served, "ab" * 32, True)
    assert (found.name, found.version, found.source) == ("demo", "1.0", Source.INDEX_PAGE)


def test_a_page_tells_of_metadata_files(stock: Stock) -> None:
    """The `.metadata` beside a listed file gets that file's name and its own hash."""
    stock.metadata("demo", "1.0")
    stock.page("demo", WHEEL, more={"core-metadata": {"sha256": "cd" * 32}})

    found = contents(stock, Kind.METADATA)

    assert (found.filename, found.sha256) == (f"{WHEEL}.metadata", "cd" * 32)


def test_relative_links_are_of_the_page_s_own_place(stock: Stock) -> None:
    """A page of the usual form at PyPI, or at an index that a run has seen, is known by its key."""
    wheel = make_wheel(stock.scratch, "demo", "1.0").read_bytes()
    body = b'<!doctype html><title>Links for demo</title><a href="../../packages/%s#sha256=%s">x</a>'
    page = body % (WHEEL.encode(), b"ab" * 32)
    for base in (PYPI, "https://index.example/team/simple"):
        stock.store(f"{base}/demo/", page, headers={"Content-Type": "text/html"})
        stock.store(f"{base.removesuffix('/simple')}/packages/{WHEEL}", wheel)
    with Ledger(stock.root) as ledger:
        seen = Artifact(
            name="x", version="", filename="", kind=Kind.INDEX_PAGE, url="https://index.example/team/simple/x/"
        )
        ledger.learn_urls([seen])

    files = [one.contents for one in stock.look().all if one.contents.kind is Kind.WHEEL]

    assert [one.source for one in files] == [Source.INDEX_PAGE] * 2


def test_odd_versions_are_found_among_all_links(stock: Stock) -> None:
    """A file name that writes the version in another way than its metadata is found all the same."""
    wheel = make_wheel(stock.scratch, "demo", "2020.01.02")
    stock.store(f"{FILES}/{wheel.name}", wheel.read_bytes())
    stock.page("demo", "demo-1.0.tar.gz", wheel.name)

    assert contents(stock, Kind.WHEEL).filename == "demo-2020.01.02-py3-none-any.whl"


def test_what_bodies_do_not_tell_pages_do(stock: Stock) -> None:
    """An entry whose body is spoilt, or that lost it, is named by the page that lists its URL."""
    stock.store(f"{FILES}/{WHEEL}", b"nothing")
    alone = stock.metadata("demo", "1.0")
    alone.with_name(f"{alone.name}.body").unlink()
    stock.page("demo", WHEEL)

    found = {one.item.form: one for one in stock.holdings().values() if one.contents.kind is not Kind.INDEX_PAGE}

    spoilt, half = found[Form.ENTRY].contents, found[Form.METADATA_ALONE].contents
    assert (spoilt.kind, spoilt.name, spoilt.filename) == (Kind.WHEEL, "demo", WHEEL)
    assert (half.kind, half.name, half.filename) == (Kind.OTHER, "demo", f"{WHEEL}.metadata")
    assert found[Form.METADATA_ALONE].oddity == "metadata without body"


def test_bodies_are_not_read_for_names_that_a_page_proves(stock: Stock) -> None:
    """The key proves the URL, and the URL tells the file: what the bytes are is for `verify` to find out."""
    wheel = make_wheel(stock.scratch, "other", "9.9").read_bytes()
    stock.store(f"{FILES}/{WHEEL}", wheel)
    stock.page("demo", WHEEL)

    found = contents(stock, Kind.WHEEL)

    assert (found.name, found.version, found.tags) == ("demo", "1.0", ("py3-none-any",))


def test_what_is_new_is_looked_for_on_older_pages(stock: Stock) -> None:
    """Files that come after their page get its names, whether their own bytes tell a project or not."""
    stock.page("demo", WHEEL, "demo-2.0-py3-none-any.whl")
    stock.look()
    stock.wheel("demo", "1.0")
    stock.store(f"{FILES}/demo-2.0-py3-none-any.whl", b"spoilt")

    files = [one.contents for one in stock.look().all if one.contents.kind is Kind.WHEEL]

    assert {(one.version, one.source) for one in files} == {("1.0", Source.INDEX_PAGE), ("2.0", Source.INDEX_PAGE)}


def test_a_page_that_comes_later_names_what_was_here(stock: Stock) -> None:
    """Entries named by their bodies, or not at all, get better names when a page is stored."""
    stock.wheel("demo", "1.0")
    stock.store(f"{FILES}/demo-2.0-py3-none-any.whl", b"spoilt")
    assert {one.contents.source for one in stock.look().all} == {Source.BODY, None}
    stock.page("demo", WHEEL, "demo-2.0-py3-none-any.whl")

    files = [one.contents for one in stock.look().all if one.contents.kind is Kind.WHEEL]

    assert {(one.filename, one.source) for one in files} == {
        (WHEEL, Source.INDEX_PAGE),
        ("demo-2.0-py3-none-any.whl", Source.INDEX_PAGE),
    }


def test_urls_that_a_run_has_seen_name_entries(stock: Stock) -> None:
    """Where no page lists it, the URL that a prefetch kept tells file name and hash, of a page the project."""
    stock.store(f"{FILES}/{WHEEL}", b"spoilt")
    stock.store(f"{PYPI}/demo/", b"spoilt, too")
    with Ledger(stock.root) as ledger:
        ledger.learn_urls(
            [
                Artifact(
                    name="demo",
                    version="1.0",
                    filename=WHEEL,
                    kind=Kind.WHEEL,
                    url=f"https://user:secret@{FILES.removeprefix('https://')}/{WHEEL}",
                    hashes={"sha256": "ef" * 32},
                ),
                Artifact(name="demo", version="", filename="", kind=Kind.INDEX_PAGE, url=f"{PYPI}/demo/"),
            ]
        )

    wheel, page = contents(stock, Kind.WHEEL), contents(stock, Kind.INDEX_PAGE)

    assert (wheel.filename, wheel.sha256, wheel.source) == (WHEEL, "ef" * 32, Source.URL)
    assert (page.name, page.version, page.filename) == ("demo", None, None)
    assert b"secret" not in (stock.root / FOLDER / "ledger.sqlite3").read_bytes()


def test_the_next_look_opens_nothing(stock: Stock) -> None:
    """What has the same size, time and inode is taken from the ledger: bytes changed behind its back go unseen."""
    paths = [stock.wheel("demo", "1.0"), stock.page("demo", WHEEL), stock.metadata("other", "1.0")]
    first = stock.holdings()
    for path in [*paths, *(path.with_name(f"{path.name}.body") for path in paths)]:
        status = path.stat()
        path.write_bytes(b"\0" * status.st_size)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert stock.holdings() == first
    shutil.rmtree(stock.root / FOLDER)
    assert {one.contents.problem for one in stock.holdings().values()} == {Problem.UNREADABLE}


def test_what_could_not_be_read_is_tried_again(stock: Stock) -> None:
    """An entry that becomes readable with the same size, time and inode, as by `chmod`, gets its name."""
    path = stock.wheel("demo", "1.0")
    status, content = path.stat(), path.read_bytes()
    for written, found in ((b"\0" * status.st_size, (None, Problem.UNREADABLE)), (content, ("demo", None))):
        path.write_bytes(written)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        (one,) = stock.holdings().values()
        assert (one.contents.name, one.contents.problem) == found


def test_what_changes_is_looked_at_again(stock: Stock) -> None:
    """A new body under an old key, a new file and a removed one are all noticed."""
    stock.wheel("demo", "1.0")
    gone = stock.wheel("gone", "1.0")
    stock.look()
    stock.store(f"{FILES}/{WHEEL}", make_wheel(stock.scratch, "swapped", "9.0").read_bytes())
    stock.sdist("new", "1.0")
    gone.unlink()
    gone.with_name(f"{gone.name}.body").unlink()

    assert {one.contents.name for one in stock.holdings().values()} == {"swapped", "new"}
    with Ledger(stock.root) as ledger:
        assert {what.name for _, what in ledger.contents().values()} == {"swapped", "new"}


def test_last_use_is_the_best_that_is_known(stock: Stock) -> None:
    """It is the youngest of metadata's time, body's time, and the last run of ours that found it asked for."""
    old, now = time.time() - 1000, time.time()
    path = stock.wheel("demo", "1.0", when=old)
    (before,) = stock.holdings().values()
    os.utime(path, (old + 100, old + 100))  # a 304 rewrites the metadata
    (renewed,) = stock.holdings().values()
    with Ledger(stock.root) as ledger:
        ledger.note_use([path], now)
    (used,) = stock.holdings().values()

    times = [one.last_used for one in (before, renewed, used)]
    assert times == pytest.approx([old, old + 100, now])
    assert used.stored == pytest.approx(old)


def test_without_a_ledger_everything_still_has_its_name(stock: Stock) -> None:
    """A ledger that cannot be written costs time, and a warning."""
    stock.wheel("demo", "1.0")
    (stock.root / FOLDER).touch()
    for _ in range(2):
        with Ledger(stock.root) as ledger:
            names = {one.contents.name for one in look(stock.root, ledger, observer=Silent()).all}
        assert names == {"demo", None}
        assert ledger.warnings


@pytest.mark.parametrize("folder", [None, "empty", "http-v2"])
def test_no_ledger_is_left_where_no_pip_has_been(tmp_path: Path, folder: str | None) -> None:
    """A look at a folder that is none of pip's, or does not exist, writes nothing there."""
    cache_dir = tmp_path / "cache"
    if folder:
        (cache_dir / folder).mkdir(parents=True)
    with opened(cache_dir) as ledger:
        look(cache_dir, ledger, observer=Silent())

    assert (cache_dir / FOLDER).exists() == (folder == "http-v2")
    assert cache_dir.exists() == (folder is not None)


def test_a_file_is_no_cache(tmp_path: Path) -> None:
    """A cache directory that is a file is an error with a hint."""
    (tmp_path / "cache").touch()
    with pytest.raises(CacheError, match="no directory") as caught, opened(tmp_path / "cache"):
        pass
    assert caught.value.hint


@pytest.mark.parametrize("name", ["d" * 300, f"{'d' * 200}/" * 30])
def test_a_place_that_cannot_be_looked_into_is_no_cache(tmp_path: Path, name: str) -> None:
    """Where the system refuses to look, as in another user's folder, that is an error with a hint."""
    with pytest.raises(CacheError, match="cannot be read: File name too long") as caught, opened(tmp_path / name):
        pass
    assert caught.value.hint


HOSTILE_NAMES = st.one_of(
    st.sampled_from(["demo", "\x1b[31mdemo", "demo\n", "../demo", "", "\ud800", "\u202edemo"]),
    st.text(max_size=12),
)


@settings(max_examples=60)
@given(names=st.lists(HOSTILE_NAMES, max_size=4), versions=st.lists(HOSTILE_NAMES, max_size=4), url=HOSTILE_NAMES)
def test_no_page_makes_a_look_fail(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], versions: list[str], url: str
) -> None:
    """Whatever a page lists, a look ends, twice with the same answer, and the ledger takes what it can."""
    stock = Stock(tmp_path_factory.mktemp("cache"), tmp_path_factory.mktemp("scratch"))
    stock.store(f"{FILES}/x.whl", b"unidentified")
    stock.wheel("demo", "1.0")
    files: list[dict[str, object]] = [
        {"filename": f"{one}-1.whl", "url": f"{FILES}/{one}-1.whl"} for one in (*names, *versions)
    ]
    files += [{"filename": "x", "url": url}, {"filename": WHEEL, "url": f"{FILES}/{WHEEL}", "yanked": names}]
    body = json.dumps({"meta": {}, "name": "demo", "files": files})
    stock.store(f"{PYPI}/demo/", body.encode())

    first, second = summary(stock.holdings()), summary(stock.holdings())

    assert first == second
    assert (Kind.WHEEL, WHEEL) in first.values()


@pytest.mark.parametrize("filename", [f"demo-{MANY_DIGITS}-py3-none-any.whl", f"demo-{MANY_DIGITS}.tar.gz"])
def test_no_file_name_of_a_page_makes_a_look_fail(stock: Stock, filename: str) -> None:
    """A link with more digits than Python reads names no version, and the entry behind it tells its own."""
    stock.store(f"{FILES}/{filename}", make_wheel(stock.scratch, "demo", "1.0").read_bytes())
    stock.page("demo", filename)

    assert contents(stock, Kind.WHEEL).version == "1.0"


def test_a_page_s_specifiers_are_bounded(stock: Stock) -> None:
    """A Requires-Python that is longer than any, or has more digits than Python reads, is left out."""
    for number, pythons in enumerate((">=3.9", ",".join([">=3"] * 1000), f">={MANY_DIGITS}")):
        filename = f"demo-{number}-py3-none-any.whl"
        stock.store(f"{FILES}/{filename}", b"spoilt")
        stock.page("demo", filename, url=f"{PYPI}/demo{number}/", more={"requires-python": pythons})

    found = [one.contents for one in stock.look().all if one.contents.kind is Kind.WHEEL]

    assert {one.version: one.requires_python for one in found} == {"0": ">=3.9", "1": None, "2": None}


def summary(holdings: dict[str, Holding]) -> dict[str, tuple[Kind, str | None]]:
    """Return kind and file name by path."""
    return {path: (one.contents.kind, one.contents.filename) for path, one in holdings.items()}
