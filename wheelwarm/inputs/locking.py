"""Writes what was resolved as a lock, with which plain pip installs from its cache with no network at all.

By name an offline pip fails as soon as an index page has expired; a lock names files, so that no page is asked for.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import tomli_w
from packaging.pylock import (
    Package,
    PackageArchive,
    PackageDirectory,
    PackageSdist,
    PackageVcs,
    PackageWheel,
    Pylock,
    is_valid_pylock_path,
)
from packaging.utils import InvalidSdistFilename, canonicalize_name, parse_sdist_filename
from packaging.version import InvalidVersion, Version

from wheelwarm import outfile, urls
from wheelwarm.errors import InputError
from wheelwarm.local_files import is_folder, path_of
from wheelwarm.model import STRONG_HASHES, Artifact, Kind

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence
    from pathlib import Path

_CREATED_BY = "wheelwarm"
_HEAD = "# Written by wheelwarm: pip installs these from its cache with no network at all."
_SCHEMES = ("http", "https", "file")


def check(path: Path) -> None:
    """Refuse a name that pip takes for no lock, a folder that is not there, and a file that is there and no lock.

    Raises InputError.
    """
    if path.suffix != ".txt" and not is_valid_pylock_path(path):
        raise InputError(
            f"pip would take {path} for no lock: it goes by the name.",
            hint="Name it pylock.toml or pylock.NAME.toml (pip 26.1 and later), or NAME.txt (every pip).",
        )
    if not path.parent.is_dir():
        raise InputError(f"The lock cannot be written: there is no folder {path.parent}.", hint="Make it first.")
    if path.exists() and not _is_ours_to_replace(path):
        raise InputError(f"{path} is there already, and is no lock.", hint="Name another file, or remove it first.")


def check_folders(path: Path, artifacts: Sequence[Artifact]) -> None:
    """Refuse a pylock.toml of folders beside files: these have hashes, and pip then takes nothing that has none.

    Raises InputError.
    """
    folders = [one.name for one in artifacts if is_folder(one.url)]
    if path.suffix != ".txt" and folders and len(folders) < len(artifacts):
        raise InputError(
            f"pip installs no folder ({', '.join(folders)}) from a {path.name} in which other files have hashes.",
            hint="Name the lock NAME.txt, or put a wheel in the folder's place (pip wheel --no-deps FOLDER).",
        )


def write(path: Path, artifacts: Sequence[Artifact], *, editables: Container[str] = ()) -> None:
    """Write a lock of these files: a pylock.toml (PEP 751), or lines of `name @ URL#hash` where the name ends in .txt.

    `editables` are the URLs of folders that are to be installed as editable.
    Raises InputError for what `check` refuses, a file without a hash, or a disk that does not take it.
    """
    check(path)
    folder = path.absolute().parent
    text = lines(artifacts, editables) if path.suffix == ".txt" else pylock(artifacts, editables, folder=folder)
    outfile.write(path, text.encode())


def pylock(artifacts: Iterable[Artifact], editables: Container[str] = (), *, folder: Path | None = None) -> str:
    """Return a valid pylock.toml of these files; paths below its `folder` count from there."""
    written = (_package(one, folder, editable=one.url in editables) for one in artifacts)
    packages = sorted(written, key=lambda package: package.name)
    lock = Pylock(lock_version=Version("1.0"), created_by=_CREATED_BY, packages=packages)
    lock.validate()
    return tomli_w.dumps(dict(lock.to_dict()))


def lines(artifacts: Iterable[Artifact], editables: Container[str] = ()) -> str:
    """Return requirements of these files by URL and hash, which pips before 26.1 take too."""
    heads = ((one, "-e" if one.url in editables else f"{canonicalize_name(one.name)} @") for one in artifacts)
    found = sorted(f"{head} {_link(one)}" for one, head in heads)
    return "\n".join([_HEAD, *found]) + "\n"


def _link(artifact: Artifact) -> str:
    """Return the URL as pip is to see it: the hash in its fragment is part of the wheel cache's key."""
    fragment = []
    if artifact.kind is Kind.WHEEL and _scheme(artifact) != "file":
        fragment.append("=".join(_one_hash(artifact)))
    elif artifact.link_hash:
        fragment.append("=".join(artifact.link_hash))
    if artifact.subdirectory:
        fragment.append(f"subdirectory={artifact.subdirectory}")
    url = _bare(artifact.url)
    return "#".join([url, "&".join(fragment)]) if fragment else url


def _package(artifact: Artifact, folder: Path | None, *, editable: bool) -> Package:
    name = canonicalize_name(artifact.name)
    if _scheme(artifact) not in _SCHEMES:
        return Package(name=name, vcs=_vcs(artifact))
    path = _local_path(artifact)
    written = _written(path, folder) if path else None
    if path is None or written is None or not path.is_dir():
        return Package(name=name, **_file(artifact, written))
    directory = PackageDirectory(path=written, editable=editable or None, subdirectory=artifact.subdirectory)
    return Package(name=name, directory=directory)


def _written(path: Path, folder: Path | None) -> str:
    """Return a path as it counts from the lock's folder, if it is below that."""
    return path.relative_to(folder).as_posix() if folder and path.is_relative_to(folder) else str(path)


def _file(artifact: Artifact, path: str | None) -> dict[str, Any]:
    """Return the file as the lock's table of a package has it, with the version where it is allowed."""
    place: dict[str, Any] = {"path": path} if path else {"url": _bare(artifact.url)}
    facts = {**place, "size": artifact.size, "hashes": dict([_one_hash(artifact)])}
    if artifact.kind is Kind.WHEEL:
        return {"version": _version(artifact), "wheels": [PackageWheel(name=artifact.filename, **facts)]}
    if path is None and artifact.link_hash and not artifact.subdirectory:
        # The wheel built from it is in pip's cache under a key that has this hash.
        facts["url"] += f"#{'='.join(artifact.link_hash)}"
    if artifact.subdirectory or not _is_proper_sdist(artifact):
        return {"archive": PackageArchive(subdirectory=artifact.subdirectory, **facts)}
    return {"version": _version(artifact), "sdist": PackageSdist(name=artifact.filename, **facts)}


def _vcs(artifact: Artifact) -> PackageVcs:
    url, _, commit = artifact.url.rpartition("@")
    kind, _, plain = url.partition("+")
    return PackageVcs(type=kind, url=_bare(plain), commit_id=commit, subdirectory=artifact.subdirectory)


def _one_hash(artifact: Artifact) -> tuple[str, str]:
    for algorithm in STRONG_HASHES:
        if algorithm in artifact.hashes:
            return algorithm, artifact.hashes[algorithm]
    raise InputError(
        f"No hash is known of {artifact.filename or _bare(artifact.url)}, which a lock has to state.",
        hint="Take it from an index whose pages state hashes, or leave out --lock.",
    )


def _version(artifact: Artifact) -> Version | None:
    try:
        return Version(artifact.version)
    except InvalidVersion:
        return None


def _is_proper_sdist(artifact: Artifact) -> bool:
    try:
        name, version = parse_sdist_filename(artifact.filename)
    except InvalidSdistFilename:
        return False
    return name == canonicalize_name(artifact.name) and version == _version(artifact)


def _bare(url: str) -> str:
    """Return the URL without user and password; of `git+https://…`, too."""
    tool, plus, plain = url.partition("+")
    return (
        f"{tool}{plus}{urls.without_credentials(plain)}" if plus and ":" not in tool else urls.without_credentials(url)
    )


def _scheme(artifact: Artifact) -> str:
    return urlsplit(artifact.url).scheme.lower()


def _local_path(artifact: Artifact) -> Path | None:
    return path_of(artifact.url) if _scheme(artifact) == "file" else None


def _is_ours_to_replace(path: Path) -> bool:
    """Tell whether a file is empty or a lock, so that nothing else gets lost."""
    try:
        text = path.read_text(encoding="utf-8")
        return not text.strip() or text.startswith(_HEAD) or "lock-version" in tomllib.loads(text)
    except (OSError, ValueError):
        return False
