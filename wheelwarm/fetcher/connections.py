"""Connections to servers as the target's pip would make them: whom to trust, through which proxy, as whom.

They are kept for the next file, and every one can be ended at once from another thread.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager, disable_warnings, make_headers
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import InsecureRequestWarning, LocationValueError
from urllib3.util import Timeout

from wheelwarm import __version__
from wheelwarm.errors import FetchError
from wheelwarm.fetcher.answers import interrupted, is_http
from wheelwarm.targets.network import credentials_for, proxy_for
from wheelwarm.urls import is_trusted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3 import BaseHTTPResponse

    from wheelwarm.targets.network import Network

MAX_REDIRECTS = 30  # as requests
LONGEST_PAUSE_SECONDS = 60
USER_AGENT = f"wheelwarm/{__version__}"


class Connections:
    """The connections of one run, for all its threads."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.cancelled = threading.Event()
        self._started: set[HTTPConnection] = set()
        self._pools: dict[tuple[str, bool], PoolManager] = {}
        self._lock = threading.Lock()
        self._pauses: dict[str, float] = {}
        # What `--trusted-host` allows was asked for; pip says nothing about it either.
        disable_warnings(InsecureRequestWarning)
        self._verifying = ssl_context(network.ca_bundle)
        self._trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._trusting.check_hostname = False
        self._trusting.verify_mode = ssl.CERT_NONE
        if network.client_cert:
            for context in (self._verifying, self._trusting):
                load_client_certificate(context, network.client_cert)

    def close(self) -> None:
        """End every transfer and give all connections up."""
        self.cancel()
        for pools in self._pools.values():
            pools.clear()

    def cancel(self) -> None:
        """End every transfer now, for good; the threads notice at once."""
        self.cancelled.set()
        for connection in list(self._started):
            shut(connection)

    def open(self, url: str, headers: Mapping[str, str]) -> tuple[str, BaseHTTPResponse]:
        """Ask for a URL, through redirects, and return where they led.

        Each host is trusted on its own, as pip has an adapter for each, and gets its own credentials alone.
        """
        for _ in range(MAX_REDIRECTS + 1):
            response = self._request(url, headers)
            if not (location := response.get_redirect_location()):
                return url, response
            response.drain_conn()
            url = urljoin(url, location)
            if not is_http(url):
                raise LocationValueError(f"it redirects to {url}")
        raise LocationValueError(f"it redirects more than {MAX_REDIRECTS} times")

    def pause(self, url: str, seconds: float) -> None:
        """Ask nothing of a URL's host for so long: a server that says when to come back says so to all threads."""
        until = time.monotonic() + min(seconds, LONGEST_PAUSE_SECONDS)
        with self._lock:
            host = urlsplit(url).netloc
            self._pauses[host] = max(until, self._pauses.get(host, 0.0))

    def wait(self, seconds: float) -> None:
        """Wait, but not once all is cancelled."""
        self.cancelled.wait(min(seconds, LONGEST_PAUSE_SECONDS))

    def _request(self, url: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        if (pause := self._pauses.get(urlsplit(url).netloc, 0.0) - time.monotonic()) > 0:
            self.wait(pause)
        if self.cancelled.is_set():
            raise interrupted()
        return self._pools_for(url).request(
            "GET",
            url,
            headers={"User-Agent": USER_AGENT, **self._authorization(url), **headers},
            preload_content=False,
            decode_content=False,
            redirect=False,
            retries=False,
            timeout=Timeout(connect=self.network.timeout, read=self.network.timeout),
        )

    def _authorization(self, url: str) -> dict[str, str]:
        found = credentials_for(url, self.network)
        # latin-1 as in requests, where pip's credentials go through.
        return {"Authorization": make_headers(basic_auth=":".join(found))["authorization"]} if found else {}

    def _pools_for(self, url: str) -> PoolManager:
        key = (proxy_for(url, self.network) or "", is_trusted(url, self.network.trusted_hosts))
        with self._lock:
            if key not in self._pools:
                self._pools[key] = self._make_pools(key[0], self._trusting if key[1] else self._verifying)
            return self._pools[key]

    def _make_pools(self, proxy: str, context: ssl.SSLContext) -> PoolManager:
        """Make pools whose connections can be ended while a thread waits for a response: urllib3 has no such thing."""
        started = self._started

        class Plain(HTTPConnection):
            def connect(self) -> None:
                started.add(self)
                super().connect()

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                started.add(self)
                super().connect()

        options: dict[str, Any] = {"maxsize": self.network.jobs, "ssl_context": context}
        if context is self._trusting:
            options |= {"cert_reqs": ssl.CERT_NONE, "assert_hostname": False}
        pools = proxy_manager(proxy, options) if proxy else PoolManager(**options)
        pools.pool_classes_by_scheme = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": Plain}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": Secure}),
        }
        return pools


def proxy_manager(proxy: str, options: Mapping[str, Any]) -> PoolManager:
    """Make pools that go through an HTTP proxy, with the credentials in its URL; TLS to it is verified too."""
    parts = urlsplit(proxy)
    headers: dict[str, str] = {}
    if parts.username:
        words = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = dict(make_headers(proxy_basic_auth=words))
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return ProxyManager(bare, proxy_headers=headers, proxy_ssl_context=options["ssl_context"], **options)


def ssl_context(ca_bundle: str | None) -> ssl.SSLContext:
    """Trust the given bundle (a file or a folder) alone, as pip's `--cert`, else what the system trusts.

    Raises FetchError for a bundle that cannot be read.
    """
    if ca_bundle is None:
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if Path(ca_bundle).is_dir():
            return ssl.create_default_context(capath=ca_bundle)
        return ssl.create_default_context(cafile=ca_bundle)
    except OSError as exc:
        raise FetchError(
            f"The certificate bundle {ca_bundle} cannot be read: {exc.strerror or exc}.",
            hint="Name an existing PEM file by --cert, PIP_CERT, REQUESTS_CA_BUNDLE or pip.conf.",
        ) from exc


def load_client_certificate(context: ssl.SSLContext, path: str) -> None:
    """Show this certificate to servers that ask for one; FetchError where the file has no usable pair."""
    try:
        # A password would have to be typed, and there may be nobody: an empty one fails at once.
        context.load_cert_chain(path, password="")
    except (OSError, ValueError) as exc:
        raise FetchError(
            f"The client certificate {path} cannot be used: {getattr(exc, 'strerror', None) or exc}.",
            hint="Name by --client-cert a PEM file with the certificate and its private key, without a password.",
        ) from exc


def shut(connection: HTTPConnection) -> None:
    """Wake the thread that waits for a connection's bytes."""
    if connection.sock is None:
        return
    with suppress(OSError):
        # The plain socket's shutdown: SSLSocket's own drops the TLS state under the feet of the thread that reads.
        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
