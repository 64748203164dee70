"""Reads what a pyproject.toml says that its project needs: `pyproject.toml`, or `pyproject.toml[extra,…]`.

Nothing is built: what only a build can tell is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from wheelwarm.errors import InputError
from wheelwarm.inputs.declared import Declared, Source, decoded, read_bytes
from wheelwarm.inputs.input_names import split_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.markers import Marker
    from packaging.requirements import Requirement

# Far more than anybody has, and less than Python can follow.
MOST_EXTRAS = 50


def read_project(name: str) -> Declared:
    """Return what a project and the extras asked for need.

    Raises InputError for a file or extra that is not there, and for dependencies that only a build can tell.
    """
    location, extras = split_project(name)
    path = Path(location)
    text = decoded(path, read_bytes(path, "The project file"))
    source = Source(path, text)
    table = source.table(text).get("project")
    if not isinstance(table, dict):
        raise InputError(f"{path} has no [project] table.", hint=_by_building(path, extras))
    _refuse_dynamic(path, table, extras)
    project = _Project(source, canonicalize_name(str(table.get("name", ""))), _extras(source, table))
    found = [
        *project.expand(source.strings(table.get("dependencies", []), "dependencies")),
        *(pair for extra in extras for pair in project.of_extra(extra)),
    ]
    return Declared(
        path=path,
        requirements=tuple({str(requirement): (line, requirement) for line, requirement in found}.values()),
        pythons=source.pythons(table.get("requires-python")),
    )


@dataclass(frozen=True, slots=True)
class _Project:
    """A project's name and extras, whose requirements may refer to the project itself: `name[other]`."""

    source: Source
    name: str
    extras: Mapping[str, Sequence[str]]
    done: set[tuple[str, str]] = field(default_factory=set)

    def of_extra(self, name: str) -> Iterator[tuple[int, Requirement]]:
        """Yield what an extra needs; InputError where there is none of that name."""
        found = self.extras.get(canonicalize_name(name))
        if found is None:
            known = ", ".join(sorted(self.extras)) or "none"
            raise InputError(f"{self.source.path} has no extra '{name}'.", hint=f"It has: {known}.")
        yield from self.expand(found, within=(canonicalize_name(name),))

    def expand(
        self, texts: Sequence[str], *, marker: Marker | None = None, within: tuple[str, ...] = ()
    ) -> Iterator[tuple[int, Requirement]]:
        """Yield requirements, and in place of those on the project itself what they stand for, under their markers."""
        for text in texts:
            line, requirement = self.source.requirement(text)
            if marker is not None:
                requirement.marker = requirement.marker & marker if requirement.marker else marker
            if canonicalize_name(requirement.name) != self.name:
                yield line, requirement
                continue
            for extra in sorted({canonicalize_name(one) for one in requirement.extras} - {*within}):
                yield from self._referred(extra, requirement.marker, within)

    def _referred(
        self, extra: str, marker: Marker | None, within: tuple[str, ...]
    ) -> Iterator[tuple[int, Requirement]]:
        if len(within) > MOST_EXTRAS:
            raise InputError(
                f"{self.source.path}: more than {MOST_EXTRAS} extras refer to one another.", hint="Join some of them."
            )
        if extra in self.extras and (extra, str(marker)) not in self.done:
            self.done.add((extra, str(marker)))
            yield from self.expand(self.extras[extra], marker=marker, within=(*within, extra))


def _extras(source: Source, table: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    found = table.get("optional-dependencies", {})
    if not isinstance(found, dict):
        raise InputError(
            f"{source.path}: optional-dependencies is no table.", hint="Write [project.optional-dependencies]."
        )
    return {canonicalize_name(name): source.strings(value, name) for name, value in found.items()}


def _refuse_dynamic(path: Path, table: Mapping[str, Any], extras: Sequence[str]) -> None:
    dynamic = table.get("dynamic")
    for name, matters in (("dependencies", True), ("optional-dependencies", bool(extras))):
        if matters and isinstance(dynamic, list) and name in dynamic:
            raise InputError(f"{path} leaves its {name} to the build (dynamic).", hint=_by_building(path, extras))


def _by_building(path: Path, extras: Sequence[str]) -> str:
    behind = f"[{','.join(extras)}]" if extras else ""
    return f"Name the project, whose build then tells: wheelwarm prefetch {path.parent}/{behind}"
