"""The headers that a target's pip really sends, read off the wire.

Only for entries whose Vary names a header that no version of pip fixes, User-Agent above all: it tells of the
interpreter, the system's libraries and the environment.
"""

from __future__ import annotations

import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wheelwarm.targets.target import Target


def file_headers(target: Target, environ: Mapping[str, str]) -> dict[str, str]:
    """Let the target's pip ask a server of ours for a file, and return the headers that it sent; empty if none came."""
    received: dict[str, str] = {}
    with listening(received) as port, tempfile.TemporaryDirectory(prefix="wheelwarm-") as folder:
        target.run_pip(
            ["download", "--no-deps", "--no-cache-dir", "--retries", "0", "--dest", folder, asked_url(port)],
            environ={**environ, "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"},
            scratch=Path(folder),
        )
    return received


def asked_url(port: int) -> str:
    """Return a URL of a wheel that is not there."""
    return f"http://127.0.0.1:{port}/wheelwarm-0-py3-none-any.whl"


@contextmanager
def listening(received: dict[str, str]) -> Iterator[int]:
    """Serve 404 on loopback, writing the headers of the last request to `received`; yield the port."""
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            received.update(self.headers.items())
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="wire", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
