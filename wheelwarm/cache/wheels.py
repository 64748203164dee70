"""Locally built wheels: `wheels/aa/bb/cc/<rest>/NAME.whl` beside the `origin.json` that tells the sdist behind them.

Owns the key of such a folder and pip's choice among the wheels in it. Reads only; building and removing are others'.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from packaging.utils import canonicalize_name

from wheelwarm import file_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SECTION = "wheels"
ORIGIN = "origin.json"

# pip's `_egg_info_re`: a name and a version with a hyphen between them, anywhere in the archive's name.
_NAME_AND_VERSION = re.compile(r"[a-z0-9_.]+-[a-z0-9_.!+-]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What pip noted beside a wheel about the archive or the checkout that it was built from (PEP 610)."""

    url: str
    hashes: Mapping[str, str] = field(default_factory=dict)
    subdirectory: str | None = None
    vcs: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltWheel:
    """One wheel that pip built and kept; `name` is normalised."""

    path: Path
    name: str
    version: str
    tags: tuple[str, ...]
    bytes: int


def wheel_key(
    url: str,
    *,
    hash: tuple[str, str] | None,  # noqa: A002 -- the word of pip's `Link.hash` and of the key's document
    subdirectory: str | None,
    interpreter_name: str,
    interpreter_version: str,
) -> str:
    """Return the key (56 hexadecimal digits) of the folder for the wheels of one archive.

    `url` is the one of the requirement or of the index page, credentials included, for pip's key has them too; a
    fragment does not count. `hash` is the (algorithm, digest) that stood on the link, not that of the file:
    a link without a hash has another key. `interpreter_name` is short (`cp`), `interpreter_version` like `311`.
    """
    parts = {"url": urlunsplit(urlsplit(url)._replace(fragment=""))}
    if hash is not None:
        parts[hash[0]] = hash[1]
    if subdirectory:
        parts["subdirectory"] = subdirectory
    parts |= {"interpreter_name": interpreter_name, "interpreter_version": interpreter_version}
    document = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha224(document.encode("ascii")).hexdigest()


def directory(root: Path, key: str) -> Path:
    """Return the folder of `key` below the cache directory `root`."""
    return root / SECTION / key[:2] / key[2:4] / key[4:6] / key[6:]


def should_cache(archive: str) -> bool:
    """Tell whether pip keeps the wheel that it builds from an archive of this file name, or at this URL.

    The name has to look like `name-version` (all of 22.2 to 26.3); wheels of others are built anew each time. Not for
    version control: there pip keeps what is built from a full commit.
    """
    base, _ = posixpath.splitext(posixpath.basename(unquote(urlsplit(archive).path).rstrip("/")))
    if base.lower().endswith(".tar"):
        base = base[:-4]
    return _NAME_AND_VERSION.search(base) is not None


def find(root: Path, key: str, *, project: str, tags: Sequence[str]) -> BuiltWheel | None:
    """Return the wheel that pip would take from the folder of `key`, None if it would build.

    Among the wheels of `project` that is the one with the most preferred of `tags`, the first by file name at a draw.
    Without `tags` any will do: the key names the interpreter's version, so a wheel for another platform is all that
    could be wrong.
    """
    name = canonicalize_name(project)
    if not tags:
        return min(
            (wheel for wheel in _wheels_in(directory(root, key)) if wheel.name == name), default=None, key=_place
        )
    rank = {tag: place for place, tag in reversed(list(enumerate(tags)))}
    choice = [
        (min(rank[tag] for tag in wheel.tags if tag in rank), wheel.path.name, wheel)
        for wheel in _wheels_in(directory(root, key))
        if wheel.name == name and not rank.keys().isdisjoint(wheel.tags)
    ]
    return min(choice)[-1] if choice else None


def _place(wheel: BuiltWheel) -> str:
    return wheel.path.name


def parse_origin(text: str | bytes) -> Origin | None:
    """Read an `origin.json`; None for one that pip, too, would pass over."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get("url"), str):
        return None
    archive, vcs = (_mapping(document.get(kind)) for kind in ("archive_info", "vcs_info"))
    if (archive is None) == (vcs is None):
        return None
    subdirectory = _text(document.get("subdirectory"))
    if vcs is not None:
        return Origin(
            url=document["url"],
            subdirectory=subdirectory,
            vcs=_text(vcs.get("vcs")),
            commit=_text(vcs.get("commit_id")),
        )
    return Origin(url=document["url"], subdirectory=subdirectory, hashes=_hashes(archive or {}))


def _hashes(archive: Mapping[str, object]) -> dict[str, str]:
    """Return the hashes of an `archive_info`: pip < 23.1 wrote the one `hash`, later ones `hashes` beside it."""
    hashes = _mapping(archive.get("hashes")) or {}
    found = {name: digest for name, digest in hashes.items() if isinstance(digest, str)}
    name, separator, digest = (_text(archive.get("hash")) or "").partition("=")
    return found or ({name: digest} if separator else {})


def _wheels_in(folder: Path) -> list[BuiltWheel]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    except OSError:
        return []
    wheels = (_read(folder / name) for name in sorted(names) if name.endswith(".whl"))
    return [wheel for wheel in wheels if wheel is not None]


def _read(path: Path) -> BuiltWheel | None:
    """Describe one file; None if its name is no wheel's, or if it went away meanwhile."""
    wheel = file_names.of_wheel(path.name)
    try:
        status = path.lstat()
    except OSError:
        return None
    return wheel and BuiltWheel(
        path=path,
        name=wheel.project,
        version=wheel.version,
        tags=wheel.tags,
        bytes=status.st_size,
    )


def _mapping(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
