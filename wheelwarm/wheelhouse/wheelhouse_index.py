"""Index pages for a wheelhouse, so that it serves as `--index-url`: written anew from the files that stand there."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from wheelwarm import urls
from wheelwarm.cache.archive import Window, read_zip_member, zip_members
from wheelwarm.cache.identify import identify
from wheelwarm.errors import FormatError, InputError
from wheelwarm.indexes import simple_pages
from wheelwarm.indexes.simple_pages import Offered
from wheelwarm.local_files import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from wheelwarm.wheelhouse.wheelhouse import Wheelhouse

HTML, JSON = "index.html", "index.v1_json"
"""The names of the pages: the first is pip's for a `file:` index, the second that of static mirrors."""

METADATA_LIMIT = 1 << 24
"""Bytes of a wheel's METADATA; that of no wheel comes near."""

_METADATA = re.compile(rb"[^/]+\.dist-info/METADATA")


def write_pages(house: Wheelhouse, *, known: Mapping[str, str]) -> tuple[str, ...]:
    """Write the pages of all projects of which a file is there, the core metadata of wheels beside them.

    `known` are sha256 by file name, computed just now. Returns the projects. Raises InputError where nothing can be
    written, and for a page there that is somebody else's.
    """
    projects: dict[str, list[Offered]] = defaultdict(list)
    for path in sorted(house.directory.iterdir()):
        if urls.is_artifact(path.name) and path.is_file() and (offered := _offer(house, path, known)):
            projects[canonicalize_name(urls.artifact_named(path.name, "").name)].append(offered)
    _refuse_others([house.directory / HTML, *(house.directory / name / HTML for name in projects)])
    for name, files in projects.items():
        house.write(house.directory / name / HTML, simple_pages.project_html(name, files).encode())
        house.write(house.directory / name / JSON, simple_pages.project_json(name, files).encode())
    house.write(house.directory / HTML, simple_pages.root_html(projects).encode())
    house.write(house.directory / JSON, simple_pages.root_json(projects).encode())
    return tuple(projects)


def _refuse_others(pages: Iterable[Path]) -> None:
    """Refuse to take the place of a page that is not about an index: the folder may be that of a website."""
    for page in pages:
        if page.exists() and simple_pages.MARK not in page.read_text(encoding="utf-8", errors="replace"):
            raise InputError(f"{page} is there already, and is no index page.", hint="Name another folder for --index.")


def _offer(house: Wheelhouse, path: Path, known: Mapping[str, str]) -> Offered | None:
    """Describe one file; None for one whose name tells no version, which no index can offer."""
    version = urls.artifact_named(path.name, "").version
    if not version:
        return None
    size = path.stat().st_size
    sha256 = known.get(path.name) or digest_of(path)
    with path.open("rb") as file:
        identity = identify(file, size)
        file.seek(0)
        metadata = core_metadata(file, size) if path.name.endswith(".whl") else None
    if metadata is not None:
        house.write(path.with_name(f"{path.name}.metadata"), metadata)
    return Offered(
        filename=path.name,
        version=version,
        sha256=sha256,
        size=size,
        requires_python=identity.requires_python,
        metadata_sha256=None if metadata is None else hashlib.sha256(metadata).hexdigest(),
    )


def core_metadata(wheel: BinaryIO, size: int) -> bytes | None:
    """Return the METADATA of a wheel, whole; None where the archive has not just one that can be read."""
    window = Window(wheel, size)
    try:
        found = [one for one in zip_members(window, suffixes=(b"/METADATA",)) if _METADATA.fullmatch(one.name)]
        content = read_zip_member(window, found[0], limit=METADATA_LIMIT) if len(found) == 1 else b""
    except FormatError:
        return None
    return content if found and len(content) == found[0].size else None
