"""Find what would break an install: look at every entry and built wheel, tell the sound from the damaged, remove those.

Other pips may be at work in the same cache: what changes under the look is left alone, what is young and damaged gets a
second look, and a half that is younger than a minute may be on its way.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wheelwarm.cache.inventory import Form
from wheelwarm.entry_facts import Problem, Sound
from wheelwarm.holdings.naming import look, opened
from wheelwarm.holdings.reclaim import GRACE_SECONDS
from wheelwarm.removal import removal
from wheelwarm.removal.removal import Removal
from wheelwarm.shelf.soundness import EXAMINED, Finding, examine, is_unchanged, remembered_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wheelwarm.cache.integrity import Damage
    from wheelwarm.cache.inventory import Item
    from wheelwarm.holdings.naming import Holding
    from wheelwarm.ledger.ledger import Ledger
    from wheelwarm.model import Observer
    from wheelwarm.removal.removal import Plan

SETTLE_SECONDS = 60.0
"""How old half an entry has to be: pip writes one file after the other, within milliseconds but not at once."""

SECOND_LOOK_AFTER = 0.5
"""Seconds until what is damaged and younger than SETTLE_SECONDS is looked at again."""

_HALVES = (Form.METADATA_ALONE, Form.BODY_ALONE)
# Few enough that a thread is never long without work, many enough that handing them out costs nothing.
_BATCH_BYTES, _BATCH_ITEMS = 1 << 22, 64
_PROGRESS = "verified"


@dataclass(frozen=True, slots=True)
class Damaged:
    """What would break an install, or lies there to no use, and why."""

    holding: Holding
    damage: Damage


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What `verify` found, and the plan that removes just the damaged.

    `checked` were read now, `bytes` of them; `unchanged` not, since they are as the last verify found them. Both are
    counted in `authentic` (the hash is stated elsewhere) and `readable` (nothing contradicts). `busy` are those that
    another process was at work on.
    """

    cache_dir: Path
    checked: int = 0
    unchanged: int = 0
    busy: int = 0
    bytes: int = 0
    authentic: int = 0
    readable: int = 0
    problems: tuple[Damaged, ...] = ()
    plan: Plan
    unreadable_folders: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What has gone, and how many of the damaged are still there."""

    removed: Removal = field(default_factory=Removal)
    left: int = 0


def verify(cache_dir: Path, *, quick: bool, observer: Observer) -> VerifyReport:
    """Look at everything in a cache directory; `quick` leaves out what has not changed since the last verify.

    CacheError if it is no cache of pip's; a missing one has no problems. Nothing is removed, and only the ledger is
    written.
    """
    removal.refuse_stranger(cache_dir, home=Path.home())
    with opened(cache_dir) as ledger:
        holdings = look(cache_dir, ledger, observer=observer)
        run = _Run(root=cache_dir, memory=ledger.sound(), observer=observer)
        subjects = run.subjects(holdings.all)
        run.recall(subjects if quick else ())
        run.examine(subjects)
        run.look_again()
        run.record(ledger)
        problems = tuple(run.problems())
        plan = removal.plan((one.holding.item for one in problems), among=holdings.inventory.items)
        return VerifyReport(
            cache_dir=cache_dir,
            checked=len(run.found) - run.unchanged,
            unchanged=run.unchanged,
            busy=run.busy,
            bytes=sum(holding.item.bytes for holding in run.read),
            authentic=sum(finding.authentic for _, finding in run.found.values()),
            readable=sum(not finding.authentic and not finding.damage for _, finding in run.found.values()),
            problems=problems,
            plan=plan,
            unreadable_folders=holdings.inventory.unreadable,
            warnings=tuple(ledger.warnings),
        )


def fix(report: VerifyReport) -> Fixed:
    """Remove the damaged and nothing else; CacheError when a file will not go, or it is no cache of pip's."""
    if not report.plan.items:
        return Fixed()
    removal.check_is_cache(report.cache_dir, home=Path.home())
    removed = removal.carry_out(report.cache_dir, report.plan)
    with opened(report.cache_dir) as ledger:
        ledger.learn_contents((), gone=[item.path for item in report.plan.items])
    left = sum(is_unchanged(report.cache_dir, one.holding.item) for one in report.problems)
    return Fixed(removed=removed, left=left)


class _StoppedError(Exception):
    """The run was interrupted."""


@dataclass(slots=True, kw_only=True)
class _Run:
    """One verify under way; `found` is by path."""

    root: Path
    memory: Mapping[str, Sound]
    observer: Observer
    found: dict[str, tuple[Holding, Finding]] = field(default_factory=dict)
    read: list[Holding] = field(default_factory=list)
    unchanged: int = 0
    busy: int = 0
    _stopped: bool = False
    _started: float = field(default_factory=time.time)

    def subjects(self, holdings: Iterable[Holding]) -> list[Holding]:
        """Choose what can be sound or not: no leftovers, no strangers, nothing that pip is just writing."""
        all_ = list(holdings)
        temporary = (one.item for one in all_ if one.item.form is Form.TEMPORARY)
        under_way = {_folder(item) for item in temporary if self._started - item.mtime < GRACE_SECONDS}
        chosen = [one for one in all_ if one.item.form in EXAMINED and one.contents.problem is not Problem.OLDER_FORMAT]
        kept = [one for one in chosen if not (one.item.form in _HALVES and self._is_on_its_way(one.item, under_way))]
        self.busy += len(chosen) - len(kept)
        return kept

    def recall(self, subjects: Iterable[Holding]) -> None:
        """Take what has not changed since it was found sound at its word."""
        for holding in subjects:
            known, stated = self.memory.get(holding.item.path), holding.contents.sha256
            if known and known.mark == holding.item.mark and stated in (None, known.sha256):
                finding = Finding(sha256=known.sha256, authentic=known.authentic or stated is not None)
                self.found[holding.item.path] = (holding, finding)
        self.unchanged = len(self.found)

    def examine(self, subjects: Iterable[Holding]) -> None:
        """Look at those not yet found, on all cores."""
        pending = [one for one in subjects if one.item.path not in self.found]
        self.observer.phase("verifying")
        self.observer.begin(_PROGRESS, sum(one.item.bytes for one in pending))
        pool = ThreadPoolExecutor(_cores(), thread_name_prefix="verify")
        try:
            for batch in pool.map(self._examine_batch, _batches(pending)):
                self._take(batch)
        except BaseException:
            self._stopped = True
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            self.observer.end(_PROGRESS)
        self.read = pending

    def look_again(self) -> None:
        """Look a second time at what is damaged and young: a pip that stores it anew writes two files, not one."""
        young = [holding for holding, finding in self.found.values() if finding.damage and self._is_young(holding.item)]
        if not young:
            return
        time.sleep(SECOND_LOOK_AFTER)
        for holding in young:
            del self.found[holding.item.path]
        self._take(self._examine_batch(young))

    def problems(self) -> Iterator[Damaged]:
        """Yield what is damaged, in the order of names."""
        damaged = [(holding, finding.damage) for holding, finding in self.found.values() if finding.damage]
        for holding, damage in sorted(damaged, key=lambda one: (one[0].contents.name or "~", one[0].item.path)):
            yield Damaged(holding, damage)

    def record(self, ledger: Ledger) -> None:
        """Keep what is sound in the ledger, for the next quick look, and for whoever asks for a body's hash."""
        sound = {}
        for path, (holding, finding) in self.found.items():
            if finding.sha256 and not finding.damage:
                sound[path] = Sound(holding.item.mark, finding.sha256, finding.authentic)
        news = {path: one for path, one in sound.items() if self.memory.get(path) != one}
        ledger.learn_sound(news, gone=self.memory.keys() - sound.keys())
        for path in news:
            item = self.found[path][0].item
            if item.form is Form.ENTRY:
                ledger.learn_digest_of(item.files[-1], sound[path].sha256)

    def _take(self, batch: Iterable[tuple[Holding, Finding | None]]) -> None:
        for holding, finding in batch:
            if finding is None:
                self.busy += 1
            else:
                self.found[holding.item.path] = (holding, finding)

    def _examine_batch(self, batch: Sequence[Holding]) -> list[tuple[Holding, Finding | None]]:
        return [(holding, self._examine(holding)) for holding in batch]

    def _examine(self, holding: Holding) -> Finding | None:
        item = holding.item
        remembered = remembered_of(self.memory.get(item.path), item)
        return examine(self.root, item, holding.contents, remembered=remembered, advance=self._advance)

    def _advance(self, amount: int) -> None:
        """Tell of progress; end a look that nobody waits for any more, since a body may be gigabytes."""
        if self._stopped:
            raise _StoppedError
        if amount:
            self.observer.advance(_PROGRESS, amount)

    def _is_young(self, item: Item) -> bool:
        return self._started - item.mtime < SETTLE_SECONDS

    def _is_on_its_way(self, item: Item, under_way: set[str]) -> bool:
        """Tell whether the other half may be coming: the first is young, or a temporary file stands beside it."""
        return self._is_young(item) or _folder(item) in under_way


def _folder(item: Item) -> str:
    return item.path.rpartition("/")[0]


def _batches(holdings: Iterable[Holding]) -> Iterator[list[Holding]]:
    """Group by size, the largest first, so that no core ends with a long one."""
    batch: list[Holding] = []
    amount = 0
    for holding in sorted(holdings, key=lambda one: one.item.bytes, reverse=True):
        batch.append(holding)
        amount += holding.item.bytes
        if amount >= _BATCH_BYTES or len(batch) >= _BATCH_ITEMS:
            yield batch
            batch, amount = [], 0
    if batch:
        yield batch


def _cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
