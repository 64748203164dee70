"""What is in the cache: counted for `stats`, row by row for `list`. Looks only; the ledger alone is written."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wheelwarm.cache import entries
from wheelwarm.cache.contents import key_of
from wheelwarm.cache.entries import Entry
from wheelwarm.cache.inventory import Form, Section
from wheelwarm.holdings import reclaim
from wheelwarm.holdings.naming import Holdings, look, opened
from wheelwarm.holdings.reclaim import Cause
from wheelwarm.holdings.selection import Pattern, Sort, choose
from wheelwarm.holdings.tallies import ProjectTally, Span, Tally, cells, grouped, margin, projects
from wheelwarm.model import Kind, Layout

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from wheelwarm.cache.inventory import Item
    from wheelwarm.holdings.naming import Holding
    from wheelwarm.holdings.reclaim import Reader
    from wheelwarm.ledger.ledger import Ledger
    from wheelwarm.model import Observer, Run

_ARTIFACTS = (Kind.WHEEL, Kind.BUILT_WHEEL, Kind.SDIST)
_HASHED_LIMIT = 1 << 32  # bytes: no wheel on PyPI comes near, and it takes some ten seconds
_EXPECTED = (Form.SELFCHECK, Form.OWN)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Artifacts whose bytes are here more than once; `bytes` is what all but the first take."""

    groups: int = 0
    entries: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsReport:
    """The whole cache, counted. Times are in seconds since the epoch, UTC; sizes in bytes.

    `folders` counts the folders themselves, so that with them the sums are those of `du`. A cause is missing from
    `reclaimable` where it was not asked: without a target there are no other Pythons. The causes overlap;
    `reclaimable_total` counts each entry once.
    """

    cache_dir: Path
    holdings: tuple[Holding, ...]
    total: Tally
    folders: Tally
    sections: Mapping[Section, Tally]
    kinds: Mapping[Kind, Tally]
    projects: tuple[ProjectTally, ...]
    last_used: Mapping[Span, Tally]
    ages: Mapping[Span, Tally]
    pythons: Mapping[str, Tally]
    platforms: Mapping[str, Tally]
    duplicates: Duplicates
    unidentified: tuple[Holding, ...]
    unreadable_folders: tuple[str, ...]
    reclaimable: Mapping[Cause, Tally]
    reclaimable_total: Tally
    runs: tuple[Run, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListReport:
    """What `list` found; `hidden` counts what no pattern and no kind asked for but `other` would show."""

    cache_dir: Path
    holdings: tuple[Holding, ...]
    hidden: int = 0
    unreadable_folders: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def stats(cache_dir: Path, *, reader: Reader, observer: Observer) -> StatsReport:
    """Count everything below a cache directory, for what `reader` can use of it.

    Raises CacheError if it is no directory; a missing one is an empty cache.
    """
    with opened(cache_dir) as ledger:
        holdings = look(cache_dir, ledger, observer=observer)
        duplicates = _duplicates(cache_dir, holdings.all, ledger)
        return _report(holdings, reader, duplicates, ledger)


def listing(
    cache_dir: Path, pattern: Pattern | None, *, kinds: Collection[Kind], sort: Sort, observer: Observer
) -> ListReport:
    """Return what is in the cache, all of it or what a pattern and kinds leave; CacheError as `stats`."""
    with opened(cache_dir) as ledger:
        holdings = look(cache_dir, ledger, observer=observer)
        chosen = choose(holdings.all, pattern, kinds=kinds, sort=sort)
        return ListReport(
            cache_dir=cache_dir,
            holdings=tuple(chosen),
            hidden=0 if pattern or kinds else len(holdings.all) - len(chosen),
            unreadable_folders=holdings.inventory.unreadable,
            warnings=tuple(ledger.warnings),
        )


def _report(holdings: Holdings, reader: Reader, duplicates: Duplicates, ledger: Ledger) -> StatsReport:
    now, stock = time.time(), holdings.inventory
    could_go = list(reclaim.causes(holdings.all, reader=reader, now=now))
    counted = cells(holdings.all, now=now)
    return StatsReport(
        cache_dir=stock.root,
        holdings=tuple(holdings.all),
        total=Tally.sum(counted.values()),
        folders=Tally(stock.folders, 0, stock.folder_bytes, stock.folder_allocated),
        sections=dict.fromkeys(Section, Tally()) | margin(counted, lambda cell: cell.section),
        kinds=dict.fromkeys(Kind, Tally()) | margin(counted, lambda cell: cell.kind),
        projects=tuple(projects(holdings.all)),
        last_used=dict.fromkeys(Span, Tally()) | margin(counted, lambda cell: cell.last_used),
        ages=dict.fromkeys(Span, Tally()) | margin(counted, lambda cell: cell.age),
        pythons=margin(counted, lambda cell: cell.python),
        platforms=margin(counted, lambda cell: cell.platform),
        duplicates=duplicates,
        unidentified=tuple(one for one in holdings.all if one.oddity and one.item.form not in _EXPECTED),
        unreadable_folders=stock.unreadable,
        reclaimable=_by_cause(could_go, reader),
        reclaimable_total=Tally.of(holding for holding, _ in could_go),
        runs=tuple(ledger.runs()),
        warnings=tuple(ledger.warnings),
    )


def _by_cause(could_go: Iterable[tuple[Holding, list[Cause]]], reader: Reader) -> dict[Cause, Tally]:
    by_cause: dict[Cause, list[Holding]] = {
        cause: [] for cause in Cause if reader.tags or cause is not Cause.OTHER_PYTHONS
    }
    for holding, causes in could_go:
        for cause in causes:
            by_cause[cause].append(holding)
    return {cause: Tally.of(holdings) for cause, holdings in by_cause.items()}


def _duplicates(root: Path, holdings: Iterable[Holding], ledger: Ledger) -> Duplicates:
    """Find the same bytes under several keys: by the hash that the index states, else by computing it.

    It is computed only where two artifacts have the same file name, and kept in the ledger; for none beyond any
    wheel's size, since a file may claim to be larger than the disk.
    """
    artifacts = [one for one in holdings if one.contents.kind in _ARTIFACTS and not one.contents.problem]
    by_name = grouped(artifacts, lambda one: one.contents.filename)
    alike = [one for filename, group in by_name.items() if filename and len(group) > 1 for one in group]
    twins = [one for one in alike if one.item.bytes <= _HASHED_LIMIT]
    stated = [one for one in artifacts if one.contents.sha256]
    same = grouped({id(one): one for one in (*stated, *twins)}.values(), lambda one: _digest(root, one, ledger))
    groups = [group for digest, group in same.items() if digest and len(group) > 1]
    return Duplicates(
        groups=len(groups),
        entries=sum(map(len, groups)),
        bytes=sum(one.item.bytes for group in groups for one in group[1:]),
    )


def _digest(root: Path, holding: Holding, ledger: Ledger) -> str:
    """Return the sha256 of a body; empty where it cannot be read."""
    if holding.contents.sha256:
        return holding.contents.sha256
    item = holding.item
    path = root / item.files[-1 if item.form is Form.ENTRY else 0].path
    try:
        status = path.lstat()
        if known := ledger.digest_of(path, status):
            return known
        if (entry := _entry(root, item, path, status.st_size)) is None:
            return ""
        digest = entries.digest_of(entry)
    except OSError:
        return ""
    ledger.learn_digest(path, status, digest)
    return digest


def _entry(root: Path, item: Item, path: Path, size: int) -> Entry | None:
    """Return where the body is; None if what was an entry is none any more."""
    if item.form is not Form.ENTRY:
        return Entry(key="", metadata_file=str(path), body_file=str(path), size=size)
    entry = entries.read_entry(root / item.section, key_of(item), Layout(item.section))
    return None if entry.stored is None else entry
