"""The words of wheelwarm as types: outcomes, reasons, actions, artifacts, resolutions, reports.

Pure: no clock, no environment, no file system. Packaging's words follow its glossary, caching's RFC 9111.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """What pip would do with the cache for one artifact."""

    HIT = "hit"
    """pip would use the entry and make no request."""
    STALE = "stale"
    """An entry exists, but pip would first ask the server, or would drop it."""
    MISS = "miss"
    """pip would download."""
    UNCACHEABLE = "uncacheable"
    """pip would download every time; no entry can change that."""
    LOCAL = "local"
    """A path or `file://` URL: pip reads it in place."""


class Reason(StrEnum):
    """Why an outcome is not a hit: a closed set, one for each verdict that is neither hit nor local."""

    ABSENT = "absent"
    BODY_MISSING = "body missing"
    TRUNCATED = "truncated"
    UNREADABLE = "unreadable"
    EXPIRED = "expired"
    """The freshness lifetime is spent."""
    NO_LIFETIME = "no lifetime"
    """A validator but no freshness lifetime: pip asks the server on every use."""
    ALWAYS_REVALIDATED = "always revalidated"
    """pip < 26.2 asks the server for every index page, fresh or not."""
    NO_DATE = "no date"
    VARY_MISMATCH = "vary mismatch"
    HASH_MISMATCH = "hash mismatch"
    REPLACED = "replaced"
    """The entry was there, and pip fetched it anew while resolving."""
    NO_CACHING_HEADERS = "no caching headers"
    NO_STORE = "no-store"
    NO_HASH = "no hash"
    """The server's headers keep pip from storing, and there is no hash to check a seed against."""
    INSECURE_ORIGIN = "insecure origin"
    VCS = "version control"
    UNVERSIONED_ARCHIVE = "unversioned archive"
    """pip keeps a locally built wheel only for an archive named `name-version` (or a pinned commit)."""
    NOT_BUILT = "not built"
    NO_INDEX_PAGE = "no index page"
    """No cached index page and no earlier run tells the URL behind an exact pin."""


class Action(StrEnum):
    """What `prefetch` did for one artifact."""

    KEPT = "kept"
    REVALIDATED = "revalidated"
    DOWNLOADED = "downloaded"
    SEEDED = "seeded"
    BUILT = "built"
    SKIPPED = "skipped"
    FAILED = "failed"


class Kind(StrEnum):
    """What a file in the cache is."""

    WHEEL = "wheel"
    SDIST = "sdist"
    METADATA = "metadata"
    INDEX_PAGE = "index_page"
    BUILT_WHEEL = "built_wheel"
    OTHER = "other"


class Layout(StrEnum):
    """How a pip lays out its HTTP cache: the section folder's name stands for the format."""

    HTTP = "http"
    """pip 10 to 23.2: one file an entry, the body inside the msgpack."""
    HTTP_V2 = "http-v2"
    """pip 23.3 and later: KEY (metadata) beside KEY.body (the raw bytes)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome with its reason; only a hit and a local artifact have none."""

    outcome: Outcome
    reason: Reason | None = None

    @property
    def warm(self) -> bool:
        """Whether pip needs no network for it: a hit, or local."""
        return self.outcome in (Outcome.HIT, Outcome.LOCAL)


HIT = Verdict(Outcome.HIT)
LOCAL = Verdict(Outcome.LOCAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResponse:
    """One HTTP response as pip's CacheControl keeps it.

    `vary` maps each header that the response's Vary named to the value the request had (None: not sent).
    `body` is empty in the `http-v2` layout, where it stands in a file of its own.
    `version` is http.client's (11 for HTTP/1.1).
    """

    status: int
    headers: Mapping[str, str]
    vary: Mapping[str, str | None] = field(default_factory=dict)
    body: bytes = b""
    version: int = 11
    reason: str = "OK"
    decode_content: bool = False
