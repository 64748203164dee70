"""Freshness against CacheControl's controller, on generated headers, requests and clocks."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import subprocess
from contextlib import contextmanager
from email.utils import formatdate
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import requests
from cachecontrol.cache import DictCache
from cachecontrol.controller import CacheController
from hypothesis import assume, given
from hypothesis import strategies as st
from urllib3 import HTTPResponse

from tests import strategies
from tests.strategies import NOW
from wheelwarm.cache import freshness
from wheelwarm.cache.format import dumps, normalise, vary
from wheelwarm.model import HIT, Outcome, Reason, StoredResponse, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import PipOf

URL = "https://files.example/a.whl"
DATE = formatdate(NOW, usegmt=True)
BEYOND = f"15 Jan 2027 {'9' * 400}:00:00"
"""A date whose seconds no float holds."""


@contextmanager
def clock(now: float) -> Iterator[None]:
    """Give CacheControl's controller a clock that stands at `now`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cachecontrol.controller.time", SimpleNamespace(time=lambda: now))
        yield


def request_with(headers: dict[str, str]) -> requests.PreparedRequest:
    """Return a GET for the one URL."""
    return requests.Request("GET", URL, headers=headers).prepare()


def cachecontrol_serves(stored: StoredResponse, sent: dict[str, str], now: float) -> bool | None:
    """Tell whether CacheControl answers from the cache; None when it fails on the entry."""
    controller = CacheController(DictCache({normalise(URL): dumps(stored)}))
    with clock(now):
        try:
            return bool(controller.cached_request(request_with(sent)))
        except (AssertionError, ValueError, OverflowError):
            return None


def cachecontrol_stores(status: int, headers: dict[str, str], sent: dict[str, str]) -> bool:
    """Tell whether CacheControl keeps a response with these headers; failing on it is not keeping it."""
    cache = DictCache()
    response = HTTPResponse(b"", headers=headers, status=status, preload_content=False)
    try:
        CacheController(cache).cache_response(request_with(sent), response, b"")
    except (AssertionError, ValueError, OverflowError):
        return False
    return cache.get(normalise(URL)) is not None


@given(strategies.stored_responses, strategies.request_headers, strategies.clocks)
def test_served_exactly_when_cachecontrol_serves(stored: StoredResponse, sent: dict[str, str], now: float) -> None:
    """A hit is what CacheControl answers from the cache, unreadable what it fails on, and nothing else is either."""
    verdict = freshness.judge(stored, sent, now)
    served = cachecontrol_serves(stored, sent, now)
    assert (verdict == HIT) == (served is True)
    assert (verdict.reason is Reason.UNREADABLE) == (served is None)


@given(strategies.statuses, strategies.response_headers, strategies.request_headers)
def test_stored_exactly_when_cachecontrol_stores(status: int, headers: dict[str, str], sent: dict[str, str]) -> None:
    """A response is storable exactly when CacheControl keeps it."""
    assert (freshness.storable(status, headers, sent) is None) == cachecontrol_stores(status, headers, sent)


@given(strategies.instants, strategies.instants, st.integers(1, 10**6), st.booleans())
def test_served_for_exactly_what_remains(date: int, now: int, lifetime: int, by_expires: bool) -> None:
    """A fresh entry is served until just before `remaining` seconds from now, and not at that moment."""
    until = {"Expires": formatdate(date + lifetime)} if by_expires else {"Cache-Control": f"max-age={lifetime}"}
    stored = StoredResponse(status=200, headers={"Date": formatdate(date), "ETag": "e"} | until)
    left = freshness.remaining(stored, now)
    assert bool(left) == bool(cachecontrol_serves(stored, {}, now))
    assert not left or cachecontrol_serves(stored, {}, now + left - 0.5)
    assert not cachecontrol_serves(stored, {}, now + left)


@given(strategies.stored_responses, strategies.clocks)
def test_nothing_remains_of_what_is_stale(stored: StoredResponse, now: float) -> None:
    """An entry that pip would not serve to the request it was stored for has no freshness left."""
    assume(not stored.vary)
    assert (freshness.remaining(stored, now) > 0) == (freshness.judge(stored, {}, now) == HIT)


@pytest.mark.parametrize(
    ("headers", "later", "verdict"),
    [
        ({"Date": DATE, "Cache-Control": "max-age=60"}, 59, HIT),
        ({"Date": DATE, "Cache-Control": "max-age=60"}, 60, Verdict(Outcome.STALE, Reason.EXPIRED)),
        ({"Date": DATE, "Cache-Control": "max-age=60", "ETag": "e"}, 60, Verdict(Outcome.STALE, Reason.EXPIRED)),
        ({"Date": DATE, "ETag": "e"}, 0, Verdict(Outcome.STALE, Reason.NO_LIFETIME)),
        ({"Date": DATE, "ETag": "e", "Cache-Control": "max-age=0"}, 0, Verdict(Outcome.STALE, Reason.NO_LIFETIME)),
        ({"Date": DATE}, 0, Verdict(Outcome.STALE, Reason.EXPIRED)),
        ({"Cache-Control": "max-age=60", "ETag": "e"}, 0, Verdict(Outcome.STALE, Reason.NO_DATE)),
        ({"Date": "yesterday", "Cache-Control": "max-age=60"}, 0, Verdict(Outcome.MISS, Reason.UNREADABLE)),
        ({"Date": BEYOND, "Cache-Control": "max-age=60"}, 0, Verdict(Outcome.MISS, Reason.UNREADABLE)),
        ({"Date": DATE, "Expires": BEYOND}, 0, HIT),
        ({"Date": DATE, "Cache-Control": f"max-age={'9' * 400}"}, 0, HIT),
    ],
)
def test_every_verdict_has_its_reason(headers: dict[str, str], later: int, verdict: Verdict) -> None:
    """The reason tells a spent lifetime from one that never was, and an unreadable date from none."""
    assert freshness.judge(StoredResponse(status=200, headers=headers), {}, float(NOW + later)) == verdict


@pytest.mark.parametrize(
    ("headers", "ends"),
    [
        ({"date": DATE, "cache-control": "max-age=60"}, NOW + 60.0),
        ({"date": DATE, "cache-control": f"max-age={'9' * 400}"}, NOW + 2.0**53),
        ({"date": BEYOND, "cache-control": "max-age=60"}, 0.0),
    ],
)
def test_freshness_ends_at_some_moment(headers: dict[str, str], ends: float) -> None:
    """Numbers that no clock counts to end in a moment all the same, as does a lifetime that begins at no moment."""
    assert freshness.prospects(200, headers) == (ends, False)


def test_a_request_that_insists_is_never_served() -> None:
    """With max-age=0 in the request, as pip sends for index pages before 26.2, even a redirect is asked for again."""
    stored = StoredResponse(status=301, headers={}, vary={"Accept": "text/html"})
    verdict = freshness.judge(stored, {"Cache-Control": "max-age=0"}, NOW)
    assert verdict == Verdict(Outcome.STALE, Reason.ALWAYS_REVALIDATED)


def test_a_redirect_is_served_without_a_date_but_not_to_another_request() -> None:
    """A permanent redirect needs no date; its Vary counts all the same."""
    stored = StoredResponse(status=308, headers={}, vary={"Accept": None})
    assert freshness.judge(stored, {"Accept": None}, NOW) == HIT
    assert freshness.judge(stored, {"Accept": "*/*"}, NOW) == Verdict(Outcome.MISS, Reason.VARY_MISMATCH)
    assert freshness.remaining(stored, NOW) == math.inf


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (302, {"ETag": "e"}, Reason.NO_CACHING_HEADERS),
        (200, {"Last-Modified": DATE}, Reason.NO_CACHING_HEADERS),
        (200, {"ETag": "e", "Cache-Control": "no-store"}, Reason.NO_STORE),
        (200, {"ETag": "e", "Vary": "*"}, Reason.VARY_MISMATCH),
        (200, {"ETag": "e", "Date": "yesterday"}, Reason.UNREADABLE),
    ],
)
def test_what_is_not_stored_has_its_reason(status: int, headers: dict[str, str], reason: Reason) -> None:
    """A response that pip would not keep is told why."""
    assert freshness.storable(status, headers, {}) is reason
    assert not cachecontrol_stores(status, headers, {})


@given(strategies.response_headers)
def test_conditional_headers_are_cachecontrols(headers: dict[str, str]) -> None:
    """The conditional request is the one that CacheControl makes of the same entry."""
    stored = StoredResponse(status=200, headers=headers)
    controller = CacheController(DictCache({normalise(URL): dumps(stored)}))
    assert freshness.conditional_headers(stored) == controller.conditional_headers(request_with({}))
    assert freshness.has_validator(stored) == bool(controller.conditional_headers(request_with({})))


@given(strategies.response_headers, strategies.response_headers, strategies.request_headers)
def test_revalidated_is_cachecontrols_update(
    headers: dict[str, str], news: dict[str, str], sent: dict[str, str]
) -> None:
    """After a 304 the entry is what CacheControl would have written over it."""
    stored = StoredResponse(status=203, headers=headers, vary={}, reason="Fine")
    cache = DictCache({normalise(URL): dumps(stored)})
    answer = HTTPResponse(b"", headers=news | {"Content-Length": "0"}, status=304, preload_content=False)
    CacheController(cache).update_cached_response(request_with(sent), answer)
    updated = freshness.revalidated(stored, news | {"Content-Length": "0"}, sent)
    assert dumps(updated._replace(body=b"")) == cache.get(normalise(URL))


@given(
    st.dictionaries(strategies.header_names, strategies.header_values),
    strategies.response_headers,
    st.integers(1, 10**8),
)
def test_a_seed_is_stored_and_served(more: dict[str, str], headers: dict[str, str], lifetime: int) -> None:
    """Whatever the server said, the seeded headers make CacheControl keep the body and serve it for the lifetime."""
    digest = hashlib.sha256(b"").hexdigest()
    seeded = freshness.seed(more | headers, now=NOW + 0.5, sha256=digest, lifetime=lifetime)
    stored = StoredResponse(status=200, headers=seeded)
    assert cachecontrol_stores(200, seeded, {})
    assert cachecontrol_serves(stored, {}, NOW + lifetime - 1)
    assert freshness.judge(stored, {}, NOW + lifetime - 1) == HIT
    assert not cachecontrol_serves(stored, {}, NOW + lifetime)


def test_a_seed_keeps_what_is_true_of_the_body() -> None:
    """Type, length and validators stay; what described the exchange, or forbade reuse, goes; the marker is added."""
    told = {
        "content-type": "application/zip",
        "Content-Length": "3",
        "ETag": '"e"',
        "Last-Modified": DATE,
        "Vary": "Cookie",
        "Set-Cookie": "a=b",
        "Transfer-Encoding": "chunked",
        "Content-Encoding": "gzip",
        "Connection": "close",
        "Age": "5",
        "Expires": "0",
        "Pragma": "no-cache",
        "cache-control": "no-store",
        "date": "yesterday",
    }
    seeded = freshness.seed(told, now=NOW, sha256="00", lifetime=60)
    kept = {name: told[name] for name in ("content-type", "Content-Length", "ETag", "Last-Modified")}
    added = {"Date": DATE, "Cache-Control": "max-age=60", "X-Wheelwarm-Seed": "sha256=00"}
    assert seeded == kept | added


JUDGED_BY_PIP = """
import json, sys, types
from pip._vendor.cachecontrol import controller, cache, serialize
from pip._vendor.requests import Request
from pip._vendor.urllib3 import HTTPResponse

def attempt(function):
    try:
        return function()
    except (AssertionError, TypeError, ValueError):
        return None

def judge(headers, sent, now, entry):
    controller.time = types.SimpleNamespace(time=lambda: now)
    request = Request("GET", sys.argv[1], headers=sent).prepare()
    kept = cache.DictCache({sys.argv[1]: bytes.fromhex(entry)})
    served = attempt(lambda: bool(controller.CacheController(kept).cached_request(request)))
    empty = cache.DictCache()
    response = HTTPResponse(b"", headers=headers, status=200, preload_content=False)
    attempt(lambda: controller.CacheController(empty).cache_response(request, response, b""))
    return served, empty.get(sys.argv[1]) is not None

print(json.dumps([judge(*case) for case in json.load(sys.stdin)]))
"""


def many_cases() -> Iterator[tuple[dict[str, str], dict[str, str], int]]:
    """Yield response headers, request headers and clocks in every combination."""
    choices: dict[str, list[str | None]] = {
        "Date": [None, DATE, "yesterday"],
        "Cache-Control": [
            None,
            "max-age=60",
            "max-age=0",
            "max-age=x",
            "Max-Age=60",
            "public, max-age = 9",
            "no-store",
        ],
        "Expires": [None, "", "0", formatdate(NOW + 30)],
        "ETag": [None, '"e"'],
        "Vary": [None, "*", "Accept-Encoding"],
    }
    for values in itertools.product(*choices.values()):
        headers = {name: value for name, value in zip(choices, values, strict=True) if value is not None}
        for asks in ({}, {"Cache-Control": "max-age=0"}, {"Cache-Control": "max-age=20, min-fresh=5"}):
            for now in (NOW - 50, NOW + 14, NOW + 29, NOW + 60):
                yield headers, {"Accept-Encoding": "identity"} | asks, now


@pytest.mark.parametrize(
    "version", ["22.2", "26.3", *(pytest.param(v, marks=pytest.mark.pip_matrix) for v in ("23.3.2", "24.3.1", "25.3"))]
)
def test_served_and_stored_as_the_pips_own_copy_does(pip_of: PipOf, version: str) -> None:
    """Each pip carries its own CacheControl; on every combination of headers ours is its answer."""
    cases = list(many_cases())
    stored = [StoredResponse(status=200, headers=headers, vary=vary(headers, sent)) for headers, sent, _ in cases]
    process = subprocess.run(
        [pip_of(version).python, "-c", JUDGED_BY_PIP, normalise(URL)],
        input=json.dumps([[*case, dumps(one).hex()] for case, one in zip(cases, stored, strict=True)]),
        capture_output=True,
        text=True,
        check=True,
    )
    for (headers, sent, now), one, (served, kept) in zip(cases, stored, json.loads(process.stdout), strict=True):
        verdict = freshness.judge(one, sent, now)
        assert (verdict == HIT, verdict.reason is Reason.UNREADABLE) == (served is True, served is None), (
            headers,
            sent,
        )
        assert (freshness.storable(200, headers, sent) is None) == kept, (headers, sent)
