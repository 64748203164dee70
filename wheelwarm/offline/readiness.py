"""Whether the cache is ready for an install without network: the rule of offline.py, put to one target's shelf."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from wheelwarm import urls
from wheelwarm.cache.format import normalise
from wheelwarm.cache.freshness import remaining
from wheelwarm.errors import ResolveError
from wheelwarm.inputs.requirement_line import RequirementLine
from wheelwarm.local_files import has_one_of, is_folder, path_of
from wheelwarm.model import Artifact, Kind, Outcome, Reason, Verdict
from wheelwarm.offline import offline
from wheelwarm.resolution.choice import Choice
from wheelwarm.resolution.pages import Pages
from wheelwarm.resolution.pins import applies, dependencies

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wheelwarm.indexes.index_page import Link
    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.model import Resolution
    from wheelwarm.offline.offline import Obstacle, Offline
    from wheelwarm.shelf.lookup import Shelf


def readiness(requirements: RequirementSet, resolution: Resolution, shelf: Shelf) -> Offline:
    """Tell whether an install of these requirements would succeed with the network down."""
    disk = CacheDisk(requirements, resolution, shelf)
    inputs = (*disk.remote_files(), *disk.unread_locks(), *disk.unhashed())
    answer = offline.judge(resolution, disk)
    ends = (answer.until, *map(disk.fresh_until, requirements.remote_files))
    return offline.Offline(obstacles=(*inputs, *answer.obstacles), now=shelf.now, until=min(ends))


def local_path(text: str) -> Path | None:
    """Return the path that a `--find-links` is, None for a page on a server."""
    if text.startswith("file:"):
        return path_of(text)
    return None if "://" in text else Path(text)


def is_another(artifact: Artifact) -> bool:
    """Tell whether a file of this machine has none of the hashes that are stated of it, so that pip refuses it."""
    if not artifact.hashes or not artifact.url.startswith("file:"):
        return False
    path = path_of(artifact.url)
    return path.is_file() and not has_one_of(path, artifact.hashes)


@dataclass(frozen=True)
class CacheDisk:
    """What one target's pip would find. Without slots, so that the demands are gathered just once."""

    requirements: RequirementSet
    resolution: Resolution
    shelf: Shelf

    def verdict(self, artifact: Artifact) -> Verdict:
        """Tell what pip would do for a file, or a wheel built from it."""
        if artifact.kind is Kind.BUILT_WHEEL and self.shelf.builds_anew(artifact.name):
            return Verdict(Outcome.MISS, Reason.NOT_BUILT)
        if artifact.direct and is_another(artifact):
            return Verdict(Outcome.MISS, Reason.HASH_MISMATCH)
        return self.shelf.verdict(artifact)

    def in_folder(self, artifact: Artifact) -> bool:
        """Tell whether a `--find-links` folder has a file of that name."""
        configured = (self.shelf.target.setting("find-links") or "").split()
        folders = (local_path(text) for text in (*self.requirements.options.find_links, *configured))
        return bool(artifact.filename) and any((folder / artifact.filename).is_file() for folder in folders if folder)

    def page_verdict(self, url: str) -> Verdict:
        """Tell what pip would do for an index page: before 26.2, and where it is told so, it asks the server."""
        target = self.shelf.target
        if (known := urls.verdict_of(url, self.shelf.trusted_hosts)) is not None:
            return known
        if not target.traits.serves_fresh_pages or target.setting("refresh-package"):
            return Verdict(Outcome.STALE, Reason.ALWAYS_REVALIDATED)
        return self.shelf.http.lookup(url, target.traits.page_headers, now=self.shelf.now).verdict

    def fresh_until(self, url: str) -> float:
        """Return when pip will no longer take this entry unasked; the moment of the look where there is none."""
        shelf = self.shelf
        headers = shelf.target.traits.page_headers if urls.is_page(url) else shelf.request_headers()
        stored = shelf.http.lookup(url, headers, now=shelf.now).stored
        return shelf.now + (remaining(stored, shelf.now) if stored else 0.0)

    def offered(self, pages: Sequence[str], artifact: Artifact, made: float) -> Reason | None:
        """Tell whether the cached pages lead to this very artifact; else why not."""
        links = Pages(self.shelf, pages).cached_links(canonicalize_name(artifact.name))
        if not any(normalise(link.url) == normalise(artifact.url) for link in links):
            return Reason.NO_INDEX_PAGE
        if all(self._stored(page) <= made for page in pages):
            return None
        best = self._best(links, canonicalize_name(artifact.name))
        return None if best is None or normalise(best.url) == normalise(artifact.url) else Reason.OTHER_VERSION

    def remote_files(self) -> Iterator[Obstacle]:
        """Find the requirement files that stand on a server: pip asks for them as it asks for any URL."""
        for url in self.requirements.remote_files:
            verdict = self.shelf.verdict(urls.artifact_at(url))
            if not verdict.warm:
                yield offline.Obstacle(artifact=urls.artifact_at(url), verdict=verdict)

    def unread_locks(self) -> Iterator[Obstacle]:
        """Find the locks that this pip does not read (before 26.1), so that nothing can be installed from them."""
        for lock in () if self.shelf.target.traits.reads_pylock else self.requirements.locks:
            file = Artifact(name=str(lock.path), version="", filename=lock.path.name, kind=Kind.OTHER, url="")
            yield offline.Obstacle(artifact=file, verdict=Verdict(Outcome.UNCACHEABLE, Reason.LOCK_UNKNOWN))

    def unhashed(self) -> Iterator[Obstacle]:
        """Find the folders that a lock has beside files: these have hashes, and pip then demands one of everything.

        pip 26.1 to 26.3: "Can't verify hashes for these file:// requirements because they point to directories".
        """
        artifacts = self.resolution.artifacts
        if self.requirements.locks and any(one.hashes for one in artifacts):
            for one in artifacts:
                if is_folder(one.url):
                    yield offline.Obstacle(artifact=one, verdict=Verdict(Outcome.UNCACHEABLE, Reason.NO_HASH))

    def _stored(self, page: str) -> float:
        """Return when a page was stored or revalidated, in seconds since the epoch; its Date has whole ones only."""
        found = self.shelf.http.lookup(page, self.shelf.target.traits.page_headers, now=self.shelf.now)
        try:
            return found.entry.metadata_path.stat().st_mtime
        except OSError:
            return 0.0

    def _best(self, links: Sequence[Link], name: str) -> Link | None:
        """Return the link that pip would take now, by all that is known to be demanded of the project."""
        choice = Choice(self.requirements.options, self._demands, self.shelf.target)
        finals = [link for link in links if self._may_be_taken(link)]
        return choice.among(finals or links, name)

    def _may_be_taken(self, link: Link) -> bool:
        from packaging.version import InvalidVersion, Version

        try:
            return self.requirements.options.pre or not Version(urls.artifact_at(link.url).version).is_prerelease
        except InvalidVersion:
            return False

    @cached_property
    def _demands(self) -> list[RequirementLine]:
        lines = [line for line in self.requirements.lines if applies(line, self.shelf.target)]
        for artifact in self.resolution.artifacts:
            with suppress(ResolveError):  # a file that is not at hand is an obstacle of its own
                needs = list(dependencies(artifact, (), self.shelf))
                lines += [RequirementLine(text=str(needed), parsed=needed) for needed in needs]
        return lines
