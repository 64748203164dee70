"""What the cache held before pip resolved, so that what pip itself stores meanwhile turns no miss into a hit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wheelwarm.cache import format as cache_format
from wheelwarm.model import Artifact, Kind, Outcome, Reason, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from wheelwarm.shelf.lookup import Shelf


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the cache held before pip resolved, which itself writes there: its keys, and the time by its clock."""

    keys: frozenset[str]
    taken: float

    @classmethod
    def of(cls, shelf: Shelf) -> Snapshot:
        """Take it now. The time is a new file's in the cache, since later files are compared with it."""
        probe = shelf.http.new_body()
        try:
            return cls(frozenset(shelf.http.keys()), probe.stat().st_mtime)
        finally:
            probe.unlink()

    def verdict(self, artifact: Artifact, shelf: Shelf) -> Verdict:
        """Tell what pip would have done then."""
        now = shelf.verdict(artifact)
        if artifact.kind is Kind.BUILT_WHEEL or now.outcome in (Outcome.LOCAL, Outcome.UNCACHEABLE):
            return now
        if cache_format.key(artifact.url) not in self.keys:
            return now if now.outcome is Outcome.MISS else Verdict(Outcome.MISS, Reason.ABSENT)
        entry = shelf.http.entry(cache_format.key(artifact.url))
        if not self._is_younger(entry.metadata_path):
            return now
        return Verdict(Outcome.STALE, Reason.REPLACED if self._is_younger(entry.body_path) else Reason.EXPIRED)

    def _is_younger(self, path: Path) -> bool:
        try:
            return path.lstat().st_mtime >= self.taken
        except OSError:
            return False
