"""What a prefetch leaves in the ledger: what it found, the URLs it saw, and that pip will ask for these entries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wheelwarm import urls
from wheelwarm.model import Artifact, Kind, Run, Summary
from wheelwarm.shelf.lookup import wanted_metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from wheelwarm.model import Resolution, Row
    from wheelwarm.shelf.lookup import Shelf


def record(shelf: Shelf, resolution: Resolution, rows: Sequence[Row], *, bytes_downloaded: int, seconds: float) -> None:
    """Keep a run in the ledger; it began at the shelf's `now` and took so many seconds."""
    if not resolution.recalled:  # the run that it is remembered from has told of the URLs
        shelf.ledger.learn_urls(_named(resolution))
    shelf.ledger.note_use([*_built(shelf, rows), *_entries(shelf, rows, resolution)], shelf.now)
    shelf.ledger.record_run(
        Run(
            started=shelf.now,
            target=shelf.target.identity,
            found=Summary.of(row.before for row in rows),
            bytes_downloaded=bytes_downloaded,
            seconds=seconds,
        )
    )


def _named(resolution: Resolution) -> Iterator[Artifact]:
    """Yield what stands behind the URLs of a resolution, by normalised names."""
    from packaging.utils import canonicalize_name

    for one in (*resolution.artifacts, *resolution.supporting):
        yield replace(one, name=canonicalize_name(one.name))
    yield from (urls.page_at(url) for url in resolution.asked if urls.is_page(url))


def _built(shelf: Shelf, rows: Iterable[Row]) -> Iterator[Path]:
    """Yield where the locally built wheels among the rows stand."""
    for row in rows:
        if row.artifact.kind is Kind.BUILT_WHEEL and (wheel := shelf.built_wheel(row.artifact)):
            yield wheel.path


def _entries(shelf: Shelf, rows: Iterable[Row], resolution: Resolution) -> Iterator[str]:
    """Yield where those of the entries that are here stand, by their metadata's file."""
    pages = (url for url in resolution.asked if urls.is_page(url))
    for url in (*(row.artifact.url for row in rows), *(one.url for one in wanted_metadata(resolution)), *pages):
        if entry := shelf.where(url):
            yield entry
