"""pip's HTTP cache on disk, both layouts: look up, list the keys, store, refresh, remove.

Writes what pip itself would have left: the same names, bytes and permissions, and no lock files.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wheelwarm.cache import entries, freshness
from wheelwarm.cache.format import (
    MAX_EMBEDDED_BODY,
    dumps,
    frame,
    key,
    redirect_target,
)
from wheelwarm.errors import CacheError, InputError
from wheelwarm.model import HIT, Layout, Outcome, Reason, StoredResponse, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wheelwarm.cache.entries import Entry

TEMPORARY_SUFFIX = ".tmp"
"""How pip's temporary files end, and ours: a crash leaves nothing that pip opens and all that a prune recognises."""

_MAX_REDIRECTS = 30  # those of a requests.Session
_ATTEMPTS = 20
_HINTS = {
    errno.ENOSPC: "Free some disk space, for example with `wheelwarm prune`, or use another --cache-dir.",
    errno.EDQUOT: "Free some disk space, for example with `wheelwarm prune`, or use another --cache-dir.",
}


class Lookup(NamedTuple):
    """What pip would find for a URL.

    `url` is where permanent redirects in the cache led, and `entry` what is there; an entry behind a redirect that pip
    would not serve shows no stored response, since nothing asked of the first URL could refresh it.
    `sha256` is the body's, where it was asked for.
    """

    url: str
    verdict: Verdict
    entry: Entry
    sha256: str | None = None

    @property
    def stored(self) -> StoredResponse | None:
        """The response as stored, without its body."""
        return self.entry.stored

    @property
    def body_path(self) -> Path:
        """The file that holds the body, if there is one."""
        return self.entry.body_path

    @property
    def body_stat(self) -> os.stat_result | None:
        """The state of the body's file, None if it is absent or no regular file."""
        return self.entry.body_stat


class HttpCache:
    """One section, `http` or `http-v2`, of the cache directory `root`."""

    def __init__(self, root: Path, *, layout: Layout, inherits_permissions: bool) -> None:
        self.root = root
        self.layout = layout
        self.section = root / layout.value
        self._inherits_permissions = inherits_permissions

    def lookup(
        self,
        url: str,
        request_headers: Mapping[str, str | None],
        *,
        now: float,
        sha256: str | None = None,
        verified: Callable[[str, os.stat_result], str | None] | None = None,
    ) -> Lookup:
        """Tell what pip would do with the cache for a GET with these headers, and check the body it would get.

        `verified` may return a sha256 that is remembered for a body's file as it is, to save reading it again.
        """
        found = self._follow(url, request_headers, now)
        stored = found.stored
        if stored is None or found.verdict.outcome is Outcome.MISS or stored.status in freshness.PERMANENT_REDIRECTS:
            return found
        if entries.is_truncated(found.entry, stored):
            return found._replace(verdict=Verdict(Outcome.MISS, Reason.TRUNCATED))
        if sha256 is None:
            return found
        try:
            remembered = verified(found.entry.body_file, found.body_stat) if verified and found.body_stat else None
            digest = remembered or entries.digest_of(found.entry)
        except OSError:
            return found._replace(verdict=Verdict(Outcome.MISS, Reason.UNREADABLE))
        verdict = found.verdict if digest == sha256 else Verdict(Outcome.MISS, Reason.HASH_MISMATCH)
        return found._replace(verdict=verdict, sha256=digest)

    def entry(self, key: str) -> Entry:
        """Read what the disk holds under a key, all but the body; never fails, whatever is there."""
        return entries.read_entry(self.section, key, self.layout)

    def place(self, key: str) -> str:
        """Return where the metadata of an entry stands, or would."""
        return entries.place(self.section, key)

    def keys(self) -> set[str]:
        """Return every key that has an entry's files on the disk."""
        return entries.keys(self.section, self.layout)

    def read_body(self, found: Lookup) -> bytes:
        """Return the body of an entry as it was sent (a Content-Encoding still on it); CacheError if it is gone."""
        with self._reading():
            return b"".join(entries.chunks(found.entry))

    def digest(self, found: Lookup, algorithm: str = "sha256") -> str:
        """Return the digest, in hex, of an entry's body; CacheError if it is gone."""
        if found.sha256 is not None and algorithm == "sha256":
            return found.sha256
        with self._reading():
            return entries.digest_of(found.entry, algorithm)

    def new_body(self) -> Path:
        """Make an empty temporary file, for a body to be fetched into, on the cache's file system.

        It stands at the top of the section: pip opens nothing there, `pip cache purge` removes it with the rest, and
        its name tells a later prune what a crash has left behind.
        """
        with self._writing():
            return Path(self._temporary(os.path.join(self.section, "wheelwarm")))

    def store(self, url: str, response: StoredResponse, body: Path) -> Path:
        """Store a response whose body is the file `body`, which is moved where possible and gone afterwards.

        Returns the file that holds the body now. The body's content must have been verified. CacheError if it cannot
        be stored; then no part of it is left.
        """
        place = self.place(key(url))
        with self._writing(), ExitStack() as remains:
            remains.callback(_remove, str(body))
            self._refuse_led_out(place)
            if self.layout is Layout.HTTP:
                self._write_embedded(place, response, body, 0, body.lstat().st_size)
                return Path(place)
            self._write_pair(place, response, str(body))
            remains.pop_all()
        return Path(entries.body_of(place))

    def refresh(self, url: str, response: StoredResponse) -> bool:
        """Replace what is stored with a body, not the body: after a 304, or to seed a lifetime. False if it is gone."""
        entry = self.entry(key(url))
        if entry.stored is None or entry.size is None:
            return False
        with self._writing():
            if self.layout is Layout.HTTP:
                self._write_embedded(entry.metadata_file, response, entry.body_path, entry.body_offset, entry.size)
            else:
                self._write(entry.metadata_file, dumps(response._replace(body=b"")))
        return True

    def remove(self, key: str) -> int:
        """Remove an entry's files, metadata first, and the folders it leaves empty; return how many files there were.

        A symbolic link is removed, never followed. CacheError if a file will not go.
        """
        place = self.place(key)
        with self._writing():
            if entries.is_led_out(self.section, key):
                return 0
            removed = [_remove(file) for file in (place, entries.body_of(place))]
        with suppress(OSError):  # a folder is not empty, or another process was faster
            for folder in islice(Path(place).parents, entries.FAN_OUT):
                folder.rmdir()
        return sum(removed)

    def _follow(self, url: str, request_headers: Mapping[str, str | None], now: float) -> Lookup:
        """Look a URL up, through the permanent redirects that pip would serve from the cache."""
        entry = self.entry(key(url))
        for hops in range(_MAX_REDIRECTS + 1):
            if entry.stored is None:
                return Lookup(url=url, verdict=Verdict(Outcome.MISS, entry.problem), entry=entry)
            verdict = freshness.judge(entry.stored, request_headers, now)
            if verdict != HIT and hops:
                entry = entry._replace(stored=None)
            if verdict != HIT or entry.stored is None or entry.stored.status not in freshness.PERMANENT_REDIRECTS:
                return Lookup(url=url, verdict=verdict, entry=entry)
            try:
                url = redirect_target(url, entries.header_of(entry.stored, "location") or "")
                entry = self.entry(key(url))
            except (InputError, ValueError):
                break
        return Lookup(url=url, verdict=Verdict(Outcome.MISS, Reason.UNREADABLE), entry=entry._replace(stored=None))

    def _write_pair(self, place: str, response: StoredResponse, body: str) -> None:
        """Body first, metadata second; an older entry goes before, so that its metadata never meets the new body."""
        with ExitStack() as remains:
            metadata = self._temporary(place, dumps(response._replace(body=b"")))
            remains.callback(_remove, metadata)
            ready = self._on_same_device(body, place)
            remains.callback(_remove, ready)
            mode = self._mode()
            for file in (metadata, ready):
                os.chmod(file, mode)
            _remove(place)
            remains.callback(_remove_orphan, place)
            os.replace(ready, entries.body_of(place))
            os.replace(metadata, place)
            remains.pop_all()

    def _write_embedded(self, place: str, response: StoredResponse, body: Path, offset: int, size: int) -> None:
        if size > MAX_EMBEDDED_BODY:
            raise CacheError(
                f"pip's http layout cannot hold a file of {size} bytes.",
                hint="Upgrade the target's pip to 23.3 or later.",
            )
        head, tail = frame(response, body_size=size)
        with ExitStack() as remains:
            temporary = self._temporary(place)
            remains.callback(_remove, temporary)
            with open(temporary, "wb") as file, body.open("rb") as source:
                source.seek(offset)
                file.write(head)
                for chunk in entries.read(source, size):
                    file.write(chunk)
                file.write(tail)
            self._put(temporary, place)
            remains.pop_all()

    def _write(self, place: str, content: bytes) -> None:
        with ExitStack() as remains:
            temporary = self._temporary(place, content)
            remains.callback(_remove, temporary)
            self._put(temporary, place)
            remains.pop_all()

    def _put(self, temporary: str, place: str) -> None:
        os.chmod(temporary, self._mode())
        os.replace(temporary, place)

    def _temporary(self, place: str, content: bytes = b"") -> str:
        """Make a file beside `place`, named as pip names its own, in folders made as pip makes them."""
        handle, temporary = _new_file(*os.path.split(place))
        try:
            with open(handle, "wb") as file:
                file.write(content)
        except BaseException:
            _remove(temporary)
            raise
        return temporary

    def _on_same_device(self, body: str, place: str) -> str:
        if os.stat(body).st_dev == os.stat(os.path.dirname(place)).st_dev:
            return body
        copy = self._temporary(entries.body_of(place))
        shutil.copyfile(body, copy)
        _remove(body)
        return copy

    def _mode(self) -> int:
        """Since 25.0 pip gives its files the section folder's read and write bits, before that the owner's alone."""
        inherited = stat.S_IMODE(self.section.stat().st_mode) & 0o666 if self._inherits_permissions else 0
        return inherited | 0o600

    def _refuse_led_out(self, place: str) -> None:
        folder, key = os.path.split(place)
        if entries.is_led_out(self.section, key):
            raise CacheError(
                f"A folder of {folder} is a symbolic link, and wheelwarm writes nothing outside pip's cache.",
                hint="Remove the link.",
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            hint = _HINTS.get(exc.errno or 0, "pip needs a cache directory that it may write to: see `pip cache dir`.")
            raise CacheError(f"The cache {self.root} cannot be written: {exc.strerror or exc}.", hint=hint) from exc

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            hint = "`wheelwarm doctor` says whose it is, and what to type."
            raise CacheError(f"The cache {self.root} cannot be read: {exc.strerror or exc}.", hint=hint) from exc


def _new_file(folder: str, name: str) -> tuple[int, str]:
    """Make a temporary file, and its folders where there are none; return its descriptor and path.

    At any moment another process may remove a folder that is still empty: one above it between two that os.makedirs
    makes, or itself after that has found it there.
    """
    from tempfile import mkstemp  # which loads `random`, for runs that write

    for _ in range(_ATTEMPTS):
        with suppress(FileNotFoundError):
            return mkstemp(dir=folder, prefix=name, suffix=TEMPORARY_SUFFIX)
        with suppress(FileNotFoundError, FileExistsError):
            os.makedirs(folder, exist_ok=True)
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder)


def _remove(file: str) -> bool:
    """Remove a file or a symbolic link; False where there is none."""
    try:
        os.unlink(file)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _remove_orphan(place: str) -> None:
    """Remove the body whose metadata did not get there."""
    if not os.path.lexists(place):
        _remove(entries.body_of(place))
