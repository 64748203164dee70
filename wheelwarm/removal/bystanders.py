"""The pips that run right now on the same cache, and what of it must not vanish under their hands.

pip installs a locally built wheel straight out of the cache, long after it has chosen it. An entry that the server
calls still good (304) CacheControl looks up a second time, and hands pip an empty answer if it has gone in between.
Only Linux tells of running processes, by /proc; elsewhere none is seen.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from wheelwarm.cache import freshness
from wheelwarm.cache.contents import stored_response
from wheelwarm.cache.inventory import Form
from wheelwarm.errors import FormatError
from wheelwarm.indexes.index_page import MEDIA_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wheelwarm.cache.inventory import Item

LOOK_SECONDS = 0.05
"""How long a look at the processes holds: a pip that has started since takes longer to choose anything."""

_PIP = re.compile(r"pip([\d.]+)?(\.exe|\.pyz)?|__pip-runner__\.py")
_WORDS = 6  # of a command line: `python -I -X utf8 -m pip`


class Bystanders:
    """Watches for pips that use the cache directory `root`; `processes` is where the system tells of them."""

    def __init__(self, root: Path, *, processes: Path = Path("/proc")) -> None:
        self._root = root
        self._processes = processes
        self._looked = float("-inf")
        self._found = False

    def need(self, item: Item) -> bool:
        """Tell whether a pip is running that may have chosen this item, or may be asking the server about it."""
        return self.are_here() and (item.form is Form.BUILT_WHEEL or is_asked_about(self._root, item, time.time()))

    def are_here(self) -> bool:
        """Tell whether any pip that uses the cache is running."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            self._found = any(uses(*process, self._root) for process in _running(self._processes))
        return self._found


def is_asked_about(root: Path, item: Item, now: float) -> bool:
    """Tell whether pip sends a conditional request for an entry: it is an index page or not fresh, and has a validator.

    Before 26.2 pip asks about every index page, whatever lifetime it has.
    """
    if item.form is not Form.ENTRY:
        return False
    try:
        stored, _, _ = stored_response(f"{root}/{item.path}", item)
    except (OSError, FormatError):
        return False
    headers = freshness.lowered(stored.headers)
    expires, has_validator = freshness.prospects(stored.status, headers)
    is_page = headers.get("content-type", "").strip().lower().startswith(MEDIA_TYPES)
    return has_validator and (is_page or expires <= now)


def uses(command: Sequence[str], environ: Mapping[str, str], root: Path) -> bool:
    """Tell whether a process is a pip, and `root` its cache directory by its arguments, its environment or by default.

    A cache directory that only a configuration file names is not seen.
    """
    if not any(_PIP.fullmatch(Path(word).name) for word in command[:_WORDS]):
        return False
    return any(_is_same(Path(place), root) for place in _places(command, environ))


def _places(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield where a pip with this command line and environment may have its cache."""
    for at, word in enumerate(command):
        if word.startswith("--cache-dir="):
            yield word.partition("=")[2]
        elif word == "--cache-dir":
            yield from command[at + 1 : at + 2]
    usual = environ.get("XDG_CACHE_HOME") or f"{environ.get('HOME', '')}/.cache"
    yield environ.get("PIP_CACHE_DIR") or f"{usual}/pip"


def _is_same(place: Path, root: Path) -> bool:
    try:
        return place.samefile(root)
    except OSError:
        return False


def _running(processes: Path) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Yield command line and environment of each process that this user may look into."""
    for folder in processes.glob("[0-9]*"):
        try:
            command = _texts(folder / "cmdline")
            if any("pip" in word for word in command[:_WORDS]):
                yield command, dict(text.partition("=")[::2] for text in _texts(folder / "environ"))
        except OSError:
            continue


def _texts(file: Path) -> list[str]:
    return file.read_bytes().decode(errors="surrogateescape").split("\0")
