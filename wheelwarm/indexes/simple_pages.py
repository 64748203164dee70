"""Index pages of one's own: what PEP 503 and PEP 691 say of a project and its files, as HTML and as JSON. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

API_VERSION = "1.1"
"""Of the simple repository API: with `versions` and `size` (PEP 700)."""

MARK = "pypi:repository-version"
"""What tells an HTML page of an index from any other (PEP 629)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One file on a project's page; `metadata_sha256` is that of the `.metadata` file beside it, if there is one."""

    filename: str
    version: str
    sha256: str
    size: int
    requires_python: str | None = None
    metadata_sha256: str | None = None


def root_html(projects: Iterable[str]) -> str:
    """Return the page of all projects (PEP 503); names are normalised."""
    return _html("Simple index", [f'<a href="{quote(name)}/">{escape(name)}</a>' for name in projects])


def root_json(projects: Iterable[str]) -> str:
    """Return the same as JSON (PEP 691)."""
    return _json({"projects": [{"name": name} for name in projects]})


def project_html(name: str, files: Iterable[Offered]) -> str:
    """Return a project's page (PEP 503), the files one folder up."""
    return _html(f"Links for {name}", [_anchor(file) for file in files])


def project_json(name: str, files: Sequence[Offered]) -> str:
    """Return the same as JSON (PEP 691, PEP 700)."""
    versions = sorted({file.version for file in files})
    return _json({"name": name, "versions": versions, "files": [_entry(file) for file in files]})


def _anchor(file: Offered) -> str:
    attributes = {"href": f"{_url(file)}#sha256={file.sha256}"}
    if file.requires_python:
        attributes["data-requires-python"] = file.requires_python
    if file.metadata_sha256:
        # pip < 23.2 reads the name of PEP 658 alone, later ones that of PEP 714 first.
        attributes |= dict.fromkeys(_METADATA_ATTRIBUTES, f"sha256={file.metadata_sha256}")
    words = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    return f"<a {words}>{escape(file.filename)}</a>"


def _entry(file: Offered) -> dict[str, object]:
    entry: dict[str, object] = {
        "filename": file.filename,
        "url": _url(file),
        "hashes": {"sha256": file.sha256},
        "size": file.size,
    }
    if file.requires_python:
        entry["requires-python"] = file.requires_python
    if file.metadata_sha256:
        entry |= {key: {"sha256": file.metadata_sha256} for key in _METADATA_KEYS}
    return entry


def _url(file: Offered) -> str:
    return f"../{quote(file.filename)}"


def _html(title: str, anchors: Iterable[str]) -> str:
    head = f'<meta name="{MARK}" content="{API_VERSION}">\n<title>{escape(title)}</title>'
    lines = "".join(f"{anchor}<br>\n" for anchor in anchors)
    return f"<!DOCTYPE html>\n<html>\n<head>\n{head}\n</head>\n<body>\n{lines}</body>\n</html>\n"


def _json(members: dict[str, object]) -> str:
    return json.dumps({"meta": {"api-version": API_VERSION}, **members}, indent=1) + "\n"


_METADATA_ATTRIBUTES = ("data-core-metadata", "data-dist-info-metadata")
_METADATA_KEYS = ("core-metadata", "dist-info-metadata")
