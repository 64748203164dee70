"""Which holdings a pattern means: a project, a version of it, or a file, by name or glob. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from wheelwarm.errors import InputError
from wheelwarm.file_names import of_wheel, version_of
from wheelwarm.model import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from wheelwarm.entry_facts import Contents
    from wheelwarm.holdings.naming import Holding

_GLOB = re.compile(r"[*?\[]")
_METADATA = ".metadata"
_OPERATOR = re.compile(r"===|==|~=|!=|<=|>=|<|>")  # of PEP 440
_NO_VERSION = Version("0")
_ORDER = (Kind.INDEX_PAGE, Kind.METADATA, Kind.WHEEL, Kind.SDIST, Kind.BUILT_WHEEL, Kind.OTHER)


class Sort(StrEnum):
    """The order of a list; sizes and times the largest and the oldest first."""

    SIZE = "size"
    NAME = "name"
    LAST_USED = "last-used"
    AGE = "age"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A project's name, also with versions (`NAME==1.0`, `NAME<2`), or a file name; each may be a glob.

    Names are compared as by PEP 503, versions as by PEP 440. Raises InputError for an empty one, and for versions that
    cannot be read.
    """

    text: str

    def __post_init__(self) -> None:
        if not self.text.strip() or not self.text.strip(" =-_."):
            raise InputError(
                "An empty pattern would mean everything.", hint="Name a project, NAME==VERSION, a file or a glob."
            )
        _parse(self.text)

    def matches(self, holding: Holding) -> bool:
        """Tell whether a holding is meant; one without any name never is."""
        contents = holding.contents
        name, takes = _parse(self.text)
        if contents.name and _name_matches(contents.name, name):
            return takes(contents.version)
        return _file_matches(contents, self.text.strip().removesuffix(_METADATA))


def version_key(version: str | None) -> tuple[int, Version, str]:
    """Return what sorts versions as PEP 440 does: none first, those that are no versions next."""
    if number := version_of(version):
        return (2, number, "")
    return (1 if version else 0, _NO_VERSION, version or "")


def choose(
    holdings: Iterable[Holding], pattern: Pattern | None, *, kinds: Collection[Kind] = (), sort: Sort = Sort.NAME
) -> list[Holding]:
    """Return the holdings that a pattern and kinds leave, sorted.

    Without kinds: what is of a kind, and entries of none; leftovers and strangers show as kind `other` alone.
    """
    chosen = [
        holding
        for holding in holdings
        if (holding.contents.kind in kinds if kinds else _is_shown(holding))
        and (pattern is None or pattern.matches(holding))
    ]
    by_name = sorted(chosen, key=_by_name)
    match sort:
        case Sort.SIZE:
            return sorted(by_name, key=lambda holding: -holding.item.bytes)
        case Sort.LAST_USED:
            return sorted(by_name, key=lambda holding: holding.last_used)
        case Sort.AGE:
            return sorted(by_name, key=lambda holding: holding.stored)
    return by_name


def _is_shown(holding: Holding) -> bool:
    return holding.is_artifact or holding.contents.name is not None


def _name_matches(name: str, wanted: str) -> bool:
    """Compare normalised names; a glob is normalised but for its brackets, in which a hyphen makes a range."""
    if _GLOB.search(wanted) is None:
        return bool(wanted) and name == canonicalize_name(wanted)
    return fnmatchcase(name, re.sub(r"[-_.]+(?![^\[]*\])", "-", wanted).lower())


def _file_matches(contents: Contents, wanted: str) -> bool:
    """Compare file names without case; a wheel's may have its tags in another order, and its project's other name."""
    filename = (contents.filename or "").removesuffix(_METADATA)
    if fnmatchcase(filename.lower(), wanted.lower()):
        return bool(filename)
    wheel = of_wheel(wanted)
    return wheel is not None and wheel.project == contents.name and of_wheel(filename) == wheel


@lru_cache(maxsize=16)
def _parse(text: str) -> tuple[str, Callable[[str | None], bool]]:
    """Return the name in a pattern, and what tells whether a version is meant. Raises InputError."""
    operator = _OPERATOR.search(text)
    if operator is None:
        return text.strip(), lambda _: True
    name, versions = text[: operator.start()].strip(), text[operator.start() :].strip()
    try:
        specifiers = SpecifierSet(versions)
        specifiers.contains("0")
    except ValueError:  # also for more digits than Python reads
        if operator[0] != "==" or "," in versions:
            raise InputError(f"{versions} names no versions.", hint="Write NAME==1.0, NAME<2 or NAME==1.*") from None
        glob = versions.removeprefix("==").strip()
        return name, lambda version: version is not None and fnmatchcase(version, glob)
    return name, lambda version: version is not None and specifiers.contains(version, prereleases=True)


def _by_name(holding: Holding) -> tuple[object, ...]:
    contents = holding.contents
    place = _ORDER.index(contents.kind)
    return contents.name is None, contents.name or "", version_key(contents.version), place, holding.item.path
