"""One connection, request after request, against a server that answers any bytes: when it is kept, and when not."""

from __future__ import annotations

import socketserver
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.listening import listening
from wheelwarm.errors import FetchError
from wheelwarm.fetcher import Download, Fetched, Fetcher
from wheelwarm.targets.network import Network

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


@dataclass(slots=True)
class Server:
    """A running server, and the paths that each of its connections was asked for."""

    url: str = ""
    asked: list[list[str]] = field(default_factory=list)


@contextmanager
def serve(answers: Mapping[str, bytes], *, closes: bool = False) -> Iterator[Server]:
    """Answer on loopback with the bytes for each path, HELLO for any other; the connection stays open if not told."""
    server = Server()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            server.asked.append(paths := [])
            while line := self.rfile.readline():
                paths.append(line.split()[1].decode())
                while self.rfile.readline().strip():
                    pass
                self.wfile.write(answers.get(paths[-1], HELLO))
                if closes:
                    return

    with listening(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        server.url = f"http://127.0.0.1:{port}"
        yield server


def fetch(fetcher: Fetcher, url: str, folder: Path) -> Fetched | FetchError:
    """Fetch one file."""
    try:
        return fetcher.fetch(Download(name="body", url=url), folder / "body")
    except FetchError as error:
        return error


@pytest.mark.parametrize(
    ("answer", "is_kept"),
    [
        pytest.param(HELLO, True, id="length"),
        pytest.param(CHUNKED, True, id="chunks"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + HELLO, True, id="hints before it"),
        pytest.param(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", True, id="not modified"),
        pytest.param(b"HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\nlost", True, id="refusal"),
        pytest.param(b"HTTP/1.1 404 No\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000, False, id="long refusal"),
        pytest.param(HELLO.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), False, id="close"),
        pytest.param(HELLO.replace(b"1.1", b"1.0"), False, id="HTTP/1.0"),
        pytest.param(HELLO + b"!", False, id="more than its length"),
        pytest.param(CHUNKED + b"!", False, id="more after the chunks"),
        pytest.param(HELLO + HELLO, False, id="two answers"),
    ],
)
def test_when_a_connection_is_kept(answer: bytes, is_kept: bool, tmp_path: Path) -> None:
    """The next request goes through the same connection if the answer ended where it should; it is right either way."""
    with serve({"/first": answer}) as server, Fetcher(Network(retries=0, timeout=5.0)) as fetcher:
        fetch(fetcher, f"{server.url}/first", tmp_path)
        second = fetch(fetcher, f"{server.url}/second", tmp_path)

        assert server.asked == ([["/first", "/second"]] if is_kept else [["/first"], ["/second"]])
        assert isinstance(second, Fetched)
        assert second.path.read_bytes() == b"hello"


def test_a_server_that_speaks_unasked_is_not_listened_to(tmp_path: Path) -> None:
    """What comes between two answers belongs to none: the connection is given up."""
    late = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            self.wfile.write(HELLO)
            if not late.is_set():
                time.sleep(0.2)
                self.wfile.write(HELLO.replace(b"hello", b"wrong"))
                late.set()
                self.rfile.read()

    with (
        listening(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port,
        Fetcher(Network(retries=0, timeout=5.0)) as fetcher,
    ):
        url = f"http://127.0.0.1:{port}/x"
        fetch(fetcher, url, tmp_path)
        assert late.wait(5)
        time.sleep(0.1)
        second = fetch(fetcher, url, tmp_path)

    assert isinstance(second, Fetched)
    assert second.path.read_bytes() == b"hello"


def test_a_header_that_comes_twice_is_one(tmp_path: Path) -> None:
    """Values are joined under the first spelling (RFC 9110, 5.3), as pip has them stored."""
    twice = HELLO.replace(b"OK\r\n", b"OK\r\nVary: Accept\r\nvary: Cookie\r\n")
    with serve({"/x": twice}) as server, Fetcher(Network()) as fetcher:
        fetched = fetch(fetcher, f"{server.url}/x", tmp_path)

    assert isinstance(fetched, Fetched)
    assert fetched.headers == {"Vary": "Accept, Cookie", "Content-Length": "5"}


def test_a_head_without_end_is_given_up(tmp_path: Path) -> None:
    """A server cannot fill the memory with headers."""
    with serve({"/x": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000}) as server, Fetcher(Network(retries=0)) as fetcher:
        error = fetch(fetcher, f"{server.url}/x", tmp_path)

    assert isinstance(error, FetchError)
    assert error.message == f"{server.url}/x cannot be fetched: its answer is no HTTP: Receive buffer too long."


FRAGMENTS = [
    *(b"HTTP/1.1 ", b"200 OK", b"206 Partial Content", b"301 Moved", b"404 No", b"503 Busy", b"304 ", b"100 Continue"),
    *(b"\r\n", b"\r\n\r\n", b"\n", b" ", b": ", b"\0", b"\xff", b"hello", b"0", b"5"),
    *(b"Content-Length: 5", b"Content-Length: -5", b"Transfer-Encoding: chunked", b"Content-Encoding: gzip"),
    *(
        b"Content-Range: bytes 0-4/5",
        b"Location: /x",
        b"Location: https://[",
        b"Retry-After: soon",
        b"Connection: close",
    ),
]


@given(answer=st.lists(st.sampled_from(FRAGMENTS)).map(b"".join) | st.binary(max_size=100))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_comes_is_a_file_or_an_error(answer: bytes, tmp_path: Path) -> None:
    """No bytes that a server may send make more than one sentence."""
    with serve({"/x": answer}, closes=True) as server, Fetcher(Network(retries=0, timeout=5.0)) as fetcher:
        result = fetch(fetcher, f"{server.url}/x", tmp_path)

    assert isinstance(result, Fetched) or "\n" not in result.message
