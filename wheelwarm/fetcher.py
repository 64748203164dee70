"""Parallel HTTP to temporary files, hashed on the way. The only HTTP client.

It asks as pip asks (the same URL, the same headers that a Vary can name) and trusts as pip trusts; what pip would do
with credentials, proxies or client certificates it leaves to pip, by a FetchError with `pip_may`.
"""

from __future__ import annotations

import hashlib
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, SSLError
from urllib3.util import Retry, Timeout

from wheelwarm import __version__
from wheelwarm.errors import CacheError, FetchError
from wheelwarm.redaction import redact
from wheelwarm.urls import is_trusted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from urllib3 import BaseHTTPResponse

    from wheelwarm.target import Target

CHUNK = 256 * 1024
# The statuses that pip retries, and 429 and 504, which mean the same: not now.
RETRY_STATUSES = (429, 500, 502, 503, 504, 520, 527)
BACKOFF_SECONDS = 0.25
LONGEST_RETRY_AFTER_SECONDS = 60
MAX_REDIRECTS = 30  # as requests
USER_AGENT = f"wheelwarm/{__version__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How to reach servers, as the target's pip would: trust, patience, and what only pip can do.

    `timeout` is in seconds; `trusted_hosts` are `host` or `host:port`.
    """

    ca_bundle: str | None = None
    trusted_hosts: tuple[str, ...] = ()
    timeout: float = 15.0
    retries: int = 5
    jobs: int = 8
    only_pip: bool = False


def network_of(target: Target, *, environ: Mapping[str, str], trusted_hosts: Sequence[str], jobs: int) -> Network:
    """Read pip's settings of trust and patience.

    requests lets REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE beat pip's `--cert` (measured with pip 22.2 to 26.3).
    """
    bundle = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or target.setting("cert")
    return Network(
        ca_bundle=bundle or None,
        trusted_hosts=tuple(trusted_hosts),
        timeout=number(target.setting("timeout") or target.setting("default-timeout"), 15.0),
        retries=int(number(target.setting("retries"), 5)),
        jobs=jobs,
        only_pip=bool(target.setting("client-cert") or target.setting("proxy")),
    )


def number(text: str | None, default: float) -> float:
    """Return a setting's number, or the default where it is none."""
    try:
        return float(text) if text else default
    except ValueError:
        return default


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

    `redirected` tells that the first URL answered with a redirect. A 304 has an empty body.
    """

    status: int
    headers: Mapping[str, str]
    path: Path
    digests: Mapping[str, str]
    size: int
    redirected: bool = False
    version: int = 11
    reason: str = "OK"


class Fetcher:
    """A pool of connections for one run; use it as a context manager."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._verified = urllib3.PoolManager(maxsize=network.jobs, ssl_context=ssl_context(network.ca_bundle))
        self._trusting = urllib3.PoolManager(maxsize=network.jobs, cert_reqs=ssl.CERT_NONE, assert_hostname=False)
        self._cancelled = threading.Event()
        self._active: set[BaseHTTPResponse] = set()

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.cancel()
        self._verified.clear()
        self._trusting.clear()

    def cancel(self) -> None:
        """End every transfer now; the threads notice at once."""
        self._cancelled.set()
        for response in list(self._active):
            response.shutdown()

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
        with ThreadPoolExecutor(self.network.jobs, thread_name_prefix="fetch") as pool:
            futures = {
                pool.submit(self.fetch, download, new_body(), on_begin=on_begin, on_bytes=on_bytes): download
                for download in downloads
            }
            try:
                for future in as_completed(futures):
                    error = future.exception()
                    if error is None:
                        yield futures[future], future.result()
                    elif isinstance(error, FetchError):
                        yield futures[future], error
                    else:
                        raise error
            except BaseException:
                self.cancel()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def fetch(
        self,
        download: Download,
        body: Path,
        *,
        on_begin: Callable[[str, int | None], None] = lambda _name, _size: None,
        on_bytes: Callable[[str, int], None] = lambda _name, _amount: None,
    ) -> Fetched:
        """Fetch one file into `body`; a connection cut in mid-file starts it over, as often as pip retries.

        Raises FetchError, and CacheError when the disk is full; `body` is gone then.
        """
        attempts = self.network.retries + 1
        try:
            for attempt in range(attempts):
                try:
                    return self._transfer(download, body, on_begin, on_bytes)
                except HTTPError as exc:
                    if attempt == attempts - 1 or isinstance(exc, MaxRetryError) or self._cancelled.is_set():
                        raise explain(download.url, exc) from exc
                    time.sleep(min(BACKOFF_SECONDS * 2**attempt, 8))
        except BaseException:
            body.unlink(missing_ok=True)
            raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _transfer(
        self,
        download: Download,
        body: Path,
        on_begin: Callable[[str, int | None], None],
        on_bytes: Callable[[str, int], None],
    ) -> Fetched:
        response = self._open(download)
        self._active.add(response)
        try:
            check_status(download.url, response.status)
            on_begin(download.name, declared_size(response))
            digests, size = self._write(response, body, download, on_bytes)
        finally:
            self._active.discard(response)
            response.release_conn()
        history = response.retries.history if response.retries else ()
        return Fetched(
            status=response.status,
            headers=dict(response.headers.items()),
            path=body,
            digests=digests,
            size=size,
            redirected=any(step.redirect_location for step in history),
            version=response.version,
            reason=response.reason or "OK",
        )

    def _open(self, download: Download) -> BaseHTTPResponse:
        if self._cancelled.is_set():
            raise FetchError("The transfer was interrupted.")
        pool = self._trusting if is_trusted(download.url, self.network.trusted_hosts) else self._verified
        # No pip_may: a server that answers 503 to us answers 503 to pip.
        retry = Retry(
            total=self.network.retries + MAX_REDIRECTS,
            connect=self.network.retries,
            read=self.network.retries,
            status=self.network.retries,
            other=0,
            redirect=MAX_REDIRECTS,
            status_forcelist=RETRY_STATUSES,
            backoff_factor=BACKOFF_SECONDS,
            retry_after_max=LONGEST_RETRY_AFTER_SECONDS,
            raise_on_status=False,
        )
        return pool.request(
            "GET",
            download.url,
            headers={"User-Agent": USER_AGENT, **download.headers},
            preload_content=False,
            decode_content=False,
            retries=retry,
            timeout=Timeout(connect=self.network.timeout, read=self.network.timeout),
        )

    def _write(
        self, response: BaseHTTPResponse, body: Path, download: Download, on_bytes: Callable[[str, int], None]
    ) -> tuple[dict[str, str], int]:
        hashes = {name: hashlib.new(name) for name in {"sha256", download.algorithm}}
        size = 0
        try:
            with body.open("wb") as file:
                for chunk in response.stream(CHUNK, decode_content=False):
                    if self._cancelled.is_set():
                        raise FetchError("The transfer was interrupted.")
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


def only_pip_can(url: str, network: Network) -> bool:
    """Whether a URL needs what the parallel lane lacks: a proxy, a client certificate, another scheme."""
    parts = urlsplit(url)
    if network.only_pip or parts.scheme not in ("http", "https"):
        return True
    proxies = getproxies()
    proxied = bool(proxies.get(parts.scheme) or proxies.get("all"))
    return proxied and not proxy_bypass(parts.hostname or "")


def declared_size(response: BaseHTTPResponse) -> int | None:
    """Return the Content-Length in bytes, where there is a usable one."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def check_status(url: str, status: int) -> None:
    """Raise FetchError for every answer but 200, 203 and 304."""
    if status in (200, 203, 304):
        return
    raise FetchError(
        f"The server answered {status} for {redact(url)}.",
        hint="Give credentials as pip takes them." if status in (401, 403, 407) else "",
        pip_may=status in (401, 403, 407),
    )


def explain(url: str, exc: HTTPError) -> FetchError:
    """One sentence for what went wrong on the wire."""
    cause = exc.reason if isinstance(exc, MaxRetryError) and exc.reason else exc
    if isinstance(cause, SSLError):
        return FetchError(
            f"TLS failed for {redact(url)}: {first_argument(cause)}.",
            hint="Give the certificate authority by PIP_CERT, REQUESTS_CA_BUNDLE or pip.conf.",
            pip_may=True,
        )
    return FetchError(
        f"{redact(url)} cannot be fetched: {first_argument(cause)}.", hint="Check the network and try again."
    )


def first_argument(exc: BaseException) -> str:
    """Return an exception's own words, without the object that urllib3 puts before them."""
    text = redact(str(exc.args[-1] if exc.args else exc))
    return text.split(">: ", 1)[-1].removesuffix(".")
