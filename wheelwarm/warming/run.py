"""One prefetch for one target with something to do, from resolving to the last look at the disk."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wheelwarm.model import Action, Artifact, Kind, Lane, Reason, Resolution, Row, Summary, Verdict
from wheelwarm.resolution.left_out import left_out
from wheelwarm.resolution.question import spool
from wheelwarm.shelf.lookup import wanted, wanted_metadata
from wheelwarm.warming.filling import EXPECTED_ACTION, Done, Filler, Step, step_for
from wheelwarm.warming.pip_lane import PipLane
from wheelwarm.warming.recording import record
from wheelwarm.warming.resolving import Resolving
from wheelwarm.warming.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from pathlib import Path

    from wheelwarm.fetcher import Fetcher
    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.model import Observer
    from wheelwarm.shelf.lookup import Shelf
    from wheelwarm.warming.company import Company
    from wheelwarm.warming.options import Options


@dataclass(slots=True, kw_only=True)
class Run:
    """One prefetch under way: what it works with, and what it has seen so far."""

    requirements: RequirementSet
    shelf: Shelf
    fetcher: Fetcher
    environ: Mapping[str, str]
    scratch: Path
    observer: Observer
    options: Options
    company: Company
    snapshot: Snapshot | None = None
    filler: Filler = field(init=False)
    resolving: Resolving = field(init=False)
    resolution: Resolution = field(init=False)
    shared: frozenset[tuple[Kind, str]] = frozenset()
    bytes_downloaded: int = 0
    unneeded: tuple[Artifact, ...] = ()
    warnings: tuple[str, ...] = ()
    lock: Path | None = None

    def __post_init__(self) -> None:
        self.filler = self._filler(self.fetcher, self.observer, asks_pip=True)
        self.resolving = Resolving(
            requirements=self.requirements,
            shelf=self.shelf,
            fetcher=self.fetcher,
            filler=self.filler,
            environ=self.environ,
            scratch=self.scratch,
            observer=self.observer,
            outrider=None if self.options.dry_run else self._filler,
            refresh=self.options.refresh,
            resolver=self.options.resolver,
        )

    def _filler(self, fetcher: Fetcher, observer: Observer, *, asks_pip: bool = False) -> Filler:
        return Filler(
            self.shelf,
            fetcher,
            pip=self._pip_lane(),
            seed=self.options.seed,
            observer=observer,
            lenders=self.company.lenders(self.shelf),
            asks_pip=asks_pip,
        )

    def _pip_lane(self) -> PipLane:
        return PipLane(
            self.shelf.target,
            index_arguments=self.requirements.index_arguments(),
            build_arguments=self.requirements.build_arguments(spool(self.requirements, self.scratch)),
            environ=self.environ,
            scratch=self.scratch,
        )

    def carry_out(self) -> tuple[tuple[Row, ...], tuple[Summary, Summary]]:
        """Return the artifacts' rows, and how many `.metadata` files had each outcome before and after."""
        resolution = self.resolution = self._resolve()
        if self.options.lock is not None:
            from wheelwarm.inputs import locking

            locking.check_folders(self.options.lock, resolution.artifacts)
        self.filler.seed = self.options.seed.knowing(resolution.asked)
        artifacts, metadata = list(wanted(resolution, self.shelf)), list(wanted_metadata(resolution))
        before = {one.identity: self._before(one) for one in (*artifacts, *metadata)}
        if self.options.dry_run:
            rows = tuple(planned(one, before[one.identity]) for one in artifacts)
            summary = Summary.of(before[one.identity] for one in metadata)
            return rows, (summary, summary)
        done = self._fetched_ahead(before.keys()) | self._fill([*artifacts, *metadata], before)
        self.resolving.check(resolution)
        self.warnings = tuple(left_out(resolution, self.shelf))
        self.resolving.remember(resolution, made=time.time())
        rows = tuple(self._row(one, before[one.identity], done.get(one.identity)) for one in artifacts)
        self._keep(rows)
        after = Summary.of(self._after(one, before[one.identity]) for one in metadata)
        self.shelf.keep(alone=True)
        return rows, (Summary.of(before[one.identity] for one in metadata), after)

    def _resolve(self) -> Resolution:
        """Resolve, with a look at the cache first where that, or another target's files, will change it."""
        theirs = self.company.usable(self.shelf.target)
        known = self.resolving.known()
        if known is None or self.company.has_begun:
            self.snapshot = Snapshot.of(self.shelf)
        self._share(theirs)
        self.observer.phase("resolving")
        return known or self.resolving.asked()

    def _keep(self, rows: Sequence[Row]) -> None:
        """Leave a record of the run, and the lock that was asked for once all is warm."""
        seconds = time.time() - self.shelf.now
        record(self.shelf, self.resolution, rows, bytes_downloaded=self.bytes_downloaded, seconds=seconds)
        if self.options.lock is not None:
            self._write_lock(self.options.lock, cold=sum(not row.final.warm for row in rows))

    def _write_lock(self, path: Path, *, cold: int) -> None:
        """Write the lock unless so many rows are `cold`."""
        if cold:
            self.warnings += (f"{path} was not written: {cold} of what it would name is neither a hit nor local.",)
            return
        from wheelwarm.warming.lock_writing import write_lock

        self.warnings += write_lock(path, self.resolution, self.requirements, self.shelf, environ=self.environ)
        self.lock = path

    def _share(self, theirs: Sequence[Artifact]) -> None:
        """Take from the other targets what they have, and note what of it needs no work here."""
        if not self.options.dry_run:
            self.filler.share([one for one in theirs if one.kind is not Kind.BUILT_WHEEL])
        self.shared = frozenset(one.identity for one in theirs if self.shelf.verdict(one).warm)

    def _before(self, artifact: Artifact) -> Verdict:
        before = self.company.before(artifact, self.shelf.target)
        if before is None:
            before = self.snapshot.verdict(artifact, self.shelf) if self.snapshot else self.shelf.verdict(artifact)
        self.company.note(artifact, before, self.shelf.target)
        return before

    def _fetched_ahead(self, wanted: Container[tuple[Kind, str]]) -> dict[tuple[Kind, str], Done]:
        """Count what was fetched before pip asked for it, and note what of that pip does not take."""
        done = {identity: self._note(*fetched) for identity, fetched in self.resolving.ahead.items()}
        self.unneeded = tuple(one for identity, (one, _) in self.resolving.ahead.items() if identity not in wanted)
        return done

    def _after(self, artifact: Artifact, before: Verdict) -> Verdict:
        """Look at the disk once more, unless nothing can have changed since it was looked at."""
        return self.shelf.verdict(artifact) if self.snapshot or not before.warm else before

    def _fill(
        self, artifacts: Sequence[Artifact], before: Mapping[tuple[Kind, str], Verdict]
    ) -> dict[tuple[Kind, str], Done]:
        """Fetch what is missing, build requirements too, then build with what is there."""
        # Without a snapshot nobody was at work since the look before: neither pip nor an earlier part of the run.
        now = {one.identity: self.shelf.verdict(one) for one in artifacts} if self.snapshot else before
        steps = {one.identity: step_for(one, now[one.identity]) for one in artifacts}
        self.observer.phase("fetching")
        fetchable = [one for one in artifacts if steps[one.identity] in (Step.FETCH, Step.REVALIDATE)]
        done = {one.identity: self._note(one, result) for one, result in self.filler.fill(fetchable)}
        buildable = [one for one in artifacts if steps[one.identity] is Step.BUILD]
        done |= {one.identity: self._note(one, result) for one, result in self.filler.build(buildable)}
        return done

    def _note(self, artifact: Artifact, done: Done) -> Done:
        self.bytes_downloaded += done.size
        ledger = self.shelf.ledger
        if done.refusal or ledger.refusal_of(artifact.url):
            ledger.note_refusal(artifact.url, done.refusal)
        return done

    def _row(self, artifact: Artifact, before: Verdict, done: Done | None) -> Row:
        """Say what the disk holds now."""
        after = self._after(artifact, before)
        artifact = self.shelf.measured(artifact)
        if done is not None:
            return Row(
                artifact=artifact, before=before, action=done.action, after=after, error=done.error, lane=done.lane
            )
        if before.warm or not after.warm:
            action = EXPECTED_ACTION[step_for(artifact, before)]
            return Row(artifact=artifact, before=before, action=action, after=after)
        if artifact.identity in self.shared:
            return Row(artifact=artifact, before=before, action=Action.SHARED, after=after)
        # pip itself fetched it while resolving.
        revalidated = before.reason is Reason.EXPIRED
        self.bytes_downloaded += 0 if revalidated else artifact.size or 0
        action = Action.REVALIDATED if revalidated else Action.DOWNLOADED
        return Row(artifact=artifact, before=before, action=action, after=after, lane=Lane.PIP)


def planned(artifact: Artifact, before: Verdict) -> Row:
    """Make a row of a dry run: what would be done."""
    return Row(artifact=artifact, before=before, action=EXPECTED_ACTION[step_for(artifact, before)], after=before)
