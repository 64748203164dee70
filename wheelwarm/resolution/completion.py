"""What pip's report leaves out of a resolution: build requirements, `.metadata` files, the hashes of their links.

pip's log names their URLs; index pages, an earlier run or the server tell the hashes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from wheelwarm import urls
from wheelwarm.cache.format import normalise
from wheelwarm.model import Artifact, Kind, Resolution
from wheelwarm.resolution.pages import Pages
from wheelwarm.resolution.pins import metadata_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence, Set

    from wheelwarm.fetcher import Fetcher
    from wheelwarm.shelf.lookup import Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class Completer:
    """Completes resolutions for one target. `previous` is the ledger's memory of the same input.

    `requirement_hashes` are the (algorithm, digest) pairs that the requirements state by `--hash`. `seen` are the pages
    that the server was asked for in this run.

    `learn_build` runs pip on an sdist to see what building it asks for; None where no code may run.
    """

    shelf: Shelf
    fetcher: Fetcher
    previous: Resolution | None = None
    requirement_hashes: frozenset[tuple[str, str]] = frozenset()
    seen: Set[str] = frozenset()
    learn_build: Callable[[Artifact], tuple[str, ...]] | None = None

    def complete(self, resolution: Resolution) -> Resolution:
        """Add what pip's report leaves out, and take out the hashes that pip computed from bodies it had just fetched.

        What is to be checked against must come from elsewhere: an index page, or the requirements.
        """
        # Two sdists may need the same; each URL is one artifact.
        for_builds = tuple(dict.fromkeys(self._build_requests(resolution)))
        asked = resolution.asked + for_builds
        resolved = {normalise(one.url) for one in resolution.artifacts if one.url.startswith("http")}
        others = [urls.named(url) for url in asked if url not in resolved and not urls.is_page(url)]
        by_name = [one for one in resolution.artifacts if not one.direct and one.url.startswith("http")]
        by_uv = resolution.source == "uv"
        pages = Pages(self.shelf, asked, self.fetcher, digests=_digests(by_name) if by_uv and not others else None)
        if by_uv:
            # pip has not asked for these, and what its cache has of them may be older than what uv saw.
            unseen = [url for url in asked if urls.is_page(url) and not self._is_current(url)]
            pages.renew({canonicalize_name(one.name) for one in by_name} & {urls.page_project(url) for url in unseen})
        stated = {one.url: one for one in self._stated([*by_name, *others], pages)}
        artifacts = tuple(stated.get(one.url) or self._vouched(one) for one in resolution.artifacts)
        unasked = metadata_files(artifacts, pages) if by_uv else ()
        return replace(
            resolution,
            artifacts=artifacts,
            supporting=(*(stated[one.url] for one in others), *unasked),
            asked=asked,
            # What is installed too is asked for, however much is built already.
            build_requests=tuple(
                url for url in resolution.build_requests + for_builds if normalise(url) not in resolved
            ),
        )

    def _is_current(self, page: str) -> bool:
        """Tell whether the page in the cache came in this run: by another clock it may be from a little before."""
        stored = self.shelf.fresh_since(page) if page in self.seen else None
        return stored is not None and stored >= self.shelf.now - 1

    def _stated(self, artifacts: Sequence[Artifact], pages: Pages) -> Iterator[Artifact]:
        """Yield the artifacts with the hashes of their links.

        They come from a cached page, from memory if that is a hit now, from the server, else from the requirements.
        """
        known = {one.url: one for one in (*self.previous.artifacts, *self.previous.supporting)} if self.previous else {}
        unknown = []
        for artifact, found in zip(artifacts, pages.complete(artifacts, fetch=False), strict=True):
            remembered = known.get(artifact.url)
            if found is not None:
                yield found
            elif remembered is not None and remembered.hashes and self.shelf.verdict(remembered).warm:
                yield remembered
            else:
                unknown.append(artifact)
        for artifact, found in zip(unknown, pages.complete(unknown), strict=True):
            yield found or self._vouched(artifact)

    def _vouched(self, artifact: Artifact) -> Artifact:
        """Keep only the hashes that the requirements state: in the URL's fragment, or by `--hash`."""
        in_link = artifact.link_hash if artifact.direct else None
        stated = {*self.requirement_hashes, *([(in_link[0], in_link[1].lower())] if in_link else [])}
        return replace(
            artifact, hashes={name: value for name, value in artifact.hashes.items() if (name, value) in stated}
        )

    def _build_requests(self, resolution: Resolution) -> Iterator[str]:
        """Yield the URLs behind builds that this resolution did not need, since pip has the wheels already."""
        previous = self.previous
        remembered = {one.url for one in previous.artifacts} if previous else set()
        for sdist in resolution.artifacts:
            if sdist.kind is not Kind.SDIST or urls.verdict_of(sdist.url, self.shelf.trusted_hosts):
                continue
            if normalise(sdist.url) in resolution.asked:
                continue
            if previous and sdist.url in remembered:
                yield from (url for url in previous.build_requests if url not in resolution.asked)
            elif self.learn_build:
                yield from (url for url in self.learn_build(sdist) if url not in resolution.asked)


def _digests(artifacts: Sequence[Artifact]) -> frozenset[str] | None:
    """Return the hashes of artifacts, None where some have none; uv states those that the index does."""
    if not all(one.hashes for one in artifacts):
        return None
    return frozenset(digest for one in artifacts for digest in one.hashes.values())
