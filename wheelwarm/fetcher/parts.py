"""A large file in parts, each by a request of its own, so that no single connection's speed bounds the whole.

The first part's answer must show that the server can do so: 206, the size that the index states, a strong ETag, with
which each other part is then asked for (If-Range), beside the first. The hash is that of the whole file, taken of the
first part as it comes and of the others from the disk, in order.
"""

from __future__ import annotations

import asyncio
import itertools
from functools import partial
from typing import TYPE_CHECKING

from wheelwarm.errors import CacheError, FetchError
from wheelwarm.fetcher.answers import RangeError
from wheelwarm.fetcher.transfer import Piece, writing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from wheelwarm.fetcher.connections import Connections
    from wheelwarm.fetcher.files import Download, Fetched
    from wheelwarm.fetcher.transfer import Watcher

    Task = Callable[[], Awaitable[Fetched | None]]

PART = 4 * 2**20
MOST_PARTS = 64
CHUNK = 256 * 1024


def suits(download: Download, *, jobs: int) -> bool:
    """Tell whether parts may be worth it: the file is large, of known hash, and asked for without a condition."""
    conditional = any(name.lower().startswith("if-") for name in download.headers)
    return jobs > 1 and bool(download.digest) and not conditional and (download.size or 0) >= 2 * PART


def ends_of(size: int) -> list[int]:
    """Divide so many bytes into parts of 4 MiB or more; return where each ends (exclusive)."""
    step = max(PART, -(-size // MOST_PARTS))
    return [*range(step, size, step), size]


class Parted:
    """A file whose parts are fetched side by side; `add` has one more of them fetched, by whoever is free."""

    def __init__(
        self, connections: Connections, download: Download, body: Path, watcher: Watcher, *, add: Callable[[Task], None]
    ) -> None:
        self._connections = connections
        self._download = download
        self._body = body
        self._watcher = watcher
        self._add = add
        ends = ends_of(download.size or 0)
        self._spans = list(itertools.pairwise([0, *ends]))
        self._lead = Piece(connections, download, body, watcher, end=ends[0], divide=self._divide)
        self._hashing = asyncio.Lock()
        self._missing = dict(self._spans)
        self._running = 1
        self._error: FetchError | CacheError | None = None

    async def begin(self) -> Fetched | None:
        """Fetch the first part, or all where the server sends that; as `fetch`."""
        return await self._fetch(0, self._lead)

    async def fetch(self, start: int, end: int) -> Fetched | None:
        """Fetch one of the parts; whoever ends last gets the whole file, or what went wrong with any."""
        return await self._fetch(start, self._piece(start, end))

    def _divide(self) -> None:
        """Have all parts but the first fetched too."""
        others = self._spans[1:]
        self._running += len(others)
        for start, end in others:
            self._add(partial(self.fetch, start, end))

    async def _fetch(self, start: int, piece: Piece) -> Fetched | None:
        try:
            if self._error is None:
                await piece.fetch()
                if piece.end is None:
                    return piece.fetched()
                self._missing.pop(start)
                # All of a large file may have waited for one part: nobody else is to wait for its hash.
                async with self._hashing:
                    await asyncio.to_thread(self._hash_on)
        except (FetchError, CacheError) as exc:
            self._error = self._error or exc
        self._running -= 1
        return await self._finish() if self._running == 0 else None

    def _piece(self, start: int, end: int) -> Piece:
        etag = self._lead.head.etag if self._lead.head else None
        return Piece(self._connections, self._download, self._body, self._watcher, start=start, end=end, etag=etag)

    def _hash_on(self) -> None:
        """Hash what has come, as far as nothing is missing before it."""
        with writing(self._download.name, self._body), self._body.open("rb") as file:
            file.seek(self._lead.at)
            while self._lead.at < (end := min(self._missing, default=self._spans[-1][1])):
                chunk = file.read(min(CHUNK, end - self._lead.at))
                for digest in self._lead.hashes.values():
                    digest.update(chunk)
                self._lead.at += len(chunk)

    async def _finish(self) -> Fetched:
        """Return the file; once more in one piece where the parts do not make it up."""
        if self._error is None:
            fetched = self._lead.fetched()
            if fetched.digests[self._download.algorithm] == self._download.digest:
                return fetched
        elif not isinstance(self._error, RangeError):
            raise self._error
        whole = Piece(self._connections, self._download, self._body, self._watcher)
        await whole.fetch()
        return whole.fetched()
