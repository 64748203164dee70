"""What the rows of the ledger stand for: types to rows and back.

Of a damaged file nothing worse comes than KeyError, TypeError, ValueError or AttributeError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wheelwarm.cache.format import key, normalise
from wheelwarm.errors import InputError
from wheelwarm.model import Artifact, Kind, Run, Summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TEXTS = {str, type(None)}


def dump(artifact: Artifact) -> dict[str, object]:
    """Return an artifact as JSON can hold it."""
    return {
        "name": artifact.name,
        "version": artifact.version,
        "filename": artifact.filename,
        "kind": artifact.kind.value,
        "url": artifact.url,
        "hashes": dict(artifact.hashes),
        "size": artifact.size,
        "link_hash": artifact.link_hash,
        "subdirectory": artifact.subdirectory,
        "direct": artifact.direct,
    }


def load(fields: Mapping[str, Any]) -> Artifact:
    """Read what `dump` wrote; KeyError, TypeError or ValueError for anything else."""
    link_hash = fields["link_hash"]
    return Artifact(
        name=str(fields["name"]),
        version=str(fields["version"]),
        filename=str(fields["filename"]),
        kind=Kind(fields["kind"]),
        url=str(fields["url"]),
        hashes=dict(fields["hashes"]),
        size=fields["size"],
        link_hash=(str(link_hash[0]), str(link_hash[1])) if link_hash else None,
        subdirectory=fields["subdirectory"],
        direct=bool(fields["direct"]),
    )


def is_text(row: Sequence[object]) -> bool:
    """Tell whether SQLite takes a row: a name out of hostile JSON, or of a file, may hold half a character."""
    try:
        "/".join([value for value in row if isinstance(value, str)]).encode()
    except UnicodeEncodeError:
        return False
    return True


def check_texts(*values: object) -> None:
    """Raise TypeError for bytes: a column of SQLite's holds whatever it is given."""
    if not {*map(type, values)} <= _TEXTS:
        raise TypeError("not a text")


def url_row(artifact: Artifact) -> tuple[object, ...] | None:
    """Return the row that keeps what stands behind a URL; None where that has no cache key."""
    try:
        url = normalise(artifact.url)
    except InputError:
        return None
    return key(url), url, artifact.kind, artifact.name, artifact.version, artifact.filename, artifact.sha256


def known_url(key: str, *row: Any) -> tuple[str, Artifact]:
    """Read what `url_row` made: the key, and what stands behind it."""
    from packaging.utils import canonicalize_name

    url, kind, name, version, filename, sha256 = row
    check_texts(url, name, version, filename, sha256)
    hashes = {"sha256": str(sha256)} if sha256 else {}
    project = canonicalize_name(name)
    return key, Artifact(name=project, version=version, filename=filename, kind=Kind(kind), url=url, hashes=hashes)


def run_of(started: float, target: str, *row: Any) -> Run:
    """Read the row of a run."""
    *counts, downloaded, seconds = row
    return Run(
        started=float(started),
        target=str(target),
        found=Summary(*map(int, counts)),
        bytes_downloaded=int(downloaded),
        seconds=float(seconds),
    )
