"""The tables of the ledger: the schema with its history, made anew or brought up to date in one transaction.

Beside the ledger itself the only user of sqlite3.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from wheelwarm.cache.format import key, normalise
from wheelwarm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA_VERSION = 4
# History: 1 resolutions, checked bodies, refusals.
#          2 what each entry is, known URLs, last use, runs.
#          3 what was found whole.
#          4 the last look at an input's entries.
_VERSION_1 = """
-- What pip made of an input, the last time: one row for each input and target.
CREATE TABLE resolution (
    input   TEXT NOT NULL,  -- RequirementSet.digest with the index configuration
    target  TEXT NOT NULL,  -- Target.identity
    made    REAL NOT NULL,  -- seconds since the epoch, UTC
    content TEXT NOT NULL,  -- the artifacts and the URLs asked on the way, as JSON; no credentials
    PRIMARY KEY (input, target)
);
-- Bodies whose sha256 was computed, with what tells that a file is still the same.
CREATE TABLE body (
    path     TEXT    NOT NULL PRIMARY KEY,  -- below the cache directory
    size     INTEGER NOT NULL,              -- bytes
    mtime_ns INTEGER NOT NULL,
    inode    INTEGER NOT NULL,
    sha256   TEXT    NOT NULL
);
-- Responses that may not be stored, by the server's own word at the last fetch.
CREATE TABLE refusal (
    url    TEXT NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL  -- model.Reason
);
"""
_VERSION_2 = """
-- What each entry and built wheel turned out to be, with what tells that its files are still the same.
CREATE TABLE entry (
    path            TEXT    NOT NULL PRIMARY KEY,  -- of its first file, below the cache directory
    mark            TEXT    NOT NULL,              -- inventory.Item.mark: size, time and inode of each file
    kind            TEXT    NOT NULL,              -- model.Kind
    name            TEXT,                          -- normalised (PEP 503)
    version         TEXT,
    filename        TEXT,
    tags            TEXT    NOT NULL,              -- a wheel's, with spaces between them
    requires_python TEXT,
    sha256          TEXT,                          -- as the index states it, not computed
    yanked          INTEGER NOT NULL,              -- 0 or 1
    source          TEXT,                          -- model.Source
    problem         TEXT,                          -- model.Problem
    expires         REAL,                          -- when its freshness ends, in seconds since the epoch, UTC
    validator       INTEGER NOT NULL,              -- 0 or 1: whether the server can be asked if it is still valid
    origin          TEXT                           -- what a built wheel was built from: a URL, no credentials
) WITHOUT ROWID;
-- URLs that a run of ours has seen, by the cache key that no one can read them from.
CREATE TABLE url (
    key      TEXT NOT NULL PRIMARY KEY,  -- format.key(url)
    url      TEXT NOT NULL,              -- no credentials
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,              -- normalised (PEP 503)
    version  TEXT NOT NULL,              -- empty for an index page, as is the next
    filename TEXT NOT NULL,
    sha256   TEXT                        -- as the index states it
) WITHOUT ROWID;
-- When a run of ours last found that pip will ask for it: pip itself leaves no trace of a hit.
CREATE TABLE use (
    path TEXT NOT NULL PRIMARY KEY,  -- as in entry
    used REAL NOT NULL               -- seconds since the epoch, UTC
) WITHOUT ROWID;
-- What each prefetch found before it did anything.
CREATE TABLE run (
    started     REAL    NOT NULL,  -- seconds since the epoch, UTC
    target      TEXT    NOT NULL,  -- Target.identity
    hits        INTEGER NOT NULL,
    stale       INTEGER NOT NULL,
    misses      INTEGER NOT NULL,
    uncacheable INTEGER NOT NULL,
    local       INTEGER NOT NULL,
    downloaded  INTEGER NOT NULL,  -- bytes
    seconds     REAL    NOT NULL
);
"""
_VERSION_3 = """
-- Entries and built wheels that verify found sound, with what tells that their files are still the same.
CREATE TABLE sound (
    path      TEXT    NOT NULL PRIMARY KEY,  -- as in entry
    mark      TEXT    NOT NULL,              -- inventory.Item.mark
    sha256    TEXT    NOT NULL,              -- the body's, computed
    authentic INTEGER NOT NULL               -- 0 or 1: whether that hash was stated elsewhere
) WITHOUT ROWID;
"""
_VERSION_4 = """
-- What the last look at the entries of an input found: one row for each input and target.
CREATE TABLE look (
    input   TEXT NOT NULL,  -- as in resolution
    target  TEXT NOT NULL,
    content TEXT NOT NULL,  -- shelf.looks.Look by URL, as JSON; no credentials
    PRIMARY KEY (input, target)
);
"""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables, or those that an older wheelwarm has not made yet.

    Raises DatabaseError for a schema newer than this program's; the file is then as it was.
    """
    if _version(connection) == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    # Another wheelwarm may have made the tables while this one waited for the lock.
    version = _version(connection)
    if version > SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"schema version {version}")
    if version < 1:
        _execute(connection, _VERSION_1)
    if version < 2:
        _execute(connection, _VERSION_2)
        connection.executemany("INSERT OR REPLACE INTO url VALUES (?, ?, ?, ?, ?, ?, ?)", _urls(connection))
    if version < 3:
        _execute(connection, _VERSION_3)
    if version < 4:
        _execute(connection, _VERSION_4)
    if version < SCHEMA_VERSION:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _execute(connection: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";\n"):
        connection.execute(statement)


def _urls(connection: sqlite3.Connection) -> Iterator[tuple[str | None, ...]]:
    """Yield the URLs of the resolutions that version 1 kept; what cannot be read is passed over, as ever."""
    contents = []
    with suppress(sqlite3.Error):
        contents = connection.execute("SELECT content FROM resolution").fetchall()
    for (content,) in contents:
        try:
            resolution = json.loads(content)
            artifacts = [*resolution["artifacts"], *resolution["supporting"]]
            yield from [_url(artifact) for artifact in artifacts if str(artifact["url"]).startswith("http")]
        except (ValueError, KeyError, TypeError, AttributeError, InputError):
            continue


def _url(artifact: dict[str, Any]) -> tuple[str | None, ...]:
    url = normalise(str(artifact["url"]))
    words = [str(artifact[word]) for word in ("kind", "name", "version", "filename")]
    return key(url), url, *words, artifact["hashes"].get("sha256")
