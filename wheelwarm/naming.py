"""Everything in the cache by name: the inventory joined with the ledger, known URLs, cached index pages and bodies.

What it learns goes into the ledger, so that the next look opens only what has changed.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wheelwarm.cache import inventory
from wheelwarm.cache.contents import EXAMINED, examine, has_key, key_of
from wheelwarm.errors import CacheError
from wheelwarm.ledger import FOLDER, Ledger
from wheelwarm.model import Contents, Kind, Source
from wheelwarm.page_names import PageReader, laid_over, match, of_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wheelwarm.cache.inventory import Inventory, Item
    from wheelwarm.index_page import Link
    from wheelwarm.model import Observer


@dataclass(frozen=True, slots=True)
class Holding:
    """One thing in the cache, and what it is.

    `last_used` is in seconds since the epoch, UTC: the youngest of its files' modification times and of our own runs
    that found it asked for. pip leaves no trace of a hit, so it may have been used since.
    """

    item: Item
    contents: Contents
    last_used: float

    @property
    def stored(self) -> float:
        """When the oldest of its files was written, in seconds since the epoch, UTC: a 304 renews the metadata only."""
        return min(file.mtime_ns for file in self.item.files) / 1e9

    @property
    def is_artifact(self) -> bool:
        """Whether it is of a kind that has a name: a wheel, sdist, metadata, index page or built wheel."""
        return self.contents.kind is not Kind.OTHER

    @property
    def oddity(self) -> str:
        """Why it is none that a pip of today would use, or what else it is, in a word; empty where all is well."""
        if self.contents.problem:
            return self.contents.problem.value
        if self.item.form in (inventory.Form.ENTRY, inventory.Form.BUILT_WHEEL):
            return "" if self.is_artifact else "unidentified"
        return self.item.form.value


@dataclass(frozen=True, slots=True)
class Holdings:
    """The whole cache by name, with the bare inventory behind it."""

    inventory: Inventory
    all: tuple[Holding, ...]


@contextmanager
def opened(cache_dir: Path) -> Iterator[Ledger]:
    """Open the ledger of a cache; where no pip has made a section yet, none is left behind either."""
    if cache_dir.exists() and not cache_dir.is_dir():
        raise CacheError(f"{cache_dir} is no directory.", hint="Name pip's cache directory: see `pip cache dir`.")
    sections = (*(section.value for section in inventory.Section if section is not inventory.Section.OTHER), FOLDER)
    if any((cache_dir / section).is_dir() for section in sections):
        with Ledger(cache_dir) as ledger:
            yield ledger
        return
    with tempfile.TemporaryDirectory(prefix="wheelwarm-") as folder, Ledger(Path(folder)) as ledger:
        yield ledger


def look(root: Path, ledger: Ledger, *, observer: Observer) -> Holdings:
    """Look through a cache directory and name what is there; nothing in it can make that fail."""
    observer.phase("looking through the cache")
    stock = inventory.take(root)
    remembered = ledger.contents()
    items = {item.path: item for item in stock.items if item.form in EXAMINED}
    known, changed = {}, set()
    observer.phase("identifying")
    for path, item in items.items():
        mark, contents = remembered.pop(path, ("", None))
        if contents is None or mark != item.mark:
            contents = examine(root, item)
            changed.add(path)
        known[path] = contents
    namer = Namer(PageReader(root, ledger.urls()), items, known)
    namer.name(changed)
    learnt = ((path, items[path].mark, known[path]) for path in sorted(changed | namer.named))
    ledger.learn_contents(learnt, gone=remembered)
    return Holdings(stock, tuple(_hold(stock.items, known, ledger.uses())))


def _hold(items: Iterable[Item], known: Mapping[str, Contents], uses: Mapping[str, float]) -> Iterator[Holding]:
    nothing = Contents()
    for item in items:
        yield Holding(item, known.get(item.path, nothing), max(item.mtime, uses.get(item.path, 0.0)))


class Namer:
    """Lays over what bodies tell what the URLs behind their keys tell; `named` are the paths of those it could.

    Both mappings are by path; `known` is what gets better.
    """

    def __init__(self, reader: PageReader, items: Mapping[str, Item], known: dict[str, Contents]) -> None:
        self.named: set[str] = set()
        self._reader = reader
        self._items = items
        self._known = known
        self._pages: dict[str, list[str]] = {}
        self._entries: dict[str, list[str]] = {}
        for path, item in items.items():
            contents = known[path]
            if contents.kind is Kind.INDEX_PAGE:
                self._pages.setdefault(contents.name or "", []).append(path)
            elif has_key(item):
                self._entries.setdefault(contents.name or "", []).append(path)

    def name(self, changed: set[str]) -> None:
        """Name what is new (or has changed) by all pages, and everything by pages that are new."""
        for project, pages in self._pages.items():
            entries = self._entries.get(project, []) if project else []
            wanted = entries if not changed.isdisjoint(pages) else [path for path in entries if path in changed]
            if wanted:
                self._by_pages(pages, wanted)
        self._name_unidentified(changed)
        self._name_by_urls()

    def _by_pages(self, pages: Iterable[str], wanted: Iterable[str]) -> None:
        """Hash the links of the versions that are wanted, which is nearly always enough, and then all links."""
        paths = self._by_key(wanted)
        likely = of_versions(version for path in wanted if (version := self._known[path].version))
        for page in pages:
            self._match(self._links(page, wanted=likely), paths)
            if paths:
                self._match(self._links(page), paths)

    def _name_unidentified(self, changed: set[str]) -> None:
        """Look for entries whose bodies tell nothing on every page, or, where they were here before, on new pages."""
        unnamed = self._entries.get("", [])
        paths = self._by_key(unnamed)
        every = not changed.isdisjoint(unnamed)
        for page in [page for pages in self._pages.values() for page in pages if every or page in changed]:
            if paths:
                self._match(self._links(page), paths)

    def _name_by_urls(self) -> None:
        for path, item in self._items.items():
            if not has_key(item) or self._known[path].source in (Source.URL, Source.INDEX_PAGE):
                continue
            if (artifact := self._reader.known.get(key_of(item))) is not None:
                self._better(path, laid_over(self._known[path], artifact, source=Source.URL))

    def _match(self, links: Iterable[Link], paths: dict[str, list[str]]) -> None:
        """Name the entries of these keys that the links are of, and take them out."""
        for key, listed in match(links, set(paths)):
            for path in paths.pop(key, ()):
                self._better(path, listed.laid_over(self._known[path]))

    def _links(self, page: str, *, wanted: Callable[[str], object] = lambda _: True) -> tuple[Link, ...]:
        return self._reader.read(self._items[page], self._known[page].name, wanted=wanted)

    def _by_key(self, paths: Iterable[str]) -> dict[str, list[str]]:
        """Group by key: the same may stand in both HTTP sections."""
        grouped: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            grouped[key_of(self._items[path])].append(path)
        return grouped

    def _better(self, path: str, contents: Contents) -> None:
        if contents != self._known[path]:
            self._known[path] = contents
            self.named.add(path)
