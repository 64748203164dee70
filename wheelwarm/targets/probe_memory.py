"""What Pythons have said of themselves, remembered for as long as nothing has changed that the answer came from.

Asking one takes the time of starting it and its pip; a look at the files that made the answer takes none. It is kept
in a folder of wheelwarm's own, since only the answer tells where the pip has its cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from wheelwarm.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LIMIT = 32
"""How many answers are kept: the oldest goes first."""

_PREFIXES = ("PIP_", "PYTHON", "XDG_", "LC_")
_NAMES = frozenset({"HOME", "LANG", "VIRTUAL_ENV", "APPDATA", "LOCALAPPDATA", "USERPROFILE", "LD_LIBRARY_PATH"})


class ProbeMemory(NamedTuple):
    """The answers kept in one folder; None for no folder, where nothing is remembered. No method raises."""

    folder: Path | None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> ProbeMemory:
        """Return the memory of the user whose environment this is."""
        root = cache_home(environ)
        return cls(root / "wheelwarm" / "pythons" if root else None)

    def recall(self, question: Sequence[str]) -> dict[str, Any] | None:
        """Return the answer to the same question if all that it came from is as it was."""
        try:
            path = self._path(question)
            if path is None or not is_own(path):
                return None
            kept = json.loads(path.read_text(encoding="utf-8"))
            marks: Mapping[str, object] = kept["marks"]
            same = kept["owner"] == owner_of(Path(kept["cache_dir"])) and all(mark(one) == marks[one] for one in marks)
            return dict(kept["facts"]) if same else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remember(
        self, question: Sequence[str], facts: Mapping[str, Any], *, cache_dir: Path, witnesses: Iterable[str]
    ) -> None:
        """Keep an answer, with the state of the files it came from; not one that holds a credential."""
        content = {
            "facts": dict(facts),
            "cache_dir": str(cache_dir),
            "owner": owner_of(cache_dir),
            "marks": {one: mark(one) for one in witnesses},
        }
        text, path = json.dumps(content), self._path(question)
        if path is None or redact(text) != text:
            return
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _replace(path, text)
            _drop_the_oldest(path.parent)

    def _path(self, question: Sequence[str]) -> Path | None:
        digest = hashlib.sha256("\0".join(question).encode("utf-8", "surrogateescape")).hexdigest()
        return self.folder / f"{digest}.json" if self.folder else None


def cache_home(environ: Mapping[str, str]) -> Path | None:
    """Return where the system wants a user's caches (XDG Base Directory, Apple's and Microsoft's guides), if it says.

    A relative XDG_CACHE_HOME counts as none, as the specification wants it.
    """
    home = environ.get("USERPROFILE" if os.name == "nt" else "HOME")
    if os.name == "nt":
        local = environ.get("LOCALAPPDATA")
        return Path(local) if local else None
    if sys.platform == "darwin":
        return Path(home) / "Library" / "Caches" if home else None
    said = environ.get("XDG_CACHE_HOME", "")
    if said.startswith("/"):
        return Path(said)
    return Path(home) / ".cache" if home else None


def surroundings(environ: Mapping[str, str]) -> str:
    """Return a digest of what else an answer depends on: the user, the system's libraries, variables of pip's."""
    user = os.geteuid() if os.name == "posix" else 0
    counting = sorted(name for name in environ if name in _NAMES or name.startswith(_PREFIXES))
    folder = str(Path.cwd()) if relative(environ) else ""
    words = [libraries(), str(user), folder, *(f"{one}={environ[one]}" for one in counting)]
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape")).hexdigest()


def libraries() -> str:
    """Name the system's C library where it tells its version, else the system's release: it decides about wheels."""
    if sys.platform == "linux":
        with suppress(OSError, ValueError):  # musl, Alpine's, knows no such name
            return str(os.confstr("CS_GNU_LIBC_VERSION"))
    return platform.release()


def relative(environ: Mapping[str, str]) -> bool:
    """Tell whether a variable names something from the current directory on."""
    names = ("PIP_CACHE_DIR", "PIP_CONFIG_FILE", "PYTHONPATH", "PYTHONHOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
    return any(not part.startswith("/") for name in names for part in environ.get(name, "/").split(os.pathsep))


def mark(path: str) -> list[int] | None:
    """Return what changes with a file, or with the names in a folder: time, size and inode; None where nothing is."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return [found.st_mtime_ns, found.st_size, found.st_ino]


def owner_of(cache_dir: Path) -> list[object]:
    """Return what decides whether pip uses a cache directory: who owns the nearest folder there is, and may one write.

    pip compares the owner for root, and tests the permission for everybody else.
    """
    for folder in (cache_dir, *cache_dir.parents):
        with suppress(OSError):
            return [folder.stat().st_uid, os.access(folder, os.W_OK)]
    return []


def is_own(path: Path) -> bool:
    """Tell whether a file is the user's: an answer names a program to run, and nobody else may say which."""
    return os.name != "posix" or path.stat().st_uid == os.geteuid()


def _replace(path: Path, text: str) -> None:
    from tempfile import mkstemp  # which loads `random`, for what is seldom written

    handle, name = mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _drop_the_oldest(folder: Path) -> None:
    answers = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
    for path in answers[:-LIMIT]:
        path.unlink(missing_ok=True)
