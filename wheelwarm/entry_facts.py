"""What the entries of a cache are, and whether they are sound, as types. Pure, as `model` is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from wheelwarm.model import Kind


class Source(StrEnum):
    """How it is known what an entry of the cache is, the best first."""

    URL = "url"
    """A run of ours has seen the URL behind its key."""
    INDEX_PAGE = "index page"
    """A cached index page lists the URL behind its key."""
    BODY = "body"
    """Its own bytes tell: the file name is rebuilt from them."""
    FILE_NAME = "file name"
    """pip gave the file its own name, as it does to a wheel that it built."""


class Problem(StrEnum):
    """Why an entry is of no use to a pip of today."""

    UNREADABLE = "unreadable"
    OLDER_FORMAT = "older format"
    """Written by pip 9 or older."""
    TRUNCATED = "truncated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What an entry of the cache or a built wheel is, as far as that is known.

    `name` is normalised; `sha256` is the body's as the index states it. `expires` is when the freshness lifetime ends,
    in seconds since the epoch, UTC (infinite for a permanent redirect; None where nothing is stored to be fresh);
    `validator` tells whether the server can be asked then, or pip drops the entry. `origin` is the URL of what a
    locally built wheel was built from, without credentials.
    """

    kind: Kind = Kind.OTHER
    name: str | None = None
    version: str | None = None
    filename: str | None = None
    tags: tuple[str, ...] = ()
    requires_python: str | None = None
    sha256: str | None = None
    yanked: bool = False
    source: Source | None = None
    problem: Problem | None = None
    expires: float | None = None
    validator: bool = False
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Sound:
    """What `verify` saw of an item that was sound: its mark then, the body's sha256, whether somebody states that."""

    mark: str
    sha256: str
    authentic: bool
