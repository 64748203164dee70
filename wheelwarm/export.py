"""A wheelhouse out of the cache: what a set of requirements stands for, as files under their own names."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wheelwarm import urls
from wheelwarm.cache.entries import Entry
from wheelwarm.errors import FormatError, InputError
from wheelwarm.ledger.ledger import Ledger
from wheelwarm.local_files import path_of
from wheelwarm.model import LOCAL, Artifact, Kind, Reason
from wheelwarm.resolution.choice import allowed_hashes, allows_format
from wheelwarm.resolution.knowledge import known_resolution
from wheelwarm.shelf.lookup import Shelf
from wheelwarm.wheelhouse.wheelhouse import LinkMode, Placed, Wheelhouse
from wheelwarm.wheelhouse.wheelhouse_index import write_pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from wheelwarm.errors import WheelwarmError
    from wheelwarm.inputs.index_options import IndexOptions
    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.model import Observer, Resolution
    from wheelwarm.targets.target import Target

_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One artifact: placed in the wheelhouse, a folder that pip reads in place, or missing for a reason."""

    artifact: Artifact
    placed: Placed | None = None
    in_place: bool = False
    reason: str | None = None
    error: WheelwarmError | None = None

    @property
    def by_url(self) -> bool:
        """Whether a requirement names its URL: pip then goes there, and takes none from a wheelhouse."""
        return self.artifact.direct and not self.in_place


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to export; `index` adds index pages."""

    directory: Path
    mode: LinkMode = LinkMode.AUTO
    index: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What is in the wheelhouse for one target, and what is not.

    `projects` are those with an index page, None without `--index`; `locked` tells that a lock file was among the
    input, from whose URLs pip takes what it names. `source` and `made` (seconds since the epoch, UTC) tell where the
    resolution is from.
    """

    target: Target
    directory: Path
    rows: tuple[Exported, ...]
    projects: tuple[str, ...] | None
    locked: bool
    source: str
    made: float
    seconds: float
    warnings: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return all(row.reason is None for row in self.rows)


def export(
    requirements: RequirementSet, target: Target, *, options: Options, environ: Mapping[str, str], observer: Observer
) -> ExportReport:
    """Put all that these requirements stand for into a folder, as far as the cache has it, without network.

    Raises ResolveError when no earlier run, pin or URL tells what that is, InputError for a folder that cannot be used.
    """
    started = time.monotonic()
    _refuse_cache(options.directory, target.cache_dir)
    with Ledger(target.cache_dir) as ledger:
        shelf = Shelf.of(requirements, target, ledger, environ=environ)
        resolution = known_resolution(requirements, shelf)
        house = Wheelhouse(options.directory, mode=options.mode)
        observer.phase("exporting")
        rows = tuple(_place(one, shelf, house) for one in _wanted(resolution, requirements, shelf))
        return ExportReport(
            target=target,
            directory=options.directory,
            rows=rows,
            projects=_pages(house, rows) if options.index else None,
            locked=bool(requirements.locks),
            source=resolution.source,
            made=resolution.made,
            seconds=time.monotonic() - started,
            warnings=tuple(ledger.warnings),
        )


def _refuse_cache(directory: Path, cache_dir: Path) -> None:
    """Refuse a folder that cannot be a wheelhouse: a file, or one within pip's cache."""
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory} is no directory.", hint="Name a folder, there already or not.")
    if directory.resolve().is_relative_to(cache_dir.resolve()):
        raise InputError(f"{directory} is within pip's cache.", hint="Name a folder elsewhere.")


def _wanted(resolution: Resolution, requirements: RequirementSet, shelf: Shelf) -> Iterator[Artifact]:
    """Yield what an install from the wheelhouse needs: wheels, those built here too, and what is to be built yet.

    An sdist goes along only where its wheel is not at hand or pip would not take it; then what building it asked for
    goes along too.
    """
    options = requirements.options.over(shelf.target.setting)
    to_be_built = False
    for artifact in resolution.artifacts:
        wheel = replace(artifact, kind=Kind.BUILT_WHEEL, hashes={}, size=None)
        if artifact.kind is not Kind.SDIST:
            yield artifact
        elif shelf.built_wheel(artifact) and _takes_wheel(artifact, requirements, options):
            yield shelf.measured(wheel)
        else:
            to_be_built = True
            yield artifact
    if to_be_built:
        asked = {*resolution.build_requests}
        yield from (one for one in resolution.supporting if one.kind is not Kind.METADATA and one.url in asked)


def _takes_wheel(sdist: Artifact, requirements: RequirementSet, options: IndexOptions) -> bool:
    """Tell whether pip would take a wheel in the sdist's place: not where a `--hash` names the sdist's very bytes."""
    hashed = any(not allowed_hashes(line).isdisjoint(sdist.hashes.items()) for line in requirements.lines)
    return not hashed and allows_format(options, replace(sdist, kind=Kind.WHEEL))


def _place(artifact: Artifact, shelf: Shelf, house: Wheelhouse) -> Exported:
    path = path_of(artifact.url) if urls.verdict_of(artifact.url, ()) is LOCAL else None
    if path and artifact.kind is not Kind.BUILT_WHEEL and path.is_dir():
        return Exported(artifact=artifact, in_place=True)
    try:
        body = _body(artifact, path, shelf)
        if isinstance(body, Reason):
            return Exported(artifact=artifact, reason=body.value)
        return Exported(artifact=artifact, placed=house.place(artifact.filename, body, hashes=artifact.hashes))
    except FormatError as error:
        return Exported(artifact=artifact, reason=error.message)
    except OSError:
        return Exported(artifact=artifact, reason=Reason.UNREADABLE.value)


def _body(artifact: Artifact, path: Path | None, shelf: Shelf) -> Entry | Reason:
    """Find the bytes of an artifact: fresh or stale is the same here, for the hash decides. OSError if they vanish."""
    if artifact.kind is Kind.BUILT_WHEEL:
        wheel = shelf.built_wheel(artifact)
        return _whole(wheel.path) if wheel else Reason.NOT_BUILT
    if path:
        return _whole(path) if path.is_file() else Reason.ABSENT
    if not artifact.url:
        return Reason.NO_INDEX_PAGE
    if known := urls.verdict_of(artifact.url, shelf.trusted_hosts):
        return known.reason or Reason.ABSENT
    found = shelf.entry(replace(artifact, hashes={}))
    if found.stored is None or found.stored.status != _OK or found.verdict.reason is Reason.TRUNCATED:
        return found.verdict.reason or Reason.ABSENT
    return found.entry


def _whole(path: Path) -> Entry:
    return Entry(key="", metadata_file=str(path), body_file=str(path), size=path.stat().st_size)


def _pages(house: Wheelhouse, rows: Sequence[Exported]) -> tuple[str, ...]:
    """Write index pages for all that stands there, from earlier exports too."""
    known = {row.placed.filename: row.placed.sha256 for row in rows if row.placed}
    return write_pages(house, known=known)
