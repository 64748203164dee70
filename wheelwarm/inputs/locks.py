"""The door for lock files: those asked for, with extras and groups, as bytes; lockfile.py knows what they say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wheelwarm.errors import InputError
from wheelwarm.inputs.input_names import is_remote, split_extras
from wheelwarm.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock file as it was asked for: with extras and dependency groups, its default groups or without.

    `digest` is the sha256, in hex, of the file and of what was asked of it: the same one says the same.
    """

    path: Path
    data: bytes = field(repr=False)
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    default_groups: bool = True
    digest: str


def read(files: Iterable[str], groups: Iterable[tuple[str, str]] = ()) -> tuple[Lock, ...]:
    """Read lock files, each once; `groups` are (file, dependency group) pairs.

    A file that only `groups` name is taken without its default groups, as by pip 26.3.
    Raises InputError for a file that is not there; what is in it is not looked at.
    """
    asked: dict[str, tuple[list[str], list[str], bool]] = {}
    for name in files:
        path, extras = split_extras(name)
        known = asked.get(path, ([], [], True))
        asked[path] = ([*known[0], *extras], known[1], True)
    for name, group in groups:
        path, extras = split_extras(name)
        known = asked.get(path, ([], [], False))
        asked[path] = ([*known[0], *extras], [*known[1], group], known[2])
    return tuple(_read(path, *wanted) for path, wanted in asked.items())


def _read(name: str, extras: Sequence[str], groups: Sequence[str], default_groups: bool) -> Lock:  # noqa: FBT001
    if is_remote(name):
        raise InputError(f"The lock {redact(name)} is not on this machine.", hint="Download it, and name the file.")
    path = Path(name)
    data = _bytes(path)
    asked = "\0".join((*sorted(extras), "", *sorted(groups), str(default_groups)))
    return Lock(
        path=path,
        data=data,
        extras=tuple(extras),
        groups=tuple(groups),
        default_groups=default_groups,
        digest=hashlib.sha256(data + asked.encode()).hexdigest(),
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as exc:
        raise InputError(f"The lock file {path} does not exist.", hint="Check the name after -r.") from exc
    except OSError as exc:
        raise InputError(
            f"The lock file {path} cannot be read: {exc.strerror}.", hint="Name a file that this user may read."
        ) from exc
