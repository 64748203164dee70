"""What a test index serves: header profiles, faults, files and other resources."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import cached_property
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


@dataclass(frozen=True)
class Resource:
    """Bytes at a path; `modified` in seconds since the epoch. Without slots, so that the hash is counted just once."""

    body: bytes
    content_type: str = "application/octet-stream"
    modified: int = _ADDED

    @cached_property
    def sha256(self) -> str:
        """The hash of the body, in hex."""
        return hashlib.sha256(self.body).hexdigest()

    def headers(self, profile: Headers) -> dict[str, str]:
        """Return the headers of a 200, `profile` over Content-Type and Date, with the placeholders filled in."""
        own = {
            "{etag}": f'"{self.sha256[:32]}"',
            "{last_modified}": formatdate(self.modified, usegmt=True),
        }
        wanted = {"Content-Type": self.content_type, "Date": formatdate(usegmt=True), **profile}
        return {name: _filled(value, own) for name, value in wanted.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An artifact as the index knows it; `metadata` None: no `.metadata` beside it."""

    filename: str
    project: str
    content: Resource
    metadata: Resource | None
    requires_python: str | None
    yanked: str | None
    hashed: bool

    def replaced(self, body: bytes, metadata: bytes | None) -> File:
        """Return it with other bytes, a day later; `metadata` counts only where there was some."""
        modified = self.content.modified + 86400
        beside = Resource(metadata, modified=modified) if self.metadata and metadata else None
        return replace(self, content=Resource(body, modified=modified), metadata=beside)

    def link(self, url: str) -> Link:
        """Return its line on the index page."""
        return Link(
            filename=self.filename,
            url=url,
            size=len(self.content.body),
            sha256=self.content.sha256 if self.hashed else None,
            requires_python=self.requires_python,
            yanked=self.yanked,
            metadata_sha256=self.metadata.sha256 if self.metadata else None,
        )


def _filled(value: str, own: Mapping[str, str]) -> str:
    for placeholder, actual in own.items():
        value = value.replace(placeholder, actual)
    return value
