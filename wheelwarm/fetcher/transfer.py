"""One file, or one part of it, from a server into a temporary file: hashed on the way, resumed after a cut.

A cut is resumed by Range with If-Range, so that the rest is of the very bytes that came before, and started over where
the server has no strong validator.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

from wheelwarm.errors import CacheError
from wheelwarm.fetcher.answers import PARTIAL, RangeError, UnavailableError, WireError, check_status, explain
from wheelwarm.fetcher.connections import LONGEST_PAUSE_SECONDS
from wheelwarm.fetcher.files import Fetched
from wheelwarm.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from wheelwarm.fetcher.answers import Answer
    from wheelwarm.fetcher.connections import Connections
    from wheelwarm.fetcher.files import Download

BACKOFF_SECONDS = 0.25


class Watcher(Protocol):
    """Who is told of bytes: `begin` again when a file starts over."""

    def begin(self, name: str, size: int | None) -> None:
        """Hear that a file's first bytes are coming; `size` in bytes where it is known."""

    def advance(self, name: str, amount: int) -> None:
        """Hear that so many bytes came."""


async def persistently(connections: Connections, url: str, attempt: Callable[[], Awaitable[None]]) -> None:
    """Try as often as pip retries, with growing pauses, while the trouble is one that may pass.

    Raises FetchError for what does not pass.
    """
    last = max(0, connections.network.retries)
    for number in range(last + 1):
        pause = BACKOFF_SECONDS * 2**number
        try:
            return await attempt()
        except UnavailableError as exc:
            if number == last:
                raise
            if exc.after is not None:
                connections.pause(url, pause := exc.after)
        except WireError as exc:
            if number == last or not exc.passing:
                raise explain(url, exc) from exc
        await asyncio.sleep(min(pause, LONGEST_PAUSE_SECONDS))
    raise AssertionError("unreachable")


class Piece:
    """A file, or the bytes of it from `start` to `end` (exclusive, None: all), over as many connections as it takes.

    Of a file, the first piece asks for its bytes up to `end` and becomes the whole (`end` is None then) where the
    server sends that; once the server has shown that it sends parts, `divide` is called, for others to fetch the rest
    beside it. Later pieces come with the `etag` of the first.
    """

    def __init__(
        self,
        connections: Connections,
        download: Download,
        body: Path,
        watcher: Watcher,
        *,
        start: int = 0,
        end: int | None = None,
        etag: str | None = None,
        divide: Callable[[], None] | None = None,
    ) -> None:
        self._connections = connections
        self._download = download
        self._body = body
        self._watcher = watcher
        self._start = start
        self._etag = etag
        self._divide = divide
        self._is_alone = not start
        self.end = end
        self.head: Answer | None = None
        self._start_over()

    async def fetch(self) -> None:
        """Fetch it. Raises FetchError (RangeError where others fetch the rest and this is refused), CacheError."""
        try:
            await persistently(self._connections, self._download.url, self._attempt)
        except RangeError:
            if not self._is_alone:
                raise
            self.end = None
            await persistently(self._connections, self._download.url, self._attempt)

    def fetched(self) -> Fetched:
        """Describe the whole file, once it is there."""
        if self.head is None:
            raise ValueError("nothing was fetched")
        return Fetched(
            status=self.head.status,
            headers=self.head.headers,
            path=self._body,
            digests={name: digest.hexdigest() for name, digest in self.hashes.items()},
            size=self.at,
            url=self.head.url,
            redirected=self.head.url != self._download.url,
            version=self.head.version,
            reason=self.head.reason,
        )

    def _start_over(self) -> None:
        self.at = self._start
        self.hashes = {name: hashlib.new(name) for name in {"sha256", self._download.algorithm}}

    async def _attempt(self) -> None:
        wanted = self._range()
        try:
            async with self._connections.asked(self._download.url, {**self._download.headers, **wanted}) as answered:
                answer, wire = answered
                check_status(self._download.url, answer, ranged=bool(wanted))
                self._begin(answer)
                with writing(self._download.name, self._body), self._open() as file:
                    file.seek(self.at)
                    await wire.receive(partial(self._keep, file))
        except RangeError:
            self._start_over()
            raise

    def _range(self) -> dict[str, str]:
        """Ask for what is missing; past the first byte only with a validator that vouches for what has come."""
        etag = self._etag or (self.head.etag if self.head else None)
        if self.at and not etag:
            self._start_over()
        if not self.at and self.end is None:
            return {}
        guard = {"If-Range": etag} if etag else {}
        return {"Range": f"bytes={self.at}-{'' if self.end is None else self.end - 1}", **guard}

    def _begin(self, answer: Answer) -> None:
        """See that what comes is what was asked for, or all of it from the start."""
        if answer.status == PARTIAL:
            self._check_part(answer)
        elif not self._is_alone:
            raise RangeError(f"The server does not send {redact(self._download.url)} in parts.")
        else:
            self._start_over()
            self.end = self.head = None
        if self.head is None:
            self.head = answer.as_whole()
            if not self._start:
                self._watcher.begin(self._download.name, answer.whole_size)
            if self._divide and answer.status == PARTIAL:
                self._is_alone = False
                self._divide()

    def _check_part(self, answer: Answer) -> None:
        part = answer.part
        end = answer.whole_size if self.end is None else self.end
        fits = part is not None and part[0] == self.at and part[1] == end
        expected = self._download.size
        if not fits or (self.end and part and part[2] != expected) or not answer.etag:
            raise RangeError(f"The server sent another part of {redact(self._download.url)} than it was asked for.")

    def _open(self) -> BinaryIO:
        """Open the body, empty for a whole that begins; what is there, and what others write there, is kept."""
        is_new = self._is_alone and not self.at
        return open(self._body, "wb", opener=None if is_new else _untouched)

    def _keep(self, file: BinaryIO, piece: memoryview) -> None:
        file.write(piece)
        self.at += len(piece)
        if not self._start:
            for digest in self.hashes.values():
                digest.update(piece)
        self._watcher.advance(self._download.name, len(piece))


def _untouched(path: str, flags: int) -> int:
    """Open a file to be written where it is written, and keep the rest."""
    return os.open(path, flags & ~os.O_TRUNC, 0o666)


@contextmanager
def writing(name: str, body: Path) -> Iterator[None]:
    """Turn a disk's trouble into a CacheError that names the file."""
    try:
        yield
    except OSError as exc:
        raise CacheError(
            f"{name} cannot be written to {body.parent}: {exc.strerror or exc}.",
            hint="Make room on the disk, or name another cache by --cache-dir.",
        ) from exc
