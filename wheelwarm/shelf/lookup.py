"""What pip would do with its cache for one artifact: the outcome, read from the disk, with its reason.

Joins the two sections of the cache (HTTP entries, locally built wheels) with what the URL alone tells. Asks nobody.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from wheelwarm import urls
from wheelwarm.cache import freshness
from wheelwarm.cache.format import key
from wheelwarm.cache.http import HttpCache
from wheelwarm.errors import InputError
from wheelwarm.local_files import digest_of, path_of
from wheelwarm.model import HIT, LOCAL, STRONG_HASHES, Artifact, Kind, Outcome, Reason, Resolution, Verdict
from wheelwarm.shelf.looks import Looks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from wheelwarm.cache import wheels
    from wheelwarm.cache.http import Lookup
    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.ledger.ledger import Ledger
    from wheelwarm.model import StoredResponse
    from wheelwarm.targets.target import Target

_BESIDE_SHA256 = ("sha512", "sha384", "sha224", "sha1", "md5")


class Shelf:
    """One target's cache, with what is known about it: answers what pip would find.

    `now` is in seconds since the epoch, UTC; `trusted_hosts` are those whose plain http pip caches. `learn_headers`
    asks pip what it sends; it is called when a Vary names a header that the pip's version does not fix. `builds_anew`
    tells of which projects pip passes over the wheels that it has built.
    """

    def __init__(
        self,
        target: Target,
        ledger: Ledger,
        *,
        now: float,
        trusted_hosts: Sequence[str] = (),
        learn_headers: Callable[[], Mapping[str, str]] = dict,
        builds_anew: Callable[[str], bool] = lambda _name: False,
    ) -> None:
        traits = target.traits
        self.target = target
        self.ledger = ledger
        self.now = now
        self.trusted_hosts = tuple(trusted_hosts)
        self.http = HttpCache(target.cache_dir, layout=traits.layout, inherits_permissions=traits.inherits_permissions)
        self.builds_anew = builds_anew
        self.looks: Looks | None = None
        self._headers: dict[str, str | None] = dict(traits.file_headers)
        self._learn_headers = learn_headers

    @classmethod
    def of(cls, requirements: RequirementSet, target: Target, ledger: Ledger, *, environ: Mapping[str, str]) -> Shelf:
        """Look at a target's cache from now on, as its pip would for these requirements."""

        def learn_headers() -> dict[str, str]:
            from wheelwarm.targets import wire

            return wire.file_headers(target, environ)

        return cls(
            target,
            ledger,
            now=time.time(),
            trusted_hosts=trusted_hosts_of(requirements, target),
            learn_headers=learn_headers,
            builds_anew=builds_anew_of(requirements, target),
        )

    def recall(self, digest: str) -> None:
        """Look no further at what is as the last look at the same input, by its digest, found it."""
        self.looks = Looks(self.ledger, digest, self.target.identity, now=self.now)

    def verdict(self, artifact: Artifact) -> Verdict:
        """Tell what pip would do for this artifact now."""
        if not artifact.url:
            return Verdict(Outcome.MISS, Reason.NO_INDEX_PAGE)
        if (known := urls.verdict_of(artifact.url, self.trusted_hosts)) is not None:
            return known
        if artifact.kind is Kind.BUILT_WHEEL:
            return self.built_verdict(artifact)
        if self._was_hit(artifact):
            return HIT
        began = time.time_ns()
        found = self.entry(artifact)
        if found.url != artifact.url and urls.verdict_of(found.url, self.trusted_hosts) is not None:
            # A cached redirect leads to where pip uses no cache; an entry under the first URL can take its place.
            return Verdict(Outcome.MISS, Reason.INSECURE_ORIGIN)
        verdict = found.verdict
        if verdict.outcome is Outcome.MISS and (reason := self.ledger.refusal_of(artifact.url)):
            return Verdict(Outcome.UNCACHEABLE, Reason(reason))
        if verdict == HIT and found.sha256 and self._headers == self.target.traits.file_headers:
            self._note(artifact.url, found, began, sha256=found.sha256)
        return verdict

    def keep(self, *, alone: bool = False) -> None:
        """Remember this look for the next one at the same input; `alone` forgets whatever it has not come by."""
        if self.looks:
            self.looks.keep(alone=alone)

    def where(self, url: str) -> str | None:
        """Return the file of the metadata that is stored for a URL; None if there is none."""
        if self.looks and (seen := self.looks.where(url)):
            return seen
        with suppress(InputError):
            file = self.http.place(key(url))
            return file if os.path.lexists(file) else None
        return None

    def fresh_since(self, page: str) -> float | None:
        """Return when an index page that pip would take without asking was stored, in seconds since the epoch, UTC."""
        if self.looks and (look := self.looks.of(page)):
            return look.stored
        began = time.time_ns()
        found = self.http.lookup(page, self.target.traits.page_headers, now=self.now)
        if found.stored is None or freshness.remaining(found.stored, self.now) <= 0:
            return None
        self._note(page, found, began)
        metadata = found.entry.metadata_stat
        return metadata.st_mtime_ns / 1e9 if metadata else None

    def _was_hit(self, artifact: Artifact) -> bool:
        look = self.looks.of(artifact.url) if self.looks and artifact.sha256 else None
        return look is not None and look.sha256 == artifact.sha256

    def _note(self, url: str, found: Lookup, began: int, *, sha256: str | None = None) -> None:
        """Remember what is fresh, unless a redirect led to it."""
        if self.looks and found.stored and found.url == url:
            until = self.now + freshness.remaining(found.stored, self.now)
            self.looks.note(url, found.entry, at=began, until=until, sha256=sha256)

    def entry(self, artifact: Artifact) -> Lookup:
        """Look an HTTP entry up, its body's sha256 included where one is expected."""
        found = self._look_up(artifact)
        if found.verdict.reason is Reason.VARY_MISMATCH and self._varies_by_unknown(found):
            self._headers |= self._learn_headers()
            found = self._look_up(artifact)
        if artifact.sha256 is None:
            return self._examined(artifact, found)
        if found.sha256 and found.body_stat:
            self.ledger.learn_digest(found.entry.body_file, found.body_stat, found.sha256)
        return found

    def store(self, url: str, response: StoredResponse, body: Path, *, sha256: str) -> None:
        """Store a response whose body was hashed while it was written, so that nobody need read it again for that.

        CacheError if it cannot be stored. May be called from any thread.
        """
        stored = self.http.store(url, response, body)
        with suppress(OSError):  # another process has removed it
            self.ledger.learn_digest(stored, stored.lstat(), sha256)

    def request_headers(self) -> Mapping[str, str | None]:
        """Return the headers that the target's pip will send for a file, as far as they are known.

        They are the same for wheels, sdists and `.metadata` files.
        """
        return self._headers

    def _look_up(self, artifact: Artifact) -> Lookup:
        return self.http.lookup(
            artifact.url,
            self._headers,
            now=self.now,
            sha256=artifact.sha256,
            verified=self.ledger.digest_of,
        )

    def _varies_by_unknown(self, found: Lookup) -> bool:
        known = {name.lower() for name in self._headers}
        return found.stored is not None and any(name.lower() not in known for name in found.stored.vary)

    def built_verdict(self, artifact: Artifact) -> Verdict:
        """Tell whether pip would find a locally built wheel for this sdist."""
        if self.target.elsewhere:
            return Verdict(Outcome.UNCACHEABLE, Reason.BUILT_ELSEWHERE)
        if wheel := self.built_wheel(artifact):
            damage = self._damage(artifact, wheel.path)
            return Verdict(Outcome.MISS, damage) if damage else HIT
        from wheelwarm.cache import wheels

        if not wheels.should_cache(artifact.url):
            return Verdict(Outcome.UNCACHEABLE, Reason.UNVERSIONED_ARCHIVE)
        return Verdict(Outcome.MISS, Reason.NOT_BUILT)

    def built_wheel(self, artifact: Artifact) -> wheels.BuiltWheel | None:
        """Return the locally built wheel that pip would take for this sdist."""
        from wheelwarm.cache import wheels

        key = wheels.wheel_key(
            artifact.url,
            hash=artifact.link_hash,
            subdirectory=artifact.subdirectory,
            interpreter_name=self.target.interpreter_name,
            interpreter_version=self.target.interpreter_version,
        )
        return wheels.find(self.target.cache_dir, key, project=artifact.name, tags=self.target.tags)

    def discard(self, artifact: Artifact) -> None:
        """Remove what pip would find for an artifact and fail on."""
        if artifact.kind is not Kind.BUILT_WHEEL:
            self.http.remove(self._look_up(artifact).entry.key)
        elif wheel := self.built_wheel(artifact):
            wheel.path.unlink(missing_ok=True)

    def _examined(self, artifact: Artifact, found: Lookup) -> Lookup:
        """Look inside what no one states the sha256 of, unless it is as it was when it was last found sound."""
        if found.stored is None or found.verdict.outcome is Outcome.MISS:
            return found
        paths = dict.fromkeys((found.entry.metadata_path, found.body_path))
        damage = self._damage(artifact, *paths)
        if not damage and not self._has_a_hash(artifact, found):
            damage = Reason.HASH_MISMATCH
        return found._replace(verdict=Verdict(Outcome.MISS, damage)) if damage else found

    def _has_a_hash(self, artifact: Artifact, found: Lookup) -> bool:
        """Tell whether a body has one of the hashes that are stated, or none is that pip knows."""
        stated = {name: digest for name, digest in artifact.hashes.items() if name in _BESIDE_SHA256}
        return not stated or any(self.http.digest(found, name) == digest for name, digest in stated.items())

    def _damage(self, artifact: Artifact, *paths: Path) -> Reason | None:
        from wheelwarm.shelf.inside import damage_in

        return damage_in(artifact, *paths, root=self.target.cache_dir, ledger=self.ledger)

    def hashed(self, artifact: Artifact) -> Artifact:
        """Return the artifact with its size and a strong hash: what is stated, else the sha256 of the file at hand."""
        artifact = self.measured(artifact)
        if not artifact.hashes.keys().isdisjoint(STRONG_HASHES):
            return artifact
        if artifact.url.startswith("file:"):
            return with_digest(artifact)
        found = self._look_up(artifact)
        return artifact if found.stored is None else replace(artifact, hashes={"sha256": self.http.digest(found)})

    def measured(self, artifact: Artifact) -> Artifact:
        """Return the artifact with the size and, for a locally built wheel, the file name that the disk tells."""
        if artifact.kind is Kind.BUILT_WHEEL:
            wheel = self.built_wheel(artifact)
            return replace(artifact, filename=wheel.path.name, size=wheel.bytes) if wheel else artifact
        if artifact.size is not None or not artifact.url.startswith("http"):
            return artifact
        return replace(artifact, size=self.entry(artifact).entry.size)


def with_digest(artifact: Artifact) -> Artifact:
    """Return a local file's artifact with its sha256; a folder has none."""
    path = path_of(artifact.url)
    return replace(artifact, hashes={"sha256": digest_of(path)}) if path.is_file() else artifact


def wanted(resolution: Resolution, shelf: Shelf) -> Iterator[Artifact]:
    """Yield the artifacts that pip will ask for: each resolved file, the wheel built from it, build requirements.

    An sdist stands for itself where another machine builds it, and where pip builds it each time.
    """
    for artifact in resolution.artifacts:
        yield artifact
        if artifact.kind is Kind.SDIST and keeps_built(artifact, shelf):
            pattern = f"{artifact.name}-{artifact.version}-*.whl"
            yield replace(artifact, kind=Kind.BUILT_WHEEL, filename=pattern, hashes={}, size=None)
    yield from (one for one in resolution.supporting if one.kind is not Kind.METADATA)


def keeps_built(sdist: Artifact, shelf: Shelf) -> bool:
    """Tell whether the wheel that pip builds from an sdist is one that it would take the next time."""
    is_local = urls.verdict_of(sdist.url, ()) is LOCAL
    return not (is_local or shelf.target.elsewhere.everywhere or shelf.builds_anew(sdist.name))


def wanted_metadata(resolution: Resolution) -> Iterator[Artifact]:
    """Yield the `.metadata` files that pip asks for while it resolves (PEP 658)."""
    yield from (one for one in resolution.supporting if one.kind is Kind.METADATA)


def trusted_hosts_of(requirements: RequirementSet, target: Target) -> tuple[str, ...]:
    """Every host that the input or pip's configuration trusts."""
    return (*requirements.options.trusted_hosts, *(target.setting("trusted-host") or "").split())


def builds_anew_of(requirements: RequirementSet, target: Target) -> Callable[[str], bool]:
    """Return what tells of a project whether the target's pip builds it although it has a wheel that it has built.

    Before 23.1 pip does so where hashes are checked, and where it is to take no wheels.
    """
    if target.traits.always_takes_built_wheels:
        return lambda _name: False
    if requirements.options.require_hashes or requirements.hashes:
        return lambda _name: True
    from wheelwarm.inputs.index_options import forced_format

    options = requirements.options.over(target.setting)
    return lambda name: forced_format(options, name) == "sdist"


def index_urls_of(requirements: RequirementSet, target: Target) -> tuple[str, ...]:
    """Every index that pip would ask, the input's before those of its configuration; they may hold credentials."""
    options = requirements.options
    if options.no_index:
        return ()
    first = options.index_url or target.setting("index-url") or ""
    return (*first.split(), *options.extra_index_urls, *(target.setting("extra-index-url") or "").split())
