"""What pip's CacheControl would do with a stored response, pure: serve, revalidate, drop, store.

The rules are those of `controller.py` in CacheControl 0.12.11 (pip 22.2) and 0.14.4 (pip 26.3), which agree for every
request pip makes but that for a range. They are more lenient and case sensitive than RFC 9111 where this says so.
"""

from __future__ import annotations

import calendar
import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from wheelwarm.cache.format import vary
from wheelwarm.model import HIT, Outcome, Reason, StoredResponse, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

PERMANENT_REDIRECTS = (301, 308)
SEED_MARKER = "X-Wheelwarm-Seed"

_ENDLESS = 2**53  # seconds, up to which a float counts each
_STORABLE_STATUSES = (200, 203, 300, 301, 308)
_V = TypeVar("_V", str, "str | None")

# What servers send (RFC 9110, 5.6.7); parsedate_tz, the judge of all other dates, takes four times as long for it.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_USUAL_DATE = re.compile(
    rf"[A-Z][a-z]{{2}}, ([0-9]{{2}}) ({'|'.join(_MONTHS)}) ([1-9][0-9]{{3}}) ([0-9]{{2}}):([0-9]{{2}}):([0-9]{{2}}) GMT"
)
_VALIDATORS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
_TRUE_OF_THE_BODY = ("content-type", "content-length", "etag", "last-modified")


class _Directives(NamedTuple):
    """What CacheControl reads from a Cache-Control header: names are case sensitive, numbers are what `int` accepts."""

    names: frozenset[str] = frozenset()
    max_age: int | None = None
    min_fresh: int | None = None


def judge(stored: StoredResponse, request_headers: Mapping[str, str | None], now: float) -> Verdict:
    """Tell whether pip, at `now` (seconds since the epoch), would serve the entry for a GET with these headers.

    A header whose value is None is one that the request does not have.
    """
    request = _directives(lowered(request_headers))
    if "no-cache" in request.names or request.max_age == 0:
        # pip < 26.2 asks so for index pages; the entry is not even read before the server answers.
        return Verdict(Outcome.STALE, Reason.ALWAYS_REVALIDATED)
    if not _vary_matches(stored, request_headers):
        return Verdict(Outcome.MISS, Reason.VARY_MISMATCH)
    if stored.status in PERMANENT_REDIRECTS:
        return HIT
    headers = lowered(stored.headers)
    if "date" not in headers:
        return Verdict(Outcome.STALE, Reason.NO_DATE)
    try:
        date = _timestamp(headers["date"])
        lifetime = _lifetime(headers, date)
        age = max(0.0, now - date) + (request.min_fresh or 0)
    except (ValueError, OverflowError):
        # CacheControl fails on a date it cannot read or take from the clock, and pip with it.
        return Verdict(Outcome.MISS, Reason.UNREADABLE)
    allowed = lifetime if request.max_age is None else request.max_age
    if allowed > age:
        return HIT
    never_fresh = lifetime <= 0 and "etag" in headers
    return Verdict(Outcome.STALE, Reason.NO_LIFETIME if never_fresh else Reason.EXPIRED)


def remaining(stored: StoredResponse, now: float) -> float:
    """Return how many seconds after `now` the entry stays fresh: 0.0 if stale, infinity for a permanent redirect."""
    return _remaining(stored.status, lowered(stored.headers), now)


def prospects(status: int, headers: Mapping[str, str]) -> tuple[float, bool]:
    """Return when a stored response's freshness ends, in seconds since the epoch, and whether it has a validator.

    `headers` are by lower-case name. Never fresh is 0.0; without end, infinity.
    """
    return _remaining(status, headers, 0.0), any(name in headers for name in _VALIDATORS)


def _remaining(status: int, headers: Mapping[str, str], now: float) -> float:
    if status in PERMANENT_REDIRECTS:
        return math.inf
    try:
        date = _timestamp(headers["date"])
        lifetime = min(_lifetime(headers, date), _ENDLESS)
        return max(0.0, date + lifetime - now) if lifetime > 0 else 0.0
    except (KeyError, ValueError, OverflowError):
        return 0.0


def storable(status: int, headers: Mapping[str, str], request_headers: Mapping[str, str | None]) -> Reason | None:
    """Return None when pip would store such a response, else why it would not."""
    if status not in _STORABLE_STATUSES:
        return Reason.NO_CACHING_HEADERS
    lower = lowered(headers)
    response = _directives(lower)
    if "no-store" in response.names | _directives(lowered(request_headers)).names:
        return Reason.NO_STORE
    if "*" in lower.get("vary", ""):
        return Reason.VARY_MISMATCH
    try:
        return None if _has_reason_to_store(status, lower, response) else Reason.NO_CACHING_HEADERS
    except ValueError:
        return Reason.UNREADABLE


def has_validator(stored: StoredResponse) -> bool:
    """Tell whether a conditional request can be made for it (RFC 9110, 8.8)."""
    return bool(conditional_headers(stored))


def conditional_headers(stored: StoredResponse) -> dict[str, str]:
    """Return the request headers that ask whether the stored response is still valid (RFC 9111, 4.3.1)."""
    headers = lowered(stored.headers)
    return {asks: headers[validator] for validator, asks in _VALIDATORS.items() if validator in headers}


def known(headers: Mapping[str, str | None]) -> dict[str, str]:
    """Return those of pip's request headers whose value is known."""
    return {name: value for name, value in headers.items() if value is not None}


def varies_by_known(headers: Mapping[str, str], request_headers: Mapping[str, str | None]) -> bool:
    """Tell whether each header that a Vary names is one whose value in pip's requests is known."""
    sent = {name.lower() for name in known(request_headers)}
    return {name.lower() for name in vary(headers, request_headers)} <= sent


def revalidated(
    stored: StoredResponse, headers: Mapping[str, str], request_headers: Mapping[str, str | None]
) -> StoredResponse:
    """Return the stored response with the headers of a 304 laid over it, all but Content-Length (RFC 9111, 3.2)."""
    merged = {name.lower(): (name, value) for name, value in stored.headers.items()}
    if merged.get("transfer-encoding", ("", ""))[1] == "chunked":
        del merged["transfer-encoding"]
    new = {name.lower(): (name, value) for name, value in headers.items() if name.lower() != "content-length"}
    kept = dict((merged | new).values())
    return stored._replace(status=200, headers=kept, vary=vary(kept, request_headers))


def seed(headers: Mapping[str, str], *, now: float, sha256: str, lifetime: int) -> dict[str, str]:
    """Return the headers to store with a body whose sha256 was verified, though the server's forbid reusing it.

    Keeps what is true of the body, drops what was true of the exchange; fresh for `lifetime` seconds from `now`.
    """
    from email.utils import formatdate

    kept = {name: value for name, value in headers.items() if name.lower() in _TRUE_OF_THE_BODY}
    return kept | {
        "Date": formatdate(now, usegmt=True),
        "Cache-Control": f"max-age={lifetime}",
        SEED_MARKER: f"sha256={sha256}",
    }


def _has_reason_to_store(status: int, headers: Mapping[str, str], response: _Directives) -> bool:
    """ValueError stands for a date that CacheControl fails on; it reads no more of them than it needs, and so do we."""
    has_date = "date" in headers
    if has_date:
        _timestamp(headers["date"])
    if "etag" not in headers:
        if status in PERMANENT_REDIRECTS:
            return True
        if not has_date:
            return False
        if response.max_age is not None and response.max_age > 0:
            return True
    _parse(headers.get("expires", ""))
    return "etag" in headers or bool(headers.get("expires"))


def _vary_matches(stored: StoredResponse, request_headers: Mapping[str, str | None]) -> bool:
    if not stored.vary:
        return True
    if "*" in stored.vary:
        return False
    sent = lowered(request_headers)
    return all(sent.get(name.lower()) == value for name, value in stored.vary.items())


def _lifetime(headers: Mapping[str, str], date: int) -> int:
    """Return the freshness lifetime in seconds: max-age, or else Expires (RFC 9111, 4.2.1, without s-maxage)."""
    max_age = _directives(headers).max_age
    if max_age is not None:
        return max_age
    expires = _parse(headers.get("expires", ""))
    return 0 if expires is None else max(0, expires - date)


def _timestamp(value: str) -> int:
    seconds = _parse(value)
    if seconds is None:
        raise ValueError(value)
    return seconds


def _parse(value: str) -> int | None:
    """Return the seconds since the epoch of a date; None if it is none, ValueError if it is no possible one.

    The time zone is read and ignored, as CacheControl does: HTTP dates are in GMT.
    """
    try:
        if usual := _USUAL_DATE.fullmatch(value):
            day, month, year, *clock = usual.groups()
            return calendar.timegm((int(year), _MONTHS.index(month) + 1, int(day), *map(int, clock)))
        from email.utils import parsedate_tz  # which loads all of `socket`, for what servers hardly ever send

        parsed = parsedate_tz(value)
        return None if parsed is None else calendar.timegm(parsed[:6])
    except (ArithmeticError, LookupError, TypeError) as exc:
        raise ValueError(value) from exc


def _directives(headers: Mapping[str, str | None]) -> _Directives:
    return _parse_directives(headers.get("cache-control") or "")


# A cache has thousands of entries, and some ten different Cache-Control headers among them.
@lru_cache(maxsize=256)
def _parse_directives(value: str) -> _Directives:
    parts = [part.partition("=") for part in value.split(",")]
    names = frozenset(name.strip() for name, _, _ in parts)
    numbers = {name.strip(): number for name, _, value in parts if (number := _int(value)) is not None}
    return _Directives(names, numbers.get("max-age"), numbers.get("min-fresh"))


def _int(value: str) -> int | None:
    try:
        return int(value)
    except ValueError:
        return None


def lowered(headers: Mapping[str, _V]) -> dict[str, _V]:
    """Return headers by lower-case name; of several that differ in case the last counts, as for CacheControl."""
    return {name.lower(): value for name, value in headers.items()}
