"""What kind of input a name stands for, by the name alone: a lock or a project, with extras behind it or not."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

PROJECT_FILE = "pyproject.toml"

_EXTRAS = re.compile(r"(?P<path>.+)\[(?P<extras>[^\]]+)\]")
_LOCK_FILE = re.compile(r"pylock(\.[^.]+)?\.toml")  # PEP 751, file name


def split_extras(name: str) -> tuple[str, tuple[str, ...]]:
    """Split `pylock.toml[one,two]` into the file and the extras, as pip 26.3 takes it."""
    found = _EXTRAS.fullmatch(name)
    if found is None:
        return name, ()
    return found["path"], tuple(part.strip() for part in found["extras"].split(","))


def is_lock(name: str) -> bool:
    """Tell whether pip takes a file for a lock: by its name alone, `[extras]` behind it or not."""
    path, _ = split_extras(name)
    return is_lock_file(Path(urlsplit(path).path if is_remote(path) else path).name)


def is_lock_file(name: str) -> bool:
    """Tell whether a file's own name is a lock's."""
    return _LOCK_FILE.fullmatch(name) is not None


def is_project(name: str) -> bool:
    """Tell whether a name, `[extras]` behind it or not, is that of a pyproject.toml."""
    return Path(split_project(name)[0]).name == PROJECT_FILE


def split_project(name: str) -> tuple[str, tuple[str, ...]]:
    """Split a project's file from the extras; `[]` stands for none, as in a requirement."""
    return split_extras(name.removesuffix("[]"))


def is_remote(name: str) -> bool:
    """Tell whether a name is an http(s) address."""
    return name.lower().startswith(("http:", "https:"))
