"""Everything in the cache by name: the inventory joined with the ledger, known URLs, cached index pages and bodies.

What it learns goes into the ledger, so that the next look opens only what has changed.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from wheelwarm.cache import inventory
from wheelwarm.cache.contents import EXAMINED, examine, has_key, key_of, outline
from wheelwarm.cache.identify import project_name
from wheelwarm.entry_facts import Contents, Problem, Source
from wheelwarm.errors import CacheError
from wheelwarm.holdings.page_names import PageReader, laid_over, match, of_versions
from wheelwarm.ledger.ledger import FOLDER, Ledger
from wheelwarm.model import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wheelwarm.cache.inventory import Inventory, Item
    from wheelwarm.holdings.page_names import Listed
    from wheelwarm.indexes.index_page import Link
    from wheelwarm.model import Observer


_FOLDERS = frozenset({*(section.value for section in inventory.Section), FOLDER} - {inventory.Section.OTHER.value})


@dataclass(frozen=True, slots=True)
class Holding:
    """One thing in the cache, and what it is.

    `last_used` is in seconds since the epoch, UTC: the youngest of its files' modification times, of access times that
    prove a reader, and of our own runs that found it asked for. Where a file system keeps no access times pip's hits
    leave no trace, so it may have been used since.
    """

    item: Item
    contents: Contents
    last_used: float

    @property
    def stored(self) -> float:
        """When the oldest of its files was written, in seconds since the epoch, UTC: a 304 renews the metadata only."""
        return min([file.mtime_ns for file in self.item.files]) / 1e9

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
    """Open the ledger of a cache; where no pip has made a section yet, none is left behind either.

    Raises CacheError for what is no directory, or one that may not be looked into.
    """
    if not _FOLDERS.isdisjoint(_folders(cache_dir)):
        with Ledger(cache_dir) as ledger:
            yield ledger
        return
    with tempfile.TemporaryDirectory(prefix="wheelwarm-") as folder, Ledger(Path(folder)) as ledger:
        yield ledger


def _folders(cache_dir: Path) -> set[str]:
    """Return the names of the folders in a cache directory; none where there is no such directory yet."""
    try:
        with os.scandir(cache_dir) as found:
            return {one.name for one in found if one.is_dir()}
    except FileNotFoundError:
        return set()
    except NotADirectoryError:
        hint = "Name pip's cache directory: see `pip cache dir`."
        raise CacheError(f"{cache_dir} is no directory.", hint=hint) from None
    except OSError as exc:
        hint = "Run as the owner of the cache, or mend its permissions."
        raise CacheError(f"{cache_dir} cannot be read: {exc.strerror or exc}.", hint=hint) from exc


def look(root: Path, ledger: Ledger, *, observer: Observer) -> Holdings:
    """Look through a cache directory and name what is there; nothing in it can make that fail."""
    observer.phase("looking through the cache")
    stock = inventory.take(root)
    remembered = ledger.contents()
    items = {item.path: item for item in stock.items if item.form in EXAMINED}
    known, changed, suspects = {}, set(), []
    observer.phase("identifying")
    for path, item in items.items():
        mark, contents = remembered.pop(path, ("", None))
        if contents is None or mark != item.mark:
            contents, says_page = outline(root, item)
            changed.add(path)
            suspects += [path] if says_page else []
        known[path] = contents
    namer = Namer(PageReader(root, ledger.urls()), items, known)
    namer.name(changed, suspects)
    # What could not be read may be readable to the next who looks, or after a `chmod`: no mark tells.
    learnt = (
        (path, items[path].mark, known[path])
        for path in sorted(changed | namer.named)
        if known[path].problem is not Problem.UNREADABLE
    )
    ledger.learn_contents(learnt, gone=remembered)
    return Holdings(stock, tuple(_hold(stock.items, known, ledger.uses())))


def glance(root: Path, ledger: Ledger, *, observer: Observer) -> Holdings:
    """Look through a cache directory and name nothing, for what takes only places, sizes and times."""
    observer.phase("looking through the cache")
    stock = inventory.take(root, with_folders=False)
    return Holdings(stock, tuple(_hold(stock.items, {}, ledger.uses())))


def _hold(items: Iterable[Item], known: Mapping[str, Contents], uses: Mapping[str, float]) -> Iterator[Holding]:
    nothing = Contents()
    for item in items:
        path = item.path
        yield Holding(item, known.get(path, nothing), max(item.mtime, item.read, uses.get(path, 0.0)))


class Namer:
    """Names items, the best source first: pages and the URLs behind keys, which spare opening the body, then bodies.

    Both mappings are by path; `known` is what gets better, `named` are the paths of what did.
    """

    def __init__(self, reader: PageReader, items: Mapping[str, Item], known: dict[str, Contents]) -> None:
        self.named: set[str] = set()
        self._reader = reader
        self._items = items
        self._known = known
        self._read: set[str] = set()
        self._odd: dict[str, Listed] = {}

    @cached_property
    def _paths(self) -> dict[str, list[str]]:
        """The paths by key, as long as no page has listed it; the same key may stand in both HTTP sections."""
        paths: dict[str, list[str]] = defaultdict(list)
        for path, item in self._items.items():
            if has_key(item):
                paths[key_of(item)].append(path)
        return paths

    def name(self, changed: set[str], suspects: Iterable[str]) -> None:
        """Name what is new (or has changed) by all pages, and everything by pages that are new.

        `suspects` are those among the changed whose headers say that they are pages.
        """
        self._read_pages(suspects)
        for path in changed:
            if self._known[path].name is None:
                self._open(path)
        self._read_pages(path for path in changed - self._read if self._known[path].kind is Kind.INDEX_PAGE)
        if changed:
            self._name_by_older_pages(changed)
        if self._reader.known:
            self._name_by_urls()

    def _read_pages(self, paths: Iterable[str]) -> None:
        """Read new pages, and name whatever has the key of one of their links."""
        for path in paths:
            page = self._reader.listing(self._items[path], self._paths)
            if page is None:
                continue
            self._read.add(path)
            if name := project_name(page.name):
                self._known[path] = replace(self._known[path], kind=Kind.INDEX_PAGE, name=name, source=Source.BODY)
            self._match(page.links, self._paths)

    def _open(self, path: str) -> None:
        """Let the body tell; a page may have told more of it already, but no name."""
        self._known[path] = examine(self._reader.root, self._items[path])
        if path in self._odd:
            self._better(path, self._odd[path].laid_over(self._known[path]))

    def _name_by_older_pages(self, changed: set[str]) -> None:
        """Look for what is new on the pages that were here before: those of its project, or all for want of a name."""
        pages = self._by_name(path for path in self._items.keys() - changed if self._is_page(path))
        unnamed = (path for path in changed if has_key(self._items[path]) and not self._is_page(path))
        for project, wanted in self._by_name(path for path in unnamed if not self._is_listed(path)).items():
            if project:
                self._by_pages(pages.get(project, ()), wanted)
            else:
                self._by_pages([page for group in pages.values() for page in group], wanted)

    def _by_pages(self, pages: Iterable[str], wanted: Iterable[str]) -> None:
        """Hash the links of the versions that are wanted, which is nearly always enough, and then all links."""
        paths: dict[str, list[str]] = defaultdict(list)
        for path in wanted:
            paths[key_of(self._items[path])].append(path)
        versions = [version for path in wanted if (version := self._known[path].version)]
        for page in pages:
            if paths and versions:
                self._match(self._links(page, wanted=of_versions(versions)), paths)
            if paths:
                self._match(self._links(page), paths)

    def _name_by_urls(self) -> None:
        for path, item in self._items.items():
            if not has_key(item) or self._is_listed(path) or self._known[path].source is Source.URL:
                continue
            if (artifact := self._reader.known.get(key_of(item))) is not None:
                self._better(path, laid_over(self._known[path], artifact, source=Source.URL))

    def _match(self, links: Iterable[Link], paths: dict[str, list[str]]) -> None:
        """Name the entries of these keys that the links are of, and take them out."""
        for key, listed in match(links, paths):
            for path in paths.pop(key, ()):
                better = listed.laid_over(self._known[path])
                if better.name is None:
                    self._odd[path] = listed
                else:
                    self._better(path, better)

    def _links(self, page: str, *, wanted: Callable[[str], object] = lambda _: True) -> tuple[Link, ...]:
        return self._reader.read(self._items[page], self._known[page].name, wanted=wanted)

    def _by_name(self, paths: Iterable[str]) -> dict[str, list[str]]:
        grouped: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            grouped[self._known[path].name or ""].append(path)
        return grouped

    def _is_page(self, path: str) -> bool:
        return self._known[path].kind is Kind.INDEX_PAGE

    def _is_listed(self, path: str) -> bool:
        return self._known[path].source is Source.INDEX_PAGE

    def _better(self, path: str, contents: Contents) -> None:
        if contents != self._known[path]:
            self._known[path] = contents
            self.named.add(path)
