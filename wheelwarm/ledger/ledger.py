"""wheelwarm's own record below the cache: resolutions, checked bodies, what each entry is, known URLs, use and runs.

The only user of sqlite3 beside its schema. Never the truth: a ledger that is missing, damaged, newer or not writable
costs time and names, never an answer, so no method raises for it; `warnings` tells what went wrong.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from wheelwarm.ledger.rows import dump, is_text, known_url, load, run_of, url_row
from wheelwarm.ledger.schema import SCHEMA_VERSION, prepare
from wheelwarm.model import Artifact, Resolution, Run

__all__ = ["BUSY_SECONDS", "FILE", "FOLDER", "SCHEMA_VERSION", "Ledger"]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from wheelwarm.cache.inventory import File
    from wheelwarm.entry_facts import Contents, Sound

_T = TypeVar("_T")
_Body = tuple[int, int, int, str]

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

FOLDER = "wheelwarm"
FILE = "ledger.sqlite3"
BUSY_SECONDS = 5.0


class Ledger:
    """The ledger of one cache directory; use it as a context manager."""

    def __init__(self, cache_dir: Path) -> None:
        self.cache_dir = cache_dir
        self.path = cache_dir / FOLDER / FILE
        self.warnings: list[str] = []
        self._bodies: dict[str, _Body] = {}
        self._known_bodies: dict[str, _Body] = {}
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
                made=float(made),
                source="ledger",
                recalled=True,
            )
        except (ValueError, KeyError, TypeError) as exc:
            self.warnings.append(f"The ledger's memory of a resolution cannot be read ({exc!r}).")
            return None

    def recall_looks(self, digest: str, target: str) -> str:
        """Return what was kept of the last look at the entries of this input for this target, empty for nothing."""
        rows = self._all("SELECT content FROM look WHERE input = ? AND target = ?", (digest, target))
        return next((str(content) for (content,) in rows), "")

    def remember_looks(self, digest: str, target: str, content: str) -> None:
        """Keep a look in place of an older one."""
        self._write("INSERT OR REPLACE INTO look VALUES (?, ?, ?)", [(digest, target, content)])

    def digest_of(self, path: str | Path, stat: os.stat_result) -> str | None:
        """Return the sha256 computed for this file earlier, if size, time and inode say that it is the same file."""
        relative = self._relative(path)
        body = self._bodies.get(relative) or self._recall_body(relative)
        if body is None or body[:3] != (stat.st_size, stat.st_mtime_ns, stat.st_ino):
            return None
        return str(body[3])

    def _recall_body(self, relative: str) -> _Body | None:
        for row in self._all("SELECT size, mtime_ns, inode, sha256 FROM body WHERE path = ?", (relative,)):
            self._known_bodies[relative] = row
        return self._known_bodies.get(relative)

    def learn_digest(self, path: str | Path, stat: os.stat_result, sha256: str) -> None:
        """Keep the sha256 of a file; written when the ledger closes, unless it is known."""
        relative, body = self._relative(path), (stat.st_size, stat.st_mtime_ns, stat.st_ino, sha256)
        if self._known_bodies.get(relative) != body:
            self._bodies[relative] = body

    def learn_digest_of(self, file: File, sha256: str) -> None:
        """Keep the same of a file that a walk has found."""
        self._bodies[file.path] = (file.size, file.mtime_ns, file.inode, sha256)

    def refusal_of(self, url: str) -> str | None:
        """Return why the server's last response for this URL may not be stored; None if it may, or is not known."""
        return self._refusals.get(url)

    def note_refusal(self, url: str, reason: str | None) -> None:
        """Keep the server's word on storing this URL, or forget it with None."""
        if reason is None:
            self._refusals.pop(url, None)
            self._write("DELETE FROM refusal WHERE url = ?", [(url,)])
        else:
            self._refusals[url] = reason
            self._write("INSERT OR REPLACE INTO refusal VALUES (?, ?)", [(url, reason)])

    @cached_property
    def _refusals(self) -> dict[str, str]:
        """The reasons by URL: few servers refuse, and a run asks of each of its files."""
        return {str(url): str(reason) for url, reason in self._all("SELECT url, reason FROM refusal", ())}

    def contents(self) -> dict[str, tuple[str, Contents]]:
        """Return what is remembered of each entry and built wheel, by its path: its mark then, and what it was."""
        from wheelwarm.ledger.entry_rows import contents_of

        rows = self._each("SELECT * FROM entry")
        return {path: (mark, what) for path, mark, what in self._read(rows, contents_of)}

    def learn_contents(self, learnt: Iterable[tuple[str, str, Contents]], *, gone: Iterable[str] = ()) -> None:
        """Keep what entries are (path, mark, contents), and forget those that are gone, their use too."""
        from wheelwarm.ledger.entry_rows import entry_row

        paths = [(path,) for path in gone]
        self._write("DELETE FROM entry WHERE path = ?", paths)
        self._write("DELETE FROM use WHERE path = ?", paths)
        self._write(
            "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [entry_row(*one) for one in learnt],
        )

    def sound(self) -> dict[str, Sound]:
        """Return what `verify` found sound, by the path of an item's first file."""
        from wheelwarm.entry_facts import Sound

        rows = self._all("SELECT path, mark, sha256, authentic FROM sound", ())
        return {str(path): Sound(str(mark), str(sha256), bool(authentic)) for path, mark, sha256, authentic in rows}

    def sound_of(self, path: str) -> Sound | None:
        """Return the same of one item."""
        from wheelwarm.entry_facts import Sound

        rows = self._all("SELECT mark, sha256, authentic FROM sound WHERE path = ?", (path,))
        return next((Sound(str(mark), str(sha256), bool(authentic)) for mark, sha256, authentic in rows), None)

    def learn_sound(self, learnt: Mapping[str, Sound], *, gone: Iterable[str] = ()) -> None:
        """Keep what was found sound, and forget what is gone or no longer is."""
        self._write("DELETE FROM sound WHERE path = ?", [(path,) for path in gone])
        rows = [(path, one.mark, one.sha256, one.authentic) for path, one in learnt.items()]
        self._write("INSERT OR REPLACE INTO sound VALUES (?, ?, ?, ?)", rows)

    def urls(self) -> dict[str, Artifact]:
        """Return every URL that a run of ours has seen, by its cache key; of an index page the version is empty."""
        return dict(self._read(self._each("SELECT * FROM url"), known_url))

    def learn_urls(self, artifacts: Iterable[Artifact]) -> None:
        """Keep what stands behind URLs, by their cache keys; those that have none are passed over."""
        rows = [row for row in map(url_row, artifacts) if row]
        self._write("INSERT OR REPLACE INTO url VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def uses(self) -> dict[str, float]:
        """Return when a run of ours last found that pip will ask for an entry, by its path."""
        return dict(self._read(self._each("SELECT path, used FROM use"), lambda path, used: (str(path), float(used))))

    def note_use(self, paths: Iterable[str | Path], used: float) -> None:
        """Keep that pip will ask for these; a path is that of an entry's first file, or of a built wheel."""
        rows = [(self._relative(path), used) for path in paths]
        self._write("INSERT OR REPLACE INTO use VALUES (?, ?)", rows)

    def runs(self) -> list[Run]:
        """Return every run kept, the oldest first."""
        return list(self._read(self._each("SELECT * FROM run ORDER BY started"), run_of))

    def record_run(self, run: Run) -> None:
        """Keep what a run found."""
        found = run.found
        counts = (found.hits, found.stale, found.misses, found.uncacheable, found.local)
        row = (run.started, run.target, *counts, run.bytes_downloaded, run.seconds)
        self._write("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [row])

    def _read(self, rows: Iterable[Sequence[Any]], read: Callable[..., _T]) -> Iterator[_T]:
        """Read rows one by one; such as hold something else are passed over, with one warning for all."""
        unreadable = 0
        for row in rows:
            try:
                yield read(*row)
            except (ValueError, TypeError, AttributeError, KeyError):
                unreadable += 1
        if unreadable:
            self.warnings.append(f"The ledger {self.path} has rows that cannot be read: {unreadable}.")

    def _relative(self, path: str | Path) -> str:
        """Return a path below the cache directory, with slashes on every system."""
        return os.fspath(path).removeprefix(f"{self.cache_dir}{os.sep}").replace(os.sep, "/")

    def _open(self) -> sqlite3.Connection | None:
        if self.path.parent.is_symlink() or self.path.is_symlink():
            self.warnings.append(f"The ledger {self.path} cannot be used: a symbolic link would lead elsewhere.")
            return None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return self._connect()
        except sqlite3.DatabaseError as exc:
            return self._set_aside(exc)
        except OSError as exc:
            self.warnings.append(f"The ledger {self.path} cannot be used: {exc.strerror}.")
            return None

    def _connect(self) -> sqlite3.Connection:
        # A prefetch fills the cache in one thread while another waits for pip: never two at a time.
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            # Waiting for the disk took a tenth of a second of a cold run of one and a half. What a power failure
            # can cost is this file, and that is set aside and made anew: nothing but names and time is lost with it.
            connection.execute("PRAGMA synchronous = OFF")
            prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self, exc: sqlite3.Error) -> sqlite3.Connection | None:
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
        return list(self._each(query, values))

    def _each(self, query: str, values: Sequence[object] = ()) -> Iterator[Any]:
        """Yield rows one by one, so that there are never all the rows of a large table beside what is made of them."""
        if self._connection is None:
            return
        try:
            yield from self._connection.execute(query, values)
        except sqlite3.Error as exc:
            self._fail(exc, "read")

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """One short transaction; a failure becomes a warning, and what SQLite takes for no text is passed over."""
        texts = [row for row in rows if is_text(row)]
        if self._connection is None or not texts:
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(statement, texts)
            self._connection.execute("COMMIT")
        except sqlite3.Error as exc:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            self._fail(exc, "written")

    def _fail(self, exc: sqlite3.Error, what: str) -> None:
        """Warn; what a look at the first page did not show to be damaged is set aside now, and a new ledger serves."""
        if self._connection is None or getattr(exc, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
            self.warnings.append(f"The ledger {self.path} cannot be {what}: {exc}.")
            return
        self._connection.close()
        self._connection = self._set_aside(exc)
