"""The lock that a run leaves: written, and remembered as an input of its own.

A lock names what is installed, not what its sdists are built with; for that pip asks by name where no wheel was built.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from wheelwarm.inputs import lockfile, locking
from wheelwarm.inputs.requirements import read
from wheelwarm.model import Kind, Resolution
from wheelwarm.resolution.pins import artifact_of_url
from wheelwarm.resolution.question import input_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.shelf.lookup import Shelf
    from wheelwarm.targets.target import Target


def write_lock(
    path: Path, resolution: Resolution, requirements: RequirementSet, shelf: Shelf, *, environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Write a lock of what was resolved, and return what a person would else find out without network.

    Its builds are remembered for whoever asks about the lock with the options of the run. InputError as
    `locking.write`.
    """
    editables = {artifact_of_url(line).url for line in requirements.lines if line.editable}
    locking.write(path, [shelf.hashed(one) for one in resolution.artifacts], editables=editables)
    if any(one.kind is Kind.SDIST for one in resolution.artifacts):
        _remember(path, resolution, requirements, shelf, environ)
    return tuple(_warnings(path, resolution, shelf.target))


def _warnings(path: Path, resolution: Resolution, target: Target) -> Iterator[str]:
    if path.suffix != ".txt" and not target.traits.reads_pylock:
        yield f"pip {target.pip} does not read {path.name}, pip 26.1 and later do; it reads NAME.txt."
    built_anew = [one.name for one in resolution.artifacts if one.kind is Kind.SDIST and one.url.startswith("file:")]
    if built_anew and resolution.build_requests:
        yield (
            f"Every install builds {', '.join(built_anew)} anew, and pip asks by name for what that needs: without "
            "network only while index pages are fresh. A wheel of it, from `pip wheel --no-deps`, needs no build."
        )


def _remember(
    path: Path, resolution: Resolution, requirements: RequirementSet, shelf: Shelf, environ: Mapping[str, str]
) -> None:
    locked = read(
        requirement_files=[str(path)],
        build_constraint_files=requirements.build_constraint_files,
        options=requirements.options,
        environ=environ,
    )
    known = _of_lock(locked, resolution, shelf)
    shelf.ledger.remember(input_digest(locked, shelf.target), shelf.target.identity, known)


def _of_lock(locked: RequirementSet, resolution: Resolution, shelf: Shelf) -> Resolution:
    """Return what the lock stands for, as whoever reads it will see it, with what its builds asked for."""
    lines = tuple(map(artifact_of_url, locked.lines))
    read_back = lockfile.resolution(locked.locks, shelf.target, locked.options, now=shelf.now)
    return Resolution(
        artifacts=lines or read_back.artifacts,
        asked=resolution.build_requests,
        build_requests=resolution.build_requests,
        supporting=tuple(one for one in resolution.supporting if one.url in resolution.build_requests),
        made=time.time(),
    )
