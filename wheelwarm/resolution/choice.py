"""pip's choice among the links of a project's index pages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from wheelwarm import file_names, urls
from wheelwarm.inputs.index_options import forced_format
from wheelwarm.model import Artifact, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wheelwarm.indexes.index_page import Link
    from wheelwarm.inputs.index_options import IndexOptions
    from wheelwarm.inputs.requirement_line import RequirementLine
    from wheelwarm.targets.target import Target


@dataclass(frozen=True)
class Choice:
    """pip's choice among the links of one project, by the rules of its package finder and PEP 592.

    `lines` are all requirements and constraints; what they say of one project holds together.
    """

    options: IndexOptions
    lines: Sequence[RequirementLine]
    target: Target

    def among(self, links: Iterable[Link], name: str) -> Link | None:
        """Return the link that pip would take; of equal ones that is the last."""
        demands = self._demands.get(name, ())
        fitting = [link for link in links if self._fits(link, name, demands)]
        return max(reversed(fitting), key=lambda link: self._preference(link, demands), default=None)

    @cached_property
    def _demands(self) -> Mapping[str, Sequence[RequirementLine]]:
        """The lines by normalised project name."""
        found: dict[str, list[RequirementLine]] = {}
        for line in self.lines:
            if line.requirement:
                found.setdefault(canonicalize_name(line.requirement.name), []).append(line)
        return found

    @cached_property
    def _places(self) -> Mapping[str, int]:
        """The place of each of the target's tags, 0 the best."""
        return {tag: place for place, tag in reversed([*enumerate(self.target.tags)])}

    def _fits(self, link: Link, name: str, demands: Sequence[RequirementLine]) -> bool:
        # First what costs least: of a pin with hashes, that leaves out nearly all that its page lists.
        if not all(allows_hash(link, line) for line in demands):
            return False
        candidate = urls.artifact_at(link.url)
        return (
            canonicalize_name(candidate.name) == name
            and all(is_version(candidate.version, line) for line in demands)
            and (candidate.kind is not Kind.WHEEL or self._tag_place(link) is not None)
            and accepts_python(link.requires_python, self.target)
            and allows_format(self.options, candidate)
        )

    def _preference(self, link: Link, demands: Sequence[RequirementLine]) -> tuple[object, ...]:
        """Order links as pip does: a hash asked for, not yanked, the local version, the tag, the build number."""
        candidate = urls.artifact_at(link.url)
        wheel = file_names.of_wheel(link.filename) if candidate.kind is Kind.WHEEL else None
        has_hash = any(not allowed_hashes(line).isdisjoint(link.hashes.items()) for line in demands)
        place = self._tag_place(link)
        return (
            has_hash,
            not link.yanked,
            self.options.prefer_binary and wheel is not None,
            Version(candidate.version),
            -len(self.target.tags) if place is None else -place,
            wheel.build if wheel else (),
        )

    def _tag_place(self, link: Link) -> int | None:
        """Return the place of a wheel's best tag among the target's, 0 the first; None where no tag is."""
        wheel = file_names.of_wheel(link.filename)
        return min((self._places[tag] for tag in wheel.tags if tag in self._places), default=None) if wheel else None


def allows_format(options: IndexOptions, candidate: Artifact) -> bool:
    """Apply `--only-binary` and `--no-binary` as pip's format control does."""
    forced = forced_format(options, candidate.name)
    return forced is None or (forced == "wheel") == (candidate.kind is Kind.WHEEL)


def is_version(found: str, line: RequirementLine) -> bool:
    """Tell whether a requirement or constraint takes a version."""
    return line.requirement is None or line.requirement.specifier.contains(found, prereleases=True)


def allows_hash(link: Link, line: RequirementLine) -> bool:
    """Tell whether a link has a hash that the requirement allows, or tells none at all."""
    allowed = allowed_hashes(line)
    return not allowed or not link.hashes or not allowed.isdisjoint(link.hashes.items())


def accepts_python(specifiers: str | None, target: Target) -> bool:
    """Tell whether `Requires-Python` holds for the target; an invalid one excludes nothing, as for pip."""
    try:
        return not specifiers or SpecifierSet(specifiers).contains(target.version, prereleases=True)
    except ValueError:  # InvalidSpecifier, or more digits than Python reads
        return True


def allowed_hashes(line: RequirementLine) -> frozenset[tuple[str, str]]:
    """Return the hashes that a requirement allows, as pairs of algorithm and hex digest."""
    return _pairs(line.hashes)


@lru_cache(maxsize=1024)
def _pairs(hashes: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    return frozenset((name, digest.lower()) for name, _, digest in (text.partition(":") for text in hashes))
