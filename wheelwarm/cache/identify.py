"""What the bytes of a cached body are (wheel, sdist, core metadata, index page), and what they are called.

Pure over a seekable stream. Bodies are not to be trusted: each step has a bound, and what breaks one is OTHER.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, product
from math import prod
from typing import TYPE_CHECKING, BinaryIO

from packaging.utils import canonicalize_name

from wheelwarm.cache.archive import Inflated, Window, read_zip_member, tar_members, tar_name, zip_members
from wheelwarm.errors import FormatError
from wheelwarm.file_names import TAGS_LIMIT, version_of
from wheelwarm.indexes.index_page import HTML, JSON, content_type_of, title_name
from wheelwarm.model import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from wheelwarm.cache.archive import ZipMember

HEADERS_LIMIT = 1 << 18
"""Bytes of a metadata file that are read: its headers come first, and the longest known take some 60 KB."""

INFLATED_LIMIT = 1 << 26
"""Bytes that a compressed body may grow to before it is left alone: hatchling puts PKG-INFO at an sdist's very end."""

PAGE_LIMIT = 1 << 25
"""Bytes of an index page: the longest on PyPI have some ten million."""

TOKENS_LIMIT = 4_000_000
"""Strings and brackets of a JSON page that are looked at: about a second's work, and twice what PAGE_LIMIT needs."""

ELEMENTS_LIMIT = 200_000
"""Commas and brackets of a JSON page that is built in memory: those of some 15,000 files, and well below 100 MB."""

_HEAD = 1 << 14
_NAME = re.compile(r"[A-Z0-9](?:[A-Z0-9._-]{0,126}[A-Z0-9])?", re.IGNORECASE)
_VERSION = re.compile(r"[A-Z0-9][A-Z0-9._!+-]{0,126}", re.IGNORECASE)
_TAG = re.compile(r"[\w.]{1,60}-[\w.]{1,60}-[\w.]{1,200}", re.ASCII)
_BUILD = re.compile(r"[0-9]\w{0,40}", re.ASCII)
_PYTHONS = re.compile(r"[\w <>=!~.,*+()|-]{1,200}", re.ASCII)
_HEADERS = frozenset({"metadata-version", "name", "version", "requires-python", "tag", "build"})
_DIST_INFO = re.compile(rb"([^/]+)\.dist-info/(?:METADATA|WHEEL)")
_PKG_INFO = re.compile(rb"(?:\./)?(?!EGG-INFO/)([^/]+)/PKG-INFO")
_TELLING = (b"/METADATA", b"/WHEEL", b"/PKG-INFO", b"/pyproject.toml", b"/setup.py")
_SOURCE_TREE = re.compile(rb"(?:\./)?([^/]+)/(?:pyproject\.toml|setup\.py)")
# The closing quote may be missing, so that a string without one is not tried again at each quote that it escapes.
_JSON_TOKEN = re.compile(rb'"((?:[^"\\]++|\\.)*+)(?:"(\s*:)?)?|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a body is.

    `name` is normalised; `filename` is rebuilt from what the body holds: an index may have served it under another
    spelling of the name, or with the tags in another order. `tags` are a wheel's.
    """

    kind: Kind
    name: str | None = None
    version: str | None = None
    filename: str | None = None
    tags: tuple[str, ...] = ()
    requires_python: str | None = None


OTHER = Identity(kind=Kind.OTHER)


def identify(stream: BinaryIO, size: int, *, content_encoding: str = "") -> Identity:
    """Tell what the `size` bytes from the stream's position on are; whatever they are, nothing is raised.

    `content_encoding` is the header of the stored response, for pip keeps a body as it was sent.
    """
    try:
        window = Window(stream, size)
        head = window.keep(0, _HEAD)
        if head.startswith(b"PK\3\4"):
            return _identify_zip(window)
        if wbits := _wbits(head, content_encoding.strip().lower()):
            return _identify_inflated(Inflated(window, wbits=wbits, limit=INFLATED_LIMIT))
        return _identify_text(window.read(0, HEADERS_LIMIT), partial(window.read, HEADERS_LIMIT))
    except (FormatError, OSError):
        return OTHER


def _wbits(head: bytes, content_encoding: str) -> int:
    """Choose zlib's format for a compressed body; 0 for a plain one, whatever its header says."""
    if head.startswith(b"\x1f\x8b"):
        return 31
    if content_encoding != "deflate" or len(head) < 2:
        return 0
    # RFC 9110, 8.4.1.2: deflate means zlib's format, though some servers send the bare stream.
    return 15 if head[0] & 15 == 8 and int.from_bytes(head[:2], "big") % 31 == 0 else -15


def _identify_zip(window: Window) -> Identity:
    members = {member.name: member for member in zip_members(window, suffixes=_TELLING)}
    dist_info = {match[1] for match in map(_DIST_INFO.fullmatch, members) if match}
    if len(dist_info) == 1:
        return _identify_wheel(window, members, dist_info.pop())
    found = next((match for match in map(_PKG_INFO.fullmatch, members) if match), None)
    if dist_info or found is None:
        return _source_tree(members, ".zip")
    return _sdist(found[1], read_zip_member(window, members[found[0]], limit=HEADERS_LIMIT), ".zip")


def _identify_wheel(window: Window, members: Mapping[bytes, ZipMember], stem: bytes) -> Identity:
    metadata, wheel = (
        _headers(read_zip_member(window, members[path], limit=HEADERS_LIMIT)) if path in members else {}
        for path in (stem + b".dist-info/METADATA", stem + b".dist-info/WHEEL")
    )
    identity = _from_headers(metadata, Kind.WHEEL)
    if identity is OTHER:
        return OTHER
    lines = sorted({line for line in wheel.get("tag", ()) if _TAG.fullmatch(line)})
    tags = _unfold(lines)
    build = next((build for build in wheel.get("build", ()) if _BUILD.fullmatch(build)), None)
    # maturin wrote the compressed set itself into its one line, in the order of the file name.
    compressed = lines[0] if len(lines) == 1 else _fold(tags)
    parts = (_stem(stem, metadata), *([build] if build else ()), compressed)
    return replace(identity, tags=tags, filename=f"{'-'.join(parts)}.whl" if compressed else None)


def _unfold(lines: Iterable[str]) -> tuple[str, ...]:
    tags = (tag for line in lines for tag in product(*(column.split(".") for column in line.split("-"))))
    return tuple(sorted({"-".join(tag) for tag in islice(tags, TAGS_LIMIT)}))


def _fold(tags: Sequence[str]) -> str:
    """Fold tags into the compressed set of a file name, sorted (PEP 425); empty where no one set stands for them.

    Some builders keep another order: of 967 recent wheels, 56 had one that nothing in the wheel tells.
    """
    columns = [sorted(set(column)) for column in zip(*(tag.split("-") for tag in tags), strict=True)]
    if not columns or prod(map(len, columns)) != len(tags):
        return ""
    return "-".join(".".join(column) for column in columns)


def _identify_inflated(inflated: Inflated) -> Identity:
    head = inflated.read(512)
    if tar_name(head) is None:
        return _identify_text(head + inflated.read(HEADERS_LIMIT), inflated.read)
    names = []
    try:
        for name, content in tar_members(inflated, head, wanted=_PKG_INFO.fullmatch, limit=HEADERS_LIMIT):
            names.append(name)
            if found := _PKG_INFO.fullmatch(name):
                return _sdist(found[1], content, ".tar.gz")
    except FormatError:
        pass
    return _source_tree(names, ".tar.gz")


def _sdist(root: bytes, pkg_info: bytes, suffix: str) -> Identity:
    headers = _headers(pkg_info)
    identity = _from_headers(headers, Kind.SDIST)
    return identity if identity is OTHER else replace(identity, filename=f"{_stem(root, headers)}{suffix}")


def _source_tree(names: Iterable[bytes], suffix: str) -> Identity:
    """Take an archive without a PKG-INFO (or with one too far inside) by its folder, where that is `name-version`."""
    root = next((match[1].decode("ascii", "replace") for match in map(_SOURCE_TREE.fullmatch, names) if match), None)
    if root is None:
        return OTHER
    name, _, version = root.rpartition("-")
    number = version_of(version)
    if number is None or not _NAME.fullmatch(name):
        return Identity(kind=Kind.SDIST)
    return Identity(kind=Kind.SDIST, name=canonicalize_name(name), version=str(number), filename=f"{root}{suffix}")


def _stem(stem: bytes, headers: Mapping[str, Sequence[str]]) -> str:
    """Return `name-version` as the archive's own folder spells it if that agrees with its headers, else normalised."""
    name, version = canonicalize_name(headers["name"][0]), _normalise(headers["version"][0])
    spelled = stem.decode("ascii", "replace")
    its_name, _, its_version = spelled.rpartition("-")
    if _NAME.fullmatch(its_name) and canonicalize_name(its_name) == name and _normalise(its_version) == version:
        return spelled
    return f"{name.replace('-', '_')}-{version.replace('-', '_')}"


def _identify_text(head: bytes, rest: Callable[[int], bytes]) -> Identity:
    media_type = content_type_of(head)
    if media_type == JSON:
        return _json_page(head + rest(PAGE_LIMIT))
    if media_type == HTML:
        name = title_name(head.decode(errors="replace"))
        return Identity(kind=Kind.INDEX_PAGE, name=project_name(name)) if name or b"<a " in head else OTHER
    return _from_headers(_headers(head), Kind.METADATA)


def _json_page(body: bytes) -> Identity:
    name, keys = _members(body)
    if keys.isdisjoint({"files", "projects"}) or keys.isdisjoint({"name", "meta"}):
        return OTHER
    return Identity(kind=Kind.INDEX_PAGE, name=project_name(name))


def _members(body: bytes) -> tuple[str | None, set[str]]:
    """Return the `name` and all keys of a JSON object; of one that is broken or huge, what a look at it tells."""
    if sum(map(body.count, (b",", b"[", b"{"))) <= ELEMENTS_LIMIT:
        with suppress(ValueError, RecursionError):
            page = json.loads(body)
            name = page.get("name")
            return name if isinstance(name, str) else None, set(page)
    return _scan(body)


def _scan(body: bytes) -> tuple[str | None, set[str]]:
    """Look for a page's keys without building it: brackets alone would take twenty times their size in memory."""
    depth, key, name, keys = 0, "", None, set()
    for token in islice(_JSON_TOKEN.finditer(body), TOKENS_LIMIT):
        if token[1] is None:
            depth += 1 if token[0] in b"[{" else -1
        elif depth == 1 and token[2] is not None:
            keys.add(key := token[1].decode(errors="replace"))
        elif depth == 1 and key == "name":
            name = token[1].decode(errors="replace")
    return name, keys


def project_name(name: str | None) -> str | None:
    """Return the name that a page gives its project, normalised; None if it gives none that could be one."""
    return canonicalize_name(name) if name and _NAME.fullmatch(name) else None


def python_range(requires_python: str | None) -> str | None:
    """Return a Requires-Python that may be one: short, and of characters that specifiers have."""
    return requires_python if requires_python and _PYTHONS.fullmatch(requires_python) else None


def _headers(data: bytes) -> dict[str, list[str]]:
    """Read the wanted headers of core metadata, up to the first empty line; names in lower case."""
    headers: dict[str, list[str]] = {}
    for line in data[: data.find(b"\n\n") + 1 or None].decode(errors="replace").split("\n"):
        if not line.strip():
            break
        name, colon, value = line.partition(":")
        if colon and (name := name.lower()) in _HEADERS:
            headers.setdefault(name, []).append(value.strip())
    return headers


def _from_headers(headers: Mapping[str, Sequence[str]], kind: Kind) -> Identity:
    if not headers.keys() >= {"metadata-version", "name", "version"}:
        return OTHER
    name, version = headers["name"][0], headers["version"][0]
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        return OTHER
    return Identity(
        kind=kind,
        name=canonicalize_name(name),
        version=_normalise(version),
        requires_python=python_range(headers.get("requires-python", [""])[0]),
    )


def _normalise(version: str) -> str:
    return str(version_of(version) or version)
