"""One run's way to a resolution: remembered, told by pins and the index, or asked of the target's pip.

A spoilt entry that makes pip fail is removed, and pip asked once more.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wheelwarm import urls
from wheelwarm.cache import format as cache_format
from wheelwarm.errors import HashMismatchError, ResolveError
from wheelwarm.model import Action, Kind
from wheelwarm.resolution.knowledge import fresh_resolution, locked_wheels, wheels_in_locks
from wheelwarm.resolution.question import input_digest
from wheelwarm.shelf.lookup import wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wheelwarm.fetcher import Fetcher
    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.model import Artifact, Observer, Resolution
    from wheelwarm.resolution.completion import Completer
    from wheelwarm.shelf.lookup import Shelf
    from wheelwarm.warming.filling import Done, Filler

STORED = (Action.DOWNLOADED, Action.SEEDED, Action.REVALIDATED, Action.SHARED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolving:
    """What a prefetch resolves with.

    `outrider` makes the filler of a scout that goes before pip; None where nothing may be fetched. `refresh` takes
    nothing from memory. `resolver` is pip or uv. Their files stand below `scratch`. `ahead` is what was
    fetched before pip asked for it, `seen` are the pages that were asked for before uv named them.
    """

    requirements: RequirementSet
    shelf: Shelf
    fetcher: Fetcher
    filler: Filler
    environ: Mapping[str, str]
    scratch: Path
    observer: Observer
    outrider: Callable[[Fetcher, Observer], Filler] | None = None
    refresh: bool = False
    resolver: str = "pip"
    ahead: dict[tuple[Kind, str], tuple[Artifact, Done]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    @property
    def digest(self) -> str:
        """Under which the ledger remembers the resolution."""
        return input_digest(self.requirements, self.shelf.target, resolver=self.resolver)

    def known(self) -> Resolution | None:
        """Return what the requirements stand for if pip need not be asked: no file in the cache changes by that."""
        if self.requirements.only_locks:
            known = None if self.refresh else locked_wheels(self.requirements, self.shelf)
            return known or wheels_in_locks(self.requirements, self.shelf)
        known = None if self.refresh else fresh_resolution(self.requirements, self.shelf, resolver=self.resolver)
        return known or self._pinned()

    def asked(self) -> Resolution:
        """Ask pip, or uv, what the requirements stand for now, with the hashes of all files.

        Raises ResolveError, in its words.
        """
        return self._completer.complete(self._ask_uv() if self.resolver == "uv" else self._asked())

    def _ask_uv(self) -> Resolution:
        """Ask uv, while a scout does for pip's cache what uv does for its own; how far it gets is far enough.

        Where no page is kept in pip's cache, it would only ask for each one more time.
        """
        from wheelwarm.warming.scout import can_go
        from wheelwarm.warming.scouting import scouting

        keeps_pages = self.shelf.target.traits.serves_fresh_pages
        if self.outrider is None or not keeps_pages or not can_go(self.requirements, self.shelf):
            return self._resolved_by_uv()
        network = self.fetcher.network
        with scouting(self.requirements, self.shelf, network, self.outrider, self.observer, to_fetch=False) as walk:
            found = self._resolved_by_uv()
            scouted = walk.result()
        self._note(scouted.done)
        self.seen.update(scouted.pages)
        return found

    def _resolved_by_uv(self) -> Resolution:
        from wheelwarm.resolution.uv_resolver import resolve_by_uv

        return resolve_by_uv(
            self.requirements,
            self.shelf.target,
            environ=self.environ,
            scratch=Path(tempfile.mkdtemp(dir=self.scratch)),
            now=self.shelf.now,
            observer=self.observer,
        )

    def remember(self, resolution: Resolution, made: float) -> None:
        """Keep a resolution; index pages stored later than `made` may lead pip to something else.

        What was itself remembered keeps its age.
        """
        if not resolution.recalled:
            self.shelf.ledger.remember(self.digest, self.shelf.target.identity, replace(resolution, made=made))

    def check(self, resolution: Resolution) -> None:
        """Raise ResolveError when files that pins name need another one, which their metadata tells only now."""
        if resolution.source == "pins":
            from wheelwarm.resolution import pins

            pins.check_resolved(self.requirements, resolution, self.shelf)

    def _pinned(self) -> Resolution | None:
        """Take pins with hashes for the lock that they are: only their index pages are asked for.

        What has to be built asks for more than that, and what no page lists is for pip to explain.
        """
        from wheelwarm.resolution import pins

        if not pins.is_lock(self.requirements) or self.shelf.target.elsewhere:
            return None
        self.observer.phase("asking the index")
        found = pins.resolve_pins(self.requirements, self.shelf, fetcher=self.fetcher)
        if found is None or not all(one.kind is Kind.WHEEL and one.sha256 for one in found.artifacts):
            return None
        return found

    @property
    def _completer(self) -> Completer:
        from wheelwarm.resolution.completion import Completer

        return Completer(
            shelf=self.shelf,
            fetcher=self.fetcher,
            previous=self._previous(),
            requirement_hashes=self.requirements.hashes,
            seen=self.seen,
            learn_build=self.filler.learn_build if self.outrider and not self.shelf.target.elsewhere else None,
        )

    def _previous(self) -> Resolution | None:
        return self.shelf.ledger.recall(self.digest, self.shelf.target.identity)

    def _asked(self) -> Resolution:
        """Ask pip, a second time after a spoilt entry that made it fail was removed."""
        try:
            return self._ask()
        except HashMismatchError as error:
            if not self._evict(error):
                raise
        except ResolveError:
            if not self._discard_damaged():
                raise
        try:
            return self._ask()
        except HashMismatchError as error:
            # The server sends what the index does not state, and pip has stored it before it looked.
            self._evict(error)
            raise

    def _ask(self) -> Resolution:
        """Let a scout go before pip, and fetch the files that pip will most likely take while it resolves.

        A pip that itself fetches files to resolve has to wait for them. Should pip have used an index page as it was
        in its cache before the run, it is asked once more, for fresh pages only.
        """
        from wheelwarm.warming.scout import can_go
        from wheelwarm.warming.scouting import LEAD_SECONDS, scouting

        if self.outrider is None or not can_go(self.requirements, self.shelf):
            return self._ask_pip(refresh=True, observer=self.observer)
        self.observer.phase("looking ahead")
        lead = None if self.shelf.target.traits.dry_run_fetches_bodies else LEAD_SECONDS
        network = self.fetcher.network
        with scouting(self.requirements, self.shelf, network, self.outrider, self.observer, to_fetch=True) as walk:
            walk.wait(lead)
            found = self._ask_pip(refresh=False, observer=walk.progress)
            scouted = walk.result()
        self._note(scouted.done)
        pages = [url for url in found.asked if urls.is_page(url)]
        is_current = all(scouted.is_current(url, self.shelf) for url in pages)
        return found if is_current else self._ask_pip(refresh=True, observer=self.observer)

    def _note(self, results: Iterable[tuple[Artifact, Done]]) -> None:
        self.ahead.update((one.identity, (one, done)) for one, done in results if done.action in STORED)

    def _ask_pip(self, *, refresh: bool, observer: Observer) -> Resolution:
        from wheelwarm.resolution.resolver import resolve

        return resolve(
            self.requirements,
            self.shelf.target,
            environ=self.environ,
            scratch=Path(tempfile.mkdtemp(dir=self.scratch)),
            now=self.shelf.now,
            observer=observer,
            refresh=refresh,
        )

    def _evict(self, error: HashMismatchError) -> bool:
        """Remove the entry whose body pip refused, unless the index itself states that body's hash."""
        from wheelwarm.resolution.pages import Pages

        pages = Pages(self.shelf, error.asked, self.fetcher)
        for artifact in (urls.named(url) for url in error.asked if not urls.is_page(url)):
            found = self.shelf.http.lookup(artifact.url, self.shelf.request_headers(), now=self.shelf.now)
            if found.stored is None or self.shelf.http.digest(found) != error.got:
                continue
            (listed,) = pages.complete([artifact])
            if listed is not None and listed.sha256 == error.got:
                return False
            self.observer.note(f"Removed a spoilt entry: {artifact.filename} had another hash than the index states.")
            self.shelf.http.remove(cache_format.key(artifact.url))
            return True
        return False

    def _discard_damaged(self) -> bool:
        """Remove what the last run for this input left and is damaged now: pip may have failed on it."""
        previous = self._previous()
        known = wanted(previous, self.shelf) if previous else ()
        return sum(self.filler.discard(artifact, self.shelf.verdict(artifact)) for artifact in known) > 0
