"""What lock files (pylock.toml, PEP 751) say: parsed, checked, and what they hold for one target.

A lock names its files by URL and hash, so that nothing needs resolving and no index is asked.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from packaging.pylock import (
    Package,
    PackageArchive,
    PackageDirectory,
    PackageSdist,
    PackageVcs,
    PackageWheel,
    Pylock,
    PylockSelectError,
    PylockUnsupportedVersionError,
    PylockValidationError,
)
from packaging.tags import Tag

from wheelwarm import urls
from wheelwarm.errors import InputError, ResolveError
from wheelwarm.inputs import locks
from wheelwarm.inputs.index_options import forced_format
from wheelwarm.local_files import has_one_of, path_of
from wheelwarm.model import Artifact, Kind, Resolution
from wheelwarm.redaction import one_line, redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wheelwarm.inputs.index_options import IndexOptions
    from wheelwarm.inputs.locks import Lock
    from wheelwarm.targets.target import Target

    _File = PackageVcs | PackageDirectory | PackageArchive | PackageWheel | PackageSdist

_MAJOR = re.compile(r"(\d{1,9})(?:\.|$)")
_SCHEMES = ("http", "https", "file")


def read(files: Iterable[str], groups: Iterable[tuple[str, str]] = ()) -> tuple[Lock, ...]:
    """Read and check lock files as `locks.read` does, and what stands in them; InputError for what is no lock."""
    found = locks.read(files, groups)
    for lock in found:
        content_of(lock)
    return found


# Each lock is looked at several times in a run: for its hashes, and once for each target.
@lru_cache(maxsize=32)
def content_of(lock: Lock) -> Pylock:
    """Return what a lock says; InputError where that is no lock, or has not what was asked of it."""
    content = _parsed(lock.path, lock.data)
    _check_asked(lock.path, content, lock.extras, lock.groups)
    _check_files(lock.path, content)
    return content


def select(lock: Lock, target: Target, options: IndexOptions) -> tuple[Artifact, ...]:
    """Return the files that a lock holds for a target.

    Raises ResolveError when the lock is not for this target, or has nothing of a package that it could use, InputError
    when it names a path where nothing is.
    """
    if not target.tags:
        raise ResolveError(
            f"What {lock.path} holds for Python {target.version} cannot be told: its wheel tags are not known.",
            hint="Lock files can be read for Python 3.9 and later.",
        )
    try:
        artifacts = tuple(_artifact(lock, package, file) for package, file in _selected(lock, target, options))
    except PylockSelectError as exc:
        raise ResolveError(f"{lock.path}: {redact(str(exc)).removesuffix('.')}.", hint="Lock again for it.") from exc
    _check_paths(lock, artifacts)
    return artifacts


def _check_paths(lock: Lock, artifacts: Iterable[Artifact]) -> None:
    """Refuse a lock that leads to what is not there, or to another file: pip, which reads it in place, would fail."""
    for one in artifacts:
        path = path_of(one.url) if one.url.startswith("file:") else None
        if path is None:
            continue
        if not path.exists():
            raise InputError(
                f"{lock.path}: {one.name} is to be read from {path}, where nothing is.",
                hint="A path counts from the lock's folder. Lock again, or put the file there.",
            )
        if one.hashes and path.is_file() and not _has_hash(path, one.hashes):
            raise InputError(
                f"{lock.path}: {one.name} is to be read from {path}, which has not the hash that the lock states.",
                hint="If the file was meant to change, lock again; otherwise do not trust it.",
            )


def _has_hash(path: Path, hashes: Mapping[str, str]) -> bool:
    """Tell whether a file has one of the hashes; InputError where it cannot be read."""
    try:
        return has_one_of(path, hashes)
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror}.", hint="Make it readable for this user.") from exc


def select_all(lock: Lock) -> tuple[Artifact, ...]:
    """Return every file of a lock, for whatever Python and platform."""
    return tuple(
        _artifact(lock, package, file)
        for package in content_of(lock).packages
        for file in (*(package.wheels or ()), package.sdist, package.archive, package.vcs, package.directory)
        if file is not None
    )


def hashes_in(lock: Lock) -> Iterator[tuple[str, str]]:
    """Yield every (algorithm, digest) that a lock states."""
    for artifact in select_all(lock):
        yield from artifact.hashes.items()


def resolution(locks: Iterable[Lock], target: Target, options: IndexOptions, *, now: float) -> Resolution:
    """Return what locks stand for on a target; ResolveError as `select`."""
    if target.elsewhere.everywhere:
        artifacts = {one.identity: one for lock in locks for one in select_all(lock)}
    else:
        artifacts = {one.identity: one for lock in locks for one in select(lock, target, options)}
    return Resolution(artifacts=tuple(artifacts.values()), made=now, source="lock")


def joined(locked: Resolution, resolved: Resolution) -> Resolution:
    """Return both: what locks hold, and what was resolved beside them."""
    artifacts = {one.identity: one for one in (*resolved.artifacts, *locked.artifacts)}
    return replace(resolved, artifacts=tuple(artifacts.values()))


def pins(locked: Resolution) -> str:
    """Write what locks hold as a constraints file, so that what is resolved beside them goes with it."""
    return "".join(f"{one.name}=={one.version}\n" for one in locked.artifacts if one.version)


def _parsed(path: Path, data: bytes) -> Pylock:
    try:
        table = tomllib.loads(data.decode("utf-8"))
        _check_version(path, table)
        return Pylock.from_dict(table)
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise InputError(f"{path}, line {line}: the file is not UTF-8, as TOML has to be.", hint="Lock again.") from exc
    except tomllib.TOMLDecodeError as exc:
        raise InputError(f"{path} is no TOML: {exc}.", hint="Lock again.") from exc
    except RecursionError as exc:
        raise InputError(f"{path} is nested too deeply.", hint="Lock again.") from exc
    except PylockUnsupportedVersionError as exc:
        raise InputError(f"{path} has a lock-version that is not known: {exc}.", hint="Upgrade wheelwarm.") from exc
    except PylockValidationError as exc:
        raise InputError(f"{path} is no valid lock: {one_line(str(exc))}.", hint="Lock again.") from exc


def _check_version(path: Path, table: Mapping[str, Any]) -> None:
    """Refuse a later format as such: packaging looks at the packages first, which may have another form there."""
    version = _MAJOR.match(str(table.get("lock-version", "")))
    if version and int(version[1]) > 1:
        raise InputError(
            f"{path} has a lock-version that is not known: {table['lock-version']}.", hint="Upgrade wheelwarm."
        )


def _check_asked(path: Path, content: Pylock, extras: Iterable[str], groups: Iterable[str]) -> None:
    """Refuse extras and groups that the lock does not have, in which pip, too, would find nothing."""
    for what, asked, offered in (
        ("extra", extras, content.extras or ()),
        ("dependency group", groups, content.dependency_groups or ()),
    ):
        for name in asked:
            if name not in offered:
                known = ", ".join(offered) or "none"
                raise InputError(f"{path} has no {what} '{name}'.", hint=f"It has: {known}.")


def _check_files(path: Path, content: Pylock) -> None:
    """Refuse URLs and hashes that are none; names of files that are paths packaging has refused by then."""
    for at, package in enumerate(content.packages):
        place = f"{path}: packages[{at}] ({package.name})"
        if package.vcs and package.vcs.url is not None:
            _check_url(place, package.vcs.url, schemes=None)
        for file in (*(package.wheels or ()), package.sdist, package.archive):
            if file is not None and file.url is not None:
                _check_url(place, file.url, schemes=_SCHEMES)
            for name in file.hashes if file else ():
                if name.lower() not in hashlib.algorithms_available:
                    raise InputError(
                        f"{place} has a hash by '{name}', which nobody can check.", hint="Lock again, with sha256."
                    )


def _check_url(place: str, url: str, *, schemes: tuple[str, ...] | None) -> None:
    """Refuse what is no URL, or no file's; None stands for whatever schemes version control tools have."""
    if not _is_url(url, schemes):
        raise InputError(
            f"{place} has a URL that is none: {redact(url)}.",
            hint=f"A URL starts with {'https:, http: or file:' if schemes else 'a scheme'}, and names a host.",
        )


def _is_url(url: str, schemes: tuple[str, ...] | None) -> bool:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0  # raises where there is no such port
    except ValueError:
        return False
    known = parts.scheme in schemes if schemes else bool(parts.scheme)
    return known and (has_host or parts.scheme == "file")


def _selected(lock: Lock, target: Target, options: IndexOptions) -> Iterator[tuple[Package, _File]]:
    defaults = content_of(lock).default_groups or () if lock.default_groups else ()
    for package, file in content_of(lock).select(
        environment=dict(target.environment),  # type: ignore[arg-type]
        tags=[Tag(*tag.split("-")) for tag in target.tags],
        extras=lock.extras,
        dependency_groups={*lock.groups, *defaults},
        prefer_sdist_predicate=lambda name: forced_format(options, name) == "sdist",
    ):
        if isinstance(file, PackageSdist) and forced_format(options, package.name) == "wheel":
            raise ResolveError(
                f"{lock.path} has no wheel of {package.name} for this Python, and --only-binary takes nothing else.",
                hint="Allow the sdist by --no-binary, or lock again.",
            )
        yield package, file


def _artifact(lock: Lock, package: Package, file: _File) -> Artifact:
    version = str(package.version or "")
    url, _, fragment = _url(lock, file).partition("#")
    name = urls.file_name(url)
    if isinstance(file, PackageWheel | PackageSdist):
        name = file.filename
    return Artifact(
        name=package.name,
        version=version or urls.artifact_named(name, url).version,
        filename=name,
        kind=Kind.WHEEL if name.endswith(".whl") else Kind.SDIST,
        url=urls.without_credentials(url),
        hashes=dict(getattr(file, "hashes", {})),
        size=getattr(file, "size", None),
        link_hash=urls.fragment_hash(f"#{fragment}"),
        subdirectory=(file.subdirectory if isinstance(file, PackageArchive | PackageVcs) else None)
        or urls.fragment_subdirectory(f"#{fragment}"),
        direct=True,
    )


def _url(lock: Lock, file: _File) -> str:
    """Return where a file is; a path counts from the lock's folder, and comes before a URL, as for pip."""
    if file.path is not None:
        return Path(os.path.normpath(lock.path.absolute().parent / file.path)).as_uri()
    url = getattr(file, "url", None) or ""
    return f"{file.type}+{url}@{file.commit_id}" if isinstance(file, PackageVcs) else url
