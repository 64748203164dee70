"""From a plan to entries: fetch and store, revalidate, seed, build, each lane as pip would leave the cache.

The parallel lane is wheelwarm's own; what it cannot do goes through the target's pip, one artifact a run.
"""

from __future__ import annotations

import os
import shutil
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from wheelwarm.cache import format as cache_format
from wheelwarm.cache import freshness
from wheelwarm.errors import FetchError
from wheelwarm.fetcher import Download, Fetched
from wheelwarm.local_files import digest_of
from wheelwarm.model import STRONG_HASHES, Action, Artifact, Kind, Lane, Outcome, Reason, StoredResponse, Verdict
from wheelwarm.redaction import redact
from wheelwarm.targets.network import only_pip_can
from wheelwarm.warming.company import borrow
from wheelwarm.warming.seeding import Seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wheelwarm.cache.http import HttpCache, Lookup
    from wheelwarm.fetcher import Fetcher
    from wheelwarm.model import Observer
    from wheelwarm.shelf.lookup import Shelf
    from wheelwarm.warming.pip_lane import PipLane, PipRun
    from wheelwarm.warming.seeding import SeedPolicy

# A year, as RFC 9111, 4.2.2 leaves it to the cache; the body was checked against the index, so time cannot spoil it.
SEED_LIFETIME = 365 * 24 * 3600
LEAST_LIFETIME = 24 * 3600
# CacheControl's debug line on a response that forbids storing.
NO_STORE_LINE = 'Response header has "no-store"'
PIPS_AT_ONCE = max(1, min(4, os.cpu_count() or 1))


class Step(StrEnum):
    """What the plan has for one artifact."""

    KEEP = "keep"
    SKIP = "skip"
    REVALIDATE = "revalidate"
    FETCH = "fetch"
    BUILD = "build"


EXPECTED_ACTION = {
    Step.KEEP: Action.KEPT,
    Step.SKIP: Action.SKIPPED,
    Step.REVALIDATE: Action.REVALIDATED,
    Step.FETCH: Action.DOWNLOADED,
    Step.BUILD: Action.BUILT,
}


class Done(NamedTuple):
    """What became of one step. `size` is the bytes that came over the network, `lane` how, None if nothing was asked.

    `refusal` is the server's own word against storing; `asked` are the URLs that a build looked up.
    """

    action: Action
    size: int = 0
    error: FetchError | None = None
    refusal: Reason | None = None
    asked: tuple[str, ...] = ()
    lane: Lane | None = None


def step_for(artifact: Artifact, verdict: Verdict) -> Step:
    """Plan one artifact."""
    if verdict.warm:
        return Step.KEEP
    if verdict.outcome is Outcome.UNCACHEABLE and verdict.reason is not Reason.NO_CACHING_HEADERS:
        return Step.SKIP
    if artifact.kind is Kind.BUILT_WHEEL:
        return Step.BUILD
    if verdict.outcome is Outcome.STALE and verdict.reason in (Reason.EXPIRED, Reason.NO_LIFETIME):
        return Step.REVALIDATE
    return Step.FETCH


class Filler:
    """Carries out the steps of one run against one cache."""

    def __init__(
        self,
        shelf: Shelf,
        fetcher: Fetcher,
        *,
        pip: PipLane,
        seed: SeedPolicy,
        observer: Observer,
        lenders: Sequence[HttpCache] = (),
        asks_pip: bool = True,
    ) -> None:
        self._shelf = shelf
        self._fetcher = fetcher
        self._pip = pip
        self.seed = seed
        self._observer = observer
        self._lenders = lenders
        self._asks_pip = asks_pip

    def share(self, artifacts: Sequence[Artifact]) -> None:
        """Store those of these that another cache has, before a pip that fetches bodies while it resolves is asked."""
        for artifact in artifacts:
            found = self._shelf.entry(artifact)
            if step_for(artifact, found.verdict) is Step.FETCH:
                self._lent(artifact, found)

    def fill(self, artifacts: Sequence[Artifact]) -> Iterator[tuple[Artifact, Done]]:
        """Fetch, verify and store each of these; yield what became of it as it is done.

        Raises CacheError when the cache cannot be written.
        """
        by_url: dict[str, tuple[Artifact, Lookup]] = {}
        for_pip = []
        for artifact in artifacts:
            found = self._shelf.entry(artifact)
            if done := self._reseed(artifact, found) or self._lent(artifact, found):
                yield artifact, done
            elif only_pip_can(artifact.url, self._fetcher.network) or strong_hash(artifact) is None:
                self.discard(artifact, found.verdict)
                for_pip.append(artifact)
            else:
                by_url[artifact.url] = (artifact, found)
        for artifact, result in self._fetch(by_url):
            if result is None:
                for_pip.append(artifact)
            else:
                yield artifact, result
        yield from self._by_pip(for_pip)

    def build(self, artifacts: Sequence[Artifact]) -> Iterator[tuple[Artifact, Done]]:
        """Build wheels from sdists by the target's pip, which keeps them; a few at once."""
        for artifact in artifacts:
            self.discard(artifact, self._shelf.verdict(artifact))
        for artifact, run in self._runs("wheel", "--wheel-dir", artifacts, doing="building"):
            failed = run.completed.code != 0
            yield artifact, failed_by_pip(run) if failed else Done(action=Action.BUILT, asked=run.asked, lane=Lane.PIP)

    def discard(self, artifact: Artifact, verdict: Verdict) -> bool:
        """Remove what pip, which is to fetch or build it, would take from its cache and fail on; False for nothing."""
        if verdict.reason not in (Reason.DAMAGED, Reason.HASH_MISMATCH):
            return False
        self._observer.note(f"Removed a spoilt file from the cache: {artifact.filename or artifact.name}.")
        self._shelf.discard(artifact)
        return True

    def learn_build(self, artifact: Artifact) -> tuple[str, ...]:
        """Let pip prepare an sdist, and return the URLs which that made it look up: the build requirements."""
        return self._pip.run("download", "--dest", artifact).asked

    def _fetch(self, by_url: Mapping[str, tuple[Artifact, Lookup]]) -> Iterator[tuple[Artifact, Done | None]]:
        """Fetch these by the parallel lane; None for what pip may be able to fetch all the same."""
        downloads = [self._download(artifact, found) for artifact, found in by_url.values()]
        if not downloads:
            return
        self._observer.expect(len(downloads), sum(download.size or 0 for download in downloads))
        for download, result in self._fetcher.fetch_each(
            downloads,
            new_body=self._shelf.http.new_body,
            then=lambda download, fetched: self._accept(*by_url[download.url], fetched),
            on_begin=self._observer.begin,
            on_bytes=self._observer.advance,
        ):
            artifact, _ = by_url[download.url]
            self._observer.end(download.name)
            if not isinstance(result, FetchError):
                yield artifact, result._replace(lane=Lane.PARALLEL)
            elif result.pip_may and artifact.kind is not Kind.METADATA:
                yield artifact, None
            else:
                yield artifact, Done(action=Action.FAILED, error=result, lane=Lane.PARALLEL)

    def _download(self, artifact: Artifact, found: Lookup) -> Download:
        headers = freshness.known(self._shelf.request_headers())
        if found.stored is not None and step_for(artifact, found.verdict) is Step.REVALIDATE:
            headers |= freshness.conditional_headers(found.stored)
        hash_ = strong_hash(artifact) or ("sha256", "")
        return Download(
            name=artifact.filename,
            url=artifact.url,
            headers=headers,
            algorithm=hash_[0],
            size=artifact.size,
            digest=hash_[1],
        )

    def _accept(self, artifact: Artifact, found: Lookup, fetched: Fetched) -> Done:
        try:
            if fetched.status == 304:
                return self._refresh(artifact, found, fetched)
            return self._store(artifact, fetched)
        except FetchError as error:
            return Done(action=Action.FAILED, size=fetched.size, error=error)
        finally:
            fetched.path.unlink(missing_ok=True)

    def _store(self, artifact: Artifact, fetched: Fetched) -> Done:
        """Store a body that has the expected hash: as pip would, or seeded, or not at all if the server forbids it."""
        check_hash(artifact, fetched)
        headers = self._shelf.request_headers()
        response = StoredResponse(
            status=fetched.status,
            headers=fetched.headers,
            vary=cache_format.vary(fetched.headers, headers),
            version=fetched.version,
            reason=fetched.reason,
        )
        refusal = freshness.storable(fetched.status, fetched.headers, headers)
        if refusal is Reason.NO_STORE:
            self._shelf.http.remove(cache_format.key(artifact.url))
            return Done(action=Action.SKIPPED, size=fetched.size, refusal=refusal)
        as_sent = not fetched.redirected and freshness.varies_by_known(fetched.headers, headers)
        as_pip_would = refusal is None and as_sent
        if as_pip_would and (self._stays_fresh(response, headers) or self.seed.of(artifact) is Seed.NEVER):
            self._shelf.store(artifact.url, response, fetched.path, sha256=fetched.digests["sha256"])
            return Done(action=Action.DOWNLOADED, size=fetched.size)
        if self.seed.of(artifact) is Seed.NEVER:
            return Done(action=Action.SKIPPED, size=fetched.size, refusal=refusal or Reason.NO_CACHING_HEADERS)
        digest = fetched.digests["sha256"]
        self._shelf.store(artifact.url, self._seeded(fetched.headers, digest), fetched.path, sha256=digest)
        return Done(action=Action.SEEDED, size=fetched.size)

    def _refresh(self, artifact: Artifact, found: Lookup, fetched: Fetched) -> Done:
        """After a 304: the headers that pip would keep, or a seeded lifetime where those would not keep it fresh."""
        if found.stored is None:
            raise FetchError(f"The server answered 304 for {redact(artifact.url)} though nothing was stored.")
        headers = self._shelf.request_headers()
        response = freshness.revalidated(found.stored, fetched.headers, headers)
        digest = self._shelf.http.digest(found)
        if not self._stays_fresh(response, headers) and self._may_seed(artifact, digest):
            self._shelf.http.refresh(artifact.url, self._seeded(response.headers, digest))
            return Done(action=Action.SEEDED)
        self._shelf.http.refresh(artifact.url, response)
        return Done(action=Action.REVALIDATED)

    def _reseed(self, artifact: Artifact, found: Lookup) -> Done | None:
        """Give a verified body without a validator a new lifetime, since pip would only drop it and fetch the same."""
        if found.stored is None or step_for(artifact, found.verdict) is not Step.REVALIDATE:
            return None
        if freshness.has_validator(found.stored):
            return None
        digest = self._shelf.http.digest(found)
        if not self._may_seed(artifact, digest):
            return None
        self._shelf.http.refresh(artifact.url, self._seeded(found.stored.headers, digest))
        return Done(action=Action.SEEDED)

    def _lent(self, artifact: Artifact, found: Lookup) -> Done | None:
        """Store a verified body out of another cache, under the headers with which that had it."""
        fetched = borrow(artifact, self._lenders, self._shelf)
        done = self._accept(artifact, found, fetched) if fetched else None
        stored = done is not None and done.action in (Action.DOWNLOADED, Action.SEEDED)
        return done._replace(action=Action.SHARED, size=0) if done and stored else None

    def _may_seed(self, artifact: Artifact, digest: str) -> bool:
        return self.seed.of(artifact) is Seed.VERIFIED and artifact.sha256 == digest

    def _seeded(self, headers: Mapping[str, str], sha256: str) -> StoredResponse:
        kept = freshness.seed(headers, now=self._shelf.now, sha256=sha256, lifetime=SEED_LIFETIME)
        return StoredResponse(status=200, headers=kept)

    def _stays_fresh(self, response: StoredResponse, headers: Mapping[str, str | None]) -> bool:
        """Tell whether it is a hit now and for a day: an hour's lifetime warms nothing for tomorrow."""
        fresh = freshness.judge(response, headers, self._shelf.now).outcome is Outcome.HIT
        return fresh and freshness.remaining(response, self._shelf.now) >= LEAST_LIFETIME

    def _by_pip(self, artifacts: Sequence[Artifact]) -> Iterator[tuple[Artifact, Done]]:
        """Let pip fetch and store these; seed what came if pip could not store it and the server did not forbid it."""
        files = []
        for artifact in artifacts:
            if artifact.kind is Kind.METADATA or not self._asks_pip:
                # pip has no command that fetches just this file; the wheel it belongs to is warmed all the same.
                yield artifact, Done(action=Action.SKIPPED)
            else:
                files.append(artifact)
        for artifact, run in self._runs("download", "--dest", files, doing="letting pip fetch"):
            yield artifact, self._downloaded(artifact, run)._replace(lane=Lane.PIP)

    def _runs(
        self, command: str, folder_option: str, artifacts: Sequence[Artifact], *, doing: str
    ) -> Iterator[tuple[Artifact, PipRun]]:
        """Run pip for each of these, a few at once: most of a run is the time that pip takes to start."""
        if not artifacts:
            return
        from concurrent.futures import ThreadPoolExecutor

        def run(artifact: Artifact) -> PipRun:
            self._observer.phase(f"{doing} {artifact.name} {artifact.version}".rstrip())
            return self._pip.run(command, folder_option, artifact)

        with ThreadPoolExecutor(PIPS_AT_ONCE, thread_name_prefix="pip") as pool:
            try:
                yield from zip(artifacts, pool.map(run, artifacts), strict=True)
            except BaseException:
                self._pip.stop()
                raise

    def _downloaded(self, artifact: Artifact, run: PipRun) -> Done:
        if run.completed.code != 0:
            return failed_by_pip(run)
        if self._shelf.verdict(artifact).warm:
            return Done(action=Action.DOWNLOADED, asked=run.asked)
        if NO_STORE_LINE in run.log_text():
            return Done(action=Action.SKIPPED, refusal=Reason.NO_STORE, asked=run.asked)
        return self._seed_file(artifact, run)

    def _seed_file(self, artifact: Artifact, run: PipRun) -> Done:
        path = run.folder / artifact.filename
        expected = strong_hash(artifact)
        if expected is None:
            return Done(action=Action.SKIPPED, refusal=Reason.NO_HASH, asked=run.asked)
        if self.seed.of(artifact) is Seed.NEVER or not path.is_file() or digest_of(path, expected[0]) != expected[1]:
            return Done(action=Action.SKIPPED, refusal=Reason.NO_CACHING_HEADERS, asked=run.asked)
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(path.stat().st_size)}
        body = self._shelf.http.new_body()
        shutil.copyfile(path, body)
        self._shelf.http.store(artifact.url, self._seeded(headers, digest_of(path, "sha256")), body)
        return Done(action=Action.SEEDED, asked=run.asked)


def failed_by_pip(run: PipRun) -> Done:
    """Tell what became of an artifact that pip could not get or build."""
    return Done(action=Action.FAILED, error=run.error(), asked=run.asked, lane=Lane.PIP)


def strong_hash(artifact: Artifact) -> tuple[str, str] | None:
    """Return the hash to check a body against; md5 and sha1 count as none, as for pip's own hash checking."""
    return next(((name, artifact.hashes[name]) for name in STRONG_HASHES if name in artifact.hashes), None)


def check_hash(artifact: Artifact, fetched: Fetched) -> None:
    """Raise FetchError unless the body has the hash that the index or the requirement states."""
    name, expected = strong_hash(artifact) or ("sha256", "")
    if fetched.digests.get(name) != expected:
        raise FetchError(
            f"The hash of {redact(artifact.url)} does not match: expected {name} {expected}, "
            f"got {fetched.digests.get(name)}.",
            hint="The file and its index page disagree; try again later, or tell the index's operator.",
        )
