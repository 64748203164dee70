"""A scout under way: it walks in a thread of its own while pip or uv resolves, then fetches the files it has chosen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from wheelwarm.fetcher import Fetcher
from wheelwarm.model import Silent
from wheelwarm.warming.scout import Scout, absent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.model import Observer
    from wheelwarm.shelf.lookup import Shelf
    from wheelwarm.targets.network import Network
    from wheelwarm.warming.filling import Filler
    from wheelwarm.warming.scout import Scouted

# pip takes some 30 ms for a project, a walk a third of that: with this lead, and the time that pip takes to start, it
# is not caught up with. A short walk is over by then.
LEAD_SECONDS = 0.5


class Progress(Silent):
    """Shows what the resolver is at, but for the time when the files' own progress is shown."""

    def __init__(self, shown_to: Observer) -> None:
        self._shown_to = shown_to
        self.is_hidden = False

    def phase(self, text: str) -> None:
        """Show it now, or never."""
        if not self.is_hidden:
            self._shown_to.phase(text)


class Scouting:
    """A walk that begins now, in a thread of the pool, and the files that come after it by `filler`; None for none."""

    def __init__(
        self, scout: Scout, pool: Executor, *, filler: Filler | None, shelf: Shelf, observer: Observer
    ) -> None:
        self.progress = Progress(observer)
        self._scout = scout
        self._filler = filler
        self._shelf = shelf
        self._observer = observer
        self._early: frozenset[str] = frozenset()
        self._scouted = pool.submit(self._go)

    def wait(self, seconds: float | None) -> None:
        """Let the walk get so far ahead; None: until it is over, and what it has chosen is there.

        A resolver that starts now may take what it finds for what the index has.
        """
        wait([self._scouted], seconds)
        self._early = frozenset(self._scout.replaced)

    def result(self) -> Scouted:
        """End the walk and return what it has met, once files that are on their way have come."""
        self._scout.stop()
        return replace(self._scouted.result(), late=frozenset(self._scout.replaced) - self._early)

    def _go(self) -> Scouted:
        scouted = self._scout.walk()
        if self._filler is None or self._scout.is_stopped or not (files := absent(scouted.files, self._shelf)):
            return scouted
        self._filler.seed = self._filler.seed.knowing(scouted.pages)
        self._observer.phase("fetching")
        self.progress.is_hidden = True
        done = tuple(self._filler.fill(files))
        self.progress.is_hidden = False
        return replace(scouted, done=scouted.done + done)


@contextmanager
def scouting(
    requirements: RequirementSet,
    shelf: Shelf,
    network: Network,
    outrider: Callable[[Fetcher, Observer], Filler],
    observer: Observer,
    *,
    to_fetch: bool,
) -> Iterator[Scouting]:
    """Send a scout, whose fillers `outrider` makes; what ends the block by an exception ends every transfer too.

    With `to_fetch` the files are fetched once the walk is over, else only what the walk itself needs.
    """
    with Fetcher(network) as fetcher, ThreadPoolExecutor(1, thread_name_prefix="scout") as pool:
        scout = Scout(requirements, shelf, fetcher, outrider(fetcher, Silent()))
        filler = outrider(fetcher, observer) if to_fetch else None
        try:
            yield Scouting(scout, pool, filler=filler, shelf=shelf, observer=observer)
        except BaseException:
            fetcher.cancel()
            raise
        finally:
            scout.stop()
