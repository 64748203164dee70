"""One file, or one part of it, from a server into a temporary file: hashed on the way, resumed after a cut.

A cut is resumed by Range with If-Range, so that the rest is of the very bytes that came before, and started over where
the server has no strong validator.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from urllib3.exceptions import HTTPError, NewConnectionError, ProtocolError
from urllib3.exceptions import TimeoutError as TransferTimeoutError

from wheelwarm.errors import CacheError
from wheelwarm.fetcher.answers import (
    PARTIAL,
    RangeError,
    UnavailableError,
    check_status,
    declared_size,
    explain,
    interrupted,
    part_of,
    strong_validator,
)
from wheelwarm.fetcher.files import Fetched
from wheelwarm.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from urllib3 import BaseHTTPResponse

    from wheelwarm.fetcher.connections import Connections
    from wheelwarm.fetcher.files import Download

CHUNK = 256 * 1024
PASSING_ERRORS = (NewConnectionError, ProtocolError, TransferTimeoutError)
BACKOFF_SECONDS = 0.25
T = TypeVar("T")


class Watcher(Protocol):
    """Who is told of bytes: `begin` again when a file starts over."""

    def begin(self, name: str, size: int | None) -> None:
        """Hear that a file's first bytes are coming; `size` in bytes where it is known."""

    def advance(self, name: str, amount: int) -> None:
        """Hear that so many bytes came."""


@dataclass(slots=True, kw_only=True)
class Head:
    """What the first response said about the file."""

    url: str
    status: int
    headers: Mapping[str, str]
    version: int
    reason: str

    @classmethod
    def of(cls, url: str, response: BaseHTTPResponse) -> Head:
        """Keep what outlives the response; a part's as the 200 that the whole file would have been."""
        status, headers, reason = response.status, dict(response.headers.items()), response.reason or "OK"
        if part := part_of(response):
            status, reason = 200, "OK"
            headers = {name: value for name, value in headers.items() if name.lower() != "content-range"}
            headers = {name: str(part[2]) if name.lower() == "content-length" else headers[name] for name in headers}
        return cls(url=url, status=status, headers=headers, version=response.version, reason=reason)

    def fetched(self, download: Download, body: Path, digests: Mapping[str, str], size: int) -> Fetched:
        """Describe the file now that its body is there."""
        return Fetched(
            status=self.status,
            headers=self.headers,
            path=body,
            digests=digests,
            size=size,
            url=self.url,
            redirected=self.url != download.url,
            version=self.version,
            reason=self.reason,
        )


def persistently(connections: Connections, url: str, attempt: Callable[[], T]) -> T:
    """Try as often as pip retries, with growing pauses, while the trouble is one that may pass.

    Raises FetchError for what does not pass.
    """
    last = max(0, connections.network.retries)
    for number in range(last + 1):
        pause = BACKOFF_SECONDS * 2**number
        try:
            return attempt()
        except UnavailableError as exc:
            if number == last:
                raise
            if exc.after is not None:
                connections.pause(url, pause := exc.after)
        except HTTPError as exc:
            if number == last or not isinstance(exc, PASSING_ERRORS):
                raise interrupted() if connections.cancelled.is_set() else explain(url, exc) from exc
        connections.wait(pause)
    raise AssertionError("unreachable")


class Piece:
    """A file, or the bytes of it from `start` to `end` (exclusive, None: all), over as many connections as it takes.

    Of a file, the first piece asks for its bytes up to `end` and becomes the whole (`end` is None then) where the
    server sends that. Later pieces come with the `etag` of the first.
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
    ) -> None:
        self._connections = connections
        self._download = download
        self._body = body
        self._watcher = watcher
        self._start = start
        self._etag = etag
        self.end = end
        self.head: Head | None = None
        self._start_over()

    def fetch(self) -> None:
        """Fetch it. Raises FetchError (RangeError for a later piece that the server refuses), CacheError."""
        try:
            persistently(self._connections, self._download.url, self._attempt)
        except RangeError:
            if self._start:
                raise
            self.end = None
            persistently(self._connections, self._download.url, self._attempt)

    def fetched(self) -> Fetched:
        """Describe the whole file, once it is there."""
        if self.head is None:
            raise ValueError("nothing was fetched")
        digests = {name: digest.hexdigest() for name, digest in self.hashes.items()}
        return self.head.fetched(self._download, self._body, digests, self.at)

    def _start_over(self) -> None:
        self.at = self._start
        self.hashes = {name: hashlib.new(name) for name in {"sha256", self._download.algorithm}}

    def _attempt(self) -> None:
        wanted = self._range()
        url, response = self._connections.open(self._download.url, {**self._download.headers, **wanted})
        try:
            check_status(self._download.url, response, ranged=bool(wanted))
            self._begin(url, response)
            self._receive(response)
        except RangeError:
            self._start_over()
            raise
        finally:
            # A connection whose response was read to its end is back in the pool by now, and stays open.
            response.close()

    def _range(self) -> dict[str, str]:
        """Ask for what is missing; past the first byte only with a validator that vouches for what has come."""
        etag = self._etag or (strong_validator(self.head.headers) if self.head else None)
        if self.at and not etag:
            self._start_over()
        if not self.at and self.end is None:
            return {}
        guard = {"If-Range": etag} if etag else {}
        return {"Range": f"bytes={self.at}-{'' if self.end is None else self.end - 1}", **guard}

    def _begin(self, url: str, response: BaseHTTPResponse) -> None:
        """See that what comes is what was asked for, or all of it from the start."""
        if response.status == PARTIAL:
            self._check_part(response)
        elif self._start:
            raise RangeError(f"The server does not send {redact(self._download.url)} in parts.")
        else:
            self._start_over()
            self.end = self.head = None
        if self.head is None:
            self.head = Head.of(url, response)
            if not self._start:
                self._watcher.begin(self._download.name, self._whole_size(response))

    def _check_part(self, response: BaseHTTPResponse) -> None:
        part = part_of(response)
        end = self._whole_size(response) if self.end is None else self.end
        fits = part is not None and part[0] == self.at and part[1] == end
        expected = self._download.size
        if not fits or (self.end and part and part[2] != expected) or not strong_validator(response.headers):
            raise RangeError(f"The server sent another part of {redact(self._download.url)} than it was asked for.")

    def _whole_size(self, response: BaseHTTPResponse) -> int | None:
        part = part_of(response)
        return part[2] if part else declared_size(response)

    def _receive(self, response: BaseHTTPResponse) -> None:
        with writing(self._download.name, self._body), self._body.open("r+b" if self.at else "wb") as file:
            file.seek(self.at)
            for chunk in chunks(response, self._connections):
                file.write(chunk)
                self.at += len(chunk)
                if not self._start:
                    for digest in self.hashes.values():
                        digest.update(chunk)
                self._watcher.advance(self._download.name, len(chunk))


def chunks(response: BaseHTTPResponse, connections: Connections) -> Iterator[bytes]:
    """Yield a body as it comes; FetchError once all is cancelled."""
    for chunk in response.stream(CHUNK, decode_content=False):
        if connections.cancelled.is_set():
            raise interrupted()
        yield chunk


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
