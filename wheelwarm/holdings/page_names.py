"""Cached index pages as a source of names: their links, hashed to cache keys, tell the exact file behind an entry.

A key that matches proves the name, so pages need no trust; but each is read with a bound on what it may cost.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from wheelwarm import urls
from wheelwarm.cache import contents
from wheelwarm.cache.format import among, key
from wheelwarm.cache.identify import PAGE_LIMIT, project_name, python_range
from wheelwarm.entry_facts import Contents, Source
from wheelwarm.errors import ExcessError, FormatError, InputError
from wheelwarm.indexes import index_page
from wheelwarm.model import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from wheelwarm.cache.inventory import Item
    from wheelwarm.indexes.index_page import IndexPage, Link
    from wheelwarm.model import Artifact

PYPI = "https://pypi.org/simple/"

_ELEMENTS_LIMIT = 1_000_000
"""Commas and brackets of a JSON page: those of some 60,000 files, and some 100 MB when they are built."""

_HTML_LIMIT = 1 << 24
"""Bytes of an HTML page: those of some 60,000 links."""

_TAGS_LIMIT = 200_000
"""Tags of an HTML page: those of as many links, each with its end and a line break."""

_TAG_LIMIT = 1 << 17
"""Bytes from one tag of an HTML page to the next: thousands of attributes; links have a handful."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A file, or the `.metadata` of one, as an index page lists it under the URL behind a key."""

    link: Link
    is_metadata: bool

    def laid_over(self, known: Contents) -> Contents:
        """Return what is known of an entry with what the page says better."""
        link = self.link
        if self.is_metadata:
            found = urls.metadata_named(f"{link.filename}.metadata", link.metadata_url, hashes=link.core_metadata)
        else:
            found = urls.artifact_named(link.filename, link.url, hashes=link.hashes)
        return laid_over(
            known,
            found,
            source=Source.INDEX_PAGE,
            yanked=link.yanked,
            requires_python=python_range(link.requires_python),
        )


@dataclass(slots=True)
class PageReader:
    """Reads cached index pages below `root`; `known` are the URLs behind keys that runs of ours have seen."""

    root: Path
    known: Mapping[str, Artifact]
    _bases: list[str] = field(init=False)

    def __post_init__(self) -> None:
        pages = {one.url for one in self.known.values() if one.kind is Kind.INDEX_PAGE}
        self._bases = [PYPI, *sorted({url.rstrip("/").rpartition("/")[0] + "/" for url in pages} - {PYPI})]

    def read(
        self, item: Item, project: str | None, *, wanted: Callable[[str], object] = lambda _: True
    ) -> tuple[Link, ...]:
        """Return the links of a cached page that are `wanted` by their URL as the page writes it.

        None for a page that cannot be read, or would cost too much.
        """
        try:
            body, content_type = self._body(item)
            return parse(body, content_type, self._url(item, project), wanted=wanted).links
        except (FormatError, OSError):
            return ()

    def listing(self, item: Item, keys: Collection[str]) -> IndexPage | None:
        """Return a cached page with the links to files that have these keys, and such as only a closer look can tell.

        None for what is no page, cannot be read, or would cost too much.
        """
        wanted = _Wanted(among(keys))
        try:
            body, content_type = self._body(item)
            page = parse(body, content_type, self._url(item, None), wanted=wanted)
            if wanted.met_relative and (url := self._url(item, project_name(page.name))):
                page = parse(body, content_type, url, wanted=wanted)
        except (FormatError, OSError):
            return None
        return page

    def _body(self, item: Item) -> tuple[bytes, str]:
        """Return the decoded body of a cached page and its content type. Raises FormatError or OSError."""
        headers, body = contents.read(self.root, item, limit=PAGE_LIMIT)
        decoded = decode(body, headers.get("content-encoding", ""))
        return decoded, headers.get("content-type") or index_page.content_type_of(decoded)

    def _url(self, item: Item, project: str | None) -> str:
        """Find the page's own URL, which relative links need: a known one, or one of the usual form whose key it is."""
        page_key = contents.key_of(item)
        if page_key in self.known:
            return self.known[page_key].url
        guesses = (f"{base}{project}/" for base in self._bases) if project else ()
        return next((url for url in guesses if key(url) == page_key), "")


@dataclass(slots=True)
class _Wanted:
    """Picks the links of a page whose keys are looked for; those that are not plain URLs pass, for a closer look."""

    is_among: Callable[[str], bool | None]
    met_relative: bool = False

    def __call__(self, url: str) -> bool:
        if (found := self.is_among(url)) is None:
            self.met_relative = self.met_relative or not url.startswith(("https://", "http://"))
            return True
        return found


def of_versions(versions: Iterable[str]) -> Callable[[str], bool]:
    """Return what tells quickly whether a URL is, very likely, that of a file of one of these versions."""
    parts = frozenset(version + ending for version in versions for ending in ("", ".tar.gz", ".zip"))
    return lambda url: not parts.isdisjoint(url.rpartition("/")[2].partition("#")[0].split("-"))


def match(links: Iterable[Link], keys: Collection[str]) -> Iterator[tuple[str, Listed]]:
    """Yield the keys that are those of listed files, with what is listed."""
    for link in links:
        try:
            for url, is_metadata in ((link.url, False), (link.metadata_url, True)):
                if (found := key(url)) in keys:
                    yield found, Listed(link=link, is_metadata=is_metadata)
        except InputError:
            continue


def laid_over(
    known: Contents,
    artifact: Artifact,
    *,
    source: Source,
    yanked: bool = False,
    requires_python: str | None = None,
) -> Contents:
    """Return what is known of an entry with what the URL behind its key says better: the file's exact name and hash.

    What the body is stays the body's word, where it has one.
    """
    named = bool(artifact.version) or artifact.kind is Kind.INDEX_PAGE
    usable = known.expires is not None
    return replace(
        known,
        kind=artifact.kind if usable and known.kind is Kind.OTHER else known.kind,
        name=artifact.name if named else known.name,
        version=(artifact.version if named else known.version) or None,
        filename=artifact.filename or None,
        tags=known.tags or urls.tags_of(artifact.filename),
        requires_python=known.requires_python or requires_python,
        sha256=artifact.sha256,
        yanked=yanked,
        source=source,
    )


def parse(body: bytes, content_type: str, url: str, *, wanted: Callable[[str], object]) -> IndexPage:
    """Read a decoded page; FormatError for none, ExcessError for one that would cost far more than any index's."""
    if body.count(b",") + body.count(b"[") + body.count(b"{") > _ELEMENTS_LIMIT:
        raise ExcessError("an index page with too many elements")
    if not content_type.startswith(index_page.JSON) and _is_excessive(body):
        raise ExcessError("an index page that is too long")
    return index_page.parse(body, content_type, url, wanted=wanted)


def _is_excessive(body: bytes) -> bool:
    """Tell whether an HTML page would take long, or much memory: Python's parser makes a list of each tag."""
    if len(body) > _HTML_LIMIT or body.count(b"<") > _TAGS_LIMIT:
        return True
    return max(map(len, body.split(b"<"))) > _TAG_LIMIT


def decode(body: bytes, content_encoding: str) -> bytes:
    """Undo gzip or deflate (RFC 9110, 8.4.1). Raises FormatError where it breaks, ExcessError beyond PAGE_LIMIT."""
    wbits = {"gzip": 31, "x-gzip": 31, "deflate": 15}.get(content_encoding.strip().lower())
    if wbits is None:
        return body
    inflate = zlib.decompressobj(wbits)
    try:
        decoded = inflate.decompress(body, PAGE_LIMIT)
    except zlib.error as exc:
        raise FormatError("an index page that cannot be inflated") from exc
    if inflate.unconsumed_tail:
        raise ExcessError("an index page that inflates beyond all measure")
    if not inflate.eof:
        raise FormatError("an index page that ends too early")
    return decoded
