"""What a test index serves: header profiles, faults, files and other resources."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING

from tests.helpers.index_pages import Link

if TYPE_CHECKING:
    from tests.helpers.http_server import Reply

CHALLENGE = 'Basic realm="index"'
_INVERTED = bytes(255 - byte for byte in range(256))
_ADDED = 1735732800

Headers = Mapping[str, str | None]
"""Response headers by name; `{etag}` and `{last_modified}` stand for the resource's own; None leaves a header out."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The response headers of a whole index, beside Content-Type, Content-Length and Date."""

    files: Headers = field(default_factory=dict)
    pages: Headers = field(default_factory=dict)


# As pypi.org and files.pythonhosted.org sent them in 2026.
PYPI = Profile(
    files={
        "ETag": "{etag}",
        "Cache-Control": "max-age=365000000, immutable, public",
        "Last-Modified": "{last_modified}",
        "Accept-Ranges": "bytes",
    },
    pages={"ETag": "{etag}", "Cache-Control": "max-age=600, public", "Vary": "Accept, Accept-Encoding"},
)
NONE = Profile()
ETAG_ONLY = Profile({"ETag": "{etag}"}, {"ETag": "{etag}"})
LAST_MODIFIED_ONLY = Profile({"Last-Modified": "{last_modified}"}, {"Last-Modified": "{last_modified}"})
NO_STORE = Profile({"Cache-Control": "no-store", "ETag": "{etag}"}, {"Cache-Control": "no-store", "ETag": "{etag}"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with one response.

    `status` and `headers` replace the answer. `corrupt` changes every byte and keeps the length; `length` cuts the body
    and its Content-Length; `cut_after` closes the connection after so many body bytes, `hang_up` before any answer;
    `delay` in seconds.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    corrupt: bool = False
    length: int | None = None
    cut_after: int | None = None
    hang_up: bool = False
    delay: float = 0.0
    bytes_per_second: float | None = None

    def spoil(self, reply: Reply) -> Reply:
        """Return the reply with this fault in it."""
        body = reply.body.translate(_INVERTED) if self.corrupt else reply.body
        spoilt = replace(reply, body=body[: self.length], cut_after=self.cut_after, hang_up=self.hang_up)
        return replace(
            spoilt,
            delay=self.delay or reply.delay,
            bytes_per_second=self.bytes_per_second or reply.bytes_per_second,
        )


def failure(status: int, *, retry_after: int | None = None) -> Fault:
    """Answer with an error status; `retry_after` in seconds; 401 asks for basic authentication."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = CHALLENGE
    return Fault(status=status, headers=headers)


def redirect(status: int, location: str) -> Fault:
    """Answer with a redirection to a URL, absolute or relative."""
    return Fault(status=status, headers={"Location": location})


@dataclass(frozen=True, slots=True)
class Resource:
    """Bytes at a path; `modified` in seconds since the epoch."""

    body: bytes
    content_type: str
    modified: int = _ADDED

    def headers(self, profile: Headers) -> dict[str, str]:
        """Return the headers of a 200, `profile` over Content-Type and Date, with the placeholders filled in."""
        own = {
            "{etag}": f'"{hashlib.sha256(self.body).hexdigest()[:32]}"',
            "{last_modified}": formatdate(self.modified, usegmt=True),
        }
        wanted = {"Content-Type": self.content_type, "Date": formatdate(usegmt=True), **profile}
        return {name: _filled(value, own) for name, value in wanted.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An artifact as the index knows it; `metadata` None: no `.metadata` beside it."""

    filename: str
    project: str
    body: bytes
    metadata: bytes | None
    requires_python: str | None
    yanked: str | None
    hashed: bool
    modified: int = _ADDED

    def link(self, url: str) -> Link:
        """Return its line on the index page."""
        return Link(
            filename=self.filename,
            url=url,
            size=len(self.body),
            sha256=hashlib.sha256(self.body).hexdigest() if self.hashed else None,
            requires_python=self.requires_python,
            yanked=self.yanked,
            metadata_sha256=hashlib.sha256(self.metadata).hexdigest() if self.metadata else None,
        )


def _filled(value: str, own: Mapping[str, str]) -> str:
    for placeholder, actual in own.items():
        value = value.replace(placeholder, actual)
    return value
