"""Index pages, read from pip's cache or asked for again: the links that tell hashes which pip's report leaves out."""

from __future__ import annotations

import zlib
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from wheelwarm import urls
from wheelwarm.cache import format as cache_format
from wheelwarm.cache import freshness
from wheelwarm.cache.format import normalise
from wheelwarm.errors import FormatError, InputError
from wheelwarm.indexes import index_page
from wheelwarm.model import Artifact, Kind, StoredResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence, Set

    from wheelwarm.fetcher import Fetched, Fetcher
    from wheelwarm.indexes.index_page import Link
    from wheelwarm.shelf.lookup import Shelf


class Pages:
    """The index pages that pip asked for in one resolution; with `digests`, of interest for files of these hashes."""

    def __init__(
        self, shelf: Shelf, asked: Iterable[str], fetcher: Fetcher | None = None, *, digests: Set[str] | None = None
    ) -> None:
        self._shelf = shelf
        self._digests = digests
        self._fetcher = fetcher
        self._links: dict[str, Link] = {}
        self._by_project: dict[str, list[Link]] = {}
        self._unread: dict[str, list[str]] = {}
        for url in asked:
            if urls.is_page(url):
                self._unread.setdefault(urls.page_project(url), []).append(url)

    def complete(self, artifacts: Sequence[Artifact], *, fetch: bool = True) -> list[Artifact | None]:
        """Return the artifacts with the hashes that their index pages state, None for each that no page lists.

        Without `fetch` only pages in the cache count.
        """
        self._read({canonicalize_name(artifact.name) for artifact in artifacts}, fetch=fetch)
        return [self._completed(artifact) for artifact in artifacts]

    def renew(self, projects: Iterable[str], *, replaced: set[str] | None = None) -> set[str]:
        """Ask the server for every page of these projects, all at once, and read what it has now.

        Returns the URLs that were answered. Each page is kept as pip would keep it, so that a pip that takes fresh
        pages without asking (26.2 and later) finds it; `replaced` gets those of which an older state was there.
        """
        pages = [url for project in projects for url in self._unread.pop(project, ())]
        answered = set()

        def take(url: str, fetched: Fetched) -> None:
            is_other = replaced is not None and fetched.status != 304 and self._is_stored(url)
            if self._renewed(url, fetched):
                answered.add(url)
            # Only now, when whoever looks from here on finds the new state.
            if replaced is not None and is_other:
                replaced.add(url)

        self._fetch(pages, take, conditional=True)
        return answered

    def cached_links(self, project: str) -> list[Link]:
        """Return what the cached pages of a project (its normalised name) offer."""
        self._read({project}, fetch=False)
        return self._by_project.get(project, [])

    def _completed(self, artifact: Artifact) -> Artifact | None:
        link = self._links.get(normalise(artifact.url.removesuffix(".metadata")))
        if link is None:
            return None
        if artifact.kind is Kind.METADATA:
            return replace(artifact, hashes=dict(link.core_metadata or {}))
        return replace(
            artifact,
            hashes=dict(link.hashes),
            size=link.size if artifact.size is None else artifact.size,
            link_hash=link.hash_in_key_of(Version(self._shelf.target.pip)),
        )

    def _read(self, projects: set[str], *, fetch: bool) -> None:
        """Read the pages of these projects once, from the cache first, the others from the server all at once."""
        pages = [url for project in projects for url in self._unread.pop(project, ())]
        absent = [url for url in pages if not self._read_cached(url)]
        if fetch:
            self._fetch(absent, self._take)
            return
        for url in absent:
            self._unread.setdefault(urls.page_project(url), []).append(url)

    def _take(self, url: str, fetched: Fetched) -> None:
        self._parse(url, fetched.path.read_bytes(), fetched.headers, base=fetched.url)
        fetched.path.unlink()

    def _read_cached(self, url: str) -> bool:
        """Use the cached page, whatever its freshness: pip has just asked for it."""
        found = self._shelf.http.lookup(url, self._shelf.target.traits.page_headers, now=self._shelf.now)
        if found.stored is None:
            return False
        return self._parse(url, self._shelf.http.read_body(found), found.stored.headers, base=found.url)

    def _is_stored(self, url: str) -> bool:
        return self._shelf.http.entry(cache_format.key(url)).stored is not None

    def _renewed(self, url: str, fetched: Fetched) -> bool:
        headers = self._shelf.target.traits.page_headers
        if fetched.status == 304:
            fetched.path.unlink()
            found = self._shelf.http.lookup(url, headers, now=self._shelf.now)
            if found.stored is None or not self._read_cached(url):
                return False
            renewed = freshness.revalidated(found.stored, fetched.headers, headers)
            if self._would_keep(fetched._replace(status=200, headers=renewed.headers), headers):
                self._shelf.http.refresh(url, renewed)
            return True
        understood = self._parse(url, fetched.path.read_bytes(), fetched.headers, base=fetched.url)
        if understood and self._would_keep(fetched, headers):
            response = StoredResponse(
                status=fetched.status,
                headers=fetched.headers,
                vary=cache_format.vary(fetched.headers, headers),
                version=fetched.version,
                reason=fetched.reason,
            )
            self._shelf.http.store(url, response, fetched.path)
        fetched.path.unlink(missing_ok=True)
        return understood

    def _would_keep(self, fetched: Fetched, headers: Mapping[str, str | None]) -> bool:
        """Tell whether pip would store a page just so; a redirect it would store under the URL that it led to."""
        return (
            self._shelf.target.traits.serves_fresh_pages
            and not fetched.redirected
            and freshness.storable(fetched.status, fetched.headers, headers) is None
            and freshness.varies_by_known(fetched.headers, headers)
        )

    def _fetch(self, pages: Iterable[str], take: Callable[[str, Fetched], None], *, conditional: bool = False) -> None:
        """Fetch these and have each read as it comes, where it came: one thread that reads disturbs no other."""
        if self._fetcher is None:
            return
        # A look at the cache alone has no use for an HTTP client.
        from wheelwarm.fetcher import Download
        from wheelwarm.targets.network import only_pip_can

        downloads = [
            Download(name=url, url=url, headers=self._request_headers(url, conditional=conditional))
            for url in pages
            if not only_pip_can(url, self._fetcher.network)
        ]
        for _ in self._fetcher.fetch_each(
            downloads,
            new_body=self._shelf.http.new_body,
            then=lambda download, fetched: take(download.url, fetched),
        ):
            pass

    def _request_headers(self, url: str, *, conditional: bool) -> dict[str, str]:
        """Return what pip sends, as far as it is known, with the validator of what is stored."""
        headers = self._shelf.target.traits.page_headers
        if not conditional:
            return {"Accept": str(headers["Accept"])}
        stored = self._shelf.http.lookup(url, headers, now=self._shelf.now).stored
        return {**freshness.known(headers), **(freshness.conditional_headers(stored) if stored else {})}

    def _parse(self, url: str, body: bytes, headers: Mapping[str, str], *, base: str) -> bool:
        """Read the page asked for at `url`; `base` is where redirects led, from which its relative links count."""
        lower = {name.lower(): value for name, value in headers.items()}
        try:
            decoded = decode(body, lower.get("content-encoding", ""))
            content_type = lower.get("content-type") or index_page.content_type_of(decoded)
            page = index_page.parse(decoded, content_type, base, digests=self._digests)
        except (FormatError, zlib.error):
            return False
        for link in page.links:
            with suppress(InputError):  # a link to no valid host is no link
                self._links[normalise(link.url)] = link
                self._by_project.setdefault(urls.page_project(url), []).append(link)
        return True


def decode(body: bytes, content_encoding: str) -> bytes:
    """Undo gzip or deflate (RFC 9110, 8.4.1); pip stores a page's body as it was sent."""
    encoding = content_encoding.strip().lower()
    if encoding in ("gzip", "x-gzip"):
        return zlib.decompress(body, 16 + zlib.MAX_WBITS)
    return zlib.decompress(body) if encoding == "deflate" else body
