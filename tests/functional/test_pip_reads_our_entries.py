"""pip is the judge of what we store, by the index's log, and of how: names, bytes and permissions."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_wheel, metadata_of
from wheelwarm.cache import freshness
from wheelwarm.cache.format import key, vary
from wheelwarm.cache.http import HttpCache
from wheelwarm.model import HIT, StoredResponse
from wheelwarm.targets.pip_traits import traits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment


def versions(*often: str, seldom: tuple[str, ...] = ()) -> pytest.MarkDecorator:
    """Run a test with some pips always, with others as a part of the matrix."""
    return pytest.mark.parametrize(
        "version", [*often, *(pytest.param(version, marks=pytest.mark.pip_matrix) for version in seldom)]
    )


def cache_for(version: str, root: Path) -> HttpCache:
    """Return the cache as this pip lays it out."""
    return HttpCache(root, layout=traits(version).layout, inherits_permissions=traits(version).inherits_permissions)


def store(cache: HttpCache, url: str, response: StoredResponse, body: bytes) -> None:
    """Store a response through a temporary file, as a fetch does."""
    file = cache.new_body()
    file.write_bytes(body)
    cache.store(url, response, file)


def seeded(body: bytes, headers: Mapping[str, str]) -> StoredResponse:
    """Return a response whose body was verified, whatever the server's headers were."""
    digest = hashlib.sha256(body).hexdigest()
    return StoredResponse(status=200, headers=freshness.seed(headers, now=time.time(), sha256=digest, lifetime=10**8))


def download(pip: PipEnvironment, index: Index, cache: HttpCache, to: Path) -> None:
    """Let pip download the one project with this cache."""
    index.clear()
    pip.run("download", "demo", "--dest", str(to), cache_dir=cache.root, index=index, check=True)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Create files with this umask, here and in child processes."""
    old = os.umask(mask)
    try:
        yield
    finally:
        os.umask(old)


def modes_below(folder: Path) -> dict[str, int]:
    """Return the mode of a folder and of everything in it."""
    paths = [folder, *folder.rglob("*")]
    return {str(path.relative_to(folder)): path.stat().st_mode for path in paths}


@versions("23.2.1", "26.3", seldom=("22.2", "22.3.1", "23.3.2", "24.3.1", "25.3", "26.2.1"))
def test_seeded_entries_are_used_without_a_request(
    pip_of: PipOf, bare_index: Index, tmp_path: Path, version: str
) -> None:
    """From an index without caching headers, of which pip itself keeps nothing, our entries make every file a hit."""
    wheel = make_wheel(tmp_path, "demo", "1.0", size=300_000)
    url = bare_index.add(wheel)
    cache = cache_for(version, tmp_path / "cache")
    told = {"Content-Type": "application/octet-stream", "Vary": "Cookie", "Cache-Control": "no-cache"}
    for one, body in ((url, wheel.read_bytes()), (f"{url}.metadata", metadata_of(wheel))):
        store(cache, one, seeded(body, told), body)
    download(pip_of(version), bare_index, cache, tmp_path / "to")
    assert bare_index.page_requests()
    assert not bare_index.artifact_requests()
    assert not bare_index.metadata_requests()
    assert (tmp_path / "to" / wheel.name).read_bytes() == wheel.read_bytes()


@versions("23.2.1", "26.3", seldom=("22.2", "23.3.2"))
def test_a_refreshed_entry_is_used_without_a_request(
    pip_of: PipOf, bare_index: Index, tmp_path: Path, version: str
) -> None:
    """An expired entry that was given a new lifetime is a hit again for pip."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    url = bare_index.add(wheel)
    cache = cache_for(version, tmp_path / "cache")
    old = {"Date": "Thu, 01 Jan 2026 00:00:00 GMT", "Cache-Control": "max-age=1", "ETag": '"old"'}
    store(cache, url, StoredResponse(status=200, headers=old), wheel.read_bytes())
    assert cache.refresh(url, seeded(wheel.read_bytes(), old))
    download(pip_of(version), bare_index, cache, tmp_path / "to")
    assert not bare_index.artifact_requests()
    assert (tmp_path / "to" / wheel.name).read_bytes() == wheel.read_bytes()


@versions("23.2.1", "26.3", seldom=("22.2", "23.3.2", "24.3.1", "25.3"))
def test_what_pip_stored_is_a_hit_for_us(pip_of: PipOf, index: Index, tmp_path: Path, version: str) -> None:
    """Of what pip leaves, every entry is found under our key, and its body is the file's."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    url = index.add(wheel)
    cache = cache_for(version, tmp_path / "cache")
    download(pip_of(version), index, cache, tmp_path / "to")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    found = cache.lookup(url, traits(version).file_headers, now=time.time(), sha256=digest)
    assert found.verdict == HIT
    page = cache.lookup(f"{index.simple_url}demo/", traits(version).page_headers, now=time.time())
    assert (page.verdict == HIT) == traits(version).serves_fresh_pages
    metadata = {key(f"{url}.metadata")} if index.metadata_requests() else set()
    assert cache.keys() == {key(url), page.entry.key} | metadata


@versions("26.3", seldom=("23.3.2", "24.3.1", "25.3"))
def test_the_bytes_are_those_pip_writes(pip_of: PipOf, index: Index, tmp_path: Path, version: str) -> None:
    """Stored again with the request's headers that pip sends, every entry of pip's has the same bytes."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    url = index.add(wheel)
    theirs, ours = cache_for(version, tmp_path / "theirs"), cache_for(version, tmp_path / "ours")
    download(pip_of(version), index, theirs, tmp_path / "to")
    for one, sent in ((url, traits(version).file_headers), (f"{index.simple_url}demo/", traits(version).page_headers)):
        found = theirs.lookup(one, sent, now=time.time())
        assert found.stored is not None
        unpinned = {"Accept-Encoding": "gzip, deflate"} if sent["Accept-Encoding"] is None else {}
        headers = found.stored.headers
        response = StoredResponse(status=200, headers=headers, vary=vary(headers, {**sent, **unpinned}))
        store(ours, one, response, theirs.read_body(found))
        entry = ours.entry(found.entry.key)
        assert entry.metadata_path.read_bytes() == found.entry.metadata_path.read_bytes()
        assert entry.body_path.read_bytes() == found.body_path.read_bytes()


@pytest.mark.parametrize(("mask", "mode"), [(0o022, None), (0o077, None), (0o022, 0o775), (0o077, 0o2770)])
@versions("23.2.1", "26.3", seldom=("23.3.2", "24.3.1", "25.0.1", "25.3"))
def test_permissions_are_those_pip_leaves(
    pip_of: PipOf, index: Index, tmp_path: Path, version: str, mask: int, mode: int | None
) -> None:
    """Folders and files get the modes that pip gives them, under any umask and in a shared cache too."""
    url = index.add(make_wheel(tmp_path, "demo", "1.0"))
    theirs, ours = cache_for(version, tmp_path / "theirs"), cache_for(version, tmp_path / "ours")
    with umask(mask):
        for cache in (theirs, ours):
            if mode is not None:
                cache.section.mkdir(parents=True)
                cache.section.chmod(mode)
        download(pip_of(version), index, theirs, tmp_path / "to")
        for one in (url, f"{url}.metadata", f"{index.simple_url}demo/"):
            found = theirs.lookup(one, {}, now=0)
            if found.entry.size is not None:
                store(ours, one, StoredResponse(status=200, headers={}), theirs.read_body(found))
                ours.refresh(one, StoredResponse(status=200, headers={}))
    assert modes_below(ours.section) == modes_below(theirs.section)
    assert ours.root.stat().st_mode == theirs.root.stat().st_mode
