"""Exact pins and direct URLs -> Resolution, from what the disk tells: no resolver, no network.

A pin's file is chosen among the links of the cached index page as pip would choose; that the pins are all pip will ask
for is checked against the cached metadata of each.
"""

from __future__ import annotations

from dataclasses import replace
from email.parser import HeaderParser
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from wheelwarm import urls
from wheelwarm.cache.archive import Window, read_zip_member, zip_members
from wheelwarm.cache.format import normalise
from wheelwarm.errors import CacheError, FormatError, InputError, ResolveError
from wheelwarm.local_files import path_of
from wheelwarm.model import Artifact, Kind, Outcome, Resolution
from wheelwarm.resolution.choice import Choice, allowed_hashes, allows_format
from wheelwarm.resolution.pages import Pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from packaging.markers import Marker

    from wheelwarm.fetcher import Fetcher
    from wheelwarm.inputs.index_options import IndexOptions
    from wheelwarm.inputs.requirement_line import RequirementLine
    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.shelf.lookup import Shelf
    from wheelwarm.targets.target import Target

# Settings that change which file pip takes, beside those that requirement files may hold: only pip can weigh them.
WEIGHED_BY_PIP = (
    *("constraint", "requirement", "editable", "group", "find-links", "no-index", "no-binary", "only-binary"),
    *("prefer-binary", "only-final", "uploaded-prior-to", "ignore-requires-python"),
    *("platform", "python-version", "implementation", "abi"),
)
# The longest description on the package index is far below this; a hostile one is not read.
METADATA_LIMIT = 16 * 2**20


def resolve_pins(requirements: RequirementSet, shelf: Shelf, *, fetcher: Fetcher | None = None) -> Resolution | None:
    """Resolve an input of exact pins and URLs; None for any other, and where the disk cannot tell pip's choice.

    With a `fetcher` every index page is asked for first; else the cached ones have to do, and earlier resolutions.
    Raises ResolveError when a pinned project needs one that is not in the input.
    """
    applying = [line for line in requirements.lines if applies(line, shelf.target)]
    lines = [line for line in applying if not line.constraint]
    needs_index = any(line.pin for line in lines)
    indexes = index_urls(requirements, shelf.target) if needs_index else ()
    if not requirements.fully_pinned or (needs_index and (not indexes or not shelf.target.tags)):
        return None
    if any(line.constraint and (line.url or line.hashes) for line in applying):
        return None
    asked = [page_url(index, line) for line in lines if line.pin for index in indexes]
    choice = Choice(requirements.options, applying, shelf.target)
    # pip takes no file of another hash than those stated for a pin, and most of a page is about other files.
    digests = frozenset(digest for line in lines for _, digest in allowed_hashes(line))
    hashed = all(line.hashes for line in lines if line.pin)
    pages = Pages(shelf, asked, fetcher, digests=digests if hashed else None)
    known = KnownArtifacts(shelf, asked)
    if fetcher:
        pages.renew([line.pin[0] for line in lines if line.pin])
    artifacts = [
        pinned_artifact(line, pages, choice) or known.of(line, choice.options) or unknown(line) for line in lines
    ]
    check_closed(lines, artifacts, shelf)
    return Resolution(
        artifacts=tuple(distinct(artifacts)),
        asked=tuple(dict.fromkeys(asked)),
        # pip that has hashes to check asks for none.
        supporting=() if requirements.hashes else tuple(metadata_files(artifacts, pages)),
        made=shelf.now,
        source="pins",
    )


def check_resolved(requirements: RequirementSet, resolution: Resolution, shelf: Shelf) -> None:
    """Check resolved pins once more, now that their files are here; ResolveError where pip would need another one."""
    by_name = {str(canonicalize_name(artifact.name)): artifact for artifact in resolution.artifacts}
    lines = [line for line in requirements.lines if line.pin and applies(line, shelf.target)]
    check_closed(lines, [by_name[line.pin[0]] for line in lines if line.pin], shelf)


def is_lock(requirements: RequirementSet) -> bool:
    """Tell whether an input says all that a lock says: exact pins alone, each with the hashes of its files.

    What is built with options of its own, or named twice, is pip's to weigh.
    """
    lines = [line for line in requirements.lines if not line.constraint]
    plain = all(line.pin and line.hashes and not line.editable and not line.build_options for line in lines)
    return requirements.fully_pinned and plain and len(lines) == len(requirements.lines)


def metadata_files(artifacts: Iterable[Artifact], pages: Pages) -> Iterator[Artifact]:
    """Yield the `.metadata` files that the pages offer beside wheels (PEP 658)."""
    offered = {
        normalise(link.url): link
        for artifact in artifacts
        if not artifact.direct
        for link in pages.cached_links(canonicalize_name(artifact.name))
    }
    for artifact in distinct(artifacts):
        link = offered.get(normalise(artifact.url)) if artifact.url.startswith("http") else None
        if link is not None and link.core_metadata is not None and artifact.kind is Kind.WHEEL:
            yield replace(urls.metadata_at(link.metadata_url), hashes=dict(link.core_metadata))


def distinct(artifacts: Iterable[Artifact]) -> Iterator[Artifact]:
    """Leave out what was named before: a pin may stand in several files, with and without extras."""
    seen = set()
    for artifact in artifacts:
        if (known := (artifact.name, *artifact.identity)) not in seen:
            seen.add(known)
            yield artifact


def applies(line: RequirementLine, target: Target) -> bool:
    """Tell whether a requirement's environment marker holds for the target."""
    return line.marker is None or line.marker.evaluate({**target.environment, "extra": ""})


def index_urls(requirements: RequirementSet, target: Target) -> tuple[str, ...]:
    """Return the indexes pip would ask; none where files from elsewhere could win, which only pip can weigh."""
    options = requirements.options
    index = options.index_url or target.setting("index-url") or target.index
    extra = (*options.extra_index_urls, *(target.setting("extra-index-url") or "").split())
    if options.no_index or options.find_links or any(target.setting(name) for name in WEIGHED_BY_PIP):
        return ()
    if not all(url.startswith("http") for url in (index, *extra)):
        return ()
    return (index, *extra)


def page_url(index: str, line: RequirementLine) -> str:
    """Return where an index has a project's page (PEP 503), without the credentials of the index's URL."""
    name = line.pin[0] if line.pin else ""
    return f"{urls.without_credentials(index).rstrip('/')}/{name}/"


def pinned_artifact(line: RequirementLine, pages: Pages, choice: Choice) -> Artifact | None:
    """Return the file a pin or a URL stands for; None if no cached page tells."""
    if not line.pin:
        return artifact_of_url(line)
    name = line.pin[0]
    best = choice.among(pages.cached_links(name), name)
    if best is None:
        return None
    artifact = replace(urls.artifact_at(best.url), hashes=dict(best.hashes), size=best.size)
    return replace(artifact, name=name, link_hash=best.hash_in_key_of(Version(choice.target.pip)))


def unknown(line: RequirementLine) -> Artifact:
    """Name a pin whose file nothing on the disk tells."""
    name, version = line.pin or ("", "")
    return Artifact(name=name, version=version, filename="", kind=Kind.WHEEL, url="")


class KnownArtifacts:
    """What earlier resolutions for the target chose from the same index pages."""

    def __init__(self, shelf: Shelf, asked: Iterable[str]) -> None:
        pages = {normalise(url) for url in asked}
        self._by_name: dict[str, list[Artifact]] = {}
        for resolution in shelf.ledger.recall_all(shelf.target.identity):
            projects = {urls.page_project(url) for url in pages.intersection(resolution.asked)}
            for artifact in resolution.artifacts:
                if not artifact.direct and (name := canonicalize_name(artifact.name)) in projects:
                    self._by_name.setdefault(name, []).append(artifact)

    def of(self, line: RequirementLine, options: IndexOptions) -> Artifact | None:
        """Return the file that pip once chose for this very pin, unless it would not now."""
        allowed = allowed_hashes(line)
        name, version = line.pin or ("", "")
        for artifact in self._by_name.get(name, ()):
            allows_hashes = not allowed or not allowed.isdisjoint(artifact.hashes.items())
            if artifact.version == version and allows_hashes and allows_format(options, artifact):
                return artifact
        return None


def artifact_of_url(line: RequirementLine) -> Artifact:
    """Name what a direct URL or a path stands for."""
    url, _, fragment = (line.url or line.text).partition("#")
    url = urls.without_credentials(url)
    link_hash = urls.fragment_hash(f"#{fragment}")
    # Of several hashes pip takes any: then none can be named that the body must have.
    hashes = [link_hash] if link_hash else allowed_hashes(line)
    artifact = urls.artifact_at(url)
    return replace(
        artifact,
        name=line.requirement.name if line.requirement else artifact.name,
        hashes=dict(hashes) if len(hashes) == 1 else {},
        link_hash=link_hash,
        subdirectory=urls.fragment_subdirectory(f"#{fragment}"),
        direct=True,
    )


def check_closed(lines: Sequence[RequirementLine], artifacts: Sequence[Artifact], shelf: Shelf) -> None:
    """Raise ResolveError when a file's metadata asks for what the input does not pin, or pins to another version.

    Also where a file is at hand but its metadata is not: then nothing tells what else pip would ask for.
    """
    by_name = {canonicalize_name(artifact.name): artifact for artifact in artifacts}
    open_ = [
        (canonicalize_name(artifact.name), frozenset(line.requirement.extras if line.requirement else ()))
        for line, artifact in zip(lines, artifacts, strict=True)
    ]
    seen = set(open_)
    while open_:
        name, extras = open_.pop()
        artifact = by_name[name]
        for needed in dependencies(artifact, extras, shelf):
            check_pinned(artifact, needed, by_name.get(canonicalize_name(needed.name)))
            asked = canonicalize_name(needed.name), frozenset(needed.extras)
            if asked not in seen:
                seen.add(asked)
                open_.append(asked)


def check_pinned(artifact: Artifact, needed: Requirement, pinned: Artifact | None) -> None:
    """Raise ResolveError unless a dependency is among the pins, in a version that will do."""
    if pinned is None:
        raise ResolveError(
            f"{artifact.name} {artifact.version} needs {needed.name}, which the input does not pin.",
            hint="Run `wheelwarm prefetch` with it, or `wheelwarm check --resolve`, which lets pip ask the index.",
        )
    if pinned.version and not needed.specifier.contains(pinned.version, prereleases=True):
        raise ResolveError(
            f"{artifact.name} {artifact.version} needs {needed.name}{needed.specifier}, and the input has "
            f"{pinned.version}.",
            hint="Loosen one of the versions.",
        )


def dependencies(artifact: Artifact, extras: Iterable[str], shelf: Shelf) -> Iterator[Requirement]:
    """Yield what a file needs on the target; ResolveError where that is a hit whose metadata is not at hand."""
    metadata = cached_metadata(artifact, shelf)
    if metadata is None:
        return
    if not metadata and is_usable(artifact, shelf):
        raise ResolveError(
            f"What {f'{artifact.name} {artifact.version}'.rstrip()} needs cannot be read from the cache.",
            hint="Run `wheelwarm prefetch` with it, or `wheelwarm check --resolve`, which lets pip ask the index.",
        )
    for text in HeaderParser().parsestr(head_of(metadata)).get_all("Requires-Dist", ()):
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or holds(requirement.marker, extras, shelf.target):
            yield requirement


def head_of(metadata: bytes) -> str:
    """Return the header fields of METADATA, without the description that may follow them after an empty line."""
    return metadata.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode(errors="replace")


def is_usable(artifact: Artifact, shelf: Shelf) -> bool:
    """Tell whether pip would install from this file without asking anybody for it, and without building."""
    verdict = shelf.verdict(artifact)
    return verdict.outcome is Outcome.LOCAL or (artifact.kind is Kind.WHEEL and verdict.warm)


def holds(marker: Marker, extras: Iterable[str], target: Target) -> bool:
    """Tell whether a dependency's marker holds, with any of the extras asked for or with none."""
    return any(marker.evaluate({**target.environment, "extra": extra}) for extra in (*extras, ""))


def cached_metadata(artifact: Artifact, shelf: Shelf) -> bytes | None:
    """Return METADATA from its own cache entry, a cached, local or locally built wheel.

    Empty when it cannot be read there, None when nothing is there.
    """
    try:
        if artifact.kind is Kind.SDIST:
            wheel = shelf.built_wheel(artifact)
            return metadata_inside(wheel.path, 0, wheel.bytes) if wheel else b""
        if artifact.url.startswith("file:"):
            path = path_of(artifact.url)
            return metadata_inside(path, 0, path.stat().st_size)
        metadata = urls.metadata_at(f"{artifact.url}.metadata")
        # To see that nothing is stored takes a third of what it takes to look it up, and of pins nothing is at first.
        if shelf.where(metadata.url) and (found := shelf.entry(metadata)).verdict.outcome is not Outcome.MISS:
            return shelf.http.read_body(found)
        entry = shelf.entry(artifact).entry if shelf.where(artifact.url) else None
        return metadata_inside(entry.body_path, entry.body_offset, entry.size or 0) if entry and entry.stored else None
    except (CacheError, FormatError, InputError, OSError):
        return b""


def metadata_inside(wheel: Path, start: int, size: int) -> bytes:
    """Return METADATA out of a wheel that takes `size` bytes from `start` on in a file, empty when there is none."""
    with wheel.open("rb") as file:
        file.seek(start)
        window = Window(file, size)
        for member in zip_members(window, suffixes=(b".dist-info/METADATA",)):
            if member.name.count(b"/") == 1:
                return read_zip_member(window, member, limit=METADATA_LIMIT)
    return b""
