"""Completion of project names and their versions in the shell, from the ledger alone: no Python is asked, nothing read.

A guess at the cache's place is enough here: where it is wrong, there are no suggestions, and nothing else happens.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer  # noqa: TC002 - typer reads the annotations below when it runs

from wheelwarm.local_files import expanded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def complete_pattern(ctx: typer.Context, incomplete: str) -> list[str]:
    """Suggest the projects in the cache whose name begins so; behind `==`, a project's versions there."""
    from wheelwarm.ledger.names import names, versions

    asked = ctx.params.get("cache_dir")
    places = [expanded(asked)] if asked else list(likely_caches(os.environ))
    project, separator, _ = incomplete.partition("==")
    if separator:
        found = [f"{project}=={version}" for place in places for version in versions(place, project)]
    else:
        found = [name for place in places for name in names(place)]
    return sorted({one for one in found if one.lower().startswith(incomplete.lower().replace("_", "-"))})


def likely_caches(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield where pip most likely keeps its cache: PIP_CACHE_DIR, or its default on this system."""
    if given := environ.get("PIP_CACHE_DIR"):
        yield expanded(given)
        return
    home = Path.home()
    if sys.platform == "win32":
        yield Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "pip" / "Cache"
        return
    if sys.platform == "darwin":
        yield home / "Library" / "Caches" / "pip"
    yield Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "pip"
