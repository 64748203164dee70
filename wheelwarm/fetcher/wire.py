"""One connection to a server: HTTP/1.1 by h11, one request after the other.

The bytes of a body of stated length go from the connection's buffer straight to whoever takes them: a large wheel is
nearly all body, and copying it through a parser takes as long as checking its hash.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import h11

from wheelwarm.fetcher.answers import Answer, WireError
from wheelwarm.fetcher.tls import secured

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    Sink = Callable[[memoryview], object]

LONGEST_HEAD = 128 * 1024
# What is read to its end only to keep the connection: the page that comes with a 404, say.
LONGEST_REST = 64 * 1024
PATIENCE_SECONDS = 1


class Wire(asyncio.BufferedProtocol):
    """One connection. It bears a silence of `timeout` seconds, and raises WireError for all that goes wrong.

    What comes is read into `buffer` and taken from there at once: those of one loop may share it, which keeps it in the
    processor's cache.
    """

    transport: asyncio.Transport

    def __init__(self, timeout: float, buffer: memoryview) -> None:
        self._timeout = timeout
        self._buffer = buffer
        self._news = asyncio.Event()
        self._http = h11.Connection(h11.CLIENT)
        self._heard_at = 0.0
        self._stated: int | None = None
        self._left = 0
        self._sink: Sink | None = None
        self._is_open, self._is_lost = True, False
        self._is_answered = False
        # Between two requests a server has nothing to say.
        self._is_over = True
        self._failure: BaseException | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; that of a tunnel takes the place of the one to the proxy."""
        self.transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - no transport asks for more
        """Lend the buffer for what comes next."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came; an error of the sink's ends the connection, and is raised where the body is awaited."""
        came = self._buffer[:nbytes]
        self._heard_at = time.monotonic()
        try:
            if self._sink:
                self._pour(self._sink, came)
            elif self._is_over:
                self.abort()
            else:
                self._http.receive_data(bytes(came))
        except BaseException as exc:  # noqa: BLE001 - raised again by whoever waits for the body
            self._failure = exc
            self.abort()
        if not (self._sink and self._left) or self._failure:
            self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - that it ended is all that counts
        """Tell whoever waits; h11 knows whether an answer may end so."""
        if not self._is_over:
            self._http.receive_data(b"")
        self._is_open, self._is_lost = False, True
        self._news.set()

    @property
    def is_reusable(self) -> bool:
        """Whether one more request may be sent: the last answer was read to its end, and the server stays."""
        return self._is_open and self._is_over and self._http.our_state in (h11.IDLE, h11.DONE)

    def abort(self) -> None:
        """End the connection now."""
        self._is_open = False
        self.transport.abort()

    async def close(self) -> None:
        """End the connection, and see the end of it."""
        self.abort()
        while not self._is_lost:
            self._news.clear()
            await self._news.wait()

    async def ask(self, url: str, target: str, headers: Mapping[str, str], *, method: str = "GET") -> Answer:
        """Send a request, `target` as it stands in its first line, and return the head of the answer to it."""
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
        self._is_over = self._is_answered = False
        try:
            request = h11.Request(method=method, target=target, headers=_encoded(headers))
            self.transport.write((self._http.send(request) or b"") + (self._http.send(h11.EndOfMessage()) or b""))
        except h11.LocalProtocolError as exc:
            raise WireError(str(exc), passing=False, pip_may=True) from exc
        while not isinstance(event := await self._event(), h11.Response):
            pass
        self._is_answered = True
        self._stated = _stated_size(event)
        return _answer(url, event)

    async def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Speak TLS with a host from here on; raises OSError, ssl.SSLError for what TLS has against it."""
        try:
            self.transport = await secured(self.transport, self, context, host)
        except BaseException:
            # The end of such a connection is told to the handshake, never to us.
            self._is_open, self._is_lost = False, True
            raise
        self._http, self._is_over = h11.Connection(h11.CLIENT), True

    async def receive(self, sink: Sink) -> None:
        """Hand the body to `sink` as it comes, in pieces that are gone when it returns."""
        if self._stated is None:
            while isinstance(event := await self._event(), h11.Data):
                sink(memoryview(event.data))
            self._is_over = not self._http.trailing_data[0]
        else:
            await self._receive_stated(self._stated, sink)

    async def drain(self) -> None:
        """Read a short body to its end, so that the connection can be kept; any other is given up."""
        read = 0

        def count(piece: memoryview) -> None:
            nonlocal read
            read += len(piece)
            if read > LONGEST_REST:
                raise WireError("its answer is longer than its worth")

        if not self._is_over:
            with suppress(WireError, TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self.receive(count)

    async def _receive_stated(self, size: int, sink: Sink) -> None:
        self._left = size
        self._pour(sink, memoryview(self._http.trailing_data[0]))
        self._sink = sink
        try:
            while self._left:
                if not self._is_open:
                    raise WireError(f"the connection ended after {size - self._left} of {size} bytes")
                await self._hear()
        finally:
            self._sink = None

    def _pour(self, sink: Sink, came: memoryview) -> None:
        """Hand on what belongs to the body; a server that sends more than it stated is not asked again."""
        mine = came[: self._left]
        if mine:
            sink(mine)
        self._left -= len(mine)
        self._is_over = not self._left and len(mine) == len(came)

    async def _event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                await self._hear()
        except h11.RemoteProtocolError as exc:
            if self._is_open:
                raise WireError(f"its answer is no HTTP: {exc}", passing=False, pip_may=True) from exc
            rest = "in the middle of its answer" if self._is_answered else "without an answer"
            raise WireError(f"the server closed the connection {rest}") from exc
        return event

    async def _hear(self) -> None:
        """Wait for the next bytes, of a body of stated length for the last, or for the end of the connection."""
        self._news.clear()
        self._heard_at = time.monotonic()
        while not self._news.is_set():
            patience = self._heard_at + self._timeout - time.monotonic()
            if patience <= 0:
                raise WireError(f"the server said nothing for {self._timeout:g} seconds")
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._news.wait()
        if self._failure:
            raise self._failure


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]


def _answer(url: str, head: h11.Response) -> Answer:
    headers: dict[str, str] = {}
    spelt: dict[str, str] = {}
    for raw_name, raw_value in head.headers.raw_items():
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        name = spelt.setdefault(name.lower(), name)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    version = 11 if head.http_version == b"1.1" else 10
    reason = head.reason.decode("latin-1") or "OK"
    return Answer(url=url, status=head.status_code, headers=headers, version=version, reason=reason)


def _stated_size(head: h11.Response) -> int | None:
    """Return the length of the body where a Content-Length is all that tells it (RFC 9112, 6.3)."""
    headers = dict(head.headers)
    if head.status_code in (204, 304) or b"transfer-encoding" in headers or b"content-length" not in headers:
        return None
    return int(headers[b"content-length"])
