"""How to prefetch, as the command line says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wheelwarm.warming.seeding import SeedPolicy

if TYPE_CHECKING:
    from pathlib import Path


class Options(NamedTuple):
    """How to prefetch. `jobs` bounds the connections at once; `lock` is the file to write that installs offline.

    `refresh` asks the index again, although the last resolution of the same input still counts.
    `resolver` is pip or uv.
    """

    jobs: int
    seed: SeedPolicy = SeedPolicy()
    dry_run: bool = False
    lock: Path | None = None
    refresh: bool = False
    resolver: str = "pip"
