"""What a server's answer means: done, not now, not for us, a part of the file; and what went wrong, in one sentence."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, NamedTuple

from wheelwarm.cache.freshness import lowered
from wheelwarm.errors import FetchError
from wheelwarm.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

# The statuses that pip retries, and 429 and 504, which mean the same: not now.
RETRY_STATUSES = (429, 500, 502, 503, 504, 520, 527)
DONE_STATUSES = (200, 203, 304)
REDIRECTS = (301, 302, 303, 307, 308)
PARTIAL, RANGE_REFUSED = 206, (412, 416)
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)", re.ASCII)


class Answer(NamedTuple):
    """The head of a server's answer to a request for `url`.

    `headers` are spelt as they were sent; of those that were sent twice the values are joined (RFC 9110, 5.3).
    """

    url: str
    status: int
    headers: Mapping[str, str]
    version: int = 11
    reason: str = "OK"

    def header(self, name: str) -> str:
        """Return a header's value, empty where there is none; `name` is in small letters."""
        return lowered(self.headers).get(name, "")

    @property
    def size(self) -> int | None:
        """The Content-Length in bytes, where there is a usable one."""
        text = self.header("content-length")
        return int(text) if text.isascii() and text.isdigit() else None

    @property
    def location(self) -> str:
        """Where a redirect leads to; empty for any other answer."""
        return self.header("location") if self.status in REDIRECTS else ""

    @property
    def etag(self) -> str | None:
        """The ETag that If-Range takes: a weak one says nothing about bytes (RFC 9110, 13.1.5)."""
        etag = self.header("etag")
        return etag if etag.startswith('"') else None

    @property
    def part(self) -> tuple[int, int, int] | None:
        """First byte, end (exclusive) and the whole file's size of a 206, None for what is no single usable part."""
        found = CONTENT_RANGE.fullmatch(self.header("content-range"))
        if self.status != PARTIAL or found is None or self.header("content-encoding"):
            return None
        first, last, size = (int(number) for number in found.groups())
        return (first, last + 1, size) if first <= last < size else None

    @property
    def whole_size(self) -> int | None:
        """The size in bytes of the file that this is or is a part of, where it is known."""
        return self.part[2] if self.part else self.size

    def as_whole(self) -> Answer:
        """Return the 200 that a part's answer would have been for the whole file; any other as it is."""
        if not (part := self.part):
            return self
        headers = {name: value for name, value in self.headers.items() if name.lower() != "content-range"}
        headers = {name: str(part[2]) if name.lower() == "content-length" else headers[name] for name in headers}
        return self._replace(status=200, reason="OK", headers=headers)


class WireError(Exception):
    """Trouble on the way to a server or from it, in words for the user.

    `passing` tells that another try may help, `is_trust` that a certificate or TLS is the matter, `pip_may` that pip
    might understand this server all the same.
    """

    def __init__(self, words: str, *, passing: bool = True, is_trust: bool = False, pip_may: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.passing = passing
        self.is_trust = is_trust
        self.pip_may = pip_may


class UnavailableError(FetchError):
    """A server that says "not now"; `after` is how many seconds it asks to wait, None if it does not say.

    No `pip_may`: a server that answers 503 to us answers 503 to pip.
    """

    def __init__(self, message: str, *, after: float | None) -> None:
        super().__init__(message)
        self.after = after


class RangeError(FetchError):
    """A server that does not give the part it was asked for; the whole file can still be had."""


def check_status(url: str, answer: Answer, *, ranged: bool = False) -> None:
    """Raise FetchError for every answer but 200, 203 and 304, and 206 to a ranged request.

    UnavailableError for what may pass, RangeError for a part that is refused.
    """
    status = answer.status
    if status in DONE_STATUSES or (ranged and status == PARTIAL):
        return
    message = f"The server answered {status} for {redact(url)}."
    if ranged and status in RANGE_REFUSED:
        raise RangeError(message)
    if status in RETRY_STATUSES:
        raise UnavailableError(message, after=retry_after(answer))
    raise FetchError(
        message,
        hint="Give credentials as pip takes them." if status in (401, 403, 407) else "",
        pip_may=status in (401, 403, 407),
        status=status,
    )


def retry_after(answer: Answer) -> float | None:
    """Return the seconds that a Retry-After (RFC 9110, 10.2.3) asks to wait, where there is a usable one."""
    text = answer.header("retry-after").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def interrupted() -> FetchError:
    """Return the error of a transfer that was cancelled."""
    return FetchError("The transfer was interrupted.")


def explain(url: str, exc: WireError) -> FetchError:
    """One sentence for what went wrong on the wire."""
    words = redact(exc.words).removesuffix(".")
    if exc.is_trust:
        return FetchError(
            f"TLS failed for {redact(url)}: {words}.",
            hint="Give the certificate authority by --cert, PIP_CERT, REQUESTS_CA_BUNDLE or pip.conf.",
            pip_may=True,
        )
    return FetchError(
        f"{redact(url)} cannot be fetched: {words}.", hint="Check the network and try again.", pip_may=exc.pip_may
    )
