"""wheelwarm's own record below the cache: resolutions by input and target, and bodies whose hash was checked.

The only user of sqlite3. Never the truth: a ledger that is missing, damaged, newer or not writable costs time and
names, never an answer, so no method raises for it; `warnings` tells what went wrong.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any

from wheelwarm.model import Artifact, Kind, Resolution

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FOLDER = "wheelwarm"
FILE = "ledger.sqlite3"
BUSY_SECONDS = 5.0

SCHEMA_VERSION = 1
# History: 1 resolutions, checked bodies, refusals.
SCHEMA = """
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


class Ledger:
    """The ledger of one cache directory; use it as a context manager."""

    def __init__(self, cache_dir: Path) -> None:
        self.cache_dir = cache_dir
        self.path = cache_dir / FOLDER / FILE
        self.warnings: list[str] = []
        self._bodies: dict[str, tuple[int, int, int, str]] = {}
        self._connection = self._open()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what was learnt about bodies, and close."""
        self._write(
            "INSERT OR REPLACE INTO body VALUES (?, ?, ?, ?, ?)",
            [(path, *facts) for path, facts in self._bodies.items()],
        )
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def remember(self, digest: str, target: str, resolution: Resolution) -> None:
        """Keep a resolution for this input and target, in place of an older one."""
        content = json.dumps(
            {
                "asked": resolution.asked,
                "build_requests": resolution.build_requests,
                "artifacts": [dump(one) for one in resolution.artifacts],
                "supporting": [dump(one) for one in resolution.supporting],
            }
        )
        self._write(
            "INSERT OR REPLACE INTO resolution VALUES (?, ?, ?, ?)", [(digest, target, resolution.made, content)]
        )

    def recall(self, digest: str, target: str) -> Resolution | None:
        """Return the last resolution of this input for this target."""
        rows = self._all("SELECT made, content FROM resolution WHERE input = ? AND target = ?", (digest, target))
        return next((found for row in rows if (found := self._parse(*row))), None)

    def recall_all(self, target: str) -> list[Resolution]:
        """Return the last resolution of every input for this target, the newest first."""
        rows = self._all("SELECT made, content FROM resolution WHERE target = ? ORDER BY made DESC", (target,))
        return [found for row in rows if (found := self._parse(*row))]

    def _parse(self, made: float, text: str) -> Resolution | None:
        try:
            content = json.loads(text)
            return Resolution(
                artifacts=tuple(load(fields) for fields in content["artifacts"]),
                supporting=tuple(load(fields) for fields in content["supporting"]),
                asked=tuple(content["asked"]),
                build_requests=tuple(content["build_requests"]),
                made=made,
                source="ledger",
            )
        except (ValueError, KeyError, TypeError) as exc:
            self.warnings.append(f"The ledger's memory of a resolution cannot be read ({exc!r}).")
            return None

    def digest_of(self, path: Path, stat: os.stat_result) -> str | None:
        """Return the sha256 computed for this file earlier, if size, time and inode say that it is the same file."""
        relative = self._relative(path)
        rows = self._all("SELECT size, mtime_ns, inode, sha256 FROM body WHERE path = ?", (relative,))
        row = self._bodies.get(relative) or next(iter(rows), None)
        if row is None or tuple(row[:3]) != (stat.st_size, stat.st_mtime_ns, stat.st_ino):
            return None
        return str(row[3])

    def learn_digest(self, path: Path, stat: os.stat_result, sha256: str) -> None:
        """Keep the sha256 of a file; written when the ledger closes."""
        self._bodies[self._relative(path)] = (stat.st_size, stat.st_mtime_ns, stat.st_ino, sha256)

    def refusal_of(self, url: str) -> str | None:
        """Return why the server's last response for this URL may not be stored; None if it may, or is not known."""
        rows = self._all("SELECT reason FROM refusal WHERE url = ?", (url,))
        return next((str(reason) for (reason,) in rows), None)

    def note_refusal(self, url: str, reason: str | None) -> None:
        """Keep the server's word on storing this URL, or forget it with None."""
        if reason is None:
            self._write("DELETE FROM refusal WHERE url = ?", [(url,)])
        else:
            self._write("INSERT OR REPLACE INTO refusal VALUES (?, ?)", [(url, reason)])

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.cache_dir).as_posix()

    def _open(self) -> sqlite3.Connection | None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return self._connect()
        except sqlite3.DatabaseError as exc:
            return self._set_aside(exc)
        except OSError as exc:
            self.warnings.append(f"The ledger {self.path} cannot be used: {exc.strerror}.")
            return None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                self._create(connection)
            elif version != SCHEMA_VERSION:
                raise sqlite3.DatabaseError(f"schema version {version}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        # Another wheelwarm may have made the tables while this one waited for the lock.
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")

    def _set_aside(self, exc: sqlite3.DatabaseError) -> sqlite3.Connection | None:
        if isinstance(exc, sqlite3.OperationalError):
            # Locked, read-only, disk full: the file may be in order, so it stays where it is.
            self.warnings.append(f"The ledger {self.path} cannot be used now: {exc}.")
            return None
        aside = self.path.with_suffix(".unusable")
        self.warnings.append(f"The ledger {self.path} cannot be read ({exc}); it was set aside as {aside.name}.")
        try:
            self.path.replace(aside)
            return self._connect()
        except (OSError, sqlite3.Error):
            return None

    def _all(self, query: str, values: Sequence[object]) -> list[Any]:
        if self._connection is None:
            return []
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as exc:
            self.warnings.append(f"The ledger {self.path} cannot be read: {exc}.")
            return []

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """One short transaction; a failure becomes a warning."""
        if self._connection is None or not rows:
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error as exc:
            self.warnings.append(f"The ledger {self.path} cannot be written: {exc}.")
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")


def dump(artifact: Artifact) -> dict[str, object]:
    """Return an artifact as JSON can hold it."""
    return {
        "name": artifact.name,
        "version": artifact.version,
        "filename": artifact.filename,
        "kind": artifact.kind.value,
        "url": artifact.url,
        "hashes": dict(artifact.hashes),
        "size": artifact.size,
        "link_hash": artifact.link_hash,
        "subdirectory": artifact.subdirectory,
        "direct": artifact.direct,
    }


def load(fields: Mapping[str, Any]) -> Artifact:
    """Read what `dump` wrote; KeyError, TypeError or ValueError for anything else."""
    link_hash = fields["link_hash"]
    return Artifact(
        name=str(fields["name"]),
        version=str(fields["version"]),
        filename=str(fields["filename"]),
        kind=Kind(fields["kind"]),
        url=str(fields["url"]),
        hashes=dict(fields["hashes"]),
        size=fields["size"],
        link_hash=(str(link_hash[0]), str(link_hash[1])) if link_hash else None,
        subdirectory=fields["subdirectory"],
        direct=bool(fields["direct"]),
    )
