"""Goes before pip: walks what the requirements most likely come to, many requests at once, and warms what it meets.

pip's resolver asks for one page, one `.metadata` after the other. The scout takes the best candidate of each project
and its dependencies, as far as they are known so far, and never goes back. It may be wrong, and is never harmful: it
stores only what the server sent, as pip would have; pip decides, and what it did not want is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from wheelwarm import file_names, urls
from wheelwarm.cache import format as cache_format
from wheelwarm.errors import ResolveError
from wheelwarm.resolution.choice import Choice
from wheelwarm.resolution.pages import Pages
from wheelwarm.resolution.pins import applies, dependencies, index_urls
from wheelwarm.warming.filling import Step, step_for, strong_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.requirements import Requirement
    from packaging.version import Version

    from wheelwarm.fetcher import Fetcher
    from wheelwarm.indexes.index_page import Link
    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.model import Artifact
    from wheelwarm.shelf.lookup import Shelf
    from wheelwarm.warming.filling import Done, Filler


@dataclass(slots=True)
class Demand:
    """What all that was met so far asks of one project."""

    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    extras: frozenset[str] = frozenset()

    def add(self, requirement: Requirement) -> bool:
        """Add one more requirement, and tell whether anything is new in it."""
        before = (self.specifier, self.extras)
        self.specifier = self.specifier & requirement.specifier
        self.extras = self.extras | requirement.extras
        return (self.specifier, self.extras) != before


@dataclass(frozen=True, slots=True)
class Scouted:
    """What a walk has met: the pages that were answered, the files that pip will most likely take, what was fetched.

    `late` are pages of which there was an older state in the cache when pip began.
    """

    pages: frozenset[str] = frozenset()
    files: tuple[Artifact, ...] = ()
    done: tuple[tuple[Artifact, Done], ...] = ()
    late: frozenset[str] = frozenset()

    def is_current(self, page: str, shelf: Shelf) -> bool:
        """Tell whether pip cannot have taken this page from its cache as it was before the run."""
        if page in self.late:
            return False
        found = shelf.http.entry(cache_format.key(page))
        return page in self.pages or found.stored is None or found.metadata_path.stat().st_mtime >= shelf.now - 1


def can_go(requirements: RequirementSet, shelf: Shelf) -> bool:
    """Tell whether pip chooses among links of indexes alone, for a Python whose tags are known."""
    by_name = any(line.requirement and not line.url for line in requirements.lines)
    known = shelf.target.tags and not shelf.target.elsewhere
    return bool(by_name and known and index_urls(requirements, shelf.target))


class Scout:
    """One walk for one target; `filler` stores what is met on the way.

    `replaced` are the pages that the cache had, and of which it has another state now.
    """

    def __init__(self, requirements: RequirementSet, shelf: Shelf, fetcher: Fetcher, filler: Filler) -> None:
        self._requirements = requirements
        self._shelf = shelf
        self._fetcher = fetcher
        self._filler = filler
        self._indexes = [urls.without_credentials(url) for url in index_urls(requirements, shelf.target)]
        self._choice = Choice(requirements.options, (), shelf.target)
        self._demands: dict[str, Demand] = {}
        self._links: dict[str, list[Link]] = {}
        self._chosen: dict[str, Link] = {}
        self._pages: set[str] = set()
        self._done: list[tuple[Artifact, Done]] = []
        self.replaced: set[str] = set()
        self.is_stopped = False

    def stop(self) -> None:
        """Let the walk end with the round that it is at."""
        self.is_stopped = True

    def walk(self) -> Scouted:
        """Go from the requirements to all that they come to; what cannot be fetched ends a way, not the walk."""
        changed = self._demand(self._roots())
        while changed and not self.is_stopped:
            self._read_pages(changed - self._links.keys())
            found = {name: link for name in sorted(changed) if (link := self._best(name)) is not None}
            self._chosen |= found
            self._fetch(found.values())
            changed = self._demand(needed for name, link in found.items() for needed in self._needs(name, link))
        files = (file_of(name, link) for name, link in self._chosen.items())
        return Scouted(frozenset(self._pages), tuple(files), tuple(self._done))

    def _roots(self) -> Iterator[Requirement]:
        """Yield what is asked for by name; a constraint only narrows what is asked for elsewhere."""
        lines = [line for line in self._requirements.lines if applies(line, self._shelf.target)]
        for line in lines:
            if line.requirement and line.constraint:
                name = canonicalize_name(line.requirement.name)
                self._demands.setdefault(name, Demand()).add(line.requirement)
        yield from (line.requirement for line in lines if line.requirement and not line.constraint and not line.url)

    def _demand(self, requirements: Iterable[Requirement]) -> set[str]:
        """Take requirements in; return the projects of which they ask something new."""
        changed = set()
        for requirement in requirements:
            name = canonicalize_name(requirement.name)
            is_new = self._demands.setdefault(name, Demand()).add(requirement)
            if requirement.url is None and (is_new or name not in self._chosen):
                changed.add(str(name))
        return changed

    def _read_pages(self, names: Iterable[str]) -> None:
        names = sorted(names)
        asked = [f"{index.rstrip('/')}/{name}/" for name in names for index in self._indexes]
        pages = Pages(self._shelf, asked, self._fetcher)
        self._pages |= pages.renew(names, replaced=self.replaced)
        self._links |= {name: pages.cached_links(name) for name in names}
        self._filler.seed = self._filler.seed.knowing(self._pages)

    def _best(self, name: str) -> Link | None:
        """Return the link of the newest version that all demands take and that has a file for the target."""
        by_version = versions_of(name, self._links[name])
        prereleases = True if self._requirements.options.pre else None
        allowed = self._demands[name].specifier.filter(by_version, prereleases=prereleases)
        found = (self._choice.among(by_version[version], name) for version in sorted(allowed, reverse=True))
        best = next((link for link in found if link is not None), None)
        return None if best == self._chosen.get(name) and not self._demands[name].extras else best

    def _fetch(self, links: Iterable[Link]) -> None:
        """Fetch what tells the dependencies: `.metadata` where it is offered, else the file itself, as pip does."""
        wanted = [metadata_of(link) or file_of("", link) for link in links]
        self._done += self._filler.fill(absent(wanted, self._shelf))

    def _needs(self, name: str, link: Link) -> list[Requirement]:
        try:
            return list(dependencies(file_of(name, link), self._demands[name].extras, self._shelf))
        except ResolveError:
            return []


def absent(artifacts: Iterable[Artifact], shelf: Shelf) -> list[Artifact]:
    """Return those that are to be fetched and whose hash is known; any other is left to pip."""
    known = [one for one in artifacts if strong_hash(one) and not one.url.startswith("file:")]
    return [one for one in known if step_for(one, shelf.verdict(one)) in (Step.FETCH, Step.REVALIDATE)]


def versions_of(name: str, links: Iterable[Link]) -> dict[Version, list[Link]]:
    """Group a project's links by version; what has none that can be read is left out."""
    found: dict[Version, list[Link]] = {}
    for link in links:
        project, written = file_names.columns_of(link.filename) or ("", "")
        if canonicalize_name(project) == name and (version := file_names.version_of(written)):
            found.setdefault(version, []).append(link)
    return found


def file_of(name: str, link: Link) -> Artifact:
    """Return the file behind a link, with the hashes that its page states."""
    artifact = urls.artifact_at(link.url)
    return replace(artifact, name=name or artifact.name, hashes=dict(link.hashes), size=link.size)


def metadata_of(link: Link) -> Artifact | None:
    """Return the `.metadata` file beside a wheel (PEP 658), None where the page offers none."""
    if link.core_metadata is None or not link.filename.endswith(".whl"):
        return None
    return replace(urls.metadata_at(link.metadata_url), hashes=dict(link.core_metadata))
