"""verify: what would break an install is found, each with its reason, told from what is sound, and alone removed."""

from __future__ import annotations

import gzip
import hashlib
import os
import signal
import threading
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_wheel, metadata_of
from tests.helpers.stocks import FILES, PYPI, Stock
from tests.removal.test_removal import contents
from wheelwarm import verify as operation
from wheelwarm.cache.freshness import SEED_MARKER
from wheelwarm.cache.integrity import Damage
from wheelwarm.errors import CacheError
from wheelwarm.ledger.ledger import Ledger
from wheelwarm.model import Artifact, Kind, Layout, Silent
from wheelwarm.shelf.soundness import examine
from wheelwarm.verify import Fixed, VerifyReport, fix, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LONG_AGO = time.time() - 10 * 86400
WHEEL = "demo-1.0-py3-none-any.whl"
JSON = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
FRESH = {"Date": "Mon, 01 Jun 2026 00:00:00 GMT", "Cache-Control": "max-age=365000000"}


@pytest.fixture
def stock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stock:
    """Return an empty cache; nobody writes to it, so a second look need not wait."""
    monkeypatch.setattr(operation, "SECOND_LOOK_AFTER", 0.0)
    (tmp_path / "scratch").mkdir()
    return Stock(tmp_path / "cache", tmp_path / "scratch")


def look(stock: Stock, *, quick: bool = False) -> VerifyReport:
    """Verify a cache."""
    return verify(stock.root, quick=quick, observer=Silent())


def damages(report: VerifyReport) -> dict[str, Damage]:
    """Return what is damaged, by the path of the first file."""
    return {one.holding.item.path: one.damage for one in report.problems}


def body(path: Path) -> Path:
    """Return the body beside an entry's metadata."""
    return path.with_name(f"{path.name}.body")


def flip(path: Path, at: int = 200) -> None:
    """Change one byte of a file, and leave its times as they were: what a failing disk does."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def age(*paths: Path) -> None:
    """Make files old enough for nobody to be still at work on them."""
    for path in paths:
        os.utime(path, (LONG_AGO, LONG_AGO))


def listed(stock: Stock, wheel: Path) -> Path:
    """Store the page that states the hash of demo's wheel."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return stock.page("demo", WHEEL, more={"hashes": {"sha256": digest}})


def test_sound_things_are_counted(stock: Stock) -> None:
    """Authentic is what a page states the hash of; all else that is whole is readable; leftovers are not looked at."""
    path = stock.wheel("demo", "1.0")
    listed(stock, body(path))
    stock.wheel("other", "1.0")
    stock.metadata("other", "1.0")
    stock.sdist("tool", "2.0")
    stock.built("tool", "2.0")
    stock.store(f"{FILES}/moved", b"", headers={"Location": f"{FILES}/{WHEEL}"})
    (path.parent / "left.tmp").write_bytes(b"x")
    (stock.root / "http-v2" / "stranger").write_bytes(b"x")

    report = look(stock)

    assert (report.problems, report.checked, report.authentic, report.readable) == ((), 7, 1, 6)
    assert report.bytes == sum(one.item.bytes for one in stock.holdings().values()) - 2
    assert fix(report).removed.files == 0


def by_page(stock: Stock, wheel: Path) -> None:
    """Let an index page state the hash."""
    listed(stock, wheel)


def by_ledger(stock: Stock, wheel: Path) -> None:
    """Let the ledger remember the hash that a lock stated."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    known = Artifact(
        name="demo",
        version="1.0",
        filename=WHEEL,
        kind=Kind.WHEEL,
        url=f"{FILES}/{WHEEL}",
        hashes={"sha256": digest},
    )
    with Ledger(stock.root) as ledger:
        ledger.learn_urls([known])


@pytest.mark.parametrize("state", [by_page, by_ledger])
@pytest.mark.parametrize("layout", Layout)
def test_another_hash_than_stated(stock: Stock, layout: Layout, state: Callable[[Stock, Path], None]) -> None:
    """One flipped byte in a body whose hash a page or the ledger states is a hash mismatch, in either layout."""
    wheel = make_wheel(stock.scratch, "demo", "1.0", size=5000)
    path = stock.store(f"{FILES}/{WHEEL}", wheel.read_bytes(), layout=layout)
    state(stock, wheel)
    assert look(stock).authentic == 1

    flip(path if layout is Layout.HTTP else body(path), 3000)

    assert damages(look(stock)) == {path.relative_to(stock.root).as_posix(): Damage.HASH_MISMATCH}


def test_a_seed_states_its_own_hash(stock: Stock) -> None:
    """What wheelwarm seeded is authentic by the header that it left, as long as the body is that."""
    wheel = make_wheel(stock.scratch, "demo", "1.0")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    path = stock.store(f"{FILES}/{WHEEL}", wheel.read_bytes(), headers={**FRESH, SEED_MARKER: f"sha256={digest}"})
    assert look(stock).authentic == 1

    flip(body(path))

    assert set(damages(look(stock)).values()) == {Damage.HASH_MISMATCH}


def cut(path: Path) -> None:
    """Take a body's last bytes away."""
    body(path).write_bytes(body(path).read_bytes()[:-7])


def spoil_record(path: Path) -> None:
    """Put another file into a wheel than its RECORD says."""
    with zipfile.ZipFile(body(path)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(body(path), "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content + b"# more" if name.endswith(".py") else content)


@pytest.mark.parametrize(
    ("spoil", "damage"),
    [
        (cut, Damage.BROKEN_ARCHIVE),
        (lambda path: flip(body(path), 45), Damage.BROKEN_ARCHIVE),
        (spoil_record, Damage.RECORD_MISMATCH),
        (lambda path: path.write_bytes(b"garbage"), Damage.UNREADABLE),
        (lambda path: body(path).unlink(), Damage.BODY_MISSING),
        (lambda path: path.unlink(), Damage.METADATA_MISSING),
    ],
)
def test_damage_without_any_stated_hash(stock: Stock, spoil: Callable[[Path], None], damage: Damage) -> None:
    """What the files themselves tell: structure, RECORD, format, and both halves."""
    path = stock.wheel("demo", "1.0")
    stock.wheel("other", "1.0")
    spoil(path)
    age(*(one for one in (path, body(path)) if one.exists()))

    report = look(stock)

    assert list(damages(report).values()) == [damage]
    assert report.readable == 1


def test_a_length_that_is_not_the_server_s(stock: Stock) -> None:
    """A body shorter or longer than Content-Length is truncated, whatever it holds."""
    wheel = make_wheel(stock.scratch, "demo", "1.0").read_bytes()
    stock.store(f"{FILES}/{WHEEL}", wheel, headers={**FRESH, "Content-Length": str(len(wheel) + 1)})

    assert list(damages(look(stock)).values()) == [Damage.TRUNCATED]


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize(
    ("name", "content", "headers", "damage"),
    [
        ("demo-1.0.zip", b"no zip archive", {}, None),
        ("page", b'{"meta": {}, "name": "demo", "files": []}', JSON, None),
        ("page", b'{"meta": {}, "name": "demo", "files": [', JSON, Damage.BROKEN_PAGE),
        ("page", gzip.compress(b"<html></html>"), {"Content-Type": "text/html", "Content-Encoding": "gzip"}, None),
        (
            "page",
            gzip.compress(b"<html></html>")[:-5],
            {"Content-Type": "text/html", "Content-Encoding": "gzip"},
            Damage.BROKEN_PAGE,
        ),
        ("page", b"?", {"Content-Type": "text/html", "Content-Encoding": "br"}, None),
        ("page", b"[" * 2_000_000, JSON, None),
        ("data", gzip.compress(b"x" * 1000)[:-5], {}, Damage.BROKEN_ARCHIVE),
        ("data", b"anything", {}, None),
        ("data", b"", {}, None),
    ],
    ids=["unnamed", "json", "broken json", "html", "cut html", "brotli", "absurd json", "cut gzip", "data", "empty"],
)
def test_other_bodies(
    stock: Stock, layout: Layout, name: str, content: bytes, headers: dict[str, str], damage: Damage | None
) -> None:
    """Index pages are read as pip would, compressed data unpacked; what nobody knows is left at its word."""
    stock.store(f"{FILES}/{name}", content, headers={**FRESH, **headers}, layout=layout)

    assert list(damages(look(stock)).values()) == ([damage] if damage else [])


def test_a_listed_file_of_another_content(stock: Stock) -> None:
    """What a page calls an sdist or a metadata file has to be one, though no hash is stated."""
    names = ("demo-1.0.tar.gz", "demo-1.0.zip", f"{WHEEL}.metadata", WHEEL)
    for name in names:
        stock.store(f"{FILES}/{name}", b"an error page, perhaps")
    stock.page("demo", *(name for name in names if "metadata" not in name), more={"hashes": {}})

    found = sorted(one.damage for one in look(stock).problems)

    assert found == [Damage.BROKEN_ARCHIVE, Damage.BROKEN_ARCHIVE, Damage.BROKEN_ARCHIVE, Damage.BROKEN_METADATA]


def test_whole_metadata_of_a_listed_wheel(stock: Stock) -> None:
    """Metadata without a stated hash are readable as long as they have the headers that each has."""
    stock.metadata("demo", "1.0")
    stock.page("demo", WHEEL, more={"hashes": {}})

    assert (look(stock).problems, look(stock).readable) == ((), 2)


def test_locally_built_wheels(stock: Stock) -> None:
    """Nobody states the hash of a built wheel, but it has a RECORD; the origin stays with a sound neighbour."""
    wheel = stock.built("tool", "0.5")
    other = stock.built("tool", "0.5", tag="cp311-cp311-linux_x86_64")
    flip(wheel, 45)

    report = look(stock)

    assert list(damages(report).values()) == [Damage.BROKEN_ARCHIVE]
    assert fix(report).removed.files == 1
    assert sorted(path.name for path in wheel.parent.iterdir()) == sorted([other.name, "origin.json"])


def test_fix_removes_the_damaged_alone(stock: Stock) -> None:
    """Both files of what is damaged go; everything else keeps its bytes; the next look finds nothing."""
    bad, gone = stock.wheel("demo", "1.0"), stock.sdist("tool", "1.0")
    stock.wheel("other", "1.0")
    stock.page("other")
    cut(bad)
    body(gone).unlink()
    age(gone)
    before = {path: content for path, content in contents(stock.root).items() if not path.startswith("wheelwarm/")}

    report = look(stock)
    fixed = fix(report)

    after = {path: content for path, content in contents(stock.root).items() if not path.startswith("wheelwarm/")}
    expected = {one.relative_to(stock.root).as_posix() for one in (bad, body(bad), gone)}
    assert before.keys() - after.keys() == expected
    assert all(before[path] == content for path, content in after.items())
    assert (fixed.left, fixed.removed.entries, fixed.removed.files) == (0, 2, 3)
    assert look(stock).problems == ()


def test_quick_reads_what_has_changed(stock: Stock) -> None:
    """After a whole look a quick one reads nothing; what was stored since, it reads; what was damaged stays known."""
    stock.wheel("demo", "1.0")
    path = stock.wheel("other", "1.0")
    assert look(stock, quick=True).checked == 2

    assert (look(stock, quick=True).checked, look(stock, quick=True).unchanged) == (0, 2)
    stock.wheel("third", "1.0")
    body(path).write_bytes(body(path).read_bytes()[:-9])
    report = look(stock, quick=True)
    assert (report.checked, report.unchanged, len(report.problems)) == (2, 1, 1)
    assert len(look(stock, quick=True).problems) == 1


def test_quick_believes_times_and_a_whole_look_does_not(stock: Stock) -> None:
    """A byte that flips on disk leaves size, time and inode as they are; the ledger's hash tells in a whole look."""
    path = stock.store(f"{FILES}/notes", b"what no format protects" * 20)
    look(stock)
    flip(body(path))

    assert look(stock, quick=True).problems == ()
    assert list(damages(look(stock)).values()) == [Damage.HASH_MISMATCH]


def test_a_body_that_changed_alone(stock: Stock) -> None:
    """No pip writes a body without its metadata: another body under the same metadata is a hash mismatch."""
    path = stock.store(f"{FILES}/notes", b"first")
    look(stock)
    body(path).write_bytes(b"other")
    assert list(damages(look(stock)).values()) == [Damage.HASH_MISMATCH]

    stock.store(f"{FILES}/notes", b"stored anew")
    assert look(stock).problems == ()


def test_quick_learns_what_was_stated_since(stock: Stock) -> None:
    """A page that comes later makes a remembered body authentic, or has it read again where it states another hash."""
    path = stock.wheel("demo", "1.0")
    assert (look(stock).authentic, look(stock).readable) == (0, 1)
    page = listed(stock, body(path))
    report = look(stock, quick=True)
    assert (report.checked, report.unchanged, report.authentic) == (1, 1, 1)

    page.unlink()
    body(page).unlink()
    stock.page("demo", WHEEL)
    assert list(damages(look(stock, quick=True)).values()) == [Damage.HASH_MISMATCH]


def test_a_half_on_its_way_is_left_alone(stock: Stock) -> None:
    """A young half, or one with a temporary file beside it, is another process at work; an old one is a leftover."""
    first, second, third = (stock.wheel(name, "1.0") for name in ("demo", "other", "third"))
    for path in (first, second, third):
        body(path).unlink()
    age(second, third)
    (second.parent / f"{second.name}.bodyabc.tmp").write_bytes(b"more to come")
    old = third.parent / f"{third.name}.bodyabc.tmp"
    old.write_bytes(b"nobody's")
    age(old)

    report = look(stock)

    assert damages(report) == {third.relative_to(stock.root).as_posix(): Damage.BODY_MISSING}
    assert report.busy == 2


def test_what_changes_meanwhile_is_left_alone(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that is damaged at the first look and stored anew before the second is no problem."""
    path = stock.wheel("demo", "1.0")
    whole = body(path).read_bytes()
    cut(path)

    def store_anew(seconds: float) -> None:
        stock.store(f"{FILES}/{WHEEL}", whole)

    monkeypatch.setattr(time, "sleep", store_anew)
    report = look(stock)

    assert (report.problems, report.busy, report.readable) == ((), 1, 0)
    assert look(stock).readable == 1


def test_what_vanishes_meanwhile(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody else removes between the look and the second one, or before --fix, is gone and no problem."""
    path, other = stock.wheel("demo", "1.0"), stock.wheel("other", "1.0")
    cut(path)
    cut(other)
    monkeypatch.setattr(time, "sleep", lambda seconds: path.unlink())

    report = look(stock)
    assert len(report.problems) == 1
    other.unlink()
    body(other).unlink()

    assert (fix(report).left, fix(report).removed.files) == (0, 0)


def test_an_older_pip_s_entries_are_none(stock: Stock) -> None:
    """What a pip before 10 wrote is read by no pip of today: nothing it could break."""
    path = stock.store(f"{FILES}/{WHEEL}", b"x", layout=Layout.HTTP)
    path.write_bytes(b"cc=2,anything")

    assert (look(stock).checked, look(stock).problems) == (0, ())


def test_many_and_large(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    """However they are dealt out to the cores, each is looked at once."""
    monkeypatch.setattr(operation, "_BATCH_BYTES", 2000)
    monkeypatch.setattr(operation, "_BATCH_ITEMS", 3)
    for number in range(10):
        stock.store(f"{FILES}/{number}", b"x" * number * 100)

    assert (look(stock).checked, look(stock).readable) == (10, 10)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals to a thread are POSIX's")
def test_an_interruption_does_not_wait_for_the_longest_body(stock: Stock) -> None:
    """Ctrl-C ends the look in the midst of a body, however many gigabytes that has left."""
    size = 1 << 32
    os.truncate(body(stock.store(f"{FILES}/large", b"x")), size)
    read: list[int] = []

    class Impatient(Silent):
        def advance(self, name: str, amount: int) -> None:
            read.append(amount)
            if len(read) == 1:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        verify(stock.root, quick=False, observer=Impatient())

    assert sum(read) < size


def test_a_look_inside_can_be_ended(stock: Stock) -> None:
    """What hears of the reads of a first look also hears, of 0 bytes, while an archive is unpacked, and may end it."""
    stock.wheel("demo", "1.0")
    (holding,) = stock.holdings().values()

    class EnoughError(Exception):
        pass

    def heard(amount: int) -> None:
        if not amount:
            raise EnoughError

    with pytest.raises(EnoughError):
        examine(stock.root, holding.item, holding.contents, advance=heard)


def test_a_shortage_of_our_own_is_no_damage(stock: Stock) -> None:
    """Where no more files can be opened nothing can be said of an entry, and so it is not for --fix to remove."""
    resource = pytest.importorskip("resource")
    stock.wheel("demo", "1.0")
    (holding,) = stock.holdings().values()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_one = os.open(os.devnull, os.O_RDONLY)
    os.close(next_one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_one, limits[1]))
    try:
        finding = examine(stock.root, holding.item, holding.contents)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert finding is None


def test_no_cache(tmp_path: Path) -> None:
    """A missing or empty cache has no problems, and nothing to mend; a file in its place is an error."""
    (tmp_path / "empty").mkdir()
    for name in ("none", "empty"):
        report = verify(tmp_path / name, quick=False, observer=Silent())
        assert (report.checked, fix(report)) == (0, Fixed())
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="no directory"):
        verify(tmp_path / "file", quick=False, observer=Silent())


def test_another_directory_is_not_called_sound(tmp_path: Path) -> None:
    """Of a directory with none of pip's folders it is said that it is no cache, not that it has no problems."""
    (tmp_path / "pip" / "http-v2").mkdir(parents=True)
    with pytest.raises(CacheError, match="holds nothing that pip keeps"):
        verify(tmp_path, quick=False, observer=Silent())
    (tmp_path / "pip" / "wheelwarm").mkdir()
    (tmp_path / "pip" / "http-v2").rmdir()
    assert verify(tmp_path / "pip", quick=False, observer=Silent()).checked == 0


def test_a_home_directory_is_no_cache(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is removed from a home directory, even if somebody's pip has made it its cache."""
    path = stock.wheel("demo", "1.0")
    cut(path)
    monkeypatch.setenv("HOME", str(stock.root))
    monkeypatch.setenv("USERPROFILE", str(stock.root))

    with pytest.raises(CacheError, match="nothing is removed"):
        fix(look(stock))
    assert path.exists()


def test_hashes_are_kept_for_others(stock: Stock) -> None:
    """What verify has computed, check and prefetch need not compute again."""
    path = body(stock.wheel("demo", "1.0"))
    look(stock)

    with Ledger(stock.root) as ledger:
        assert ledger.digest_of(path, path.stat()) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_metadata_is_compared_with_the_page(stock: Stock) -> None:
    """A page states the hash of the `.metadata` beside a wheel, too."""
    wheel = make_wheel(stock.scratch, "demo", "1.0")
    digest = hashlib.sha256(metadata_of(wheel)).hexdigest()
    path = stock.metadata("demo", "1.0")
    stock.store(
        f"{PYPI}/demo/",
        b'{"meta":{},"name":"demo","files":[{"filename":"%s","url":"%s","hashes":{},"core-metadata":{"sha256":"%s"}}]}'
        % (WHEEL.encode(), f"{FILES}/{WHEEL}".encode(), digest.encode()),
    )
    assert look(stock).authentic == 1

    flip(body(path), 5)

    assert list(damages(look(stock)).values()) == [Damage.HASH_MISMATCH]
