"""Which holdings are to go by a policy, each with the one cause that it is counted under. Pure.

The selectors add up: what any of them names goes, unless it is needed. `--max-size` comes last, over what is left.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from wheelwarm.cache.inventory import Form, Section
from wheelwarm.holdings.reclaim import GRACE_SECONDS, HALF_GRACE_SECONDS, HALVES, Cause, Reader, causes
from wheelwarm.model import Kind

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from wheelwarm.holdings.naming import Holding


class Why(StrEnum):
    """For which selector something goes; of several the first counts, so that the sums are those of the whole."""

    ORPHANS = "orphans"
    LEGACY = "legacy"
    EXPIRED = "expired"
    YANKED = "yanked"
    SUPERSEDED = "superseded"
    OTHER_PYTHONS = "other_pythons"
    INDEX_PAGES = "index_pages"
    UNUSED = "unused"
    """Not used for longer than `--older-than`."""
    NOT_NEEDED = "not_needed"
    """`--keep` alone: no input needs it."""
    MAX_SIZE = "max_size"
    """Used least recently, while the cache was larger than `--max-size`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is to go. `older_than` is in seconds, `max_size` in bytes; `keep` says that needs are known."""

    older_than: float | None = None
    max_size: int | None = None
    keep: bool = False
    stale: bool = False
    legacy: bool = False
    other_pythons: bool = False
    index_pages: bool = False
    orphans: bool = False

    @property
    def by_contents(self) -> bool:
        """Whether it takes a look at what entries are, not only at where they stand and when they were used."""
        return self.stale or self.legacy or self.other_pythons or self.index_pages

    @property
    def for_targets(self) -> bool:
        """Whether it depends on what some pip and Python can use."""
        return self.keep or self.legacy or self.other_pythons

    @property
    def keep_alone(self) -> bool:
        """Whether there is no other selector: then everything goes that is not needed."""
        others = (self.older_than is not None, self.max_size is not None, self.by_contents, self.orphans)
        return self.keep and not any(others)

    @property
    def is_empty(self) -> bool:
        """Whether it selects nothing at all."""
        return self == Policy()

    @property
    def causes(self) -> Mapping[Cause, Why]:
        """What of the causes for which something could go counts."""
        stale = {Cause.EXPIRED: Why.EXPIRED, Cause.YANKED: Why.YANKED, Cause.SUPERSEDED: Why.SUPERSEDED}
        return {
            **({Cause.ORPHAN: Why.ORPHANS} if self.orphans else {}),
            **({Cause.LEGACY: Why.LEGACY} if self.legacy else {}),
            **(stale if self.stale else {}),
            **({Cause.OTHER_PYTHONS: Why.OTHER_PYTHONS} if self.other_pythons else {}),
        }


class Pick(NamedTuple):
    """One thing that is to go, and why."""

    holding: Holding
    why: Why


_RANK = {why: place for place, why in enumerate(Why)}
_BUILD_DEPTH = 6  # wheels/aa/bb/cc/rest/tmpXXXX
_ENTRIES = (Form.ENTRY, Form.BUILT_WHEEL)


def picks(
    holdings: Iterable[Holding],
    policy: Policy,
    *,
    needed: Container[str] = frozenset(),
    readers: Sequence[Reader] = (Reader(),),
    now: float,
) -> list[Pick]:
    """Return what goes, the least recently used first; `needed` are the paths of items that stay whatever is asked.

    `now` is in seconds since the epoch, UTC.
    """
    within = [holding for holding in holdings if holding.item.section is not Section.OTHER]
    why, building = _by_causes(within, policy, readers, now), _builds_under_way(within, now)
    chosen, left = [], []
    for holding in sorted(within, key=_by_use):
        path = holding.item.path
        if path in needed or not may_go(holding, now) or _build_folder(path) in building:
            left.append((holding, False))
        elif reason := why.get(path) or _by_place(holding, policy, now):
            chosen.append(Pick(holding, reason))
        else:
            left.append((holding, True))
    if policy.max_size is not None:
        chosen += _beyond(left, policy.max_size)
    return chosen


def may_go(holding: Holding, now: float) -> bool:
    """Tell whether something is pip's to begin with, and no other process is likely to be at work on it."""
    form, age = holding.item.form, now - holding.item.mtime
    if form in HALVES:
        return age > HALF_GRACE_SECONDS
    return form in _ENTRIES or (form is Form.TEMPORARY and age > GRACE_SECONDS)


def _builds_under_way(holdings: Iterable[Holding], now: float) -> set[str]:
    """Return the folders, one to a build, in which something is young: not all that a build unpacks is."""
    unfinished = (one for one in holdings if one.item.form is Form.TEMPORARY)
    return {folder for one in unfinished if not may_go(one, now) and (folder := _build_folder(one.item.path))}


def _build_folder(path: str) -> str:
    """Return the folder that pip >= 25.3 builds in, below that of the finished wheels; empty for any other file."""
    parts = path.split("/")
    return "/".join(parts[:_BUILD_DEPTH]) if parts[0] == Section.WHEELS and len(parts) > _BUILD_DEPTH else ""


def bytes_left(holdings: Iterable[Holding], chosen: Iterable[Pick]) -> int:
    """Return the bytes of what stays in the sections."""
    gone = {pick.holding.item.path for pick in chosen}
    stays = (one.item for one in holdings if one.item.section is not Section.OTHER)
    return sum([item.bytes for item in stays if item.path not in gone])


def _by_causes(holdings: Sequence[Holding], policy: Policy, readers: Sequence[Reader], now: float) -> dict[str, Why]:
    """Name what goes by what it is; what depends on the target goes only if it does for every one of them."""
    if not policy.causes:
        return {}
    times: dict[tuple[str, Cause], int] = defaultdict(int)
    for reader in readers:
        for holding, found in causes(holdings, reader=reader, now=now):
            for cause in found:
                times[holding.item.path, cause] += 1
    found_by_path: dict[str, list[Why]] = defaultdict(list)
    for (path, cause), number in times.items():
        if cause in policy.causes and number == len(readers):
            found_by_path[path].append(policy.causes[cause])
    return {path: min(reasons, key=_RANK.__getitem__) for path, reasons in found_by_path.items()}


def _by_place(holding: Holding, policy: Policy, now: float) -> Why | None:
    if policy.index_pages and holding.contents.kind is Kind.INDEX_PAGE:
        return Why.INDEX_PAGES
    if policy.older_than is not None and now - holding.last_used > policy.older_than:
        return Why.UNUSED
    return Why.NOT_NEEDED if policy.keep_alone else None


def _beyond(left: Iterable[tuple[Holding, bool]], limit: int) -> Iterator[Pick]:
    """Yield what has to go, the least recently used first, until the rest fits; `left` says of each if it may."""
    left = list(left)
    size = sum([holding.item.bytes for holding, _ in left])
    for holding, may in left:
        if size <= limit:
            return
        if may:
            size -= holding.item.bytes
            yield Pick(holding, Why.MAX_SIZE)


def _by_use(holding: Holding) -> tuple[float, str]:
    return holding.last_used, holding.item.path
