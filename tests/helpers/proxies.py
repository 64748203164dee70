"""A forwarding HTTP proxy on loopback that logs what it is asked for, with or without a password."""

from __future__ import annotations

import base64
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.helpers.listening import listening

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


@dataclass(slots=True)
class Proxy:
    """A running proxy: its URL, and the request lines that came with a password that it takes."""

    url: str = ""
    auth: str = ""
    asked: list[str] = field(default_factory=list)

    @property
    def credentialed_url(self) -> str:
        """The same with user name and password."""
        return self.url.replace("://", f"://{self.auth}@")


@contextmanager
def serve_proxy(auth: str = "", *, context: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """Run a proxy until the block ends; `auth` is the `user:password` that it asks for, by `context` it speaks TLS."""
    proxy = Proxy(auth=auth)

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline().decode()
            headers = []
            while (header := self.rfile.readline()).strip():
                headers.append(header)
            if proxy.auth and not any(_authorizes(header, proxy.auth) for header in headers):
                self.wfile.write(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                    b'Proxy-Authenticate: Basic realm="proxy"\r\nContent-Length: 0\r\n\r\n'
                )
                return
            proxy.asked.append(line.strip())
            method, target, _ = line.split()
            if method == "CONNECT":
                host, _, port = target.rpartition(":")
                with socket.create_connection((host, int(port))) as upstream:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    _join(self.connection, upstream)
                return
            parts = urlsplit(target)
            with socket.create_connection((parts.hostname, parts.port or 80)) as upstream:
                kept = [header for header in headers if not header.lower().startswith((b"proxy-", b"connection"))]
                path = target.partition(parts.netloc)[2]
                head = [f"{method} {path} HTTP/1.1\r\n".encode(), *kept, b"Connection: close\r\n\r\n"]
                upstream.sendall(b"".join(head))
                _copy(upstream, self.connection)

    class Server(ThreadingTCPServer):
        daemon_threads = True

        def get_request(self) -> tuple[socket.socket, object]:
            connection, address = super().get_request()
            return (context.wrap_socket(connection, server_side=True) if context else connection), address

    with listening(Server(("127.0.0.1", 0), Handler)) as port:
        proxy.url = f"{'https' if context else 'http'}://localhost:{port}"
        yield proxy


def _authorizes(header: bytes, auth: str) -> bool:
    name, _, value = header.decode().partition(":")
    expected = f"Basic {base64.b64encode(auth.encode()).decode()}"
    return name.lower() == "proxy-authorization" and value.strip() == expected


def _join(one: socket.socket, other: socket.socket) -> None:
    back = threading.Thread(target=_copy, args=(other, one))
    back.start()
    _copy(one, other)
    back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        # Of the plain socket: an SSLSocket's own drops the TLS state, of which the other direction has need.
        socket.socket.shutdown(sink, socket.SHUT_WR)
