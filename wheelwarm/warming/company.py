"""The targets of one run together: what one of them has on the disk, the next does not fetch again.

Pips before 23.3 and later ones keep the same bytes in two layouts, and each Python may have a cache of its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wheelwarm.cache import entries
from wheelwarm.cache.http import HttpCache
from wheelwarm.fetcher import Fetched
from wheelwarm.model import Artifact, Kind, Layout, Verdict
from wheelwarm.urls import tags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from wheelwarm.cache.http import Lookup
    from wheelwarm.shelf.lookup import Shelf
    from wheelwarm.targets.target import Target

_Place = tuple[str, ...]


@dataclass(slots=True)
class Company:
    """What the parts of one run have seen so far, and the cache folders in which a body may be found."""

    caches: tuple[HttpCache, ...] = ()
    _seen: dict[tuple[_Place, Kind, str], Verdict] = field(default_factory=dict)
    _artifacts: dict[tuple[Kind, str], Artifact] = field(default_factory=dict)

    @classmethod
    def of(cls, targets: Iterable[Target]) -> Company:
        """Bring targets together; both layouts of each cache directory count, whoever uses the other one."""
        roots = dict.fromkeys(target.cache_dir for target in targets)
        return cls(tuple(_cache(root, layout) for root in roots for layout in Layout))

    def lenders(self, shelf: Shelf) -> list[HttpCache]:
        """Return the caches from which a shelf's own can be filled."""
        return [cache for cache in self.caches if cache.section != shelf.http.section and cache.section.is_dir()]

    @property
    def has_begun(self) -> bool:
        """Whether an earlier part of the run has looked for anything, and may have stored it."""
        return bool(self._seen)

    def before(self, artifact: Artifact, target: Target) -> Verdict | None:
        """Return what an earlier part of the run found in the same place before it filled it, if one looked there."""
        return self._seen.get((_place(artifact, target), *artifact.identity))

    def usable(self, target: Target) -> list[Artifact]:
        """Return what earlier parts asked for and this target may ask for too, built wheels by their sdists."""
        return [one for one in self._artifacts.values() if _fits(one, target)]

    def note(self, artifact: Artifact, before: Verdict, target: Target) -> None:
        """Remember that a part of the run has looked for an artifact."""
        self._artifacts.setdefault(artifact.identity, artifact)
        self._seen.setdefault((_place(artifact, target), *artifact.identity), before)


def borrow(artifact: Artifact, lenders: Sequence[HttpCache], shelf: Shelf) -> Fetched | None:
    """Copy the body of an artifact from another cache that has it with the expected sha256, as if it were fetched.

    The digest is computed while the bytes are copied.
    """
    if artifact.sha256 is None:
        return None
    for cache in lenders:
        found = cache.lookup(artifact.url, shelf.request_headers(), now=shelf.now)
        # Compared by its size too, a body that cannot be the one is not read.
        if found.stored is None or found.stored.status != 200 or artifact.size not in (None, found.entry.size):
            continue
        if fetched := _copied(found, shelf):
            if fetched.digests["sha256"] == artifact.sha256:
                return fetched._replace(redirected=found.url != artifact.url)
            fetched.path.unlink(missing_ok=True)
    return None


def _copied(found: Lookup, shelf: Shelf) -> Fetched | None:
    stored = found.stored
    if stored is None or found.entry.size is None:
        return None
    path, digest = shelf.http.new_body(), hashlib.sha256()
    try:
        with path.open("wb") as file:
            for chunk in entries.chunks(found.entry):
                digest.update(chunk)
                file.write(chunk)
    except OSError:  # gone or unreadable meanwhile, or no room for a copy: the network is tried
        path.unlink(missing_ok=True)
        return None
    return Fetched(
        status=stored.status,
        headers=stored.headers,
        path=path,
        digests={"sha256": digest.hexdigest()},
        size=found.entry.size,
        url=found.url,
        version=stored.version,
        reason=stored.reason,
    )


def _cache(root: Path, layout: Layout) -> HttpCache:
    return HttpCache(root, layout=layout, inherits_permissions=False)


def _place(artifact: Artifact, target: Target) -> _Place:
    """Name where a target's pip keeps such an artifact: wheels built for another Python have other keys."""
    if artifact.kind is Kind.BUILT_WHEEL:
        return str(target.cache_dir), "wheels", target.interpreter_name, target.interpreter_version
    return str(target.cache_dir), target.traits.layout


def _fits(artifact: Artifact, target: Target) -> bool:
    """Tell whether a file may be for a target; `.metadata` by the wheel whose it is."""
    filename = artifact.filename.removesuffix(".metadata")
    if artifact.kind is Kind.BUILT_WHEEL or not filename.endswith(".whl") or not target.tags:
        return True
    return not set(tags_of(filename)).isdisjoint(target.tags)
