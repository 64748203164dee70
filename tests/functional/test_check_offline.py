"""pip is the judge of `check --offline`: with the index stopped it installs exactly where that said yes."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import TYPE_CHECKING, TypeAlias

import msgpack  # type: ignore[import-untyped]
import pytest

from tests.helpers.artifacts import make_sdist, make_wheel, unpack
from tests.helpers.index import ETAG_ONLY, NONE, PYPI, Profile, serve_index
from tests.helpers.locks import lock_text
from tests.helpers.program import Program
from wheelwarm.cache.format import entry_path, key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

OLD, NEW = "23.2.1", "26.3"
APP, LIB, TOOL = "app-1.0-py3-none-any.whl", "lib-2.0-py3-none-any.whl", "tool-0.5.tar.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One test's index, pip, cache and folder."""

    index: Index
    pip: PipEnvironment
    cache_dir: Path
    folder: Path

    @property
    def files(self) -> Path:
        """Where the files that the index serves lie."""
        return self.folder / "files"

    def program(self) -> Program:
        """Return wheelwarm for this world."""
        return Program(self.pip, self.index, self.cache_dir)

    def direct(self, *filenames: str) -> tuple[str, ...]:
        """Return `name @ URL#sha256=…` for files of the index."""
        return tuple(f"{name.split('-')[0]} @ {self.index.file_url(name)}{self.fragment(name)}" for name in filenames)

    def fragment(self, filename: str) -> str:
        """Return the hash of a file as a URL has it."""
        return f"#sha256={hashlib.sha256((self.files / filename).read_bytes()).hexdigest()}"


Happening: TypeAlias = "Callable[[World], None]"
Asking: TypeAlias = "Callable[[World], tuple[str, ...]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is asked for, how the cache was filled, what happened then; and what pip does about it without network.

    `warm` is the command that fills the cache; `reasons` are the obstacles' kinds with why.
    """

    asks: Asking
    pip: str = NEW
    profile: Profile = PYPI
    warm: str = "prefetch"
    happened: tuple[Happening, ...] = ()
    works: bool = False
    reasons: set[tuple[str, str]] = field(default_factory=set)


def names(*requirements: str) -> Asking:
    """Ask by name."""
    return lambda _world: requirements


def urls(*filenames: str) -> Asking:
    """Ask by URL and hash."""
    return lambda world: world.direct(*filenames)


def locked(name: str) -> Asking:
    """Ask by a lock that `prefetch` writes."""
    return lambda world: ("-r", str(world.folder / name))


def lock(*filenames: str) -> Asking:
    """Ask by a lock of these files."""

    def ask(world: World) -> tuple[str, ...]:
        path = world.folder / "pylock.toml"
        path.write_text(lock_text({world.index.file_url(name): world.files / name for name in filenames}))
        return ("-r", str(path))

    return ask


def lock_with_folder(*filenames: str) -> Asking:
    """Ask by a lock of a project's folder, and of these files."""

    def ask(world: World) -> tuple[str, ...]:
        unpack(world.files / "alone-1.0.tar.gz", world.folder)
        files = {world.index.file_url(name): world.files / name for name in filenames}
        more = '\n[[packages]]\nname = "alone"\ndirectory.path = "alone-1.0"\n'
        (world.folder / "pylock.toml").write_text(lock_text(files).removesuffix("packages = []\n") + more)
        return ("-r", str(world.folder / "pylock.toml"))

    return ask


def urls_and_hashes(*filenames: str) -> Asking:
    """Ask by URL, with `--hash` beside it."""

    def ask(world: World) -> tuple[str, ...]:
        path = world.folder / "hashed.txt"
        lines = (line.replace("#sha256=", " --hash=sha256:") for line in world.direct(*filenames))
        path.write_text("\n".join(lines))
        return ("-r", str(path))

    return ask


def in_folder(*requirements: str) -> Asking:
    """Ask by name, with a folder of files beside the index."""
    return lambda world: (*requirements, "--find-links", str(world.files))


def aged(*types: str) -> Happening:
    """Let what the cache has of these content types be fetched long ago; every type with none."""

    def happen(world: World) -> None:
        changed = [_age(path, types) for path in world.cache_dir.glob("http*/**/*") if path.is_file()]
        assert any(changed)

    return happen


def _age(path: Path, types: tuple[str, ...]) -> bool:
    content = path.read_bytes()
    if not content.startswith(b"cc=4,"):
        return False
    stored = msgpack.unpackb(content.removeprefix(b"cc=4,"))
    headers = {name.lower(): name for name in stored["response"]["headers"]}
    if types and not stored["response"]["headers"][headers["content-type"]].startswith(types):
        return False
    stored["response"]["headers"][headers["date"]] = formatdate(0, usegmt=True)
    path.write_bytes(b"cc=4," + msgpack.packb(stored, use_bin_type=True))
    return True


def gone(pattern: str) -> Happening:
    """Remove files from the cache."""

    def happen(world: World) -> None:
        found = list(world.cache_dir.glob(pattern))
        assert found
        for path in found:
            path.unlink()

    return happen


def forgotten(requirement: str) -> Happening:
    """Remove one project from the cache, all but its pages."""

    def happen(world: World) -> None:
        assert world.program().run("remove", requirement, "--yes").code == 0

    return happen


def entry_gone(filename: str) -> Happening:
    """Remove just one entry of the cache."""

    def happen(world: World) -> None:
        path = world.cache_dir / "http-v2" / entry_path(key(world.index.file_url(filename)))
        path.unlink()

    return happen


def newer_on_the_page(world: World) -> None:
    """Let a newer version come out, and some other pip fetch the index page."""
    aged("application/vnd.pypi.simple")(world)
    world.index.add(make_wheel(world.files, "lib", "3.0"))
    to = str(world.folder / "other")
    world.pip.run("download", "lib", "-d", to, cache_dir=world.cache_dir, index=world.index, check=True)
    world.program().run("remove", "lib==3.0", "--yes")


def page_again(world: World) -> None:
    """Let some other pip fetch the index page of the library, on which nothing is new."""
    aged("application/vnd.pypi.simple")(world)
    to = str(world.folder / "other")
    world.pip.run("download", "app", "-d", to, cache_dir=world.cache_dir, index=world.index, check=True)


def rewritten(filename: str) -> Happening:
    """Let a file of this machine have other bytes."""

    def happen(world: World) -> None:
        with zipfile.ZipFile(world.files / filename, "a") as wheel:
            wheel.comment = b"another"

    return happen


def of_here(filename: str) -> Asking:
    """Ask by the URL of a file of this machine, with its hash."""
    return lambda world: (f"lib @ {(world.files / filename).as_uri()}{world.fragment(filename)}",)


PAGES = aged("application/vnd.pypi.simple")
EXPIRED, ASKED = ("index_page", "expired"), ("index_page", "always revalidated")
SCENES = {
    "by name, pages fresh": Scene(asks=names("app"), works=True),
    "by name, pages expired": Scene(asks=names("app"), happened=(PAGES,), reasons={EXPIRED}),
    "by name, an older pip": Scene(asks=names("app"), pip=OLD, reasons={ASKED}),
    "pins by name, pages expired": Scene(asks=names("app==1.0", "lib==2.0"), happened=(PAGES,), reasons={EXPIRED}),
    "pins by name, no run known": Scene(asks=names("app==1.0", "lib==2.0"), warm="download", works=True),
    "by name, no caching headers": Scene(
        asks=names("app"), profile=NONE, reasons={("index_page", "absent")}
    ),
    "pins by name, files expired": Scene(
        asks=names("app==1.0", "lib==2.0"),
        happened=(aged("application/octet-stream"),),
        warm="download",
        profile=Profile({"Cache-Control": "max-age=600"}, PYPI.pages),
        reasons={("wheel", "expired"), ("metadata", "expired")},
    ),
    "metadata gone": Scene(
        asks=names("app"), happened=(entry_gone(f"{LIB}.metadata"),), reasons={("metadata", "absent")}
    ),
    "another index that has nothing": Scene(
        asks=lambda world: ("app", "--extra-index-url", f"{world.index.url}/none/"), works=True
    ),
    "a file gone": Scene(
        asks=names("app"), happened=(forgotten(LIB),), reasons={("wheel", "absent"), ("metadata", "absent")}
    ),
    "urls": Scene(asks=urls(APP, LIB), works=True),
    "urls, an older pip": Scene(asks=urls(APP, LIB), pip=OLD, works=True),
    "urls, a dependency by name": Scene(asks=urls(APP), pip=OLD, reasons={ASKED}),
    "urls, a validator only": Scene(
        asks=urls(LIB), profile=ETAG_ONLY, warm="download", reasons={("wheel", "no lifetime")}
    ),
    "urls, a validator only, seeded": Scene(asks=urls(LIB), profile=ETAG_ONLY, works=True),
    "urls, no caching headers, seeded": Scene(asks=urls(APP, LIB), profile=NONE, pip=OLD, works=True),
    "urls, a file gone": Scene(
        asks=urls(APP, LIB), happened=(forgotten(LIB),), reasons={("wheel", "absent")}
    ),
    "an sdist with its wheel": Scene(asks=urls(TOOL, LIB), pip=OLD, works=True),
    "an sdist with its wheel, itself gone": Scene(
        asks=urls(TOOL, LIB), happened=(PAGES, aged("application/octet-stream", "application/gzip")), works=False,
        reasons={("wheel", "expired")},
    ),
    "an sdist with its wheel, hashes checked": Scene(asks=urls_and_hashes(TOOL, LIB), pip=OLD, works=True),
    "an sdist with its wheel, hashes checked by a pip before 23.1": Scene(
        asks=urls_and_hashes(TOOL, LIB), pip="22.2", reasons={ASKED}
    ),
    "an sdist with its wheel, no binaries, a pip before 23.1": Scene(
        asks=lambda world: (*world.direct(TOOL, LIB), "--no-binary", "tool"), pip="22.2", reasons={ASKED}
    ),
    "an sdist without its wheel, all else fresh": Scene(
        asks=urls(TOOL, LIB), happened=(gone("wheels/**/*.whl"),), works=True
    ),
    "an sdist without its wheel, pages expired": Scene(
        asks=urls(TOOL, LIB), happened=(gone("wheels/**/*.whl"), PAGES), reasons={EXPIRED}
    ),
    "an sdist without its wheel, an older pip": Scene(
        asks=urls(TOOL, LIB), pip=OLD, happened=(gone("wheels/**/*.whl"),), reasons={ASKED}
    ),
    "an sdist that needs nothing": Scene(
        asks=urls("alone-1.0.tar.gz"), pip=OLD, happened=(gone("wheels/**/*.whl"),), works=True
    ),
    "a lock": Scene(asks=lock(APP, LIB), works=True),
    "a lock, a file gone": Scene(asks=lock(APP, LIB), happened=(forgotten(LIB),), reasons={("wheel", "absent")}),
    "a lock, a validator only": Scene(
        asks=lock(LIB), profile=ETAG_ONLY, warm="download", reasons={("wheel", "no lifetime")}
    ),
    "a lock, an older pip": Scene(asks=lock(APP, LIB), pip=OLD, reasons={("other", "lock not known to pip")}),
    "a lock with an sdist": Scene(asks=lock(LIB, TOOL), works=True),
    "a lock with an sdist, its wheel gone, pages expired": Scene(
        asks=lock(LIB, TOOL), happened=(gone("wheels/**/*.whl"), PAGES), reasons={EXPIRED}
    ),
    "a lock that was written": Scene(asks=locked("pylock.toml"), warm="lock tool", works=True),
    "a lock that was written, of an sdist of here": Scene(
        asks=locked("offline.txt"), pip=OLD, warm="lock alone-1.0.tar.gz", works=True
    ),
    "a lock that was written, its wheels gone": Scene(
        asks=locked("pylock.toml"), warm="lock tool", happened=(gone("wheels/**/*.whl"),), works=True
    ),
    "a lock that was written, its wheels gone, pages expired": Scene(
        asks=locked("pylock.toml"), warm="lock tool", happened=(gone("wheels/**/*.whl"), PAGES), reasons={EXPIRED}
    ),
    "a lock that was written, its wheels gone, for an older pip": Scene(
        asks=locked("offline.txt"), pip=OLD, warm="lock tool", happened=(gone("wheels/**/*.whl"),), reasons={ASKED}
    ),
    "a lock of a folder alone": Scene(asks=lock_with_folder(), works=True),
    "a lock of a folder beside a file": Scene(asks=lock_with_folder(LIB), reasons={("sdist", "no hash")}),
    "a folder": Scene(asks=in_folder("app", "--no-index"), pip=OLD, works=True),
    "a folder beside the index": Scene(asks=in_folder("app"), pip=OLD, works=True),
    "a file of here": Scene(
        asks=lambda world: (str(world.files / LIB),), pip=OLD, works=True
    ),
    "a file of here with its hash": Scene(asks=of_here(LIB), works=True),
    "a file of here that has another hash by now": Scene(
        asks=of_here(LIB), happened=(rewritten(LIB),), reasons={("wheel", "hash mismatch")}
    ),
    "a newer version since": Scene(
        asks=names("lib"), happened=(newer_on_the_page,), reasons={("index_page", "other version")}
    ),
    "a newer page, nothing new": Scene(asks=names("app"), happened=(page_again,), works=True),
}  # fmt: skip
# One for each rule; the others run with the matrix.
OFTEN = {
    "by name, pages fresh",
    "by name, pages expired",
    "by name, an older pip",
    "pins by name, no run known",
    "metadata gone",
    "urls, an older pip",
    "urls, a dependency by name",
    "urls, a validator only",
    "an sdist with its wheel",
    "an sdist with its wheel, hashes checked by a pip before 23.1",
    "an sdist without its wheel, all else fresh",
    "an sdist without its wheel, pages expired",
    "a lock",
    "a lock, an older pip",
    "a lock with an sdist",
    "a lock that was written, of an sdist of here",
    "a lock that was written, its wheels gone",
    "a lock of a folder beside a file",
    "a folder beside the index",
    "a file of here with its hash",
    "a file of here that has another hash by now",
    "a newer version since",
}


@pytest.mark.parametrize(
    "name", [name if name in OFTEN else pytest.param(name, marks=pytest.mark.pip_matrix) for name in SCENES]
)
def test_check_offline_foretells_pip_without_network(pip_of: PipOf, tmp_path: Path, cache_dir: Path, name: str) -> None:
    """In each state of pages, metadata, files and builds pip installs with the index stopped where check says yes."""
    scene = SCENES[name]
    with serve_index(profile=scene.profile) as index:
        world = World(index=index, pip=pip_of(scene.pip), cache_dir=cache_dir, folder=tmp_path)
        publish(world)
        asked = scene.asks(world)
        warm(world, scene.warm, asked)
        for happen in scene.happened:
            happen(world)
        index.stop()

        answer = world.program().run("check", "--offline", "--json", *asked)

        # Through the environment, so that the pips which it starts for builds do not wait either.
        patience = {"PIP_RETRIES": "0"}
        to = ("--target", str(tmp_path / "to"))
        installed = world.pip.run("install", *asked, *to, cache_dir=cache_dir, index=index, env=patience)
        assert answer.code in (0, 1), answer.err
        offline = answer.data["offline"]
        assert offline["works"] is (answer.code == 0) is (installed.returncode == 0), (offline, installed.stderr)
        assert offline["works"] is scene.works
        assert {(one["kind"], one["reason"]) for one in offline["obstacles"]} == scene.reasons


def publish(world: World) -> None:
    """Publish a project with a dependency, an sdist that needs another project to be built, and one that needs none."""
    world.files.mkdir()
    world.index.add(make_wheel(world.files, "app", "1.0", requires=["lib>=1"]))
    world.index.add(make_wheel(world.files, "lib", "2.0"))
    world.index.add(make_wheel(world.files, "helper", "3.0"))
    world.index.add(make_sdist(world.files, "tool", "0.5", requires=["lib"], build_requires=["helper"]))
    world.index.add(make_sdist(world.files, "alone", "1.0"))


def warm(world: World, command: str, asked: tuple[str, ...]) -> None:
    """Fill the cache by wheelwarm, by a lock that it writes of an sdist, or as pip does by itself."""
    if command.startswith("lock "):
        wanted = str(world.files / command[5:]) if command.endswith(".tar.gz") else command[5:]
        answer = world.program().run("prefetch", wanted, "--lock", asked[-1])
        assert answer.code == 0, answer.err
        return
    if command == "prefetch":
        answer = world.program().run("prefetch", *asked)
        assert answer.code == 0, answer.err
        return
    to = str(world.folder / "first")
    world.pip.run("download", *asked, "-d", to, cache_dir=world.cache_dir, index=world.index, check=True)


def test_the_answer_for_people(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """One line says yes, and until when where that is soon, or no with what is in the way; below it what to type."""
    url = index.add(make_wheel(tmp_path, "lib", "2.0"))
    new, old = (Program(pip_of(version), index, cache_dir) for version in (NEW, OLD))
    for program in (new, old):
        program.run("prefetch", "lib")

    yes, no = new.run("check", "--offline", "lib"), old.run("check", "--offline", "lib")

    assert (yes.code, no.code) == (0, 1)
    # The index page is fresh for ten minutes; of what a lock names, the first file would last for years.
    until = datetime.fromisoformat(new.run("check", "--offline", "lib", "--json").data["offline"]["until"])
    assert 0 < (until - datetime.now(UTC)).total_seconds() <= 600
    assert f"\noffline: yes, until {until:%Y-%m-%d %H:%M} UTC\n" in yes.out
    assert "--lock" in yes.out
    assert "\noffline: no, 1 thing stands in the way\n  index page of lib: stale (always revalidated)\n" in no.out
    assert "--lock" in no.out
    assert "\noffline: yes\n" in new.run("check", "--offline", f"lib @ {url}").out
