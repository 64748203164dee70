"""What a prefetch leaves in the ledger: what it found, the URLs it saw, and that pip will ask for these entries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from wheelwarm import urls
from wheelwarm.cache.format import entry_path, key
from wheelwarm.errors import InputError
from wheelwarm.model import Artifact, Kind, Run, Summary
from wheelwarm.shelf.lookup import wanted_metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from wheelwarm.model import Resolution, Row
    from wheelwarm.shelf.lookup import Shelf


def record(shelf: Shelf, resolution: Resolution, rows: Sequence[Row], *, bytes_downloaded: int, seconds: float) -> None:
    """Keep a run in the ledger; it began at the shelf's `now` and took so many seconds."""
    pages = [urls.page_at(url) for url in resolution.asked if urls.is_page(url)]
    files = [replace(one, name=canonicalize_name(one.name)) for one in (*resolution.artifacts, *resolution.supporting)]
    asked_for = [*(row.artifact for row in rows), *wanted_metadata(resolution), *pages]
    if resolution.source != "ledger":  # the run that it is remembered from has told of the URLs
        shelf.ledger.learn_urls([*files, *pages])
    shelf.ledger.note_use(_paths(shelf, asked_for), shelf.now)
    shelf.ledger.record_run(
        Run(
            started=shelf.now,
            target=shelf.target.identity,
            found=Summary.of(row.before for row in rows),
            bytes_downloaded=bytes_downloaded,
            seconds=seconds,
        )
    )


def _paths(shelf: Shelf, artifacts: Iterable[Artifact]) -> Iterator[Path]:
    """Yield where those that are here stand: an entry by its metadata's file, a built wheel by its own."""
    for artifact in artifacts:
        try:
            path = _built_path(shelf, artifact) or shelf.http.section / entry_path(key(artifact.url))
        except InputError:
            continue
        if path.exists():
            yield path


def _built_path(shelf: Shelf, artifact: Artifact) -> Path | None:
    wheel = shelf.built_wheel(artifact) if artifact.kind is Kind.BUILT_WHEEL else None
    return wheel.path if wheel else None
