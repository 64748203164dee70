"""What a pip without network asks for, and what of it stands in its way. Pure.

pip 22.2 to 26.3: a page, a `.metadata` file or an artifact is had from the cache only while it is fresh. A page that
cannot be fetched is skipped with a warning, so a project is found if any other page or folder lists it. A sdist is not
asked for once its wheel was built; else its build requirements are resolved by name, by a pip of their own.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from packaging.utils import canonicalize_name

from wheelwarm import urls
from wheelwarm.model import Artifact, Kind, Outcome, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wheelwarm.model import Resolution


SOON = 30 * 24 * 3600
"""Seconds for which an answer should hold, to need no date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """One thing that pip would ask for and not get."""

    artifact: Artifact
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline:
    """The answer: an install works exactly where nothing stands in the way."""

    obstacles: tuple[Obstacle, ...]
    now: float = 0.0
    """When it was given, in seconds since the epoch, UTC."""
    until: float = math.inf
    """When the first thing that pip takes from its cache has to be asked for again, like `now`."""

    @property
    def works(self) -> bool:
        """Whether `pip install` would succeed with the network down."""
        return not self.obstacles

    @property
    def ends_soon(self) -> bool:
        """Whether a yes may be a no before the journey is over."""
        return self.works and self.until - self.now < SOON

    @property
    def by_name(self) -> bool:
        """Whether an index page is among the obstacles, which a file of URLs would not need."""
        return any(one.artifact.kind is Kind.INDEX_PAGE for one in self.obstacles)


class Disk(Protocol):
    """What the rule needs to know of the cache."""

    def verdict(self, artifact: Artifact) -> Verdict:
        """Tell what pip would do for a file, or a wheel built from it."""

    def in_folder(self, artifact: Artifact) -> bool:
        """Tell whether a `--find-links` folder has a file of that name."""

    def page_verdict(self, url: str) -> Verdict:
        """Tell what pip would do for an index page."""

    def fresh_until(self, url: str) -> float:
        """Return when pip will no longer take this entry unasked, in seconds since the epoch, UTC."""

    def offered(self, pages: Sequence[str], artifact: Artifact, made: float) -> Reason | None:
        """Tell whether the cached pages lead to this very artifact; else why not.

        A page stored after `made` may list what pip would rather take.
        """


def judge(resolution: Resolution, disk: Disk) -> Offline:
    """Tell what stands in the way of an install of what these requirements stand for."""
    resolution = _without(resolution, _in_folders(resolution, disk))
    unbuilt = [one for one in resolution.artifacts if one.kind is Kind.SDIST and not _is_built(one, disk)]
    unasked = frozenset() if unbuilt else frozenset(resolution.build_requests)
    files = [(one, disk.verdict(one)) for one in _needed(resolution, unbuilt, unasked)]
    obstacles = [
        *(Obstacle(artifact=one, verdict=verdict) for one, verdict in files if not verdict.warm),
        *_pages(resolution, disk, unasked),
        *_builds(resolution, unbuilt),
    ]
    return Offline(
        obstacles=tuple({one.artifact.identity: one for one in obstacles}.values()),
        # A no needs no end, and to find it is a look at each entry.
        until=math.inf if obstacles else min(_ends(files, resolution, disk, unasked), default=math.inf),
    )


def _in_folders(resolution: Resolution, disk: Disk) -> set[str]:
    """Name the projects that pip finds in a folder, since it skips all their pages."""
    chosen = _chosen(resolution)
    by_project = _pages_by_project(resolution)
    return {
        project
        for project, pages in by_project.items()
        if project in chosen
        and disk.in_folder(chosen[project])
        and not any(disk.page_verdict(url).warm for url in pages)
    }


def _without(resolution: Resolution, projects: set[str]) -> Resolution:
    """Leave out wheels that come from a folder, and what is asked for about them."""

    def stays(artifact: Artifact) -> bool:
        return canonicalize_name(artifact.name) not in projects or artifact.kind is Kind.SDIST

    return replace(
        resolution,
        artifacts=tuple(one for one in resolution.artifacts if stays(one)),
        supporting=tuple(one for one in resolution.supporting if stays(one)),
        asked=tuple(url for url in resolution.asked if not urls.is_page(url) or urls.page_project(url) not in projects),
    )


def _chosen(resolution: Resolution) -> dict[str, Artifact]:
    """Return the file that was taken for each project."""
    files = (one for one in (*resolution.supporting, *resolution.artifacts) if one.kind is not Kind.METADATA)
    return {str(canonicalize_name(one.name)): one for one in files}


def _pages_by_project(resolution: Resolution) -> dict[str, list[str]]:
    by_project: dict[str, list[str]] = defaultdict(list)
    for url in resolution.asked:
        if urls.is_page(url):
            by_project[urls.page_project(url)].append(url)
    return by_project


def _is_built(sdist: Artifact, disk: Disk) -> bool:
    """Tell whether pip has a wheel of it; what is local is built anew each time."""
    return disk.verdict(sdist).outcome is not Outcome.LOCAL and disk.verdict(replace(sdist, kind=Kind.BUILT_WHEEL)).warm


def _needed(resolution: Resolution, unbuilt: Sequence[Artifact], unasked: frozenset[str]) -> list[Artifact]:
    """Return the files that pip will ask for: `.metadata` files too, which it resolves with."""
    resolved = [one for one in resolution.artifacts if one.kind is not Kind.SDIST or one in unbuilt]
    return [*resolved, *(one for one in resolution.supporting if one.url not in unasked)]


def _ends(
    files: Iterable[tuple[Artifact, Verdict]], resolution: Resolution, disk: Disk, unasked: frozenset[str]
) -> Iterator[float]:
    """Yield when each thing that pip takes from its cache will have to be asked for again."""
    yield from (disk.fresh_until(artifact.url) for artifact, verdict in files if verdict.outcome is Outcome.HIT)
    for url in resolution.asked:
        if urls.is_page(url) and url not in unasked and disk.page_verdict(url).outcome is Outcome.HIT:
            yield disk.fresh_until(url)


def _pages(resolution: Resolution, disk: Disk, unasked: frozenset[str]) -> Iterator[Obstacle]:
    """Find the index pages without which pip would not come to what it took, or not to that alone."""
    chosen = _chosen(resolution)
    for project, pages in _pages_by_project(resolution).items():
        needed = [url for url in pages if url not in unasked]
        if needed:
            yield from _project_pages(chosen.get(project), needed, disk, resolution.made)


def _project_pages(chosen: Artifact | None, pages: Sequence[str], disk: Disk, made: float) -> Iterator[Obstacle]:
    if chosen is not None and disk.verdict(chosen).outcome is Outcome.LOCAL:
        return  # found in a folder: pages that cannot be had are skipped
    verdicts = {url: disk.page_verdict(url) for url in pages}
    fresh = [url for url, verdict in verdicts.items() if verdict.warm]
    reason = disk.offered(fresh, chosen, made) if fresh and chosen else None
    if fresh and reason is None:
        return
    stale = {url: verdict for url, verdict in verdicts.items() if not verdict.warm}
    if reason is Reason.OTHER_VERSION or not stale:
        stale |= {url: Verdict(Outcome.STALE, Reason.OTHER_VERSION) for url in fresh}
    for url, verdict in stale.items():
        yield Obstacle(artifact=urls.page_at(url), verdict=verdict)


def _builds(resolution: Resolution, unbuilt: Sequence[Artifact]) -> Iterator[Obstacle]:
    """Find the builds of which nothing tells what they need: no run of pip has been seen to make them."""
    if resolution.recalled or resolution.source in ("pip", "uv"):
        return
    for sdist in unbuilt:
        yield Obstacle(artifact=replace(sdist, kind=Kind.BUILT_WHEEL), verdict=Verdict(Outcome.MISS, Reason.NOT_BUILT))
