"""The last look at the entries of one input: what was fresh then, and is while its files are as they were.

As git trusts its index and ccache a source file that has not changed: two looks at the file system in place of reading
an entry and judging it. Nothing is taken from here but that an entry would be served.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from wheelwarm.cache.entries import Entry
    from wheelwarm.ledger.ledger import Ledger

Mark = list[int]
"""What changes with a file: size, time of modification, time of change, which no program sets, and inode."""

# A file that changes so soon after a look that the clock of its file system has not moved on looks as it did before.
_UNSETTLED_NS = 50_000_000


class Look(NamedTuple):
    """An entry that pip would serve without asking, until `until` (seconds since the epoch, UTC).

    `path` is that of its metadata below the cache directory, `sha256` its body's where that was checked. The marks
    tell that the two files, one and the same in the `http` layout, are what they were.
    """

    path: str
    until: float
    sha256: str | None
    metadata: Mark
    body: Mark

    @property
    def stored(self) -> float:
        """When the metadata was written, in seconds since the epoch, UTC."""
        return self.metadata[1] / 1e9


class Looks:
    """What is remembered of one input for one target, and what is seen now; `keep` it in the end.

    `now` is in seconds since the epoch, UTC.
    """

    def __init__(self, ledger: Ledger, digest: str, target: str, *, now: float) -> None:
        self._ledger = ledger
        self._input = digest, target
        self._root = f"{ledger.cache_dir}{os.sep}"
        self._now = now
        self._remembered = _parse(ledger.recall_looks(*self._input))
        self._seen: dict[str, list[Any] | Look] = {}

    def of(self, url: str) -> Look | None:
        """Return the last look at what is stored for a URL, if it is still there, untouched and fresh."""
        row = self._seen.get(url) or self._remembered.get(url)
        look = self._still(row) if row else None
        if row and look:
            self._seen[url] = row
        return look

    def where(self, url: str) -> str | None:
        """Return the file of the metadata of an entry that this run has seen."""
        row = self._seen.get(url)
        return f"{self._root}{row[0]}" if row else None

    def note(self, url: str, entry: Entry, *, at: int, until: float, sha256: str | None = None) -> None:
        """Keep that an entry, read from `at` on (nanoseconds since the epoch), is fresh until then.

        Its files count as they were before they were read, unless they had changed a moment ago.
        """
        if entry.metadata_stat is None or entry.body_stat is None:
            return
        marks = _mark(entry.metadata_stat), _mark(entry.body_stat)
        if max(mark[2] for mark in marks) < at - _UNSETTLED_NS:
            self._seen[url] = Look(entry.metadata_file.removeprefix(self._root), until, sha256, *marks)

    def keep(self, *, alone: bool) -> None:
        """Write what was seen, unless all of it is known; `alone` forgets what else is."""
        looks = self._seen if alone else {**self._remembered, **self._seen}
        if looks != self._remembered:
            self._ledger.remember_looks(*self._input, json.dumps(looks))

    def _still(self, row: list[Any] | Look) -> Look | None:
        """Return a row's look, None where the disk says otherwise or the ledger holds something else."""
        try:
            look = Look(*row)
            file = self._root + look.path
            fresh = look.until > self._now and _mark(os.lstat(file)) == look.metadata
            if fresh and (look.body == look.metadata or _mark(os.lstat(f"{file}.body")) == look.body):
                return look
        except (OSError, TypeError, ValueError):
            pass
        return None


def _mark(stat: os.stat_result) -> Mark:
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _parse(content: str) -> dict[str, list[Any]]:
    try:
        found = json.loads(content or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
