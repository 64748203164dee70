"""What pip's report leaves out of a resolution: build requirements, `.metadata` files, the hashes of their links.

pip's log names their URLs; index pages, an earlier run or the server tell the hashes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wheelwarm import urls
from wheelwarm.cache.format import normalise
from wheelwarm.model import Artifact, Kind, Resolution
from wheelwarm.pages import Pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wheelwarm.fetcher import Fetcher
    from wheelwarm.lookup import Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class Completer:
    """Completes resolutions for one target. `previous` is the ledger's memory of the same input.

    `learn_build` runs pip on an sdist to see what building it asks for; None where no code may run.
    """

    shelf: Shelf
    fetcher: Fetcher
    previous: Resolution | None = None
    learn_build: Callable[[Artifact], tuple[str, ...]] | None = None

    def complete(self, resolution: Resolution) -> Resolution:
        """Add what pip's report leaves out: build requirements, `.metadata` files, and the hashes of their links."""
        for_builds = tuple(self._build_requests(resolution))
        asked = resolution.asked + for_builds
        resolved = {normalise(one.url) for one in resolution.artifacts if one.url.startswith("http")}
        others = [urls.named(url) for url in asked if url not in resolved and not urls.is_page(url)]
        pages = Pages(self.shelf, asked, self.fetcher)
        return replace(
            resolution,
            artifacts=tuple(self._link_hash(one, pages) for one in resolution.artifacts),
            supporting=tuple(self._hashed(others, pages)),
            asked=asked,
            build_requests=resolution.build_requests + for_builds,
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

    def _link_hash(self, artifact: Artifact, pages: Pages) -> Artifact:
        """Only a page tells which hash an sdist's link had; pip's report may state one that it computed itself."""
        if artifact.kind is not Kind.SDIST or artifact.direct or not artifact.url.startswith("http"):
            return artifact
        return pages.complete([artifact])[0]

    def _hashed(self, others: Sequence[Artifact], pages: Pages) -> Iterator[Artifact]:
        """Yield the artifacts with their hashes: from a cached page, from memory if that is a hit, from the server."""
        known = {one.url: one for one in self.previous.supporting} if self.previous else {}
        unknown = []
        for artifact in pages.complete(others, fetch=False):
            remembered = known.get(artifact.url)
            if artifact.hashes:
                yield artifact
            elif remembered is not None and remembered.hashes and self.shelf.verdict(remembered).warm:
                yield remembered
            else:
                unknown.append(artifact)
        yield from pages.complete(unknown)
