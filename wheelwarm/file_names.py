"""What file names and versions say, within bounds: packaging's parsers take any number of digits and tags. Pure."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from packaging.version import Version

NAME_LIMIT = 255
"""Characters of a file name or a version: file systems take no longer ones, and Python reads no longer numbers."""

TAGS_LIMIT = 1000
"""Tags of a wheel, after those that stand for several are unfolded: macOS wheels come near a hundred."""


class WheelName(NamedTuple):
    """What a wheel's file name says; `project` and `version` are normalised, `tags` sorted."""

    project: str
    version: str
    build: tuple[()] | tuple[int, str]
    tags: tuple[str, ...]


# A wheel and its `.metadata` come one after the other.
@lru_cache(maxsize=256)
def of_wheel(filename: str) -> WheelName | None:
    """Read a wheel's file name; None for what is none, or would stand for more tags than any wheel has."""
    columns = filename.removesuffix(".whl").split("-")[-3:]
    if len(filename) > NAME_LIMIT or prod(column.count(".") + 1 for column in columns) > TAGS_LIMIT:
        return None
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        project, version, build, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        return None
    return WheelName(project, str(version), build, tuple(sorted(map(str, tags))))


def of_sdist(filename: str) -> tuple[str, str] | None:
    """Read an sdist's file name into project and version, normalised; None for what is none (PEP 625)."""
    if len(filename) > NAME_LIMIT:
        return None
    from packaging.utils import InvalidSdistFilename, parse_sdist_filename

    try:
        project, version = parse_sdist_filename(filename)
    except InvalidSdistFilename:
        return None
    return project, str(version)


def columns_of(filename: str) -> tuple[str, str] | None:
    """Return project and version as a wheel's or an sdist's name has them: its tags take fifty times as long."""
    if not filename.endswith(".whl"):
        return of_sdist(filename)
    project, _, rest = filename.partition("-")
    version, _, tags = rest.partition("-")
    return (project, version) if tags else None


@lru_cache(maxsize=4096)
def version_of(text: str | None) -> Version | None:
    """Read a version (PEP 440); None for what is none."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(text) if text and len(text) <= NAME_LIMIT else None
    except InvalidVersion:
        return None
