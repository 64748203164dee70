"""Index pages: the bytes of a PEP 503 (HTML) or PEP 691 (JSON) page in, links out, read as pip reads them.

Pure. What is broken in a page costs the one link it breaks; choosing among links is not this module's business.
"""

from __future__ import annotations

import json
import posixpath
import re
from email.message import Message
from functools import lru_cache
from html import unescape
from html.parser import HTMLParser
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from wheelwarm.errors import FormatError
from wheelwarm.urls import HASH_ALGORITHMS, fragment_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Set

    from packaging.version import Version

    _Attributes = Mapping[str, str | None]

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html"
_HTML_TYPES = (HTML, "application/vnd.pypi.simple.v1+html")
MEDIA_TYPES = (JSON, *_HTML_TYPES)
"""What the `Content-Type` of an index page begins with, in lower case."""

# pip's `_SUPPORTED_HASHES`, the strongest first.

# The URLs of nearly all links: pip's quoting leaves them as they are (`+` is not among these: pip writes `%2B`), so
# that splitting, quoting and joining them, which is most of the time a page takes, can be left out.
_PLAIN = re.compile(
    r"(https?://[A-Za-z0-9.:-]+/(?:[A-Za-z0-9_.~-]+/)*([A-Za-z0-9_.~-]*[A-Za-z0-9_]))(?:#([A-Za-z0-9_=&-]+))?"
)
_PLAIN_RELATIVE = re.compile(r"(/|(?:\.\./)*)((?:[A-Za-z0-9_][A-Za-z0-9_.~-]*/)*[A-Za-z0-9_][A-Za-z0-9_.~#=&-]*)")
# The tags that index servers write: where a page has no others, this scan finds the anchors that HTMLParser would, in
# an eighth of the time. Anything else (comments, scripts, `<base>`, bare attributes, rare entities) is HTMLParser's.
_ATTRIBUTE = r'\s+[a-z-]++="(?:[^"<>&]++|&(?:amp|gt|lt|quot);)*+"'
_OTHERS = r"a|body|br|div|h\d|head|html|li|meta|p|title|ul"
_TAG = re.compile(rf"<(?:a((?:{_ATTRIBUTE})+)|/?(?:{_OTHERS})(?:{_ATTRIBUTE})*\s*/?)>")
_DOCTYPE = re.compile(r"\s*<!doctype html>", re.IGNORECASE)
_PAIR = re.compile(r'([a-z-]+)="([^"]*)"')
_HREF = re.compile(r'\shref="([^"]*)"')
_RESERVED = re.compile("(@|%2F)", re.IGNORECASE)
_TITLE = re.compile(r"<title>\s*Links for ([A-Za-z0-9][A-Za-z0-9._-]*)\s*</title>", re.IGNORECASE)
_TITLE_WITHIN = 4096


class Link(NamedTuple):
    """One file that an index page offers.

    `url` is absolute, quoted as pip quotes it, without the `fragment`. `hashes` maps algorithm to hexadecimal digest in
    pip's order of precedence. `core_metadata` (PEP 658, PEP 714) is None where the index has no metadata file, and
    empty where it offers one without a hash. `size` is in bytes, `upload_time` as the page writes it.
    """

    filename: str
    url: str
    fragment: str = ""
    hashes: Mapping[str, str] = MappingProxyType({})
    requires_python: str | None = None
    yanked: bool = False
    core_metadata: Mapping[str, str] | None = None
    size: int | None = None
    upload_time: str | None = None

    @property
    def metadata_url(self) -> str:
        """Where PEP 658 puts the metadata file, offered or not."""
        return f"{self.url}.metadata"

    @property
    def hash_in_key(self) -> tuple[str, str] | None:
        """The (algorithm, digest) that pip >= 23.0 puts into the key of a wheel built from this link."""
        return next(iter(self.hashes.items()), None)

    def hash_in_key_of(self, pip: Version) -> tuple[str, str] | None:
        """`hash_in_key` for any pip: 22.3 passed over a JSON page's hashes, 22.2 took the strongest it knew."""
        if pip.release >= (23,):
            return self.hash_in_key
        if pip.release >= (22, 3):
            return fragment_hash(f"#{self.fragment}")
        return next(((name, self.hashes[name]) for name in HASH_ALGORITHMS if name in self.hashes), None)


class IndexPage(NamedTuple):
    """What an index says of one project. `name` is None where the page does not tell it."""

    name: str | None
    links: tuple[Link, ...]


def parse(
    body: bytes,
    content_type: str,
    url: str,
    *,
    wanted: Callable[[str], object] = lambda _: True,
    digests: Set[str] | None = None,
) -> IndexPage:
    """Read a page that came, decoded, from `url` with the `Content-Type` header `content_type`.

    `wanted` picks links by their URL as the page writes it, before they are read: most of the time a page takes. Links
    with a hash that is not among `digests` may be passed over.
    Raises FormatError for a body that is no index page: another media type, or broken JSON.
    """
    media_type = content_type.strip().lower()
    if media_type.startswith(JSON):
        return _parse_json(body, url, lambda entry: _has_one_of(digests, entry) and wanted(str(entry.get("url"))))
    if media_type.startswith(_HTML_TYPES):
        return _parse_html(_decode(body, content_type), url, wanted)
    raise FormatError(f"not an index page: its content type is {content_type or 'missing'}")


def content_type_of(body: bytes) -> str:
    """Guess the media type from the first bytes of a decoded body: JSON, HTML, or empty for neither."""
    head = body[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()[:256].lower()
    if head.startswith(b"{"):
        return JSON
    if head.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<a ", b"<title", b"<meta", b"<!--")):
        return HTML
    return ""


def title_name(text: str) -> str | None:
    """Find the project in an HTML page's title, `Links for NAME`: a custom that PyPI set, not a part of PEP 503."""
    title = _TITLE.search(text, 0, _TITLE_WITHIN)
    return title.group(1) if title else None


def _parse_json(body: bytes, url: str, wanted: Callable[[dict[str, Any]], object]) -> IndexPage:
    try:
        page = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise FormatError("not an index page: broken JSON") from exc
    files = page.get("files", []) if isinstance(page, dict) else None
    if not isinstance(files, list):
        raise FormatError("not an index page: JSON without a list of files")
    name = page.get("name")
    entries = (entry for entry in files if isinstance(entry, dict) and wanted(entry))
    links = (_json_link(entry, url) for entry in entries)
    return IndexPage(name if isinstance(name, str) else None, tuple(link for link in links if link is not None))


def _has_one_of(digests: Set[str] | None, entry: dict[str, Any]) -> bool:
    """Tell whether an entry may have one of these hashes; as a URL's fragment it may stand in its URL."""
    if digests is None or not isinstance(hashes := entry.get("hashes"), dict) or not hashes:
        return True
    # A loop, since most of what a page costs is this question: a generator takes three times as long.
    for digest in hashes.values():
        if str(digest).lower() in digests:
            return True
    return "#" in str(entry.get("url"))


def _json_link(entry: dict[str, Any], page_url: str) -> Link | None:
    located = _locate(entry.get("url"), page_url)
    hashes = entry.get("hashes", {})
    if located is None or not isinstance(hashes, dict):
        return None
    filename, url, fragment = located
    size = entry.get("size")
    return Link(
        filename=filename,
        url=url,
        fragment=fragment,
        hashes=_texts(hashes) | _fragment_hashes(fragment),
        requires_python=_text(entry.get("requires-python")),
        yanked=bool(entry.get("yanked")),
        core_metadata=_json_metadata(entry),
        size=size if isinstance(size, int) and not isinstance(size, bool) else None,
        upload_time=_text(entry.get("upload-time")),
    )


def _json_metadata(entry: dict[str, Any]) -> Mapping[str, str] | None:
    # PEP 714: the old name counts only where the new one is missing.
    offer = entry.get("core-metadata")
    if offer is None:
        offer = entry.get("dist-info-metadata")
    if isinstance(offer, dict):
        return {name: digest for name, digest in _texts(offer).items() if name in HASH_ALGORITHMS}
    return {} if offer else None


def _parse_html(text: str, url: str, wanted: Callable[[str], object]) -> IndexPage:
    anchors, base_url = _anchors(text, wanted)
    links = (_anchor_link(attributes, base_url or url) for attributes in anchors)
    return IndexPage(title_name(text), tuple(link for link in links if link is not None))


def _anchors(text: str, wanted: Callable[[str], object]) -> tuple[Iterable[_Attributes], str | None]:
    """Find the attributes of each anchor whose `href` is wanted, and the base URL if the page sets one."""
    doctype = _DOCTYPE.match(text)
    tags = _TAG.findall(text, doctype.end() if doctype else 0)
    if len(tags) == text.count("<") - bool(doctype):
        hrefs = ((anchor, _HREF.search(anchor)) for anchor in tags if anchor)
        return (_attributes(anchor) for anchor, href in hrefs if href and wanted(unescape(href[1]))), None
    parser = _AnchorParser(wanted)
    try:
        parser.feed(text)
    except (AssertionError, ValueError) as exc:
        # At `<![name[` Python's parser, and pip with it, gives up; at a number of too many digits, too.
        raise FormatError("not an index page: broken HTML") from exc
    return parser.anchors, parser.base_url


def _attributes(anchor: str) -> _Attributes:
    return {key: unescape(value) for key, value in _PAIR.findall(anchor)}


def _anchor_link(attributes: _Attributes, base_url: str) -> Link | None:
    located = _locate(attributes.get("href"), base_url)
    if located is None:
        return None
    filename, url, fragment = located
    return Link(
        filename=filename,
        url=url,
        fragment=fragment,
        hashes=_fragment_hashes(fragment),
        requires_python=attributes.get("data-requires-python") or None,
        yanked=attributes.get("data-yanked") is not None,
        core_metadata=_anchor_metadata(attributes),
    )


def _anchor_metadata(attributes: _Attributes) -> Mapping[str, str] | None:
    offer = attributes.get("data-core-metadata")
    if offer is None:
        offer = attributes.get("data-dist-info-metadata")
    if offer is None:
        return None
    name, _, digest = offer.partition("=")
    return {name: digest} if name in HASH_ALGORITHMS and "=" in offer else {}


def _locate(href: object, base_url: str) -> tuple[str, str, str] | None:
    """Resolve and quote a link as pip does, into file name, URL and fragment; None for what locates no file."""
    if not isinstance(href, str) or not href:
        return None
    try:
        url = href if href.startswith(("https://", "http://")) else _join(base_url, href)
        plain = _PLAIN.fullmatch(url)
        return (plain[2], plain[1], plain[3] or "") if plain else _locate_quoted(url)
    except ValueError:
        return None


def _join(base_url: str, href: str) -> str:
    relative = _PLAIN_RELATIVE.fullmatch(href)
    return _folder(base_url, relative[1] or ".") + relative[2] if relative else urljoin(base_url, href)


@lru_cache(maxsize=64)
def _folder(base_url: str, way: str) -> str:
    return urljoin(base_url, way)


def _locate_quoted(url: str) -> tuple[str, str, str] | None:
    parts = urlsplit(url)
    # pip's rule since 20.3: quoted once, however it came, while `@` and `%2F` keep their meaning.
    pieces = _RESERVED.split(parts.path)
    path = "".join(piece.upper() if index % 2 else quote(unquote(piece)) for index, piece in enumerate(pieces))
    filename = posixpath.basename(unquote(path).rstrip("/"))
    if not parts.scheme or not path.startswith("/") or filename in ("", ".", ".."):
        return None
    return filename, urlunsplit(parts._replace(path=path, fragment="")), parts.fragment


def _fragment_hashes(fragment: str) -> dict[str, str]:
    found = fragment_hash(f"#{fragment}") if fragment else None
    return {found[0]: found[1]} if found else {}


def _texts(mapping: Mapping[object, object]) -> dict[str, str]:
    return {key: value for key, value in mapping.items() if isinstance(key, str) and isinstance(value, str)}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _decode(body: bytes, content_type: str) -> str:
    header = Message()
    header["content-type"] = content_type
    try:
        return body.decode(str(header.get_param("charset", "utf-8")), errors="replace")
    except (LookupError, ValueError):  # `idna`, for one, replaces no errors
        return body.decode(errors="replace")


class _AnchorParser(HTMLParser):
    """Keeps the first `<base href>` and the attributes of every `<a>` whose `href` is wanted."""

    def __init__(self, wanted: Callable[[str], object]) -> None:
        super().__init__(convert_charrefs=True)
        self._wanted = wanted
        self.base_url: str | None = None
        self.anchors: list[_Attributes] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            attributes = dict(attrs)
            if self._wanted(attributes.get("href") or ""):
                self.anchors.append(attributes)
        elif tag == "base" and self.base_url is None:
            self.base_url = next((value for name, value in attrs if name == "href"), None)
