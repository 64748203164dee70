"""What a server's answer means: done, not now, not for us, a part of the file; and what went wrong, in one sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from urllib3.exceptions import HTTPError, InvalidHeader, LocationValueError, SSLError
from urllib3.util import Retry, parse_url

from wheelwarm.errors import FetchError
from wheelwarm.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3 import BaseHTTPResponse

# The statuses that pip retries, and 429 and 504, which mean the same: not now.
RETRY_STATUSES = (429, 500, 502, 503, 504, 520, 527)
DONE_STATUSES = (200, 203, 304)
PARTIAL, RANGE_REFUSED = 206, (412, 416)
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)", re.ASCII)


class UnavailableError(FetchError):
    """A server that says "not now"; `after` is how many seconds it asks to wait, None if it does not say.

    No `pip_may`: a server that answers 503 to us answers 503 to pip.
    """

    def __init__(self, message: str, *, after: float | None) -> None:
        super().__init__(message)
        self.after = after


class RangeError(FetchError):
    """A server that does not give the part it was asked for; the whole file can still be had."""


def check_status(url: str, response: BaseHTTPResponse, *, ranged: bool = False) -> None:
    """Raise FetchError for every answer but 200, 203 and 304, and 206 to a ranged request.

    UnavailableError for what may pass, RangeError for a part that is refused.
    """
    status = response.status
    if status in DONE_STATUSES or (ranged and status == PARTIAL):
        return
    message = f"The server answered {status} for {redact(url)}."
    if ranged and status in RANGE_REFUSED:
        raise RangeError(message)
    if status in RETRY_STATUSES:
        raise UnavailableError(message, after=retry_after(response))
    raise FetchError(
        message,
        hint="Give credentials as pip takes them." if status in (401, 403, 407) else "",
        pip_may=status in (401, 403, 407),
        status=status,
    )


def retry_after(response: BaseHTTPResponse) -> float | None:
    """Return the seconds that a Retry-After (RFC 9110, 10.2.3) asks to wait, where there is a usable one."""
    try:
        return Retry().get_retry_after(response)
    except InvalidHeader:
        return None


def declared_size(response: BaseHTTPResponse) -> int | None:
    """Return the Content-Length in bytes, where there is a usable one."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def part_of(response: BaseHTTPResponse) -> tuple[int, int, int] | None:
    """Return first byte, end (exclusive) and the whole file's size of a 206, None for what is no single usable part."""
    found = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status != PARTIAL or found is None or "Content-Encoding" in response.headers:
        return None
    first, last, size = (int(number) for number in found.groups())
    return (first, last + 1, size) if first <= last < size else None


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """Return the ETag that If-Range takes: a weak one says nothing about bytes (RFC 9110, 13.1.5)."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else None


def is_http(url: str) -> bool:
    """Tell whether a URL can be asked for by HTTP."""
    try:
        return parse_url(url).scheme in ("http", "https")
    except LocationValueError:
        return False


def interrupted() -> FetchError:
    """Return the error of a transfer that was cancelled."""
    return FetchError("The transfer was interrupted.")


def explain(url: str, exc: HTTPError) -> FetchError:
    """One sentence for what went wrong on the wire."""
    if isinstance(exc, SSLError):
        return FetchError(
            f"TLS failed for {redact(url)}: {own_words(exc)}.",
            hint="Give the certificate authority by --cert, PIP_CERT, REQUESTS_CA_BUNDLE or pip.conf.",
            pip_may=True,
        )
    return FetchError(f"{redact(url)} cannot be fetched: {own_words(exc)}.", hint="Check the network and try again.")


def own_words(exc: BaseException) -> str:
    """Return an exception's own words, without the pool or connection that urllib3 puts before them."""
    text = str(exc.args[-1] if exc.args else exc)
    return redact(re.sub(r"^\w+\(host=[^)]*\): ", "", text)).removesuffix(".")
