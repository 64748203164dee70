"""Whether one thing in the cache is sound: both halves there, readable, whole, and authentic where that can be told.

Authentic is a body whose sha256 somebody else states; readable one that contradicts nothing, itself least of all.
"""

from __future__ import annotations

import errno
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wheelwarm.cache import entries, freshness
from wheelwarm.cache.archive import Window
from wheelwarm.cache.contents import stored_response
from wheelwarm.cache.identify import PAGE_LIMIT, identify
from wheelwarm.cache.integrity import Damage, tar_gz_damage, zip_damage
from wheelwarm.cache.inventory import BODY_SUFFIX, Form, Section
from wheelwarm.errors import ExcessError, FormatError
from wheelwarm.holdings import page_names
from wheelwarm.indexes.index_page import MEDIA_TYPES, content_type_of
from wheelwarm.model import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import FileIO
    from pathlib import Path
    from typing import BinaryIO

    from wheelwarm.cache.inventory import Item
    from wheelwarm.entry_facts import Contents, Sound

_CHUNK = 1 << 18
_HALVES = {Form.METADATA_ALONE: Damage.BODY_MISSING, Form.BODY_ALONE: Damage.METADATA_MISSING}
# What keeps this process from reading anything, and says nothing of the file.
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_ENCODINGS = ("", "identity", "gzip", "x-gzip", "deflate")
_METADATA = ".metadata"

EXAMINED = frozenset({Form.ENTRY, Form.BUILT_WHEEL, *_HALVES})
"""The forms of items that can be sound or not; the others are leftovers and strangers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one look has found; `sha256` is the body's, where it was read to its end."""

    damage: Damage | None = None
    sha256: str | None = None
    authentic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """An open body: `size` bytes from `offset` on, with its response's headers by lower-case name."""

    file: FileIO
    offset: int
    size: int
    headers: Mapping[str, str]


class _Watched(Window):
    """A window of each read of which somebody hears."""

    def __init__(self, body: _Body, heard: Callable[[int], object]) -> None:
        super().__init__(body.file, body.size)
        self._heard = heard

    def read(self, offset: int, count: int) -> bytes:
        self._heard(0)
        return super().read(offset, count)


def examine(
    root: Path,
    item: Item,
    contents: Contents,
    *,
    remembered: str | None = None,
    advance: Callable[[int], object] = lambda _: None,
) -> Finding | None:
    """Look at one item below the cache directory `root`, every byte of it; whatever it holds, nothing is raised.

    `contents` tells what it ought to be, `remembered` the sha256 that its body had when the ledger last saw it under
    these headers; `advance` hears of bytes read, of 0 where they are read a second time, and what it raises ends the
    look. None if the item has changed or gone since the walk: another process is at work on it, and nothing can be
    said.
    """
    if item.form in _HALVES:
        return Finding(damage=_HALVES[item.form]) if is_unchanged(root, item) else None
    try:
        finding = _examine(root, item, contents, remembered, advance)
    except (OSError, FormatError) as exc:
        if getattr(exc, "errno", None) in _SHORTAGES:
            return None
        finding = Finding(damage=Damage.UNREADABLE)
    return finding if is_unchanged(root, item) else None


def remembered_of(known: Sound | None, item: Item) -> str | None:
    """Return the sha256 that an item's body had when it was last found sound, unless it was stored anew since.

    Whoever replaces a body writes its metadata, too; a built wheel and an `http` entry are one file.
    """
    same = known is not None and known.mark.partition(" ")[0] == item.mark.partition(" ")[0]
    return known.sha256 if known and same else None


def is_unchanged(root: Path, item: Item) -> bool:
    """Tell whether an item's files are those that the walk has found."""
    try:
        now = [(root / file.path).lstat() for file in item.files]
    except OSError:
        return False
    seen = [(file.size, file.mtime_ns, file.inode) for file in item.files]
    return [(status.st_size, status.st_mtime_ns, status.st_ino) for status in now] == seen


def _examine(
    root: Path, item: Item, contents: Contents, remembered: str | None, advance: Callable[[int], object]
) -> Finding:
    path = f"{root}/{item.path}"
    if item.form is Form.BUILT_WHEEL:
        with entries.open_quietly(path) as file:
            body = _Body(file=file, offset=0, size=item.files[0].size, headers={})
            return _judge(body, contents, None, remembered, advance)
    stored, offset, size = stored_response(path, item)
    headers = freshness.lowered(stored.headers)
    if entries.is_cut(size, headers):
        return Finding(damage=Damage.TRUNCATED)
    with entries.open_quietly(path if item.section is Section.HTTP else path + BODY_SUFFIX) as file:
        body = _Body(file=file, offset=offset, size=size, headers=headers)
        if stored.status in freshness.PERMANENT_REDIRECTS:
            return Finding(sha256=_digest(body, advance))
        return _judge(body, contents, contents.sha256 or _seeded(headers), remembered, advance)


def _judge(
    body: _Body, contents: Contents, stated: str | None, remembered: str | None, advance: Callable[[int], object]
) -> Finding:
    """Compare the hash; only where nobody states one is there more to learn from what the body itself says."""
    digest = _digest(body, advance)
    expected = stated or remembered
    if expected and digest != expected:
        return Finding(damage=Damage.HASH_MISMATCH, sha256=digest)
    if stated:
        return Finding(sha256=digest, authentic=True)
    return Finding(damage=_damage(body, contents, advance), sha256=digest)


def _digest(body: _Body, advance: Callable[[int], object]) -> str:
    """Return the sha256; hashing releases the interpreter's lock, so that threads use all cores."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(min(_CHUNK, body.size)))
    body.file.seek(body.offset)
    left = body.size
    while left and (count := body.file.readinto(buffer[: min(left, _CHUNK)])):
        digest.update(buffer[:count])
        left -= count
        advance(count)
    return digest.hexdigest()


def _seeded(headers: Mapping[str, str]) -> str | None:
    """Return the sha256 that a seed of ours was checked against, which its own header keeps."""
    algorithm, _, digest = headers.get(freshness.SEED_MARKER.lower(), "").partition("=")
    return digest if algorithm == "sha256" and digest else None


def _damage(body: _Body, contents: Contents, heard: Callable[[int], object]) -> Damage | None:
    """Look inside by what the body ought to be, else by what its first bytes say."""
    name = (contents.filename or "").lower()
    body.file.seek(body.offset)
    window = _Watched(body, heard)
    head = window.read(0, 4)
    is_wheel = contents.kind in (Kind.WHEEL, Kind.BUILT_WHEEL)
    if is_wheel or name.endswith((".whl", ".zip")) or head == b"PK\3\4":
        return zip_damage(window, is_wheel=is_wheel or name.endswith(".whl"))
    if contents.kind is Kind.METADATA or name.endswith(_METADATA):
        body.file.seek(body.offset)
        return None if _is_metadata(body.file, body.size) else Damage.BROKEN_METADATA
    if contents.kind is Kind.INDEX_PAGE or body.headers.get("content-type", "").strip().lower().startswith(MEDIA_TYPES):
        return _page_damage(window, body.headers)
    is_sdist = name.endswith((".tar.gz", ".tgz"))
    return tar_gz_damage(window, is_sdist=is_sdist) if is_sdist or head.startswith(b"\x1f\x8b") else None


def _is_metadata(file: BinaryIO, size: int) -> bool:
    return identify(file, size).kind is Kind.METADATA


def _page_damage(window: Window, headers: Mapping[str, str]) -> Damage | None:
    """Read a page as pip would; one that is too long for that, or in an encoding of its own, is left at its word."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if window.size > PAGE_LIMIT or encoding not in _ENCODINGS:
        return None
    try:
        decoded = page_names.decode(window.read(0, window.size), encoding)
        content_type = headers.get("content-type", "").strip().lower() or content_type_of(decoded)
        if content_type.startswith(MEDIA_TYPES):
            page_names.parse(decoded, content_type, "", wanted=lambda _: False)
    except ExcessError:
        return None
    except FormatError:
        return Damage.BROKEN_PAGE
    return None
