"""The real uv resolves against an index on loopback; pip's own resolution is what its closure is held against."""

from __future__ import annotations

import os
import random
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_wheel
from tests.helpers.index import serve_index
from tests.helpers.program import Program
from tests.helpers.proxies import serve_proxy
from tests.helpers.uv_world import NOW, UV, UvWorld, by_name, files, needs_uv
from wheelwarm.errors import InputError, ResolveError
from wheelwarm.inputs.index_options import IndexOptions
from wheelwarm.inputs.requirements import read
from wheelwarm.model import Silent
from wheelwarm.resolution.question import input_digest
from wheelwarm.resolution.uv_resolver import explain, find_uv, resolve_by_uv
from wheelwarm.targets.probing import probe

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment
    from wheelwarm.inputs.requirements import RequirementSet

SECRET = "s3cr3t-of-the-test"


@pytest.fixture
def world(modern_pip: PipEnvironment, index: Index, tmp_path: Path) -> UvWorld:
    """Return the newest pip's world."""
    return UvWorld(modern_pip, index, tmp_path)


def publish_graph(world: UvWorld) -> None:
    """Publish three dozen projects in two or three versions, with extras, markers and an sdist here and there.

    Each needs only such as have a higher number, in any version from the first on, so that there is one best answer.
    """
    chance = random.Random(5)
    for number in range(36):
        for version in ("1.0", "1.1", "2.0rc1")[: chance.choice((2, 3))]:
            later = [f"p{other}" for other in range(number + 1, min(number + 6, 36))]
            requires = [f"{name}>=1.0" for name in chance.sample(later, min(2, len(later)))]
            requires += [f"{name}; python_version < '3'" for name in later[:1]]
            extras = {"more": [f"{later[-1]}>=1"], "none": ["nowhere"]} if later else {}
            if number % 9 == 4:
                world.sdist(f"p{number}", version, requires=requires)
            else:
                world.wheel(f"p{number}", version, requires=requires, extras=extras)


@needs_uv
class TestClosure:
    """What uv chooses is what pip chooses, as long as there is one best answer."""

    def test_a_few_dozen_requirements(self, world: UvWorld) -> None:
        """Versions, files, URLs, hashes and what keys the wheel cache are the same, over extras and markers."""
        publish_graph(world)
        wanted = [f"p{number}" for number in range(0, 36, 3)]
        wanted += ["p1[more]", "p7<1.1", "p2; python_version < '3'", "p5 ~= 1.0 ; sys_platform != 'none'"]

        by_uv, by_pip = world.uv(*wanted), world.by_pip(*wanted)

        assert len(by_uv.artifacts) > 24
        assert files(by_uv) == files(by_pip)
        assert (by_uv.source, by_uv.made) == ("uv", NOW)

    def test_the_pages_are_those_that_pip_asks_for(self, world: UvWorld) -> None:
        """Each project's page on every index is named, as pip's log names it."""
        world.wheel("app", requires=["lib"])
        world.wheel("lib")
        with serve_index() as other:
            options = IndexOptions(extra_index_urls=(other.simple_url,))
            by_uv, by_pip = world.uv("app", options=options), world.by_pip("app", options=options)

        assert set(by_uv.asked) == {url for url in by_pip.asked if url.endswith("/")}

    def test_the_wheel_for_the_target_is_chosen(self, world: UvWorld) -> None:
        """Of several wheels pip's favourite is taken, by the target's tags."""
        world.wheel("lib", tag="py3-none-any")
        world.wheel("lib", tag="cp27-cp27m-win32")
        tag = f"py{sys.version_info[0]}{sys.version_info[1]}-none-any"
        best = world.wheel("lib", tag=tag)
        assert list(files(world.uv("lib"))) == [best.name] == list(files(world.by_pip("lib")))

    def test_pages_are_asked_for_anew(self, world: UvWorld) -> None:
        """A version that came a moment ago is found, though uv's cache has a fresh page without it."""
        world.wheel("lib", "1.0")
        assert by_name(world.uv("lib"))["lib"].version == "1.0"
        world.wheel("lib", "2.0")
        assert by_name(world.uv("lib"))["lib"].version == "2.0"

    @pytest.mark.parametrize("fragment", ["", "#sha256={digest}"])
    def test_direct_urls(self, world: UvWorld, fragment: str) -> None:
        """A URL is direct, and has the hash of its own fragment, never one that uv computed."""
        sdist = world.sdist("tool")
        digest = sha256_of(world, sdist)
        url = world.index.file_url(sdist.name) + fragment.format(digest=digest)
        by_uv, by_pip = (by_name(ask(f"tool @ {url}"))["tool"] for ask in (world.uv, world.by_pip))
        assert (by_uv.url, by_uv.link_hash, by_uv.direct) == (by_pip.url, by_pip.link_hash, by_pip.direct)

    def test_locks_are_not_resolved(self, world: UvWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        """A lock alone needs no uv; what stands beside it is resolved within what it holds."""
        for version in ("1.0", "2.0"):
            world.wheel("lib", version)
        world.wheel("app", requires=["lib"])
        lock = write_lock(world, "lib==1.0")

        beside = world.uv("app", requirement_files=(lock,))
        monkeypatch.setattr(sys, "executable", str(world.folder / "python"))
        alone = world.uv(requirement_files=(lock,), variables={"PATH": ""})

        assert {one.name: one.version for one in beside.artifacts} == {"app": "1.0", "lib": "1.0"}
        assert (alone.source, len(alone.artifacts)) == ("lock", 1)


@needs_uv
class TestReach:
    """uv reaches servers as the target's pip would, and tells nobody how."""

    def test_credentials_stand_on_no_command_line(
        self, modern_pip: PipEnvironment, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An index's password, a direct URL's and a page's of links are in no argument, output, log or ledger."""
        argv = beside_python(tmp_path / "bin", f'printf "%s\\n" "$@" > "{tmp_path}/argv"\nexec "{UV}" "$@"\n')
        monkeypatch.setattr(sys, "executable", str(argv.with_name("python")))
        with serve_index(auth=("user", SECRET)) as index, serve_index(auth=("user", SECRET)) as other:
            for one in (index, other):
                one.add(make_wheel(tmp_path, "lib", "1.0"))
                one.add(make_wheel(tmp_path, "direct", "1.0"))
            page = f"<a href='{index.file_url('lib-1.0-py3-none-any.whl')}'>lib</a>".encode()
            links = index.put("/links/", page, content_type="text/html").replace("://", f"://user:{SECRET}@")
            direct = index.credentialed_url.replace("simple/", "files/direct-1.0-py3-none-any.whl")
            variables = {"PIP_INDEX_URL": index.credentialed_url, "PIP_EXTRA_INDEX_URL": other.credentialed_url}

            answer = Program(modern_pip, index, cache_dir).run(
                "prefetch", "lib", f"direct @ {direct}", "-f", links, "--resolver", "uv", "--json", **variables
            )

        assert answer.code == 0, answer.err
        assert set(answer.actions()) == {"lib-1.0-py3-none-any.whl", "direct-1.0-py3-none-any.whl"}
        texts = [(tmp_path / "argv").read_bytes(), answer.out.encode(), answer.err.encode()]
        texts += [path.read_bytes() for path in cache_dir.rglob("*") if path.is_file()]
        assert b"compile" in texts[0]
        assert [text for text in texts if SECRET.encode() in text] == []

    def test_a_refusal_shows_no_password(self, world: UvWorld) -> None:
        """What uv says of a refused index is redacted."""
        world.wheel("lib")
        with serve_index(auth=("user", "other")) as guarded:
            options = IndexOptions(index_url=guarded.credentialed_url.replace("other", SECRET))
            with pytest.raises(ResolveError) as caught:
                world.uv("lib", options=options)
        assert "uv failed" in caught.value.message
        assert SECRET not in caught.value.message + caught.value.hint

    def test_proxies(self, world: UvWorld) -> None:
        """Pip's proxy is uv's, with its password."""
        world.wheel("lib")
        with serve_proxy("user:word") as proxy:
            found = world.uv("lib", variables={"PIP_PROXY": proxy.credentialed_url})
        assert list(by_name(found)) == ["lib"]
        assert any(str(world.index.port) in line for line in proxy.asked)

    def test_client_certificates(self, world: UvWorld) -> None:
        """Pip's client certificate is uv's."""
        with serve_index(client_certificates=True) as strict:
            strict.add(make_wheel(world.folder, "lib", "1.0"))
            options = IndexOptions(index_url=strict.simple_url)
            found = world.uv("lib", options=options, variables={"PIP_CLIENT_CERT": str(strict.client_certificate)})
        assert list(by_name(found)) == ["lib"]

    def test_trusted_hosts(self, world: UvWorld) -> None:
        """A host that is trusted needs no certificate."""
        world.wheel("lib")
        del world.environ["PIP_CERT"]
        with pytest.raises(ResolveError):
            world.uv("lib")
        options = IndexOptions(trusted_hosts=(f"localhost:{world.index.port}",))
        assert list(by_name(world.uv("lib", options=options))) == ["lib"]

    def test_what_was_said_to_uv_does_not_count(self, world: UvWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        """UV_* variables and uv.toml would change the choice unknown to pip."""
        world.wheel("lib", "1.0")
        world.wheel("lib", "2.0")
        (world.folder / "uv.toml").write_text('constraint-dependencies = ["lib<1"]\nresolution = "lowest"\n')
        monkeypatch.chdir(world.folder)
        found = world.uv("lib", variables={"UV_RESOLUTION": "lowest", "UV_INDEX": "https://example.invalid/"})
        assert by_name(found)["lib"].version == "2.0"


@needs_uv
class TestFailures:
    """What uv cannot do is told in a sentence."""

    def test_a_conflict(self, world: UvWorld) -> None:
        """The first words of uv tell what excludes what."""
        world.wheel("lib", "1.0")
        world.wheel("app", requires=["lib>=2"])
        with pytest.raises(ResolveError, match=r"^uv failed: No solution found .*: Because .*lib.*\.$") as caught:
            world.uv("app", "lib<2")
        assert "\n" not in caught.value.message

    def test_an_index_that_is_down(self, world: UvWorld) -> None:
        """The last of uv's causes is told too."""
        with serve_index() as gone:
            options = IndexOptions(index_url=gone.simple_url)
        with pytest.raises(ResolveError, match=r"(?i)connection refused"):
            world.uv("lib", options=options)

    def test_exit_codes(self, modern_pip: PipEnvironment, index: Index, cache_dir: Path) -> None:
        """A conflict ends with 3, an unknown resolver with 2; neither with a traceback."""
        program = Program(modern_pip, index, cache_dir)
        nowhere = program.run("prefetch", "nowhere", "--resolver", "uv")
        unknown = program.run("prefetch", "nowhere", "--resolver", "poetry")
        assert (nowhere.code, unknown.code) == (3, 2)
        assert "nowhere was not found" in " ".join(nowhere.err.split())


def test_uv_that_is_missing(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without uv the hint says what to install, and the exit code is 3."""
    index.add(make_wheel(tmp_path, "lib", "1.0"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    answer = Program(modern_pip, index, cache_dir).run("prefetch", "lib", "--resolver", "uv", PATH=str(tmp_path))
    assert answer.code == 3
    assert "uv is not installed here." in answer.err
    assert f"{sys.executable} -m pip install 'wheelwarm[uv]'" in answer.err


def test_uv_beside_our_python_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra's uv beats another one on PATH."""
    beside, elsewhere = (beside_python(tmp_path / name, "exit 1\n") for name in ("ours", "theirs"))
    monkeypatch.setattr(sys, "executable", str(beside.with_name("python")))
    assert find_uv({"PATH": str(elsewhere.parent)}) == str(beside)
    beside.unlink()
    assert find_uv({"PATH": str(elsewhere.parent)}) == str(elsewhere)


def test_the_words_of_earlier_uvs() -> None:
    """Boxes, wrapped lines, warnings and hints around the words are taken off; nothing at all is said to be nothing."""
    boxed = (
        "warning: something\n  \u00d7 No solution found when resolving dependencies:\n"
        "  ╰─▶ Because a depends on b>=2 and you require b<2,\n      we can conclude this.\n\n      hint: try harder\n"
    )
    told = "uv failed: No solution found when resolving dependencies: Because a depends on b>=2 and you require b<2, we"
    assert explain(boxed).message == f"{told} can conclude this."
    assert explain("").message == "uv failed: it printed nothing."
    assert len(explain("error: " + "long " * 1000).message) < 700


def test_the_digest_names_the_resolver(modern_pip: PipEnvironment, cache_dir: Path, tmp_path: Path) -> None:
    """One input is two for the ledger, pip's and uv's."""
    target = probe(str(modern_pip.python), environ=modern_pip.environ(cache_dir=cache_dir), cwd=tmp_path)
    wanted: RequirementSet = read(("lib",), environ={})
    assert input_digest(wanted, target) == input_digest(wanted, target, resolver="pip")
    assert input_digest(wanted, target) != input_digest(wanted, target, resolver="uv")


def test_a_python_without_known_tags_is_refused(modern_pip: PipEnvironment, cache_dir: Path, tmp_path: Path) -> None:
    """Which of uv's files such a Python takes cannot be told."""
    if not UV:
        pytest.skip("uv is not installed: pip install 'wheelwarm[uv]'")
    target = probe(str(modern_pip.python), environ=modern_pip.environ(cache_dir=cache_dir), cwd=tmp_path)
    with pytest.raises(InputError, match="whose wheel tags are not known"):
        resolve_by_uv(
            read(("lib",), environ={}),
            replace(target, tags=()),
            environ=dict(os.environ),
            scratch=tmp_path,
            now=NOW,
            observer=Silent(),
        )


def beside_python(folder: Path, script: str) -> Path:
    """Make a folder as of a Python's programs, with a `uv` that is this script, and return the script."""
    folder.mkdir()
    uv = folder / "uv"
    uv.write_text(f"#!/bin/sh\n{script}")
    uv.chmod(0o755)
    return uv


def sha256_of(world: UvWorld, path: Path) -> str:
    """Return the digest that the index states of a file."""
    found = by_name(world.uv(path.name.split("-")[0]))
    return next(iter(found.values())).sha256 or ""


def write_lock(world: UvWorld, *requirements: str) -> str:
    """Write a pylock.toml of what uv makes of requirements, and return its path."""
    from wheelwarm.inputs import locking

    path = world.folder / "pylock.toml"
    locking.write(path, list(world.uv(*requirements).artifacts))
    return str(path)
