"""Conditional and range requests (RFC 9110, sections 13 and 14), as the test index answers them. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.helpers.http_server import Reply

# RFC 9110, section 15.4.5: what a 304 repeats of the headers of a 200.
_NOT_MODIFIED = frozenset({"cache-control", "content-location", "date", "etag", "expires", "last-modified", "vary"})


def conditional(reply: Reply, request_headers: Mapping[str, str]) -> Reply:
    """Turn a full reply into a 304, a 206 or a 416 where the request's headers (lower-case names) ask for it."""
    if _unchanged(reply.headers, request_headers):
        headers = {name: value for name, value in reply.headers.items() if name.lower() in _NOT_MODIFIED}
        return replace(reply, status=HTTPStatus.NOT_MODIFIED, headers=headers, body=b"")
    if "range" not in request_headers or not _range_counts(reply.headers, request_headers.get("if-range")):
        return reply
    return _partial(reply, request_headers["range"])


def _unchanged(headers: Mapping[str, str], request_headers: Mapping[str, str]) -> bool:
    asked = request_headers.get("if-none-match")
    if asked is not None:
        etags = {etag.strip().removeprefix("W/") for etag in asked.split(",")}
        return "ETag" in headers and bool(etags & {headers["ETag"].removeprefix("W/"), "*"})
    since = request_headers.get("if-modified-since")
    if since is None or "Last-Modified" not in headers:
        return False
    return parsedate_to_datetime(headers["Last-Modified"]) <= parsedate_to_datetime(since)


def _range_counts(headers: Mapping[str, str], if_range: str | None) -> bool:
    # RFC 9110, section 13.1.5: a strong comparison, so a weak entity tag never matches.
    if if_range is None:
        return True
    return not if_range.startswith("W/") and if_range in (headers.get("ETag"), headers.get("Last-Modified"))


def _partial(reply: Reply, asked: str) -> Reply:
    total = len(reply.body)
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", asked.replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return reply
    start, end = _bounds(*match.groups(), total=total)
    if start >= end:
        headers = {"Content-Range": f"bytes */{total}", "Content-Type": "text/plain"}
        return replace(reply, status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers, body=b"")
    headers = {**reply.headers, "Content-Range": f"bytes {start}-{end - 1}/{total}"}
    return replace(reply, status=HTTPStatus.PARTIAL_CONTENT, headers=headers, body=reply.body[start:end])


def _bounds(first: str, last: str, *, total: int) -> tuple[int, int]:
    if not first:
        return max(0, total - int(last)), total
    return int(first), min(total, int(last) + 1) if last else total
