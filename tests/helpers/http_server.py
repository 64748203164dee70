"""A threaded HTTP/1.1 server on loopback, plain or TLS, that writes whatever replies its site gives and logs each.

It owns the sockets and threads: after `stop` the port refuses, and no thread or socket is left.
"""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One logged request: `headers` by lower-case name, `bytes_sent` of the body, `status` 0 if there was no answer."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    bytes_sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to send: times in seconds; `cut_after` body bytes the connection is closed; `hang_up` answers nothing."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    bytes_per_second: float | None = None
    cut_after: int | None = None
    hang_up: bool = False


class Site(Protocol):
    """What stands behind the server. Called from many threads at once."""

    def reply(self, method: str, path: str, headers: Mapping[str, str]) -> Reply:
        """Answer one request; `path` as sent, `headers` by lower-case name."""


class RequestLog:
    """A list of requests that many threads append to. A request is in it before its answer's first byte leaves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._first = 0

    def open(self, request: Request) -> int:
        """Append a request and return its number."""
        with self._lock:
            self._requests.append(request)
            return self._first + len(self._requests) - 1

    def sent(self, number: int, count: int) -> None:
        """Add `count` body bytes to a request, unless it was cleared away."""
        with self._lock:
            position = number - self._first
            if position >= 0:
                request = self._requests[position]
                self._requests[position] = replace(request, bytes_sent=request.bytes_sent + count)

    def snapshot(self) -> list[Request]:
        """Return the requests so far, in the order in which they came."""
        with self._lock:
            return list(self._requests)

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._first += len(self._requests)
            self._requests.clear()


class _Connection(ssl.SSLSocket):
    """A connection that ends with its last reference: CPython drops it open when its client is gone before TLS."""

    def __del__(self) -> None:
        self.close()


class Server(ThreadingMixIn, TCPServer):
    """Serve one site on a free port of 127.0.0.1 from the moment it is made until `stop`."""

    request_queue_size = 128

    def __init__(self, site: Site, *, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.site = site
        self.log = RequestLog()
        self.stopping = threading.Event()
        self.unexpected: list[Exception] = []
        self._tls = tls
        if tls is not None:
            tls.sslsocket_class = _Connection
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on, or listened on."""
        return int(self.server_address[1])

    def stop(self) -> None:
        """Close the port and every connection, idle or busy, and wait for the threads. Twice does no harm."""
        if self.stopping.is_set():
            return
        self.shutdown()
        self._thread.join()
        with self._lock:
            self.stopping.set()
            for connection in self._connections:
                _shut(connection)
        self.server_close()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread, so that a slow client holds nobody up."""
        with self._open(request) as connection:
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            _Handler(connection, client_address, self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what is our own mistake for the test to see; a client that goes away is none."""
        error = sys.exception()
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self.unexpected.append(error)

    @contextmanager
    def _open(self, accepted: socket.socket) -> Iterator[socket.socket]:
        connection = accepted
        if self._tls is not None:
            connection = self._tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._connections.add(connection)
            if self.stopping.is_set():
                _shut(connection)
        try:
            yield connection
        finally:
            with self._lock:
                self._connections.discard(connection)
            _shut(connection)
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.site.reply(self.command, self.path, headers)
        status = 0 if reply.hang_up else reply.status
        number = self.server.log.open(Request(self.command, self.path, status, headers, 0))
        self.server.stopping.wait(reply.delay)
        if reply.hang_up:
            self.close_connection = True
            return
        self._send_head(reply)
        if self.command != "HEAD" and reply.status != HTTPStatus.NOT_MODIFIED:
            self._send_body(number, reply)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing: the request log is the record."""

    def _send_head(self, reply: Reply) -> None:
        # Not send_response: it adds Server and Date, and a profile is to say all that is sent.
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()

    def _send_body(self, number: int, reply: Reply) -> None:
        body = memoryview(reply.body)[: reply.cut_after]
        rate = reply.bytes_per_second
        step = _CHUNK if rate is None else max(1, min(_CHUNK, int(rate / 20)))
        started = time.monotonic()
        for offset in range(0, len(body), step):
            chunk = body[offset : offset + step]
            self.server.log.sent(number, len(chunk))
            self.wfile.write(chunk)
            if rate is not None:
                self.server.stopping.wait(max(0.0, started + (offset + len(chunk)) / rate - time.monotonic()))
        if reply.cut_after is not None:
            self.close_connection = True


def _shut(connection: socket.socket) -> None:
    # The plain socket's shutdown: SSLSocket's own drops the TLS state under the feet of the thread that reads.
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
