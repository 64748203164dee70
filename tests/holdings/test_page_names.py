"""Index pages as a source of names: each is read with a bound, and what breaks one costs its names only."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_wheel
from tests.helpers.stocks import FILES, PYPI, Stock
from wheelwarm.cache import inventory
from wheelwarm.cache.format import key
from wheelwarm.cache.identify import PAGE_LIMIT
from wheelwarm.cache.inventory import Form
from wheelwarm.entry_facts import Source
from wheelwarm.errors import FormatError
from wheelwarm.holdings.page_names import PageReader, decode, match, of_versions, parse
from wheelwarm.indexes import index_page
from wheelwarm.indexes.index_page import Link
from wheelwarm.model import Kind

if TYPE_CHECKING:
    from pathlib import Path

WHEEL = "demo-1.0-py3-none-any.whl"
PAGE = json.dumps({"meta": {}, "name": "demo", "files": [{"filename": WHEEL, "url": f"{FILES}/{WHEEL}"}]}).encode()


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    """Return a cache with one wheel."""
    (tmp_path / "scratch").mkdir()
    made = Stock(tmp_path / "cache", tmp_path / "scratch")
    made.wheel("demo", "1.0")
    return made


def source_of_the_wheel(stock: Stock) -> Source | None:
    """Return what the wheel is named by."""
    (wheel,) = [one.contents for one in stock.look().all if one.contents.kind is Kind.WHEEL]
    return wheel.source


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("", PAGE), ("gzip", gzip.compress(PAGE)), ("x-gzip", gzip.compress(PAGE)), ("deflate", zlib.compress(PAGE))],
)
def test_pages_are_read_as_they_were_sent(stock: Stock, encoding: str, body: bytes) -> None:
    """Whatever a server compressed is undone, with the header and the type that it gave, or without a type."""
    stock.store(f"{PYPI}/demo/", body, headers={"Content-Encoding": encoding} if encoding else {})

    assert source_of_the_wheel(stock) is Source.INDEX_PAGE


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(PAGE)[:-12]),
        ("gzip", PAGE),
        ("deflate", PAGE),
        ("gzip", gzip.compress(PAGE + b" " * PAGE_LIMIT)),
        ("", PAGE.replace(b"[", b"[" + b"{}, " * 1_000_000)),
        ("", PAGE[:-1]),
    ],
    ids=["cut", "not gzip", "not deflate", "bomb", "elements", "cut JSON"],
)
def test_a_broken_page_names_nothing(stock: Stock, encoding: str, body: bytes) -> None:
    """A page that cannot be read, or would cost too much, leaves entries their own names."""
    stock.store(f"{PYPI}/demo/", body, headers={"Content-Encoding": encoding})

    assert source_of_the_wheel(stock) is Source.BODY


def test_the_bounds_are_those_of_pages() -> None:
    """What inflates beyond any page, and HTML longer than any or of longer tags, is refused before it is read."""
    with pytest.raises(FormatError, match="beyond all measure"):
        decode(zlib.compress(bytes(PAGE_LIMIT + 1)), "deflate")
    with pytest.raises(FormatError, match="cannot be inflated"):
        decode(b"nonsense", "gzip")
    for body in (b" " * (1 << 25), b"<a href=x>" * 200_001, b"<a" + b" a" * 100_000 + b">"):
        with pytest.raises(FormatError, match="too long"):
            parse(body, index_page.HTML, "", wanted=lambda _: True)
    assert decode(b"plain", "br") == b"plain"


@pytest.mark.parametrize("change", ["gone", "garbage", "empty"])
def test_a_page_that_changes_under_the_look(stock: Stock, change: str) -> None:
    """A page that another process removes or rewrites between walk and reading has no links."""
    path = stock.store(f"{PYPI}/demo/", PAGE)
    (item,) = [one for one in inventory.take(stock.root).items if one.form is Form.ENTRY and path.name in one.path]
    reader = PageReader(stock.root, {})
    assert [link.filename for link in reader.read(item, "demo")] == [WHEEL]
    body = path.with_name(f"{path.name}.body")
    if change == "gone":
        body.unlink()
    else:
        body.write_bytes(b"" if change == "empty" else b"garbage")

    assert reader.read(item, "demo") == ()


def test_links_of_other_schemes_match_nothing() -> None:
    """A link that pip's cache has no key for is passed over."""
    links = [Link(filename=WHEEL, url=url) for url in ("file:///x", "https://bad host/", f"{FILES}/{WHEEL}")]
    wanted = {key(f"{FILES}/{WHEEL}"), key(f"{FILES}/{WHEEL}.metadata")}

    assert [(found, one.is_metadata) for found, one in match(links, wanted)] == [
        (key(f"{FILES}/{WHEEL}"), False),
        (key(f"{FILES}/{WHEEL}.metadata"), True),
    ]


@pytest.mark.parametrize(
    ("url", "likely"),
    [
        (f"{FILES}/{WHEEL}", True),
        (f"{FILES}/demo-1.0.tar.gz#sha256=00", True),
        (f"{FILES}/demo-1.0.zip", True),
        (f"{FILES}/demo-1.0.1.tar.gz", False),
        (f"{FILES}/1.0/demo-2.0.tar.gz", False),
    ],
)
def test_links_of_a_version_are_told_quickly(url: str, likely: bool) -> None:
    """The file name alone, in the way that wheels and sdists are named, tells the version."""
    assert of_versions(["1.0", "3.0"])(url) == likely


def test_legacy_wheels_without_tags_in_their_name(stock: Stock) -> None:
    """A served name that is no wheel's keeps the tags and the version that the body tells."""
    wheel = make_wheel(stock.scratch, "odd", "1.0").read_bytes()
    stock.store(f"{FILES}/odd.whl", wheel)
    stock.page("odd", "odd.whl")

    (found,) = [one.contents for one in stock.look().all if one.contents.name == "odd" and one.contents.version]

    assert (found.filename, found.version, found.tags) == ("odd.whl", "1.0", ("py3-none-any",))
