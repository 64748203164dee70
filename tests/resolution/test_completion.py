"""What pip's report leaves out: found by the real pip's log, index pages, memory, and by building once more."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel, metadata_of
from tests.helpers.index import Index, serve_index
from tests.helpers.shelves import fetcher_of, filler_of, shelf_of, target_of
from wheelwarm.inputs.requirements import read
from wheelwarm.model import Kind, Resolution, Silent
from wheelwarm.resolution.completion import Completer
from wheelwarm.resolution.resolver import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.pips import PipEnvironment
    from wheelwarm.model import Artifact
    from wheelwarm.shelf.lookup import Shelf


@dataclass(frozen=True, slots=True)
class World:
    """One pip with its index, cache and files."""

    pip: PipEnvironment
    index: Index
    shelf: Shelf
    folder: Path

    def resolve(self, *requirements: str) -> Resolution:
        """Let the real pip resolve, and leave out what the report leaves out."""
        scratch = self.folder / f"scratch-{len(list(self.folder.iterdir()))}"
        scratch.mkdir()
        return resolve(
            read(requirements, environ={}),
            self.shelf.target,
            environ=self.environ,
            scratch=scratch,
            now=self.shelf.now,
            observer=Silent(),
        )

    @property
    def environ(self) -> dict[str, str]:
        """Return pip's environment."""
        return self.pip.environ(cache_dir=self.shelf.target.cache_dir, index=self.index)

    def complete(
        self,
        resolution: Resolution,
        *,
        previous: Resolution | None = None,
        hashes: frozenset[tuple[str, str]] = frozenset(),
        learn: bool = False,
    ) -> Resolution:
        """Complete a resolution, learning what builds ask for if allowed."""
        with fetcher_of(self.index) as fetcher:
            filler = filler_of(self.shelf, fetcher, environ=self.environ, scratch=self.folder / "learn")
            return Completer(
                shelf=self.shelf,
                fetcher=fetcher,
                previous=previous,
                requirement_hashes=hashes,
                learn_build=filler.learn_build if learn else None,
            ).complete(resolution)

    def build(self, *requirements: str) -> None:
        """Let pip build wheels, so that it has them from then on."""
        folder = str(self.folder / "wheels")
        cache_dir = self.shelf.target.cache_dir
        self.pip.run("wheel", "-w", folder, *requirements, cache_dir=cache_dir, index=self.index, check=True)


@pytest.fixture
def world(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> Iterator[World]:
    """Publish two sdists that need one wheel to be built, and a wheel that one of them needs to run."""
    publish(index, tmp_path)
    with shelf_of(target_of(modern_pip, cache_dir)) as shelf:
        yield World(modern_pip, index, shelf, tmp_path)


def publish(index: Index, folder: Path) -> None:
    """Publish the projects of these tests."""
    index.add(make_sdist(folder, "tool", "1.0", requires=["lib"], build_requires=["helper"]))
    index.add(make_sdist(folder, "second", "1.0", build_requires=["helper"]))
    index.add(make_wheel(folder, "lib", "1.0"))
    index.add(make_wheel(folder, "helper", "1.0"))


def hashes_of(artifacts: tuple[Artifact, ...]) -> dict[str, str | None]:
    """Return the hash known of each file, by name; each is there once."""
    assert len({one.identity for one in artifacts}) == len(artifacts)
    return {one.filename: one.sha256 for one in artifacts}


def sha256(data: bytes) -> str:
    """Return the hash of bytes."""
    return hashlib.sha256(data).hexdigest()


def expected(folder: Path, *wheels: str) -> dict[str, str]:
    """Return the hashes of some wheels, and of their metadata."""
    paths = [folder / f"{wheel}-1.0-py3-none-any.whl" for wheel in wheels]
    files = {path.name: sha256(path.read_bytes()) for path in paths}
    return files | {f"{path.name}.metadata": sha256(metadata_of(path)) for path in paths}


def test_build_requirements_and_metadata_are_named_with_their_hashes(world: World) -> None:
    """Everything that pip looked up is an artifact with the hash that its index page states."""
    completed = world.complete(world.resolve("tool"))
    everything = expected(world.folder, "lib", "helper")
    artifacts = hashes_of(completed.artifacts)
    assert artifacts == {
        "lib-1.0-py3-none-any.whl": everything.pop("lib-1.0-py3-none-any.whl"),
        "tool-1.0.tar.gz": sha256((world.folder / "tool-1.0.tar.gz").read_bytes()),
    }
    assert hashes_of(completed.supporting) == everything
    assert {url.rpartition("/")[2] for url in completed.build_requests if "/files/" in url} == {
        "helper-1.0-py3-none-any.whl",
        "helper-1.0-py3-none-any.whl.metadata",
    }


def test_an_earlier_run_tells_what_builds_need(world: World) -> None:
    """Once pip has the wheels it looks no build requirement up; those of the earlier run count, each once."""
    first = world.complete(world.resolve("tool", "second"))
    world.build("tool", "second")
    again = world.resolve("tool", "second")
    assert not again.build_requests
    assert "helper-1.0-py3-none-any.whl" not in hashes_of(world.complete(again).supporting)
    completed = world.complete(again, previous=first)
    assert hashes_of(completed.supporting) == hashes_of(first.supporting)
    assert len(set(completed.asked)) == len(completed.asked)
    assert set(completed.build_requests) == set(first.build_requests)


def test_pip_prepares_an_sdist_to_tell_what_its_build_needs(world: World) -> None:
    """Without a memory of that very sdist pip prepares it once more, and its log tells."""
    world.build("second")
    resolution = world.resolve("second")
    everything = expected(world.folder, "helper")
    for previous in (None, Resolution(artifacts=(), made=0)):
        completed = world.complete(resolution, previous=previous, learn=True)
        assert hashes_of(completed.supporting) == everything


def test_files_in_place_are_not_prepared(world: World) -> None:
    """A local sdist is pip's to read where it is, and has no entry of its own."""
    path = make_sdist(world.folder, "local", "1.0")
    resolution = world.resolve(str(path))
    (completed,) = world.complete(resolution, learn=True).artifacts
    assert (completed.url, completed.kind) == (path.as_uri(), Kind.SDIST)


def test_memory_counts_where_it_is_a_hit(modern_pip: PipEnvironment, tmp_path: Path, cache_dir: Path) -> None:
    """Pages that are not cached are not asked for again while the remembered hash is that of the body in the cache."""
    with serve_index() as index, shelf_of(target_of(modern_pip, cache_dir)) as shelf:
        publish(index, tmp_path)
        world = World(modern_pip, index, shelf, tmp_path)
        modern_pip.run("download", "lib", "-d", str(tmp_path / "to"), cache_dir=cache_dir, index=index, check=True)
        resolution = world.resolve("lib")
        first = world.complete(resolution)
        for url in resolution.asked:
            if "/simple/" in url:
                shelf.http.remove(shelf.http.lookup(url, {}, now=0).entry.key)
        index.clear()
        assert world.complete(resolution, previous=first) == first
        assert not index.requests
        wrong = tuple(replace(one, hashes={"sha256": "0" * 64}) for one in first.supporting)
        forged = replace(first, supporting=wrong)
        assert world.complete(resolution, previous=forged) == first
        assert index.page_requests()


def test_hashes_that_nobody_stated_are_taken_out(modern_pip: PipEnvironment, tmp_path: Path, cache_dir: Path) -> None:
    """A hash that pip computed from what it had just fetched proves nothing; one in the requirements does."""
    with serve_index(hashes=False, metadata=False) as index, shelf_of(target_of(modern_pip, cache_dir)) as shelf:
        publish(index, tmp_path)
        world = World(modern_pip, index, shelf, tmp_path)
        resolution = world.resolve("tool")
        assert all(one.hashes for one in resolution.artifacts)
        completed = world.complete(resolution)
        assert [(one.hashes, one.link_hash) for one in completed.artifacts] == [({}, None)] * 2
        world.build("tool")
        tool = next(one for one in completed.artifacts if one.kind is Kind.SDIST)
        assert shelf.built_wheel(tool), "the real pip's key has no hash either"


def test_direct_urls_keep_the_hashes_of_the_requirements(world: World) -> None:
    """In a URL's fragment or behind `--hash`: what the user stated stays, what pip found out goes."""
    url = world.index.file_url("lib-1.0-py3-none-any.whl")
    digest = expected(world.folder, "lib")["lib-1.0-py3-none-any.whl"]
    bare = world.resolve(f"lib @ {url}")
    assert hashes_of(world.complete(bare).artifacts) == {"lib-1.0-py3-none-any.whl": None}
    for completed in (
        world.complete(world.resolve(f"lib @ {url}#sha256={digest}")),
        world.complete(bare, hashes=frozenset({("sha256", digest)})),
    ):
        assert hashes_of(completed.artifacts) == {"lib-1.0-py3-none-any.whl": digest}
