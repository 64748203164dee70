"""A synthetic cache, honest in format: real wheels, sdists and index pages, stored as wheelwarm stores what it fetched.

The mix is that of a developer's cache; the same size gives the same bytes each time, the times of the files apart.
`python -m tests.bench.synthetic FOLDER ENTRIES` makes one.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from email.utils import formatdate
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from tests.helpers.artifacts import make_sdist, make_wheel, metadata_of
from tests.helpers.index_pages import HTML, JSON_V1, Link, render
from wheelwarm.cache import wheels
from wheelwarm.cache.format import entry_path, key
from wheelwarm.cache.http import HttpCache
from wheelwarm.model import Layout, StoredResponse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RECIPE = 1
"""Counts the changes of this module that make other caches of the same size: one made earlier is made anew."""

_FILES = "https://files.pythonhosted.org/packages"
_PAGES = "https://pypi.org/simple"
_DAY = 86400
_TAGS = (
    *["py3-none-any"] * 13,
    *["cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"] * 4,
    *["cp312-cp312-musllinux_1_2_x86_64", "cp39-abi3-manylinux_2_28_x86_64", "py2.py3-none-any"],
)
_SYLLABLES = tuple(re.findall("..", "bacedifoguhajekilomunapeqorosutavewixozy"))

# What files.pythonhosted.org and pypi.org sent in 2026, beside what tells of the one response.
_FILE_HEADERS = {
    "Connection": "keep-alive",
    "x-amz-id-2": "Qm9vdHN0cmFwIG9mIGEgc3ludGhldGljIGNhY2hlLCBub3QgYSByZWFsIGlkZW50aWZpZXI=",
    "x-amz-request-id": "0123456789ABCDEF",
    "x-amz-server-side-encryption": "AES256",
    "Accept-Ranges": "bytes",
    "Cache-Control": "max-age=365000000, immutable, public",
    "Content-Type": "application/octet-stream",
    "Access-Control-Allow-Methods": "GET, OPTIONS",
    "Access-Control-Allow-Origin": "*",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
    "X-Served-By": "cache-iad-kiad7000025-IAD, cache-fra-eddf8230093-FRA",
    "X-Cache": "HIT, HIT",
    "X-Cache-Hits": "12, 0",
    "X-Frame-Options": "deny",
    "X-XSS-Protection": "1; mode=block",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Header": "noindex",
}
_PAGE_HEADERS = {
    "Connection": "keep-alive",
    "Cache-Control": "max-age=600, public",
    "Content-Encoding": "gzip",
    "Vary": "Accept, Accept-Encoding",
    "X-Served-By": "cache-iad-kiad7000025-IAD, cache-fra-eddf8230093-FRA",
    "X-Cache": "HIT, HIT",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
    "X-Frame-Options": "deny",
    "X-Content-Type-Options": "nosniff",
    "X-Permitted-Cross-Domain-Policies": "none",
}
_PAGE_VARY = {
    "Accept": "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
    "Accept-Encoding": "gzip, deflate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How many entries (two files each) of which kind a cache holds, and how many locally built wheels beside them."""

    wheels: int
    metadata: int
    pages: int
    sdists: int
    built: int
    version: int = RECIPE

    @classmethod
    def of(cls, entries: int) -> Recipe:
        """Divide `entries`: 40 % wheels, 45 % metadata, 10 % index pages, 5 % sdists; 1 % more are built wheels."""
        wheels, pages, sdists = entries * 40 // 100, entries // 10, entries // 20
        return cls(
            wheels=wheels,
            pages=pages,
            sdists=sdists,
            metadata=entries - wheels - pages - sdists,
            built=entries // 100,
        )

    @property
    def projects(self) -> int:
        """How many projects there are: five of six have their index page in the cache."""
        return max(1, self.pages + self.pages // 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One project's share of the cache; `links` is how many files its index page lists, 0 where there is no page."""

    name: str
    wheels: int
    metadata_only: int
    sdists: int
    built: int
    links: int


def cache_of(folder: Path, entries: int) -> Path:
    """Return a cache directory of so many entries below `folder`, made now unless it is there."""
    home = folder / f"synthetic-{entries}"
    made, recipe = home / "made.json", asdict(Recipe.of(entries))
    if not made.exists() or json.loads(made.read_text())["recipe"] != recipe:
        shutil.rmtree(home, ignore_errors=True)
        begin = time.perf_counter()
        make(home / "cache", Recipe.of(entries))
        made.write_text(json.dumps({"recipe": recipe, "seconds": round(time.perf_counter() - begin, 1)}))
    return home / "cache"


def make(cache_dir: Path, recipe: Recipe) -> None:
    """Fill an empty cache directory, with one process for each core."""
    cache_dir.mkdir(parents=True)
    workers = os.cpu_count() or 1
    # Forked, they would run at their end what this process is to run at its own (seen with Python 3.13.0).
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for future in [pool.submit(_make_share, cache_dir, recipe, at, workers) for at in range(workers)]:
            future.result()


def _make_share(cache_dir: Path, recipe: Recipe, start: int, step: int) -> None:
    with tempfile.TemporaryDirectory(dir=cache_dir.parent) as scratch:
        shelf = _Shelf(cache_dir, Path(scratch))
        for project in islice(_projects(recipe), start, None, step):
            shelf.fill(project)


def _projects(recipe: Recipe) -> Iterator[Project]:
    """Deal the artifacts out: a few projects have many versions, most have a few."""
    rng = random.Random(recipe.projects)
    weights = [rng.paretovariate(1.5) for _ in range(recipe.projects)]
    counts = (recipe.wheels, recipe.metadata - recipe.wheels, recipe.sdists, recipe.built)
    shares = [Counter(rng.choices(range(recipe.projects), weights, k=count)) for count in counts]
    for number in range(recipe.projects):
        dealt = [share[number] for share in shares]
        yield Project(
            name=f"{''.join(rng.choices(_SYLLABLES, k=rng.randint(2, 5)))}-{number}",
            wheels=dealt[0],
            metadata_only=dealt[1],
            sdists=dealt[2],
            built=dealt[3],
            links=_links_of_a_page(rng) if number < recipe.pages else 0,
        )


def _links_of_a_page(rng: random.Random) -> int:
    """Half of the pages list up to 50 files, one in twenty lists 200 to 1000."""
    low, high = rng.choices([(4, 50), (50, 200), (200, 1000)], (50, 45, 5))[0]
    return rng.randint(low, high)


class _Shelf:
    """Makes the files of one project after the other and puts them into the cache."""

    def __init__(self, cache_dir: Path, scratch: Path) -> None:
        self._root = cache_dir
        self._scratch = scratch
        self._cache = HttpCache(cache_dir, layout=Layout.HTTP_V2, inherits_permissions=True)
        self._now = time.time()
        self._random = random.Random()

    def fill(self, project: Project) -> None:
        self._random.seed(project.name)
        links = [self._wheel(project.name, number) for number in range(project.wheels)]
        more = range(project.wheels, project.wheels + project.metadata_only)
        links += [self._wheel(project.name, number, metadata_only=True) for number in more]
        links += [self._sdist(project.name, number) for number in range(project.sdists)]
        for number in range(project.built):
            self._built(project.name, number)
        if project.links:
            self._page(project, links)

    def _wheel(self, project: str, number: int, *, metadata_only: bool = False) -> Link:
        path = make_wheel(
            self._scratch,
            project,
            _version(number),
            requires=[f"{word}>={place}.0" for place, word in enumerate(_SYLLABLES[: self._random.randrange(20)])],
            requires_python=">=3.9",
            tag=self._random.choice(_TAGS),
            size=0 if metadata_only else self._size(),
            files={f"{project.replace('-', '_')}/module_{at}.py": _SOURCE for at in range(self._random.randrange(25))},
        )
        metadata = metadata_of(path) + b"\n" + _README[: self._random.randrange(len(_README))]
        link = self._link(path, metadata)
        if metadata_only:
            path.unlink()
        else:
            self._store(link.url, path, _FILE_HEADERS)
        self._store(f"{link.url}.metadata", self._file(metadata), _FILE_HEADERS)
        return link

    def _sdist(self, project: str, number: int) -> Link:
        path = make_sdist(self._scratch, project, _version(number), requires_python=">=3.9")
        link = self._link(path, None)
        self._store(link.url, path, _FILE_HEADERS)
        return link

    def _built(self, project: str, number: int) -> None:
        url = f"{_FILES}/{_digest(f'{project} {number}')[:60]}/{project}-{_version(number)}.tar.gz"
        digest = _digest(url)
        folder = wheels.directory(
            self._root,
            wheels.wheel_key(
                url, hash=("sha256", digest), subdirectory=None, interpreter_name="cp", interpreter_version="311"
            ),
        )
        folder.mkdir(parents=True)
        make_wheel(folder, project, _version(number), size=self._size())
        archive = {"hash": f"sha256={digest}", "hashes": {"sha256": digest}}
        (folder / wheels.ORIGIN).write_text(json.dumps({"archive_info": archive, "url": url}))

    def _page(self, project: Project, links: list[Link]) -> None:
        others = range(len(links), project.links)
        listed = [*(other_link(project.name, number) for number in others), *links]
        content_type = HTML if self._random.random() < 0.2 else JSON_V1
        body = gzip.compress(render(project.name, listed, content_type=content_type), 5, mtime=0)
        headers = {**_PAGE_HEADERS, "Content-Type": content_type}
        self._store(f"{_PAGES}/{project.name}/", self._file(body), headers, vary=_PAGE_VARY)

    def _store(
        self, url: str, body: Path, headers: Mapping[str, str], *, vary: Mapping[str, str | None] | None = None
    ) -> None:
        moment = self._now - self._random.expovariate(1 / (60 * _DAY))
        own = {
            "Date": formatdate(moment, usegmt=True),
            "ETag": f'"{_digest(url)[:32]}"',
            "Content-Length": str(body.stat().st_size),
        }
        self._cache.store(url, StoredResponse(status=200, headers={**headers, **own}, vary=vary or {}), body)
        path = self._cache.section / entry_path(key(url))
        for file in (path, path.with_name(f"{path.name}.body")):
            os.utime(file, (moment, moment))

    def _link(self, artifact: Path, metadata: bytes | None) -> Link:
        digest = hashlib.sha256(artifact.read_bytes()).hexdigest()
        return Link(
            filename=artifact.name,
            url=_url(artifact.name),
            size=artifact.stat().st_size,
            sha256=digest,
            requires_python=">=3.9",
            yanked=None,
            metadata_sha256=hashlib.sha256(metadata).hexdigest() if metadata else None,
        )

    def _file(self, content: bytes) -> Path:
        path = self._scratch / "body"
        path.write_bytes(content)
        return path

    def _size(self) -> int:
        """Draw the bytes of a wheel: 2 to 40 KB, every five hundredth 1 to 5 MB."""
        if self._random.random() < 0.002:
            return self._random.randrange(1 << 20, 5 << 20)
        return int(math.exp(self._random.uniform(math.log(1_000), math.log(39_000))))


def other_link(project: str, number: int) -> Link:
    """Return a file that the page lists and the cache lacks."""
    filename = f"{project.replace('-', '_')}-0.{number}-py3-none-any.whl"
    digest = _digest(filename)
    return Link(
        filename=filename,
        url=_url(filename),
        size=10_000 + number,
        sha256=digest,
        requires_python=">=3.8",
        yanked=None,
        metadata_sha256=digest[::-1],
    )


def _url(filename: str) -> str:
    digest = _digest(filename)
    return f"{_FILES}/{digest[:2]}/{digest[2:4]}/{digest[4:64]}/{filename}"


def _version(number: int) -> str:
    return f"{1 + number // 10}.{number % 10}.0"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_SOURCE = 'def answer() -> int:\n    """Return the answer."""\n    return 42\n' * 5
_README = "".join(
    f"* line {number} of a long description, as most projects have it\n" for number in range(150)
).encode()


if __name__ == "__main__":
    sys.stdout.write(f"{cache_of(Path(sys.argv[1]), int(sys.argv[2]))}\n")
