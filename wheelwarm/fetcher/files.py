"""A file to fetch, and what came of it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Download(NamedTuple):
    """One file to fetch: `headers` are those of pip's request, `algorithm` one more hash to compute beside sha256.

    With `size` (bytes) and `digest` (hex, by that algorithm) as the index states them, a large file may come in parts.
    """

    name: str
    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    algorithm: str = "sha256"
    size: int | None = None
    digest: str | None = None


class Fetched(NamedTuple):
    """What came: the final response's status and headers, the body's path, digests by algorithm, size in bytes.

    `url` is where redirects led, `redirected` tells that there were any. A 304 has an empty body. A file that came in
    parts is described as the 200 that it would have been.
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
