"""Parallel HTTP to temporary files, hashed on the way. The only HTTP client.

It asks as pip asks (the same URL, the same headers that a Vary can name) and trusts as pip trusts; what pip would do
with credentials, proxies or client certificates it leaves to pip, by a FetchError with `pip_may`.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, disable_warnings
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    HTTPError,
    InsecureRequestWarning,
    InvalidHeader,
    LocationValueError,
    NewConnectionError,
    ProtocolError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as TransferTimeoutError
from urllib3.util import Retry, Timeout, parse_url

from wheelwarm import __version__
from wheelwarm.errors import CacheError, FetchError
from wheelwarm.redaction import redact
from wheelwarm.urls import is_trusted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from urllib3 import BaseHTTPResponse

    from wheelwarm.network import Network

CHUNK = 256 * 1024
# The statuses that pip retries, and 429 and 504, which mean the same: not now.
RETRY_STATUSES = (429, 500, 502, 503, 504, 520, 527)
PASSING_ERRORS = (NewConnectionError, ProtocolError, TransferTimeoutError)
BACKOFF_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 60
MAX_REDIRECTS = 30  # as requests
USER_AGENT = f"wheelwarm/{__version__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One file to fetch: `headers` are those of pip's request, `algorithm` one more hash to compute beside sha256."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    algorithm: str = "sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came: the final response's status and headers, the body's path, digests by algorithm, size in bytes.

    `url` is where redirects led, `redirected` tells that there were any. A 304 has an empty body.
    """

    status: int
    headers: Mapping[str, str]
    path: Path
    digests: Mapping[str, str]
    size: int
    url: str
    redirected: bool = False
    version: int = 11
    reason: str = "OK"


class Fetcher:
    """A pool of connections for one run; use it as a context manager."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._cancelled = threading.Event()
        self._connections: set[HTTPConnection] = set()
        # What `--trusted-host` allows was asked for; pip says nothing about it either.
        disable_warnings(InsecureRequestWarning)
        self._verified = self._pools(ssl_context=ssl_context(network.ca_bundle))
        self._trusting = self._pools(cert_reqs=ssl.CERT_NONE, assert_hostname=False)

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.cancel()
        self._verified.clear()
        self._trusting.clear()

    def cancel(self) -> None:
        """End every transfer now, for good; the threads notice at once."""
        self._cancelled.set()
        for connection in list(self._connections):
            shut(connection)

    def fetch_all(
        self,
        downloads: Sequence[Download],
        *,
        new_body: Callable[[], Path],
        on_begin: Callable[[str, int | None], None] = lambda _name, _size: None,
        on_bytes: Callable[[str, int], None] = lambda _name, _amount: None,
    ) -> Iterator[tuple[Download, Fetched | FetchError]]:
        """Fetch several at once and yield each as it is done, failed ones with their error.

        `new_body` makes the temporary file a body is written to; it is removed again unless the body is yielded.
        """

        def fetch(download: Download) -> Fetched:
            return self.fetch(download, new_body(), on_begin=on_begin, on_bytes=on_bytes)

        with ThreadPoolExecutor(self.network.jobs, thread_name_prefix="fetch") as pool:
            futures = {pool.submit(fetch, download): download for download in downloads}
            try:
                for future in as_completed(list(futures)):
                    download = futures.pop(future)
                    error = future.exception()
                    if error is not None and not isinstance(error, FetchError):
                        raise error
                    yield download, error or future.result()
            except BaseException:
                self.cancel()
                pool.shutdown(wait=True, cancel_futures=True)
                discard(futures)
                raise

    def fetch(
        self,
        download: Download,
        body: Path,
        *,
        on_begin: Callable[[str, int | None], None] = lambda _name, _size: None,
        on_bytes: Callable[[str, int], None] = lambda _name, _amount: None,
    ) -> Fetched:
        """Fetch one file into `body`; whatever may pass, a cut in mid-file too, is tried again as often as pip retries.

        Raises FetchError, and CacheError when the disk is full; `body` is gone then.
        """
        last = max(0, self.network.retries)
        try:
            for attempt in range(last):
                try:
                    return self._transfer(download, body, on_begin, on_bytes)
                except UnavailableError as exc:
                    pause = BACKOFF_SECONDS * 2**attempt if exc.after is None else exc.after
                except PASSING_ERRORS:
                    pause = BACKOFF_SECONDS * 2**attempt
                self._cancelled.wait(min(pause, LONGEST_PAUSE_SECONDS))
            return self._transfer(download, body, on_begin, on_bytes)
        except BaseException as exc:
            body.unlink(missing_ok=True)
            if isinstance(exc, HTTPError):
                raise interrupted() if self._cancelled.is_set() else explain(download.url, exc) from exc
            raise

    def _transfer(
        self,
        download: Download,
        body: Path,
        on_begin: Callable[[str, int | None], None],
        on_bytes: Callable[[str, int], None],
    ) -> Fetched:
        url, response = self._open(download)
        try:
            check_status(download.url, response)
            on_begin(download.name, declared_size(response))
            digests, size = self._write(response, body, download, on_bytes)
        finally:
            # A connection whose response was read to its end is back in the pool by now, and stays open.
            response.close()
        return Fetched(
            status=response.status,
            headers=dict(response.headers.items()),
            path=body,
            digests=digests,
            size=size,
            url=url,
            redirected=url != download.url,
            version=response.version,
            reason=response.reason or "OK",
        )

    def _open(self, download: Download) -> tuple[str, BaseHTTPResponse]:
        """Ask for a file, through redirects; each host is trusted on its own, as pip has an adapter for each."""
        url = download.url
        for _ in range(MAX_REDIRECTS + 1):
            response = self._request(url, download.headers)
            if not (location := response.get_redirect_location()):
                return url, response
            response.drain_conn()
            url = urljoin(url, location)
            if not is_http(url):
                raise LocationValueError(f"it redirects to {url}")
        raise LocationValueError(f"it redirects more than {MAX_REDIRECTS} times")

    def _request(self, url: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        if self._cancelled.is_set():
            raise interrupted()
        pools = self._trusting if is_trusted(url, self.network.trusted_hosts) else self._verified
        return pools.request(
            "GET",
            url,
            headers={"User-Agent": USER_AGENT, **headers},
            preload_content=False,
            decode_content=False,
            redirect=False,
            retries=False,
            timeout=Timeout(connect=self.network.timeout, read=self.network.timeout),
        )

    def _pools(self, **options: Any) -> PoolManager:
        """Make pools whose connections can be ended while a thread waits for a response: urllib3 has no such thing."""
        started = self._connections

        class Plain(HTTPConnection):
            def connect(self) -> None:
                started.add(self)
                super().connect()

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                started.add(self)
                super().connect()

        pools = PoolManager(maxsize=self.network.jobs, **options)
        pools.pool_classes_by_scheme = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": Plain}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": Secure}),
        }
        return pools

    def _write(
        self, response: BaseHTTPResponse, body: Path, download: Download, on_bytes: Callable[[str, int], None]
    ) -> tuple[dict[str, str], int]:
        hashes = {name: hashlib.new(name) for name in {"sha256", download.algorithm}}
        size = 0
        try:
            with body.open("wb") as file:
                for chunk in response.stream(CHUNK, decode_content=False):
                    if self._cancelled.is_set():
                        raise interrupted()
                    file.write(chunk)
                    size += len(chunk)
                    for digest in hashes.values():
                        digest.update(chunk)
                    on_bytes(download.name, len(chunk))
        except OSError as exc:
            raise CacheError(
                f"{download.name} cannot be written to {body.parent}: {exc.strerror or exc}.",
                hint="Make room on the disk, or name another cache by --cache-dir.",
            ) from exc
        return {name: digest.hexdigest() for name, digest in hashes.items()}, size


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
            hint="Name an existing PEM file by PIP_CERT, REQUESTS_CA_BUNDLE or pip.conf.",
        ) from exc


def is_http(url: str) -> bool:
    """Tell whether a URL can be asked for by HTTP."""
    try:
        return parse_url(url).scheme in ("http", "https")
    except LocationValueError:
        return False


def declared_size(response: BaseHTTPResponse) -> int | None:
    """Return the Content-Length in bytes, where there is a usable one."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


class UnavailableError(FetchError):
    """A server that says "not now"; `after` is how many seconds it asks to wait, None if it does not say.

    No `pip_may`: a server that answers 503 to us answers 503 to pip.
    """

    def __init__(self, message: str, *, after: float | None) -> None:
        super().__init__(message)
        self.after = after


def check_status(url: str, response: BaseHTTPResponse) -> None:
    """Raise FetchError for every answer but 200, 203 and 304; UnavailableError for one that may pass."""
    status = response.status
    if status in (200, 203, 304):
        return
    if status in RETRY_STATUSES:
        raise UnavailableError(f"The server answered {status} for {redact(url)}.", after=retry_after(response))
    raise FetchError(
        f"The server answered {status} for {redact(url)}.",
        hint="Give credentials as pip takes them." if status in (401, 403, 407) else "",
        pip_may=status in (401, 403, 407),
    )


def retry_after(response: BaseHTTPResponse) -> float | None:
    """Return the seconds that a Retry-After (RFC 9110, 10.2.3) asks to wait, where there is a usable one."""
    try:
        return Retry().get_retry_after(response)
    except InvalidHeader:
        return None


def interrupted() -> FetchError:
    """Return the error of a transfer that was cancelled."""
    return FetchError("The transfer was interrupted.")


def shut(connection: HTTPConnection) -> None:
    """Wake the thread that waits for a connection's bytes."""
    if connection.sock is None:
        return
    with suppress(OSError):
        # The plain socket's shutdown: SSLSocket's own drops the TLS state under the feet of the thread that reads.
        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


def discard(futures: Iterable[Future[Fetched]]) -> None:
    """Remove the bodies that nobody will get."""
    for future in futures:
        if not future.cancelled() and future.exception() is None:
            future.result().path.unlink(missing_ok=True)


def explain(url: str, exc: HTTPError) -> FetchError:
    """One sentence for what went wrong on the wire."""
    if isinstance(exc, SSLError):
        return FetchError(
            f"TLS failed for {redact(url)}: {own_words(exc)}.",
            hint="Give the certificate authority by PIP_CERT, REQUESTS_CA_BUNDLE or pip.conf.",
            pip_may=True,
        )
    return FetchError(f"{redact(url)} cannot be fetched: {own_words(exc)}.", hint="Check the network and try again.")


def own_words(exc: BaseException) -> str:
    """Return an exception's own words, without the pool or connection that urllib3 puts before them."""
    text = str(exc.args[-1] if exc.args else exc)
    return redact(re.sub(r"^\w+\(host=[^)]*\): ", "", text)).removesuffix(".")
