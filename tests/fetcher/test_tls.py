"""TLS on a connection's own socket: what is handed over, what waits, and how it ends."""

from __future__ import annotations

import asyncio
import os
import random
import ssl
import struct
import time
from contextlib import suppress
from socket import SHUT_WR, SO_LINGER, SOL_SOCKET
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING

import pytest

from tests.helpers.index import Index, server_context
from tests.helpers.listening import listening
from wheelwarm.fetcher.tls import RECORD, secured

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Act = Callable[[ssl.SSLSocket], None]

LONG = random.Random("tls").randbytes(1_000_000)


class Client(asyncio.BufferedProtocol):
    """A protocol that keeps what it hears, and how often it hears of the end."""

    def __init__(self, room: int) -> None:
        self.heard = b""
        self.ends = 0
        self.over = asyncio.Event()
        self._buffer = memoryview(bytearray(room))

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the same room each time."""
        assert sizehint == -1
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Keep what came."""
        self.heard += self._buffer[:nbytes]

    def connection_lost(self, exc: Exception | None) -> None:
        """Hear of the end."""
        assert exc is None
        self.ends += 1
        self.over.set()


def against(
    act: Act, talk: Callable[[int], Coroutine[None, None, None]], *, context: ssl.SSLContext | None = None
) -> None:
    """Serve TLS on loopback, let each connection `act`, and talk to it in an event loop that watches sockets."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            # A client that has enough goes away, whatever the server is about.
            self.request.settimeout(10)
            with suppress(OSError), server_context().wrap_socket(self.request, server_side=True) as server:
                act(server)

    with (
        listening(ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port,
        asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner,
    ):
        runner.run(asyncio.wait_for(talk(port), 10))


async def connected(
    index: Index, port: int, room: int = 256 * 1024, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> tuple[asyncio.Transport, Client]:
    """Connect, and speak TLS."""
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", port)
    client = Client(room)
    context = ssl.create_default_context(cafile=index.ca_bundle)
    context.maximum_version = version
    return await secured(transport, client, context, "localhost"), client


@pytest.mark.parametrize("room", [RECORD, RECORD + 1, 3 * RECORD - 1, 256 * 1024])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_all_that_comes_is_handed_over(index: Index, room: int, version: ssl.TLSVersion) -> None:
    """Whatever room the protocol has, no byte is left behind in OpenSSL, where nothing would wake anybody for it."""

    def act(server: ssl.SSLSocket) -> None:
        server.sendall(LONG)
        server.recv(1)  # the connection stays: only what has come can tell that all has

    async def talk(port: int) -> None:
        transport, client = await connected(index, port, room, version)
        while len(client.heard) < len(LONG):
            await asyncio.sleep(0.01)
        transport.abort()
        assert client.heard == LONG

    against(act, talk)


def test_what_a_connection_does_not_take_at_once_is_sent_later(index: Index) -> None:
    """A server that is slow to read gets all of it in order."""
    got = bytearray()

    def act(server: ssl.SSLSocket) -> None:
        time.sleep(0.1)
        while len(got) < 10 * len(LONG):
            got.extend(server.recv(65536))
        server.sendall(b"!")
        server.recv(1)

    async def talk(port: int) -> None:
        transport, client = await connected(index, port)
        for _ in range(10):
            transport.write(LONG)
        while not client.heard:
            await asyncio.sleep(0.01)
        transport.abort()

    against(act, talk)
    assert got == LONG * 10


def test_the_end_is_told_once(index: Index) -> None:
    """What came before the server ended is handed over first; ending the connection oneself afterwards says nothing."""

    def act(server: ssl.SSLSocket) -> None:
        server.sendall(b"bye")
        server.unwrap()

    async def talk(port: int) -> None:
        transport, client = await connected(index, port)
        await client.over.wait()
        transport.abort()
        transport.write(b"too late")
        await asyncio.sleep(0.05)
        assert (client.heard, client.ends) == (b"bye", 1)

    against(act, talk)


@pytest.mark.parametrize("speaks", [False, True])
def test_a_connection_that_is_torn_down_has_ended(index: Index, speaks: bool) -> None:
    """A reset is an end like any other, met while reading or while writing."""

    def act(server: ssl.SSLSocket) -> None:
        server.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        server.close()

    async def talk(port: int) -> None:
        transport, client = await connected(index, port)
        while speaks and not client.ends:
            transport.write(LONG)
            await asyncio.sleep(0)
        await client.over.wait()
        assert client.ends == 1

    against(act, talk)


def test_bytes_that_are_no_tls_end_the_connection(index: Index) -> None:
    """Nothing of what cannot be decrypted is handed over."""

    def act(server: ssl.SSLSocket) -> None:
        plain = server.detach()
        os.write(plain, b"HTTP/1.1 200 OK\r\n\r\n")
        os.close(plain)

    async def talk(port: int) -> None:
        _, client = await connected(index, port)
        await client.over.wait()
        assert (client.heard, client.ends) == (b"", 1)

    against(act, talk)


async def fail(index: Index, port: int, host: str = "localhost") -> None:
    """Speak TLS with a server that has time to go away first."""
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", port)
    time.sleep(0.15)
    await secured(transport, Client(RECORD), ssl.create_default_context(cafile=index.ca_bundle), host)


def test_a_server_of_another_name_is_not_spoken_with(index: Index) -> None:
    """The host is verified; nothing stays open."""

    async def talk(port: int) -> None:
        with pytest.raises(ssl.SSLCertVerificationError, match="elsewhere"):
            await fail(index, port, "elsewhere.example")

    against(lambda server: server.shutdown(SHUT_WR), talk)


@pytest.mark.parametrize("is_rude", [False, True])
def test_a_server_that_goes_away_at_once_is_an_error(index: Index, is_rude: bool) -> None:
    """Whether it ends the connection or resets it, the system or ssl says so, and nothing stays open."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            time.sleep(0.05)
            if is_rude:
                self.request.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            self.request.close()

    with (
        listening(ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port,
        asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner,
        pytest.raises(OSError, match=r"not connected|reset|EOF"),
    ):
        runner.run(fail(index, port))
