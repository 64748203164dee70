"""What one item of the cache holds: its files opened once, as little read as tells, without moving access times."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from wheelwarm import file_names
from wheelwarm.cache import entries, freshness, wheels
from wheelwarm.cache.identify import OTHER, identify
from wheelwarm.cache.inventory import BODY_SUFFIX, Form, Section
from wheelwarm.entry_facts import Contents, Problem, Source
from wheelwarm.errors import FormatError
from wheelwarm.indexes.index_page import MEDIA_TYPES
from wheelwarm.model import Kind
from wheelwarm.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wheelwarm.cache.identify import Identity
    from wheelwarm.cache.inventory import Item
    from wheelwarm.model import StoredResponse

EXAMINED = frozenset({Form.ENTRY, Form.BODY_ALONE, Form.METADATA_ALONE, Form.BUILT_WHEEL})
"""The forms of items that are something by name."""

_ORIGIN_LIMIT = 1 << 20  # bytes; pip writes a few hundred

# How entries of CacheControl before 0.12 begin; that of pip 10 and later reads none of them.
_OLDER = tuple(b"cc=%d," % version for version in range(4))


def outline(root: Path, item: Item) -> tuple[Contents, bool]:
    """Tell what an entry's headers tell, its body unopened, and whether they call that an index page."""
    if item.form is not Form.ENTRY:
        return Contents(), False
    path = f"{root}/{item.path}"
    try:
        stored, _, size = stored_response(path, item)
    except (OSError, FormatError):
        return Contents(problem=_problem(path)), False
    if not os.access(f"{root}/{item.files[-1].path}", os.R_OK):
        return Contents(problem=Problem.UNREADABLE), False
    headers = freshness.lowered(stored.headers)
    says_page = headers.get("content-type", "").strip().lower().startswith(MEDIA_TYPES)
    return _contents(OTHER, stored.status, headers, size), says_page


def examine(root: Path, item: Item) -> Contents:
    """Tell what an item below the cache directory `root` is; whatever it holds, nothing is raised."""
    if item.form is Form.BUILT_WHEEL:
        return _built_wheel(root, item)
    if item.form is Form.BODY_ALONE:
        return _body_alone(f"{root}/{item.path}", item.bytes)
    return _entry(f"{root}/{item.path}", item) if item.form is Form.ENTRY else Contents()


def read(root: Path, item: Item, *, limit: int) -> tuple[Mapping[str, str], bytes]:
    """Return the headers of an entry, by lower-case name, and its body as it was sent.

    Raises OSError or FormatError, also for a body that is empty or has more bytes than `limit`.
    """
    if item.form is not Form.ENTRY:
        raise FormatError("no entry with both its halves")
    stored, offset, size = stored_response(f"{root}/{item.path}", item)
    if not 0 < size <= limit:
        raise FormatError(f"a body of {size} bytes")
    with entries.open_quietly(f"{root}/{item.files[-1].path}") as file:
        file.seek(offset)
        return freshness.lowered(stored.headers), b"".join(entries.read(file, size))


def key_of(item: Item) -> str:
    """Return the cache key of an entry, or of half of one."""
    return item.files[0].name.removesuffix(BODY_SUFFIX)


def has_key(item: Item) -> bool:
    """Tell whether an item is an entry, or half of one."""
    return item.form in EXAMINED and item.form is not Form.BUILT_WHEEL


def _built_wheel(root: Path, item: Item) -> Contents:
    filename = item.files[0].name
    wheel = file_names.of_wheel(filename)
    return Contents(
        kind=Kind.BUILT_WHEEL,
        name=wheel.project if wheel else None,
        version=wheel.version if wheel else None,
        filename=filename,
        tags=wheel.tags if wheel else (),
        source=Source.FILE_NAME,
        origin=_origin((root / item.path).with_name(wheels.ORIGIN)),
    )


def _origin(path: Path) -> str | None:
    """Return the URL in an `origin.json` that is one."""
    try:
        with entries.open_quietly(path) as file:
            origin = wheels.parse_origin(file.read(_ORIGIN_LIMIT))
    except OSError:
        return None
    return redact(origin.url) if origin else None


def _body_alone(path: str, size: int) -> Contents:
    """Name half of an entry: of no use to pip, and so of no kind; but the name tells whose it was."""
    try:
        found = _identify(path, 0, size)
    except OSError:
        return Contents()
    return Contents(
        name=found.name,
        version=found.version,
        filename=found.filename,
        tags=found.tags,
        requires_python=found.requires_python,
        source=Source.BODY if found.name else None,
    )


def _entry(path: str, item: Item) -> Contents:
    try:
        stored, offset, size = stored_response(path, item)
        headers = freshness.lowered(stored.headers)
        body = path if item.section is Section.HTTP else path + BODY_SUFFIX
        identity = _identify(body, offset, size, headers.get("content-encoding", ""))
    except (OSError, FormatError):
        return Contents(problem=_problem(path))
    return _contents(identity, stored.status, headers, size)


def stored_response(path: str, item: Item) -> tuple[StoredResponse, int, int]:
    """Read an entry by what the walk has found: regular files, in folders that are no links, the body of this size.

    Returns the response without a body, and the body's offset and size in bytes. Raises OSError or FormatError.
    """
    if item.section is Section.HTTP:
        return entries.read_embedded(path)
    return entries.read_metadata(path), 0, item.files[-1].size


def _identify(path: str, offset: int, size: int, content_encoding: str = "") -> Identity:
    with entries.open_quietly(path) as file:
        if offset:
            file.seek(offset)
        return identify(file, size, content_encoding=content_encoding)


def _contents(identity: Identity, status: int, headers: Mapping[str, str], size: int) -> Contents:
    expires, validator = freshness.prospects(status, headers)
    return Contents(
        kind=identity.kind,
        name=identity.name,
        version=identity.version,
        filename=identity.filename,
        tags=identity.tags,
        requires_python=identity.requires_python,
        source=Source.BODY if identity.name else None,
        problem=Problem.TRUNCATED if entries.is_cut(size, headers) else None,
        expires=expires,
        validator=validator,
    )


def _problem(path: str) -> Problem:
    try:
        with entries.open_quietly(path) as file:
            return Problem.OLDER_FORMAT if file.read(5) in _OLDER else Problem.UNREADABLE
    except OSError:
        return Problem.UNREADABLE
