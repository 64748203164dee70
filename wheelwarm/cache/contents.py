"""What one item of the cache holds: its files opened once, as little read as tells, without moving access times."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.utils import parse_wheel_filename

from wheelwarm.cache import entries, freshness, wheels
from wheelwarm.cache.identify import Identity, identify
from wheelwarm.cache.inventory import BODY_SUFFIX, Form
from wheelwarm.model import Contents, Kind, Layout, Problem, Source
from wheelwarm.redaction import redact

if TYPE_CHECKING:
    from pathlib import Path

    from wheelwarm.cache.entries import Entry
    from wheelwarm.cache.inventory import Item

EXAMINED = frozenset({Form.ENTRY, Form.BODY_ALONE, Form.METADATA_ALONE, Form.BUILT_WHEEL})
"""The forms of items that are something by name."""

_ORIGIN_LIMIT = 1 << 20  # bytes; pip writes a few hundred

# How entries of CacheControl before 0.12 begin; that of pip 10 and later reads none of them.
_OLDER = tuple(b"cc=%d," % version for version in range(4))


def examine(root: Path, item: Item) -> Contents:
    """Tell what an item below the cache directory `root` is; whatever it holds, nothing is raised."""
    if item.form is Form.BUILT_WHEEL:
        return _built_wheel(root, item)
    if item.form is Form.BODY_ALONE:
        # Of no use to pip, and so of no kind; but a name tells whose it was.
        return replace(_contents(_identify(root / item.path, 0, item.bytes)), kind=Kind.OTHER)
    if item.form is Form.ENTRY:
        return _entry(entries.read_entry(root / item.section, key_of(item), Layout(item.section)))
    return Contents()


def key_of(item: Item) -> str:
    """Return the cache key of an entry, or of half of one."""
    return item.files[0].name.removesuffix(BODY_SUFFIX)


def has_key(item: Item) -> bool:
    """Tell whether an item is an entry, or half of one."""
    return item.form in EXAMINED and item.form is not Form.BUILT_WHEEL


def _built_wheel(root: Path, item: Item) -> Contents:
    filename = item.files[0].name
    name, version, _, tags = parse_wheel_filename(filename)
    return Contents(
        kind=Kind.BUILT_WHEEL,
        name=name,
        version=str(version),
        filename=filename,
        tags=tuple(sorted(map(str, tags))),
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


def _entry(entry: Entry) -> Contents:
    stored = entry.stored
    if stored is None or entry.size is None:
        return Contents(problem=_problem(entry.metadata_path))
    encoding = entries.header_of(stored, "content-encoding") or ""
    return replace(
        _contents(_identify(entry.body_path, entry.body_offset, entry.size, encoding)),
        problem=Problem.TRUNCATED if entries.is_truncated(entry, stored) else None,
        # The freshness that remains at the epoch is the moment at which it ends.
        expires=freshness.remaining(stored, 0.0),
        validator=freshness.has_validator(stored),
    )


def _identify(path: Path, offset: int, size: int, content_encoding: str = "") -> Identity:
    try:
        with entries.open_quietly(path) as file:
            file.seek(offset)
            return identify(file, size, content_encoding=content_encoding)
    except OSError:
        return Identity(kind=Kind.OTHER)


def _contents(identity: Identity) -> Contents:
    return Contents(
        kind=identity.kind,
        name=identity.name,
        version=identity.version,
        filename=identity.filename,
        tags=identity.tags,
        requires_python=identity.requires_python,
        source=Source.BODY if identity.name else None,
    )


def _problem(path: Path) -> Problem:
    try:
        with entries.open_quietly(path) as file:
            return Problem.OLDER_FORMAT if file.read(5) in _OLDER else Problem.UNREADABLE
    except OSError:
        return Problem.UNREADABLE
