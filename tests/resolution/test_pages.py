"""Index pages from the cache that the real pip has filled, and from the server where it has not."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel, metadata_of
from tests.helpers.index import Fault, failure, redirect, serve_index
from tests.helpers.index_pages import HTML, JSON_V1
from tests.helpers.shelves import fetcher_of, shelf_of, target_of
from wheelwarm.fetcher import Fetcher
from wheelwarm.model import Artifact, StoredResponse
from wheelwarm.resolution.pages import Pages, decode
from wheelwarm.targets.network import Network
from wheelwarm.urls import artifact_at, metadata_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment
    from wheelwarm.shelf.lookup import Shelf

FRESH = {"Date": "Thu, 01 Jan 2026 00:00:00 GMT", "Cache_Control": "max-age=1000000000"}
URL = "https://files.test/demo-1.0-py3-none-any.whl"
DIGEST = "ab" * 32
PAGE = json.dumps({"files": [{"url": URL, "hashes": {"sha256": DIGEST}, "size": 7}]}).encode()


@pytest.fixture
def shelf(modern_pip: PipEnvironment, cache_dir: Path) -> Iterator[Shelf]:
    """Open the shelf of an empty cache."""
    with shelf_of(target_of(modern_pip, cache_dir)) as opened:
        yield opened


def sha256(data: bytes) -> dict[str, str]:
    """Return a hash as artifacts have it."""
    return {"sha256": hashlib.sha256(data).hexdigest()}


def complete(pages: Pages, artifacts: list[Artifact]) -> list[Artifact]:
    """Return the artifacts as their pages tell of them, all of which do."""
    return [one for one in pages.complete(artifacts) if one is not None]


def store_page(shelf: Shelf, url: str, body: bytes, **headers: str) -> None:
    """Store a page as it came."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    file = shelf.http.new_body()
    file.write_bytes(body)
    shelf.http.store(url, StoredResponse(status=200, headers={"Content-Type": JSON_V1, **named}), file)


@pytest.mark.parametrize("content_type", [HTML, JSON_V1])
@pytest.mark.parametrize("warm", [True, False])
def test_pages_tell_hashes(
    modern_pip: PipEnvironment, shelf: Shelf, tmp_path: Path, cache_dir: Path, content_type: str, warm: bool
) -> None:
    """JSON or HTML, stored by the real pip or asked for: wheels, sdists and metadata get what the page states."""
    with serve_index(pages=content_type) as index, fetcher_of(index) as fetcher:
        wheel, sdist = make_wheel(tmp_path, "demo", "1.0"), make_sdist(tmp_path, "demo", "0.9")
        urls = [index.add(wheel), index.add(sdist)]
        if warm:
            modern_pip.run("index", "versions", "demo", cache_dir=cache_dir, index=index, check=True)
        index.clear()
        pages = Pages(shelf, [f"{index.simple_url}demo/", urls[0]], fetcher)
        named = [artifact_at(urls[0]), artifact_at(urls[1]), metadata_at(f"{urls[0]}.metadata")]
        found = complete(pages, named)
        assert len(index.page_requests()) == (0 if warm else 1)
        assert [one.hashes for one in found] == [
            sha256(data) for data in (wheel.read_bytes(), sdist.read_bytes(), metadata_of(wheel))
        ]
        assert found[1].link_hash == ("sha256", found[1].sha256)
        assert [one.size for one in found[:2]] == (
            [wheel.stat().st_size, sdist.stat().st_size] if content_type == JSON_V1 else [None, None]
        )
        assert complete(pages, named) == found
        assert len(index.page_requests()) == (0 if warm else 1)
    assert not list(shelf.http.section.glob("*.tmp"))


def test_only_cached_pages_count_when_nothing_may_be_fetched(shelf: Shelf, index: Index, tmp_path: Path) -> None:
    """A page that is not there tells nothing, and may be asked for later."""
    named = artifact_at(index.add(make_wheel(tmp_path, "demo", "1.0")))
    with fetcher_of(index) as fetcher:
        pages = Pages(shelf, [f"{index.simple_url}demo/"], fetcher)
        assert pages.complete([named], fetch=False) == [None]
        assert pages.cached_links("demo") == []
        assert not index.requests
        assert complete(pages, [named])[0].hashes


def test_without_a_fetcher_nothing_is_asked(shelf: Shelf, index: Index, tmp_path: Path) -> None:
    """Offline, or where only pip can reach the index, a page that is not cached tells nothing."""
    named = artifact_at(index.add(make_wheel(tmp_path, "demo", "1.0")))
    page = f"{index.simple_url}demo/"
    assert Pages(shelf, [page]).complete([named]) == [None]
    with Fetcher(Network(only_pip=True)) as fetcher:
        assert Pages(shelf, [page], fetcher).complete([named]) == [None]
    assert not index.requests


@pytest.mark.parametrize("fault", [failure(404), Fault(length=30)])
def test_a_page_that_fails_tells_nothing(shelf: Shelf, index: Index, tmp_path: Path, fault: Fault) -> None:
    """Neither an error nor a broken page stops anything; nothing is known of the artifact."""
    named = artifact_at(index.add(make_wheel(tmp_path, "demo", "1.0")))
    index.inject("/simple/demo/", fault, times=None)
    with fetcher_of(index, retries=0) as fetcher:
        assert Pages(shelf, [f"{index.simple_url}demo/"], fetcher).complete([named]) == [None]
    assert not list(shelf.http.section.glob("*.tmp"))


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(PAGE), "gzip"),
        (gzip.compress(PAGE), " X-GZip"),
        (zlib.compress(PAGE), "deflate"),
        (PAGE, ""),
        (PAGE, "identity"),
    ],
)
def test_stored_pages_may_be_compressed(shelf: Shelf, body: bytes, encoding: str) -> None:
    """A page is stored as it was sent, with the encoding still on it."""
    store_page(shelf, "https://index.test/simple/demo/", body, content_encoding=encoding)
    found = complete(Pages(shelf, ["https://index.test/simple/demo/"]), [artifact_at(URL)])
    assert (found[0].hashes, found[0].size) == ({"sha256": DIGEST}, 7)


@pytest.mark.parametrize("body", [b"no gzip", b"", gzip.compress(PAGE)[:-12]])
def test_a_broken_page_in_the_cache_is_asked_for(shelf: Shelf, index: Index, tmp_path: Path, body: bytes) -> None:
    """What cannot be unpacked or read is as good as absent."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    named = artifact_at(index.add(wheel))
    page = f"{index.simple_url}demo/"
    store_page(shelf, page, body, content_encoding="gzip")
    with fetcher_of(index) as fetcher:
        assert complete(Pages(shelf, [page], fetcher), [named])[0].hashes == sha256(wheel.read_bytes())
    with pytest.raises(zlib.error):
        decode(body, "gzip")


def test_a_page_without_a_type_is_known_by_its_bytes(shelf: Shelf) -> None:
    """A stored page that lost its Content-Type is read all the same; the name of no project is asked in vain."""
    store_page(shelf, "https://index.test/simple/demo/", PAGE, Content_Type="")
    pages = Pages(shelf, ["https://index.test/simple/demo/"])
    assert [link.url for link in pages.cached_links("demo")] == [URL]
    assert pages.cached_links("other") == []


def test_relative_links_count_from_where_a_redirect_led(shelf: Shelf, index: Index) -> None:
    """A page behind a redirect, temporary or permanent and cached, has its files beside itself, as for pip."""
    relative = json.dumps({"files": [{"url": "demo-1.0.tar.gz", "hashes": {"sha256": DIGEST}}]}).encode()
    moved = index.put("/elsewhere/demo/", relative, content_type=JSON_V1)
    index.inject("/simple/demo/", redirect(302, moved))
    named = artifact_at(f"{moved}demo-1.0.tar.gz")
    with fetcher_of(index) as fetcher:
        assert complete(Pages(shelf, [f"{index.simple_url}demo/"], fetcher), [named])[0].hashes
    store_page(shelf, "https://index.test/elsewhere/demo/", relative, **FRESH)
    file = shelf.http.new_body()
    moved_for_good = StoredResponse(status=301, headers={"Location": moved.replace(index.url, "https://index.test")})
    shelf.http.store("https://index.test/simple/demo/", moved_for_good, file)
    behind = artifact_at("https://index.test/elsewhere/demo/demo-1.0.tar.gz")
    assert complete(Pages(shelf, ["https://index.test/simple/demo/"]), [behind])[0].hashes


def test_odd_links_cost_only_themselves(shelf: Shelf) -> None:
    """A link without a valid host or to a local file is none; the others count."""
    files = [{"url": url} for url in ("https://host:99999/demo-1.0.tar.gz", "file:///demo-1.0.tar.gz", URL)]
    store_page(shelf, "https://index.test/simple/demo/", json.dumps({"files": files}).encode())
    assert [link.url for link in Pages(shelf, ["https://index.test/simple/demo/"]).cached_links("demo")] == [URL]
