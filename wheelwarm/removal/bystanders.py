"""The pips that run right now on the same cache, and what of it must not vanish under their hands.

pip installs a locally built wheel straight out of the cache, long after it has chosen it. An entry that the server
calls still good (304) CacheControl looks up a second time, and hands pip an empty answer if it has gone in between.
Only Linux tells of running processes, by /proc; elsewhere none is seen.
"""

from __future__ import annotations

import configparser
import os
import re
import time
from contextlib import suppress
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
    """Tell whether a process is a pip, and `root` may be its cache directory.

    That is what its arguments, its environment or one of its configuration files name, or the usual place.
    """
    if not any(_PIP.fullmatch(Path(word).name) for word in command[:_WORDS]):
        return False
    home = environ.get("HOME", "")
    return any(_is_same(Path(re.sub(r"^~(?=/)", home, place)), root) for place in _places(command, environ))


def _places(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield where a pip with this command line and environment may have its cache."""
    for at, word in enumerate(command):
        if word.startswith("--cache-dir="):
            yield word.partition("=")[2]
        elif word == "--cache-dir":
            yield from command[at + 1 : at + 2]
    usual = environ.get("XDG_CACHE_HOME") or f"{environ.get('HOME', '')}/.cache"
    yield environ.get("PIP_CACHE_DIR") or f"{usual}/pip"
    for file in _configurations(command, environ):
        yield from _configured(file)


def _configurations(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield where a pip looks for configuration on Linux (`pip config debug`); the null device switches that off."""
    home, named = environ.get("HOME", ""), environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return
    shared = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    folders = [*shared, environ.get("XDG_CONFIG_HOME") or f"{home}/.config"]
    yield from (Path(folder) / "pip" / "pip.conf" for folder in folders)
    yield from (Path("/etc/pip.conf"), Path(home) / ".pip" / "pip.conf", Path(named or os.devnull))
    # Of an environment: by the interpreter's place, which a virtual environment's need not be where it is a link.
    yield from (
        Path(prefix) / "pip.conf" for prefix in (Path(command[0]).parent.parent, environ.get("VIRTUAL_ENV", ""))
    )


def _configured(file: Path) -> Iterator[str]:
    """Yield every cache directory that a configuration file names, for whichever of pip's commands."""
    parser = configparser.RawConfigParser(strict=False)
    with suppress(OSError, ValueError, configparser.Error):
        parser.read(file, encoding="utf-8")
    for section in parser.sections():
        yield from (value for name, value in parser[section].items() if name.replace("_", "-") == "cache-dir")


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
