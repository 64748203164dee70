"""What an input needs in a target's cache: the paths of the entries and built wheels that pip would use for it.

Files and their `.metadata`, index pages, the sdists behind locally built wheels, build requirements, and permanent
redirects on the way to any of them. What cannot be known is an error, never left out.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from wheelwarm.cache.entries import header_of
from wheelwarm.cache.format import entry_path, key, redirect_target
from wheelwarm.cache.freshness import PERMANENT_REDIRECTS
from wheelwarm.errors import InputError, ResolveError
from wheelwarm.model import Kind
from wheelwarm.resolution.knowledge import known_resolution
from wheelwarm.resolution.pins import index_urls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.model import Artifact, Resolution
    from wheelwarm.shelf.lookup import Shelf

_MAX_REDIRECTS = 30  # those of a requests.Session


def needed_paths(requirements: RequirementSet, shelf: Shelf, *, typed: Sequence[str]) -> set[str]:
    """Return what an input needs for the shelf's target, as paths of items below the cache directory.

    `typed` are the words by which a person gives `prefetch` the input. Raises ResolveError when its needs are not
    known.
    """
    resolution = _known(requirements, shelf, typed)
    found = set(_entries(resolution, shelf)) | set(_built_wheels(resolution, shelf))
    if not resolution.recalled and resolution.source in ("pins", "lock") and not shelf.target.elsewhere.everywhere:
        _check_builds(resolution, shelf, typed)
    if resolution.source == "pins":
        for page in _pages(resolution, requirements, shelf):
            found.update(_entry_paths(page, shelf))
    return found


def _known(requirements: RequirementSet, shelf: Shelf, typed: Sequence[str]) -> Resolution:
    try:
        resolution = known_resolution(requirements, shelf)
    except ResolveError as exc:
        raise _unknown(typed, shelf, exc.message) from exc
    if unnamed := [one for one in resolution.artifacts if not one.url]:
        raise _unknown(typed, shelf, f"No cached index page tells the file of {unnamed[0].name} {unnamed[0].version}.")
    return resolution


def _check_builds(resolution: Resolution, shelf: Shelf, typed: Sequence[str]) -> None:
    """Refuse an sdist of which no run has told what its build asks for, unless its wheel is here."""
    for artifact in resolution.artifacts:
        if artifact.kind is Kind.SDIST and not shelf.built_wheel(_as_built(artifact)):
            raise _unknown(typed, shelf, f"What building {artifact.name} {artifact.version} asks for is not known.")


def _unknown(typed: Sequence[str], shelf: Shelf, why: str) -> ResolveError:
    words = shlex.join([*typed, *shelf.target.elsewhere.words()])
    return ResolveError(
        f"What `{words}` needs for {shelf.target.python} is not known, so nothing is removed. {why}",
        hint=f"Run `wheelwarm prefetch {words}` for that Python first.",
    )


def _entries(resolution: Resolution, shelf: Shelf) -> Iterator[str]:
    """Yield the entries of every URL that pip asked for, or will."""
    artifacts = [*resolution.artifacts, *resolution.supporting]
    wheels = [one.url for one in artifacts if one.kind is Kind.WHEEL]
    for url in {*resolution.asked, *(one.url for one in artifacts), *(f"{url}.metadata" for url in wheels)}:
        yield from _entry_paths(url, shelf)


def _entry_paths(url: str, shelf: Shelf) -> Iterator[str]:
    """Yield where a URL's entry stands, and those that permanent redirects in the cache lead to."""
    for _ in range(_MAX_REDIRECTS):
        try:
            at = key(url)
            yield f"{shelf.http.layout.value}/{entry_path(at)}"
            stored = shelf.http.entry(at).stored
            if stored is None or stored.status not in PERMANENT_REDIRECTS:
                return
            url = redirect_target(url, header_of(stored, "location") or "")
        except (InputError, ValueError):  # a path, or version control: pip has no entry for these
            return


def _built_wheels(resolution: Resolution, shelf: Shelf) -> Iterator[str]:
    for artifact in (*resolution.artifacts, *resolution.supporting):
        if artifact.kind is Kind.SDIST and (wheel := shelf.built_wheel(_as_built(artifact))):
            yield wheel.path.relative_to(shelf.target.cache_dir).as_posix()


def _as_built(artifact: Artifact) -> Artifact:
    return replace(artifact, kind=Kind.BUILT_WHEEL)


def _pages(resolution: Resolution, requirements: RequirementSet, shelf: Shelf) -> Iterator[str]:
    """Yield the index pages that pip asks for by name: pins do not say which, and every index may be asked."""
    names = {canonicalize_name(one.name) for one in resolution.artifacts if not one.direct}
    if not names:
        return
    indexes = index_urls(requirements, shelf.target)
    yield from (f"{index.rstrip('/')}/{name}/" for index in indexes for name in sorted(names))
