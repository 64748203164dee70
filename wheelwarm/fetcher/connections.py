"""Connections to servers as the target's pip would make them: whom to trust, through which proxy, as whom.

They are kept for the next file; all that happens on them happens in one event loop.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import ssl
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit
from weakref import WeakSet

from wheelwarm import __version__
from wheelwarm.cache.format import normalise
from wheelwarm.errors import FetchError, InputError
from wheelwarm.fetcher.answers import WireError
from wheelwarm.fetcher.trust import Trust
from wheelwarm.fetcher.wire import Wire
from wheelwarm.targets.network import credentials_for, proxy_for, user_and_password
from wheelwarm.urls import is_trusted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from wheelwarm.fetcher.answers import Answer
    from wheelwarm.targets.network import Network

BUFFER = 256 * 1024
MAX_REDIRECTS = 30  # as requests
LONGEST_PAUSE_SECONDS = 60
# When an address has not answered for so long the host's next one is tried too (RFC 8305, 5).
NEXT_ADDRESS_SECONDS = 0.25
USER_AGENT = f"wheelwarm/{__version__}"
PORTS = {"http": 80, "https": 443}


class Place(NamedTuple):
    """Where one end of a connection is."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Place:
        """Read it from a URL. Raises WireError for one that is not http or https."""
        try:
            parts = urlsplit(normalise(url))
        except (InputError, ValueError) as exc:
            raise WireError(str(exc), passing=False) from exc
        return cls(parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme])

    def __str__(self) -> str:
        """Return `host:port`, as a CONNECT names it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Route(NamedTuple):
    """What two requests must have in common to share a connection."""

    server: Place
    proxy: str
    is_trusted: bool

    @property
    def is_tunnel(self) -> bool:
        """Whether the proxy only hands on bytes that it cannot read."""
        return bool(self.proxy) and self.server.scheme == "https"


class Connections:
    """The connections of one run."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._trust = Trust(network)
        self._buffer = memoryview(bytearray(BUFFER))
        self._idle: dict[Route, list[Wire]] = {}
        self._wires: WeakSet[Wire] = WeakSet()
        self._pauses: dict[Place, float] = {}

    async def close(self) -> None:
        """End every connection."""
        for wire in [*self._wires]:
            await wire.close()

    @asynccontextmanager
    async def asked(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[tuple[Answer, Wire]]:
        """Ask for a URL, through redirects; the answer's URL is where they led, its body comes through the wire.

        Each host is trusted on its own, as pip has an adapter for each, and gets its own credentials alone. Raises
        WireError for what goes wrong on the way.
        """
        for _ in range(MAX_REDIRECTS + 1):
            async with self._asked_once(url, headers) as (answer, wire):
                if not answer.location:
                    yield answer, wire
                    return
                await wire.drain()
            url = target_of(url, answer.location)
        raise WireError(f"it redirects more than {MAX_REDIRECTS} times", passing=False)

    def pause(self, url: str, seconds: float) -> None:
        """Ask nothing of a URL's host for so long: a server that says when to come back says so to all transfers."""
        server = Place.of(url)
        until = time.monotonic() + min(seconds, LONGEST_PAUSE_SECONDS)
        self._pauses[server] = max(until, self._pauses.get(server, 0.0))

    @asynccontextmanager
    async def _asked_once(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[tuple[Answer, Wire]]:
        route = self._route(url)
        await asyncio.sleep(self._pauses.get(route.server, 0.0) - time.monotonic())
        wire = await self._wire(route)
        try:
            answer = await wire.ask(url, self._target(url, route), self._headers(url, route) | dict(headers))
            try:
                yield answer, wire
            except FetchError:
                await wire.drain()
                raise
        finally:
            self._give_back(route, wire)

    def _route(self, url: str) -> Route:
        server = Place.of(url)
        return Route(server, proxy_for(url, self.network) or "", is_trusted(url, self.network.trusted_hosts))

    def _target(self, url: str, route: Route) -> str:
        """Return what a request's first line asks for: to a proxy that reads it, all of the URL (RFC 9112, 3.2)."""
        normal = normalise(url)
        if route.proxy and not route.is_tunnel:
            return normal
        parts = urlsplit(normal)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def _headers(self, url: str, route: Route) -> dict[str, str]:
        server = route.server
        host = str(server).rpartition(":")[0] if server.port == PORTS[server.scheme] else str(server)
        headers = {"Host": host, "User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        if found := credentials_for(url, self.network):
            headers["Authorization"] = basic(*found)
        return headers if route.is_tunnel else headers | proxy_headers(route.proxy)

    async def _wire(self, route: Route) -> Wire:
        """Take a connection that is left, or make one."""
        idle = self._idle.get(route, [])
        while idle:
            if (wire := idle.pop()).is_reusable:
                return wire
            wire.abort()
        try:
            async with asyncio.timeout(self.network.timeout):
                return await self._verified(route)
        except TimeoutError:
            raise WireError(f"connecting took longer than {self.network.timeout:g} seconds") from None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as exc:
            raise WireError(f"the server closed the connection: {exc}") from exc
        except ssl.SSLError as exc:
            raise WireError(own_words(exc), passing=False, is_trust=True) from exc
        except OSError as exc:
            raise WireError(f"no connection can be made: {own_words(exc)}") from exc

    def _give_back(self, route: Route, wire: Wire) -> None:
        if wire.is_reusable:
            self._idle.setdefault(route, []).append(wire)
        else:
            wire.abort()

    async def _verified(self, route: Route) -> Wire:
        verifying = self._trust.verifying
        try:
            return await self._connect(route)
        except ssl.SSLCertVerificationError:
            # Another connection may have widened it meanwhile.
            if verifying is self._trust.verifying and not self._trust.widen():
                raise
            return await self._connect(route)

    async def _connect(self, route: Route) -> Wire:
        context = self._trust.trusting if route.is_trusted else self._trust.verifying
        if not route.proxy:
            return await self._secured(await self._dial(route.server), route.server, context)
        proxy = Place.of(route.proxy)
        if not route.is_tunnel:
            return await self._secured(await self._dial(proxy), proxy, self._trust.verifying)
        # TLS within TLS is asyncio's to do, from the start.
        wire = await self._dial(proxy, self._trust.verifying if proxy.scheme == "https" else None)
        await self._tunnel(wire, route, context)
        return wire

    async def _secured(self, wire: Wire, place: Place, context: ssl.SSLContext) -> Wire:
        if place.scheme == "https":
            await wire.secure(context, place.host)
        return wire

    async def _dial(self, place: Place, context: ssl.SSLContext | None = None) -> Wire:
        _, wire = await asyncio.get_running_loop().create_connection(
            lambda: Wire(self.network.timeout, self._buffer),
            place.host,
            place.port,
            ssl=context,
            happy_eyeballs_delay=NEXT_ADDRESS_SECONDS,
        )
        self._wires.add(wire)
        return wire

    async def _tunnel(self, wire: Wire, route: Route, context: ssl.SSLContext) -> None:
        """Have the proxy hand on everything to the server (RFC 9110, 9.3.6), and speak TLS with that."""
        server = str(route.server)
        try:
            headers = {"Host": server, "User-Agent": USER_AGENT, **proxy_headers(route.proxy)}
            answer = await wire.ask(f"https://{server}", server, headers, method="CONNECT")
            if not 200 <= answer.status < 300:
                raise WireError(f"the proxy answered {answer.status}", passing=False, pip_may=True)
            await wire.secure(context, route.server.host)
        except BaseException:
            wire.abort()
            raise


def target_of(url: str, location: str) -> str:
    """Return where a redirect leads; WireError for what nobody can ask for by HTTP."""
    try:
        target = urljoin(url, location)
        Place.of(target)
    except ValueError as exc:
        raise WireError(f"it redirects to {location}", passing=False) from exc
    except WireError as exc:
        raise WireError(f"it redirects to {target}: {exc.words}", passing=False) from exc
    return target


def proxy_headers(proxy: str) -> dict[str, str]:
    """Return the credentials in a proxy's URL as the header that it reads."""
    found = user_and_password(urlsplit(proxy).netloc)
    return {"Proxy-Authorization": basic(*found)} if found else {}


def basic(user: str, password: str) -> str:
    """Return a user name and password as RFC 7617 has them; latin-1 as in requests, where pip's go through."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode("latin-1", "replace")).decode("ascii")


def own_words(exc: OSError) -> str:
    """Return what went wrong without the addresses that were tried and OpenSSL's places in its source."""
    if isinstance(exc, ssl.SSLError):
        return re.sub(r" \(_ssl\.c:\d+\)$", "", str(exc))
    numbers = re.findall(r"\[Errno (\d+)\]", str(exc))
    return os.strerror(int(numbers[-1])) if numbers else exc.strerror or str(exc)
