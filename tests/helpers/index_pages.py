"""Index pages of the simple repository API: HTML (PEP 503), JSON (PEP 691), and the choice between them. Pure."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HTML = "text/html"
HTML_V1 = "application/vnd.pypi.simple.v1+html"
JSON_V1 = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One file on an index page; `size` in bytes, None where the page is to say nothing."""

    filename: str
    url: str
    size: int
    sha256: str | None
    requires_python: str | None
    yanked: str | None
    metadata_sha256: str | None


def negotiate(accept: str | None) -> str:
    """Choose the content type as PyPI does: the highest quality asked for, plain HTML among equals and by default."""
    ranges = dict(_parse_range(part) for part in (accept or "*/*").split(","))
    qualities = {offer: ranges.get(offer, ranges.get("*/*", 0.0)) for offer in (HTML, HTML_V1, JSON_V1)}
    return max(qualities, key=lambda offer: qualities[offer])


def render(project: str, links: Iterable[Link], *, content_type: str) -> bytes:
    """Return the index page of one project as `content_type`."""
    return _json(project, links) if content_type == JSON_V1 else _html(project, links)


def _parse_range(part: str) -> tuple[str, float]:
    media_type, *parameters = (piece.strip() for piece in part.split(";"))
    quality = next((parameter[2:] for parameter in parameters if parameter.startswith("q=")), "1")
    return media_type, float(quality)


def _html(project: str, links: Iterable[Link]) -> bytes:
    anchors = "".join(f"    {_anchor(link)}<br/>\n" for link in links)
    head = '<meta name="pypi:repository-version" content="1.1">'
    return (
        f"<!DOCTYPE html>\n<html>\n  <head>{head}<title>Links for {project}</title></head>\n"
        f"  <body>\n{anchors}  </body>\n</html>\n"
    ).encode()


def _anchor(link: Link) -> str:
    attributes = {"href": link.url + (f"#sha256={link.sha256}" if link.sha256 else "")}
    if link.requires_python is not None:
        attributes["data-requires-python"] = link.requires_python
    if link.yanked is not None:
        attributes["data-yanked"] = link.yanked
    if link.metadata_sha256 is not None:
        # PEP 714: the second name is the one that pip before 23.2 knows.
        attributes["data-core-metadata"] = f"sha256={link.metadata_sha256}"
        attributes["data-dist-info-metadata"] = f"sha256={link.metadata_sha256}"
    pairs = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<a {pairs}>{link.filename}</a>"


def _json(project: str, links: Iterable[Link]) -> bytes:
    page = {"meta": {"api-version": "1.1"}, "name": project, "files": [_file(link) for link in links]}
    return json.dumps(page, indent=1).encode()


def _file(link: Link) -> dict[str, object]:
    file: dict[str, object] = {
        "filename": link.filename,
        "url": link.url,
        "size": link.size,
        "hashes": {"sha256": link.sha256} if link.sha256 else {},
        "yanked": link.yanked or link.yanked is not None,
    }
    if link.requires_python is not None:
        file["requires-python"] = link.requires_python
    if link.metadata_sha256 is not None:
        file["core-metadata"] = {"sha256": link.metadata_sha256}
    return file
