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
    from collections.abc import Mapping
    from pathlib import Path

    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.shelf.lookup import Shelf


def write_lock(
    path: Path, resolution: Resolution, requirements: RequirementSet, shelf: Shelf, *, environ: Mapping[str, str]
) -> None:
    """Write a lock of what was resolved; InputError as `locking.write`.

    Its builds are remembered for whoever asks about the lock with the options of the run.
    """
    locking.write(path, [shelf.hashed(one) for one in resolution.artifacts])
    if not any(one.kind is Kind.SDIST for one in resolution.artifacts):
        return
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
