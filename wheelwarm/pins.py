"""Exact pins and direct URLs -> Resolution, from what the disk tells: no resolver, no network.

A pin's file is chosen among the links of the cached index page as pip would choose; that the pins are all pip will ask
for is checked against the cached metadata of each.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from wheelwarm import urls
from wheelwarm.cache.archive import Window, read_zip_member, zip_members
from wheelwarm.cache.format import normalise
from wheelwarm.errors import CacheError, FormatError, ResolveError
from wheelwarm.index_page import fragment_hash, fragment_subdirectory
from wheelwarm.model import Artifact, Kind, Outcome, Resolution
from wheelwarm.pages import Pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from packaging.markers import Marker

    from wheelwarm.cache.http import Lookup
    from wheelwarm.index_options import IndexOptions
    from wheelwarm.index_page import Link
    from wheelwarm.lookup import Shelf
    from wheelwarm.requirement_line import RequirementLine
    from wheelwarm.requirements import RequirementSet
    from wheelwarm.target import Target

SDIST_RANK = -1_000_000
# The longest description on the package index is far below this; a hostile one is not read.
METADATA_LIMIT = 16 * 2**20


def resolve_pins(requirements: RequirementSet, shelf: Shelf, *, default_index: Callable[[], str]) -> Resolution | None:
    """Resolve an input of exact pins and URLs; None for any other, and where the disk cannot tell pip's choice.

    `default_index` tells the index of a pip that is not configured to use another.
    Raises ResolveError when a pinned project needs one that is not in the input.
    """
    lines = [line for line in requirements.lines if not line.constraint and applies(line, shelf.target)]
    needs_index = any(line.pin and not line.url for line in lines)
    indexes = index_urls(requirements, shelf.target, default_index) if needs_index else ()
    if not requirements.fully_pinned or (needs_index and (not indexes or not shelf.target.tags)):
        return None
    asked = [page_url(index, line) for line in lines if line.pin for index in indexes]
    pages = Pages(shelf, asked)
    known = KnownArtifacts(shelf, asked)
    artifacts = tuple(
        pinned_artifact(line, pages, requirements, shelf.target) or known.of(line) or unknown(line) for line in lines
    )
    check_closed(lines, artifacts, shelf)
    return Resolution(artifacts=artifacts, made=shelf.now, source="pins")


def applies(line: RequirementLine, target: Target) -> bool:
    """Tell whether a requirement's environment marker holds for the target."""
    return line.marker is None or line.marker.evaluate({**target.environment, "extra": ""})


def index_urls(requirements: RequirementSet, target: Target, default_index: Callable[[], str]) -> tuple[str, ...]:
    """Return the indexes pip would ask; none where files from elsewhere could win, which only pip can weigh."""
    options = requirements.options
    links = (*options.find_links, *(target.setting("find-links") or "").split())
    index = options.index_url or target.setting("index-url") or default_index()
    extra = (*options.extra_index_urls, *(target.setting("extra-index-url") or "").split())
    if options.no_index or links or not all(url.startswith("http") for url in (index, *extra)):
        return ()
    return (index, *extra)


def page_url(index: str, line: RequirementLine) -> str:
    """Return where an index has a project's page (PEP 503)."""
    name = line.pin[0] if line.pin else ""
    return f"{index.rstrip('/')}/{name}/"


def pinned_artifact(
    line: RequirementLine, pages: Pages, requirements: RequirementSet, target: Target
) -> Artifact | None:
    """Return the file a pin or a URL stands for; None if no cached page tells."""
    if line.url or not line.pin:
        return artifact_of_url(line)
    name, version = line.pin
    links = [link for link in pages.cached_links(name) if fits(link, line, version, requirements, target)]
    if not links:
        return None
    best = max(links, key=lambda link: preference(link, target))
    artifact = replace(urls.artifact_at(best.url), hashes=dict(best.hashes), size=best.size)
    return replace(artifact, name=name, link_hash=best.hash_in_key_of(Version(target.pip)))


def unknown(line: RequirementLine) -> Artifact:
    """Name a pin whose file nothing on the disk tells."""
    name, version = line.pin or ("", "")
    return Artifact(name=name, version=version, filename="", kind=Kind.WHEEL, url="")


class KnownArtifacts:
    """What earlier resolutions for the target chose from the same index pages."""

    def __init__(self, shelf: Shelf, asked: Iterable[str]) -> None:
        self._pages = {normalise(url) for url in asked}
        self._resolutions = shelf.ledger.recall_all(shelf.target.identity)

    def of(self, line: RequirementLine) -> Artifact | None:
        """Return the file that pip once chose for this very pin."""
        name, version = line.pin or ("", "")
        for resolution in self._resolutions:
            if not any(urls.page_project(url) == name for url in self._pages.intersection(resolution.asked)):
                continue
            for artifact in resolution.artifacts:
                if canonicalize_name(artifact.name) == name and artifact.version == version and not artifact.direct:
                    return artifact
        return None


def artifact_of_url(line: RequirementLine) -> Artifact:
    """Name what a direct URL or a path stands for."""
    url, _, fragment = (line.url or line.text).partition("#")
    link_hash = fragment_hash(f"#{fragment}")
    artifact = urls.artifact_at(url)
    return replace(
        artifact,
        name=line.requirement.name if line.requirement else artifact.name,
        hashes=dict([link_hash]) if link_hash else dict(text.split(":", 1) for text in line.hashes),
        link_hash=link_hash,
        subdirectory=fragment_subdirectory(f"#{fragment}"),
        direct=True,
    )


def fits(link: Link, line: RequirementLine, version: str, requirements: RequirementSet, target: Target) -> bool:
    """Tell whether pip would consider a link for this pin."""
    candidate = urls.artifact_at(link.url)
    allowed = {tuple(text.split(":", 1)) for text in line.hashes}
    return (
        is_version(candidate.version, version)
        and (candidate.kind is not Kind.WHEEL or preference(link, target)[0] > SDIST_RANK)
        and (not allowed or not allowed.isdisjoint(link.hashes.items()))
        and accepts_python(link.requires_python, target)
        and allows_format(requirements.options, candidate)
    )


def allows_format(options: IndexOptions, candidate: Artifact) -> bool:
    """Apply `--only-binary` and `--no-binary` as pip's format control does: a project's own name beats `:all:`."""
    name, is_wheel = canonicalize_name(candidate.name), candidate.kind is Kind.WHEEL
    for selector in (name, ":all:"):
        if selector in options.only_binary:
            return is_wheel
        if selector in options.no_binary:
            return not is_wheel
    return True


def is_version(found: str, wanted: str) -> bool:
    """Compare versions as PEP 440 does, local version labels of the found one left aside when not asked for."""
    try:
        return Version(found) == Version(wanted) or Version(found).public == wanted
    except InvalidVersion:
        return found == wanted


def accepts_python(specifiers: str | None, target: Target) -> bool:
    """Tell whether `Requires-Python` holds for the target; an invalid one excludes nothing, as for pip."""
    try:
        return not specifiers or SpecifierSet(specifiers).contains(target.version, prereleases=True)
    except InvalidSpecifier:
        return True


def preference(link: Link, target: Target) -> tuple[int, tuple[int, str]]:
    """Order links of one version as pip does: the tag it likes best, the higher build number, an sdist last."""
    if not link.filename.endswith(".whl"):
        return SDIST_RANK, (0, "")
    _, _, build, tags = parse_wheel_filename(link.filename)
    rank = {tag: place for place, tag in enumerate(target.tags)}
    places = [rank[str(tag)] for tag in tags if str(tag) in rank]
    return (-min(places) if places else SDIST_RANK), build or (0, "")


def check_closed(lines: Sequence[RequirementLine], artifacts: Sequence[Artifact], shelf: Shelf) -> None:
    """Raise ResolveError when a file's cached metadata asks for a project that the input does not name."""
    given = {canonicalize_name(artifact.name) for artifact in artifacts}
    for line, artifact in zip(lines, artifacts, strict=True):
        extras = line.requirement.extras if line.requirement else set()
        for needed in dependencies(artifact, extras, shelf):
            if canonicalize_name(needed) not in given:
                raise ResolveError(
                    f"{artifact.name} {artifact.version} needs {needed}, which the input does not pin.",
                    hint="Run `wheelwarm prefetch` with it, or give --resolve to let pip ask the index now.",
                )


def dependencies(artifact: Artifact, extras: set[str], shelf: Shelf) -> Iterator[str]:
    """Yield the projects that a wheel needs on the target; none where the cache does not hold its metadata."""
    for text in parse_email(cached_metadata(artifact, shelf))[0].get("requires_dist", []):
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or holds(requirement.marker, extras, shelf.target):
            yield requirement.name


def holds(marker: Marker, extras: set[str], target: Target) -> bool:
    """Tell whether a dependency's marker holds, with any of the extras asked for or with none."""
    return any(marker.evaluate({**target.environment, "extra": extra}) for extra in (*extras, ""))


def cached_metadata(artifact: Artifact, shelf: Shelf) -> bytes:
    """Return a wheel's METADATA from its own cache entry or from the wheel's, empty when neither is there."""
    if artifact.kind is not Kind.WHEEL or not artifact.url.startswith("http"):
        return b""
    try:
        found = shelf.entry(urls.metadata_at(f"{artifact.url}.metadata"))
        if found.verdict.outcome is not Outcome.MISS:
            return shelf.http.read_body(found)
        return metadata_inside(shelf.entry(artifact))
    except (CacheError, FormatError, OSError):
        return b""


def metadata_inside(wheel: Lookup) -> bytes:
    """Return METADATA out of a cached wheel's body, empty when there is none."""
    entry = wheel.entry
    if entry.stored is None or entry.size is None:
        return b""
    with entry.body_path.open("rb") as file:
        file.seek(entry.body_offset)
        window = Window(file, entry.size)
        for member in zip_members(window):
            if member.name.endswith(b".dist-info/METADATA") and member.name.count(b"/") == 1:
                return read_zip_member(window, member, limit=METADATA_LIMIT)
    return b""
