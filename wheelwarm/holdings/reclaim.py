"""Why something in the cache could go without loss: a closed set of causes, pure over holdings.

An entry may have several. What is reclaimable is only said here; whether it goes is for a person to decide.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from wheelwarm.cache.inventory import Form, Section
from wheelwarm.entry_facts import Problem
from wheelwarm.file_names import version_of
from wheelwarm.model import Kind, Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.version import Version

    from wheelwarm.entry_facts import Contents
    from wheelwarm.holdings.naming import Holding

GRACE_SECONDS = 24 * 3600
"""How old a temporary file has to be before it counts as left behind: a pip may still be at work on a younger one."""

HALF_GRACE_SECONDS = 600
"""How old half of an entry has to be before it goes: pip writes the metadata first, then the body, maybe gigabytes."""

HALVES = (Form.METADATA_ALONE, Form.BODY_ALONE, Form.ORIGIN_ALONE)
"""What is of no use without the other half."""

_VERSIONED = (Kind.WHEEL, Kind.SDIST, Kind.BUILT_WHEEL)


class Cause(StrEnum):
    """Why it could go."""

    LEGACY = "legacy"
    """Only a pip < 23.3 reads it (`http/`), or not even that one."""
    ORPHAN = "orphans"
    """Half of an entry, or what a crash has left."""
    BROKEN = "broken"
    """Unreadable, or shorter or longer than the server said."""
    EXPIRED = "expired"
    """pip drops it at the next look-up: past its lifetime, and nothing to ask the server by."""
    YANKED = "yanked"
    """Withdrawn from the index (PEP 592): pip takes it only for an exact pin."""
    SUPERSEDED = "superseded"
    """There is a newer version of the project in the cache, whole and for the target's Python."""
    OTHER_PYTHONS = "other_pythons"
    """The target cannot use it, by its tags or its Requires-Python."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """For whom it could go: what a target's pip and Python can use. Without `tags` nobody's Python is meant."""

    layout: Layout = Layout.HTTP_V2
    version: str = ""
    tags: frozenset[str] = field(default_factory=frozenset)


def causes(holdings: Iterable[Holding], *, reader: Reader, now: float) -> Iterator[tuple[Holding, list[Cause]]]:
    """Yield each holding that could go, with every cause; `now` is in seconds since the epoch, UTC."""
    holdings = list(holdings)
    newest = _newest_versions(holdings, reader)
    for holding in holdings:
        found = [*_condition(holding, reader, now), *_use(holding, reader, newest)]
        if found:
            yield holding, found


def _condition(holding: Holding, reader: Reader, now: float) -> Iterator[Cause]:
    item, contents = holding.item, holding.contents
    is_unread = item.section is Section.HTTP and reader.layout is Layout.HTTP_V2
    is_temporary = item.form is Form.TEMPORARY and now - holding.stored > GRACE_SECONDS
    if item.form is Form.ENTRY and (is_unread or contents.problem is Problem.OLDER_FORMAT):
        yield Cause.LEGACY
    if item.form in HALVES or is_temporary:
        yield Cause.ORPHAN
    if contents.problem in (Problem.UNREADABLE, Problem.TRUNCATED):
        yield Cause.BROKEN
    if contents.expires is not None and contents.expires <= now and not contents.validator:
        yield Cause.EXPIRED
    if contents.yanked:
        yield Cause.YANKED


def _use(holding: Holding, reader: Reader, newest: dict[str, Version]) -> Iterator[Cause]:
    contents = holding.contents
    version = version_of(contents.version)
    if contents.name and version is not None and version < newest.get(contents.name, version):
        yield Cause.SUPERSEDED
    if not _fits(contents, reader):
        yield Cause.OTHER_PYTHONS


def _fits(contents: Contents, reader: Reader) -> bool:
    """Tell whether the target's Python can use something, by its tags and its Requires-Python."""
    if not reader.tags:
        return True
    is_wheel = contents.kind in (Kind.WHEEL, Kind.BUILT_WHEEL)
    if is_wheel and contents.tags and reader.tags.isdisjoint(contents.tags):
        return False
    return _python_fits(contents.requires_python, reader.version)


def _newest_versions(holdings: Iterable[Holding], reader: Reader) -> dict[str, Version]:
    """Return each project's newest version of which the target has an artifact here; a final one before the others."""
    versions: dict[str, list[Version]] = defaultdict(list)
    for contents in (holding.contents for holding in holdings):
        version = version_of(contents.version)
        if contents.kind not in _VERSIONED or not contents.name or version is None:
            continue
        if contents.problem is None and _fits(contents, reader):
            versions[contents.name].append(version)
    return {name: max(found, key=lambda one: (not one.is_prerelease, one)) for name, found in versions.items()}


@lru_cache(maxsize=1024)
def _python_fits(requires_python: str | None, version: str) -> bool:
    try:
        return not requires_python or SpecifierSet(requires_python).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True  # pip, too, passes over what it cannot read
