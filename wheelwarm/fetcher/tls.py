"""TLS on a connection's own socket, for the event loop.

asyncio's own transport decrypts from one buffer in memory to another, which for a large file takes longer than checking
its hash; here OpenSSL reads the socket itself, into the buffer that the protocol lends.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import cast

NOT_YET = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
# The most that one record holds (RFC 8446, 5.1). OpenSSL hands it out whole where there is room for it: a rest that it
# kept would wake nobody, for the socket has been read.
RECORD = 16 * 1024


class TlsTransport(asyncio.Transport):
    """What a protocol that lends its buffer needs of a transport: it reads, writes, and ends at once."""

    def __init__(self, sock: ssl.SSLSocket, protocol: asyncio.BufferedProtocol) -> None:
        super().__init__()
        self._socket = sock
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._unsent = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send it, what the connection does not take at once as soon as it does."""
        self._unsent += data
        if not self._send():
            self._loop.add_writer(self._socket, self._send_on)

    def abort(self) -> None:
        """End the connection; the protocol hears of it soon."""
        if self._socket.fileno() != -1:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()
            self._loop.call_soon(self._protocol.connection_lost, None)

    async def shake_hands(self) -> None:
        """Agree on keys, and verify the server; then read. Raises OSError, ssl.SSLError for what TLS has against it."""
        try:
            while not await self._has_shaken_hands():
                pass
        except BaseException:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket, self._receive)

    async def _has_shaken_hands(self) -> bool:
        try:
            self._socket.do_handshake()
        except NOT_YET as exc:
            await self._until_ready(to_write=isinstance(exc, ssl.SSLWantWriteError))
            return False
        return True

    async def _until_ready(self, *, to_write: bool) -> None:
        watch, leave = (
            (self._loop.add_writer, self._loop.remove_writer)
            if to_write
            else (self._loop.add_reader, self._loop.remove_reader)
        )
        ready = asyncio.Event()
        watch(self._socket, ready.set)
        try:
            await ready.wait()
        finally:
            leave(self._socket)

    def _receive(self) -> None:
        """Fill the protocol's buffer as far as there is something, and hand it over once."""
        buffer = memoryview(self._protocol.get_buffer(-1))
        filled, is_over = 0, False
        try:
            while len(buffer) - filled >= RECORD and not is_over:
                count = self._socket.recv_into(buffer[filled:])
                filled, is_over = filled + count, not count
        except NOT_YET:
            pass
        except OSError:
            is_over = True
        if filled:
            self._protocol.buffer_updated(filled)
        if is_over:
            self.abort()

    def _send(self) -> bool:
        """Send what there is; False if some of it has to wait."""
        try:
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]
        except NOT_YET:
            return False
        except OSError:
            self._unsent.clear()
            self._loop.call_soon(self.abort)
        return True

    def _send_on(self) -> None:
        if self._send():
            self._loop.remove_writer(self._socket)


async def secured(
    transport: asyncio.Transport, protocol: asyncio.BufferedProtocol, context: ssl.SSLContext, host: str
) -> asyncio.Transport:
    """Speak TLS with a host from here on, on the connection of a transport that ends with this.

    Raises OSError, ssl.SSLError for what TLS has against it. TLS within TLS is left to asyncio, which needs no socket.
    """
    if transport.get_extra_info("sslcontext"):
        inner = await asyncio.get_running_loop().start_tls(transport, protocol, context, server_hostname=host)
        return cast("asyncio.Transport", inner)
    # A transport does not give its socket away; a second name for it outlives the first.
    sock = transport.get_extra_info("socket").dup()
    transport.set_protocol(asyncio.Protocol())
    transport.abort()
    try:
        # CPython 3.11 leaves the socket open when it finds out only then that the server is gone.
        sock.getpeername()
        wrapped = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    except BaseException:
        sock.close()
        raise
    await (secure := TlsTransport(wrapped, protocol)).shake_hands()
    return secure
