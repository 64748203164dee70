"""Counting holdings: how much there is of each kind, project, age, Python and platform. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from wheelwarm.holdings.selection import version_key
from wheelwarm.model import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from wheelwarm.cache.inventory import Section
    from wheelwarm.holdings.naming import Holding

DAY = 86400.0
"""Seconds."""

_K = TypeVar("_K")

_WHEELS = (Kind.WHEEL, Kind.BUILT_WHEEL)
_ARTIFACTS = (*_WHEELS, Kind.SDIST)
_MACHINE = re.compile(
    r"(?P<system>manylinux|musllinux|linux|macosx|win|ios|android)(?:[0-9_]*_|)(?P<machine>[a-z]\w*|32)?"
)
_SYSTEMS = {"manylinux": "Linux", "linux": "Linux", "musllinux": "musl Linux", "macosx": "macOS", "win": "Windows"}


class Span(StrEnum):
    """How long ago something was: each span reaches from the end of the one before."""

    DAY = "1 day"
    WEEK = "7 days"
    MONTH = "30 days"
    QUARTER = "90 days"
    YEAR = "1 year"
    OLDER = "older"


_SPANS = tuple(Span)
_ENDS = [DAY * days for days in (1, 7, 30, 90, 365)]


@dataclass(frozen=True, slots=True)
class Tally:
    """How much there is of something: `bytes` apparent, `allocated` what it takes on the disk."""

    entries: int = 0
    files: int = 0
    bytes: int = 0
    allocated: int = 0

    @classmethod
    def of(cls, holdings: Iterable[Holding]) -> Tally:
        """Count holdings."""
        items = [holding.item for holding in holdings]
        files = [file for item in items for file in item.files]
        return cls(len(items), len(files), sum([one.size for one in files]), sum([one.allocated for one in files]))

    @classmethod
    def sum(cls, tallies: Iterable[Tally]) -> Tally:
        """Add up what was counted apart."""
        parts = list(tallies)
        return cls(
            sum(one.entries for one in parts),
            sum(one.files for one in parts),
            sum(one.bytes for one in parts),
            sum(one.allocated for one in parts),
        )


class Cell(NamedTuple):
    """What all those have in common that are counted together; None where it does not apply to them.

    The spans are of artifacts, Python and platform of wheels.
    """

    section: Section
    kind: Kind
    last_used: Span | None
    age: Span | None
    python: str | None
    platform: str | None


@dataclass(frozen=True, slots=True)
class ProjectTally:
    """One project's share; `versions` are those of which an artifact is here, the newest first."""

    name: str
    versions: tuple[str, ...]
    tally: Tally
    last_used: float


def cells(holdings: Iterable[Holding], *, now: float) -> dict[Cell, Tally]:
    """Count holdings by all that a cell tells at once: in a large cache one pass is much cheaper than six."""
    groups = grouped(holdings, lambda one: _cell(one, now))
    return {cell: Tally.of(members) for cell, members in groups.items()}


def margin(cells: Mapping[Cell, Tally], by: Callable[[Cell], _K | None]) -> dict[_K, Tally]:
    """Add up the cells by what `by` says of each, but those of which it says None."""
    groups: dict[_K, list[Tally]] = defaultdict(list)
    for cell, tally in cells.items():
        if (group := by(cell)) is not None:
            groups[group].append(tally)
    return {group: Tally.sum(parts) for group, parts in groups.items()}


def _cell(holding: Holding, now: float) -> Cell:
    section, contents = holding.item.section, holding.contents
    kind = contents.kind
    if kind is Kind.OTHER:
        return Cell(section, kind, None, None, None, None)
    python, platform = _built_for(contents.tags) if kind in _WHEELS and contents.tags else (None, None)
    return Cell(section, kind, span(now - holding.last_used), span(now - holding.stored), python, platform)


@lru_cache(maxsize=1024)
def _built_for(tags: tuple[str, ...]) -> tuple[str, str]:
    return python_of(tags), platform_of(tags)


def grouped(holdings: Iterable[Holding], by: Callable[[Holding], _K]) -> dict[_K, list[Holding]]:
    """Group holdings by what `by` says of each."""
    groups: dict[_K, list[Holding]] = defaultdict(list)
    for holding in holdings:
        groups[by(holding)].append(holding)
    return groups


def projects(holdings: Iterable[Holding]) -> list[ProjectTally]:
    """Count each project's share, the largest first."""
    groups = grouped((one for one in holdings if one.contents.name), lambda one: one.contents.name or "")
    found = [
        ProjectTally(name, _versions(members), Tally.of(members), max([one.last_used for one in members]))
        for name, members in groups.items()
    ]
    return sorted(found, key=lambda project: (-project.tally.bytes, project.name))


def _versions(holdings: Iterable[Holding]) -> tuple[str, ...]:
    found = {one.contents.version for one in holdings if one.contents.version and one.contents.kind in _ARTIFACTS}
    return tuple(sorted(found, key=version_key, reverse=True))


def span(seconds: float) -> Span:
    """Return how long ago `seconds` are."""
    return _SPANS[bisect_right(_ENDS, seconds)]


def python_of(tags: Sequence[str]) -> str:
    """Say in a word for which Pythons a wheel is: `py3`, `cp311`, `cp39+` for a stable ABI (PEP 425)."""
    pairs = {tuple(tag.split("-")[:2]) for tag in tags}
    pythons = sorted({python for python, _ in pairs})
    if "py3" in pythons or len(pythons) > 1:
        return "py3" if "py3" in pythons else f"{pythons[0]} and others"
    return f"{pythons[0]}+" if any(abi == "abi3" for _, abi in pairs) else pythons[0]


def platform_of(tags: Sequence[str]) -> str:
    """Say in a word for which platform a wheel is: `any`, or system and machine."""
    platforms = sorted({_platform(tag.split("-")[2]) for tag in tags})
    return platforms[0] if len(platforms) == 1 else f"{platforms[0]} and others"


def _platform(tag: str) -> str:
    match = _MACHINE.fullmatch(tag)
    if match is None:
        return tag
    machine = {"amd64": "x86_64", "32": "x86"}.get(match["machine"] or "", match["machine"] or "")
    return f"{_SYSTEMS.get(match['system'], match['system'])} {machine}".strip()
