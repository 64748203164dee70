"""What real pips resolve, log and report is read as they meant it; the index's log is the judge of what was asked."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel, unpack_sdist
from tests.helpers.index import serve_index
from wheelwarm.errors import HashMismatchError, ResolveError
from wheelwarm.inputs.index_options import IndexOptions
from wheelwarm.inputs.requirements import read
from wheelwarm.model import Kind, Silent
from wheelwarm.resolution.question import input_digest
from wheelwarm.resolution.resolver import artifact, read_log, resolve
from wheelwarm.targets.probing import probe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment
    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.model import Artifact, Observer, Resolution
    from wheelwarm.targets.target import Target

ALWAYS = ("22.2", "26.3")
VERSIONS = [
    pytest.param(version, marks=() if version in ALWAYS else pytest.mark.pip_matrix)
    for version in ("22.2", "22.3.1", "23.2.1", "23.3.2", "24.3.1", "25.3", "26.2.1", "26.3")
]
NOW = 1_800_000_000.0


class Resolver:
    """One pip that resolves against one index, each time with a scratch folder of its own."""

    def __init__(self, pip: PipEnvironment, index: Index, folder: Path) -> None:
        self.index = index
        self.folder = folder
        self.environ = pip.environ(cache_dir=folder / "cache", index=index) | {"PIP_RETRIES": "0"}
        self.target = probe(str(pip.python), environ=self.environ, cwd=folder)
        self._runs = 0

    def __call__(
        self,
        *arguments: str,
        files: tuple[str, ...] = (),
        stdin: Callable[[], bytes] | None = None,
        options: IndexOptions | None = None,
        observer: Observer | None = None,
    ) -> Resolution:
        """Resolve requirements and files."""
        self._runs += 1
        scratch = self.folder / f"scratch {self._runs}"
        scratch.mkdir()
        wanted = read(
            arguments, requirement_files=files, options=options or IndexOptions(), environ=self.environ, stdin=stdin
        )
        return resolve(
            wanted, self.target, environ=self.environ, scratch=scratch, now=NOW, observer=observer or Silent()
        )


@pytest.fixture(params=VERSIONS)
def resolver(request: pytest.FixtureRequest, pip_of: PipOf, index: Index, tmp_path: Path) -> Resolver:
    """Return a pip that resolves."""
    return Resolver(pip_of(request.param), index, tmp_path)


@pytest.fixture
def target(modern_pip: PipEnvironment, cache_dir: Path, tmp_path: Path) -> Target:
    """Return the newest pip as a target."""
    return probe(str(modern_pip.python), environ=modern_pip.environ(cache_dir=cache_dir), cwd=tmp_path)


def sha256(path: Path) -> str:
    """Return a file's digest."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def asked_of(index: Index) -> set[str]:
    """Return the URLs that the index was asked for."""
    return {index.url + request.path for request in index.requests}


def by_name(resolution: Resolution) -> dict[str, Artifact]:
    """Return the artifacts by project."""
    return {one.name: one for one in resolution.artifacts}


def test_wheels_are_reported_with_their_hashes(resolver: Resolver, tmp_path: Path) -> None:
    """Name, version, file, URL and sha256 of each wheel come out of the report of every pip from 22.2 on."""
    wheel = make_wheel(tmp_path, "My.Demo", "1.0", requires=["dep"])
    url = resolver.index.add(wheel)
    resolver.index.add(make_wheel(tmp_path, "dep", "2.0"))

    resolution = resolver("my-demo")
    demo = next(one for one in resolution.artifacts if one.filename == wheel.name)

    assert (demo.name, demo.version, demo.kind, demo.url) == ("My.Demo", "1.0", Kind.WHEEL, url)
    assert demo.hashes == {"sha256": sha256(wheel)}
    assert demo.link_hash == ("sha256", sha256(wheel))
    assert not demo.direct
    assert {one.name for one in resolution.artifacts} == {"My.Demo", "dep"}
    assert (resolution.made, resolution.source) == (NOW, "pip")


def test_what_was_asked_is_what_the_index_was_asked(resolver: Resolver, tmp_path: Path) -> None:
    """From a cold cache the URLs in pip's log are just those of the index's log, each once."""
    resolver.index.add(make_wheel(tmp_path, "demo", "1.0", requires=["dep"]))
    resolver.index.add(make_wheel(tmp_path, "dep", "2.0"))

    resolution = resolver("demo")

    assert set(resolution.asked) == asked_of(resolver.index)
    assert len(resolution.asked) == len(set(resolution.asked))
    assert resolution.build_requests == ()


def test_what_builds_asked_is_told_apart(resolver: Resolver, tmp_path: Path) -> None:
    """Requests of the pips that install build requirements are among the asked, and are known as such."""
    for name in ("helper", "dep"):
        resolver.index.add(make_wheel(tmp_path, name, "1.0"))
    resolver.index.add(make_sdist(tmp_path, "demo", "1.0", requires=["dep"], build_requires=["helper"]))

    resolution = resolver("demo")

    assert set(resolution.asked) == asked_of(resolver.index)
    assert {url for url in resolution.asked if "helper" in url} == set(resolution.build_requests)
    assert f"{resolver.index.simple_url}helper/" in resolution.build_requests
    assert "helper" not in by_name(resolution)


def test_what_builds_and_the_resolution_asked_is_no_build_request(resolver: Resolver, tmp_path: Path) -> None:
    """A project that is needed at run time too stays when builds are done with."""
    resolver.index.add(make_wheel(tmp_path, "helper", "1.0"))
    resolver.index.add(make_sdist(tmp_path, "demo", "1.0", requires=["helper"], build_requires=["helper"]))

    resolution = resolver("demo")

    assert f"{resolver.index.simple_url}helper/" in resolution.asked
    assert f"{resolver.index.simple_url}helper/" not in resolution.build_requests


def test_sdists_are_reported_with_their_hashes(resolver: Resolver, tmp_path: Path) -> None:
    """An sdist is known by its suffix."""
    sdist = make_sdist(tmp_path, "demo", "1.0")
    url = resolver.index.add(sdist)

    demo = by_name(resolver("demo"))["demo"]

    assert (demo.kind, demo.filename, demo.url) == (Kind.SDIST, sdist.name, url)
    assert demo.sha256 == sha256(sdist)


@pytest.mark.parametrize("fragment", ["", "#sha256={digest}", "#egg=demo&sha256={digest}"])
def test_direct_urls_have_the_hash_of_their_fragment(resolver: Resolver, tmp_path: Path, fragment: str) -> None:
    """The hash that keys pip's wheel cache is the one in the URL given, not the one that pip computed itself."""
    sdist = make_sdist(tmp_path, "demo", "1.0")
    url = resolver.index.add(sdist)

    demo = by_name(resolver(f"demo @ {url}{fragment.format(digest=sha256(sdist))}"))["demo"]

    assert (demo.direct, demo.url) == (True, url)
    assert demo.link_hash == (("sha256", sha256(sdist)) if fragment else None)


def test_direct_urls_of_dependencies_have_theirs_too(resolver: Resolver, tmp_path: Path) -> None:
    """A `name @ URL#hash` in a wheel's metadata counts as one in the input."""
    sdist = make_sdist(tmp_path, "dep", "1.0")
    url = resolver.index.add(sdist)
    wanted = f"dep @ {url}#sha256={sha256(sdist)} ; python_version >= '3'"
    resolver.index.add(make_wheel(tmp_path, "demo", "1.0", requires=[wanted]))

    dep = by_name(resolver("demo"))["dep"]

    assert (dep.direct, dep.link_hash) == (True, ("sha256", sha256(sdist)))


def test_folders_are_local(resolver: Resolver, tmp_path: Path) -> None:
    """A project in a folder is reported by its file URL, without hashes."""
    folder = unpack_sdist(make_sdist(tmp_path, "demo", "1.0"), tmp_path)
    demo = by_name(resolver(str(folder)))["demo"]
    assert (demo.url, demo.hashes, demo.direct) == (folder.as_uri(), {}, True)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_repositories_are_named_by_commit(resolver: Resolver, tmp_path: Path) -> None:
    """A repository's URL is told with its tool and the commit that pip took, and its subdirectory."""
    unpack_sdist(make_sdist(tmp_path, "demo", "1.0"), tmp_path / "repository")
    commit = commit_all(tmp_path / "repository")
    url = (tmp_path / "repository").as_uri()

    demo = by_name(resolver(f"git+{url}#subdirectory=demo-1.0"))["demo"]

    assert demo.url == f"git+{url}@{commit}"
    assert (demo.subdirectory, demo.hashes, demo.link_hash) == ("demo-1.0", {}, None)


def test_standard_input_may_include_files(resolver: Resolver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `-` reads is resolved once, its nested -r and -c from the current folder, as pip does with /dev/stdin."""
    for version in ("1.0", "2.0"):
        resolver.index.add(make_wheel(tmp_path, "demo", version))
    resolver.index.add(make_wheel(tmp_path, "app", "1.0"))
    (tmp_path / "sub folder").mkdir()
    (tmp_path / "sub folder" / "nested.txt").write_text("demo\n")
    (tmp_path / "limits.txt").write_text("demo<2\n")
    monkeypatch.chdir(tmp_path)

    text = b"app  # the app\n-r 'sub folder/nested.txt'\n--constraint=limits.txt\n"
    resolution = resolver(files=("-",), stdin=lambda: text)

    assert {one.name: one.version for one in resolution.artifacts} == {"app": "1.0", "demo": "1.0"}


def test_pages_are_asked_for_anew(resolver: Resolver, tmp_path: Path) -> None:
    """A version that came a moment ago is found, though the cached page that lacks it is fresh."""
    resolver.index.add(make_wheel(tmp_path, "demo", "1.0"))
    assert by_name(resolver("demo"))["demo"].version == "1.0"
    resolver.index.add(make_wheel(tmp_path, "demo", "2.0"))
    assert by_name(resolver("demo"))["demo"].version == "2.0"


def test_a_wish_for_virtual_environments_does_not_stop_resolving(resolver: Resolver, tmp_path: Path) -> None:
    """PIP_REQUIRE_VIRTUALENV is about installing, which does not happen here."""
    resolver.index.add(make_wheel(tmp_path, "demo", "1.0"))
    resolver.environ["PIP_REQUIRE_VIRTUALENV"] = "1"
    assert by_name(resolver("demo"))


def test_a_wrong_hash_tells_what_came(resolver: Resolver, tmp_path: Path) -> None:
    """The error of a body with another hash carries its digest and the URLs that were looked up, to find the entry."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    url = resolver.index.add(wheel)
    (tmp_path / "requirements.txt").write_text(f"demo==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(HashMismatchError) as caught:
        resolver(files=(str(tmp_path / "requirements.txt"),))
    assert caught.value.got == sha256(wheel)
    assert url in caught.value.asked


def test_a_resolution_that_fails_is_told_in_a_sentence(resolver: Resolver) -> None:
    """What pip cannot resolve is a ResolveError."""
    with pytest.raises(ResolveError, match="No distribution for nope"):
        resolver("nope")


def test_progress_names_what_is_collected(resolver: Resolver, tmp_path: Path) -> None:
    """Each project is announced by its name, and no password of a URL is."""
    phases = Phases()
    with serve_index(auth=("me", "s3cr3t")) as guarded:
        guarded.add(make_wheel(tmp_path, "demo", "1.0"))
        guarded.add(make_sdist(tmp_path, "other", "1.0"))
        direct = f"{guarded.credentialed_url.removesuffix('simple/')}files/other-1.0.tar.gz"
        options = IndexOptions(index_url=guarded.credentialed_url)
        resolver("demo", options=options, observer=phases)
        resolver(direct, options=options, observer=phases)
        resolver(f"other @ {direct}", options=options, observer=phases)

    assert phases.said == ["resolving demo", "resolving other-1.0.tar.gz", "resolving other"]


def test_a_report_that_is_missing_is_a_failure(target: Target, index: Index, tmp_path: Path) -> None:
    """A pip that ends well but reports nothing, since its settings ask it for help, has not resolved."""
    environ = {"PIP_HELP": "1", "PIP_INDEX_URL": index.simple_url}
    with pytest.raises(ResolveError):
        resolve(read(["demo"], environ={}), target, environ=environ, scratch=tmp_path, now=NOW, observer=Silent())


def test_no_log_is_nothing_asked(tmp_path: Path) -> None:
    """A pip that ended before it logged has asked for nothing."""
    assert read_log(tmp_path / "missing").urls == ()


class TestInputDigest:
    """The ledger's key: what may change a resolution changes it, and nothing else does."""

    @pytest.mark.parametrize(
        ("name", "value"),
        [("index-url", "https://example.org/"), ("pre", "1"), ("no-binary", ":all:"), ("constraint", "limits.txt")],
    )
    def test_settings_that_matter(self, target: Target, name: str, value: str) -> None:
        """Another index or another choice of files is another input."""
        changed = replace(target, config={**target.config, f"global.{name}": value})
        assert input_digest(wanted("demo"), changed) != input_digest(wanted("demo"), target)

    @pytest.mark.parametrize("name", ["cache-dir", "timeout", "cert", "retries", "proxy", "progress-bar", "log"])
    def test_settings_that_do_not(self, target: Target, name: str) -> None:
        """How patiently and through what pip asks does not change the answer."""
        changed = replace(target, config={**target.config, f":env:.{name}": "7"})
        assert input_digest(wanted("demo"), changed) == input_digest(wanted("demo"), target)

    def test_requirements(self, target: Target) -> None:
        """Other requirements are another input; the same in another file are the same."""
        assert input_digest(wanted("demo"), target) != input_digest(wanted("demo>1"), target)

    def test_renewed_tokens(self, target: Target) -> None:
        """A password that changes in the index URL of pip's configuration leaves the input what it was."""
        digests = {
            input_digest(wanted("demo"), replace(target, config={"global.index-url": f"https://me:{token}@h/simple/"}))
            for token in ("old", "new")
        }
        assert len(digests) == 1


def test_an_archive_without_a_hash() -> None:
    """An old pip's report may have an empty `archive_info`."""
    item = {
        "download_info": {"url": "https://example.org/demo-1.0.tar.gz", "archive_info": {}},
        "metadata": {"name": "demo", "version": "1.0"},
    }
    assert artifact(item, {}).hashes == {}
    assert artifact(item, {}).link_hash is None


class Phases(Silent):
    """Keeps what it is told about the resolving of projects."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def phase(self, text: str) -> None:
        """Keep it."""
        self.said.append(text)


def wanted(*arguments: str) -> RequirementSet:
    """Read requirements without an environment."""
    return read(arguments, environ={})


def commit_all(folder: Path) -> str:
    """Make a repository of a folder and return its commit."""
    git = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
    for command in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "all")):
        subprocess.run([*git, *command], cwd=folder, check=True)
    shown = subprocess.run([*git, "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    return shown.stdout.strip()
