"""Lock files: what they hold for a target is what packaging selects, and a bad one is one clear sentence."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING, Any

import pytest
import tomli_w
from packaging.markers import default_environment
from packaging.tags import sys_tags

from wheelwarm.errors import InputError, ResolveError
from wheelwarm.inputs.index_options import IndexOptions
from wheelwarm.inputs.lockfile import joined, pins, read, resolution, select, select_all
from wheelwarm.model import Artifact, Kind, Resolution
from wheelwarm.targets.target import Target

if TYPE_CHECKING:
    from pathlib import Path

SHA = "ab" * 32
FILES = "https://files.test/packages"
SIX = {"SHA256": hashlib.sha256(b"six").hexdigest().upper()}


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """Describe this Python."""
    return Target(
        python=tmp_path / "python",
        version="{}.{}.{}".format(*sys.version_info),
        implementation="cpython",
        pip="26.3",
        pip_command=(),
        cache_dir=tmp_path / "cache",
        tags=tuple(map(str, sys_tags())),
        environment={name: str(value) for name, value in default_environment().items()},
    )


def file(name: str, **more: Any) -> dict[str, Any]:
    """Return a file's table."""
    return {"url": f"{FILES}/{name}", "hashes": {"sha256": SHA}, **more}


def package(name: str, **more: Any) -> dict[str, Any]:
    """Return a package's table: with one wheel for all, unless `more` has another source."""
    sources = {"wheels", "sdist", "archive", "vcs", "directory"}
    default = {} if sources & set(more) else {"wheels": [file(f"{name}-1.0-py3-none-any.whl")]}
    return {"name": name, "version": "1.0", **default, **more}


def lock(path: Path, *packages: dict[str, Any], **more: Any) -> str:
    """Write a lock and return its name."""
    top = {"lock-version": "1.0", "created-by": "the tests", **more, "packages": list(packages)}
    path.write_text(tomli_w.dumps(top), encoding="utf-8")
    return str(path)


def names(artifacts: tuple[Artifact, ...]) -> list[str]:
    """Return the artifacts' file names."""
    return [artifact.filename for artifact in artifacts]


def test_each_source_becomes_an_artifact(tmp_path: Path, target: Target) -> None:
    """Wheels, sdists, archives, version control and folders carry what pip will ask for, look up or read in place."""
    name = lock(
        tmp_path / "pylock.toml",
        package("one", wheels=[file("one-1.0-py3-none-any.whl", size=7)]),
        package("two", sdist=file("two-1.0.tar.gz")),
        package("three", archive=file("three-1.0.zip", subdirectory="src")),
        package("four", vcs={"type": "git", "url": "https://u:secret@git.test/four", "commit-id": "abc"}),
        package("five", directory={"path": "../five"}),
        package("six", wheels=[{"path": "files/six-1.0-py3-none-any.whl", "hashes": SIX}]),
    )

    (tmp_path.parent / "five").mkdir(exist_ok=True)
    (tmp_path / "files").mkdir()
    (tmp_path / "files/six-1.0-py3-none-any.whl").write_bytes(b"six")

    found = {one.name: one for one in select(read([name])[0], target, IndexOptions())}

    assert (found["one"].kind, found["one"].size, found["one"].sha256) == (Kind.WHEEL, 7, SHA)
    assert (found["two"].kind, found["two"].version, found["two"].link_hash) == (Kind.SDIST, "1.0", None)
    assert (found["three"].url, found["three"].subdirectory) == (f"{FILES}/three-1.0.zip", "src")
    assert found["four"].url.startswith("git+https://")
    assert found["five"].url == (tmp_path.parent / "five").as_uri()
    assert found["six"].url == (tmp_path / "files" / "six-1.0-py3-none-any.whl").as_uri()


def test_a_file_in_place_has_the_hash_of_the_lock(tmp_path: Path, target: Target) -> None:
    """Pip checks what it reads in place, too: another file than was locked is told; one of several hashes will do."""
    wheel = tmp_path / "six-1.0-py3-none-any.whl"
    wheel.write_bytes(b"six")

    def selected(**hashes: str) -> tuple[Artifact, ...]:
        name = lock(tmp_path / "pylock.toml", package("six", wheels=[{"path": wheel.name, "hashes": hashes}]))
        return select(read([name])[0], target, IndexOptions())

    assert len(selected(sha512="00", **SIX)) == 1
    with pytest.raises(InputError, match=r"six-1\.0-py3-none-any\.whl, which has not the hash that the lock states"):
        selected(sha256=SHA)


def test_hashes_count_in_any_case(tmp_path: Path, target: Target) -> None:
    """As for pip, a hash may be written in capitals; they are no other hash."""
    written = file("one-1.0-py3-none-any.whl") | {"hashes": {"SHA256": SHA.upper()}}
    (artifact,) = select(
        read([lock(tmp_path / "pylock.toml", package("one", wheels=[written]))])[0], target, IndexOptions()
    )

    assert artifact.sha256 == SHA


def test_markers_extras_and_groups_decide(tmp_path: Path, target: Target) -> None:
    """Packages count by their markers; a file that only a group names is taken without its default groups."""
    name = lock(
        tmp_path / "pylock.toml",
        package("always"),
        package("never", marker="python_version < '3'"),
        package("extra", marker="'x' in extras"),
        package("default", marker="'d' in dependency_groups"),
        package("grouped", marker="'g' in dependency_groups"),
        **{"extras": ["x"], "dependency-groups": ["g", "d"], "default-groups": ["d"]},
    )

    def chosen(*files: str, groups: tuple[str, ...] = ()) -> list[str]:
        (found,) = read(files, [(name, group) for group in groups])
        return [one.name for one in select(found, target, IndexOptions())]

    assert chosen(name) == ["always", "default"]
    assert chosen(f"{name}[x]") == ["always", "extra", "default"]
    assert chosen(name, groups=("g",)) == ["always", "default", "grouped"]
    assert chosen(groups=("g",)) == ["always", "grouped"]
    assert len({read([one])[0].digest for one in (name, f"{name}[x]")}) == 2


def test_formats_decide_between_wheel_and_sdist(tmp_path: Path, target: Target) -> None:
    """`--no-binary` takes the sdist where there is one; `--only-binary` without a wheel is an error that says so."""
    both = package("both", sdist=file("both-1.0.tar.gz"), wheels=[file("both-1.0-py3-none-any.whl")])
    (lock_of_both,) = read([lock(tmp_path / "pylock.toml", both)])
    (lock_of_one,) = read([lock(tmp_path / "pylock.one.toml", package("one", sdist=file("one-1.0.tar.gz")))])

    assert names(select(lock_of_both, target, IndexOptions())) == ["both-1.0-py3-none-any.whl"]
    assert names(select(lock_of_both, target, IndexOptions(no_binary=("both",)))) == ["both-1.0.tar.gz"]
    assert names(select_all(lock_of_both)) == ["both-1.0-py3-none-any.whl", "both-1.0.tar.gz"]
    with pytest.raises(ResolveError, match="no wheel of one"):
        select(lock_of_one, target, IndexOptions(only_binary=(":all:",)))


def test_a_lock_for_others_is_refused(tmp_path: Path, target: Target) -> None:
    """Another Python, other environments, no fitting file, or a target without tags: one sentence with the file."""
    for more in ({"requires-python": "<3"}, {"environments": ["python_version < '3'"]}):
        (found,) = read([lock(tmp_path / "pylock.toml", package("one"), **more)])
        with pytest.raises(ResolveError, match=r"pylock\.toml"):
            select(found, target, IndexOptions())
    unfit = package("one", wheels=[file("one-1.0-cp27-none-win32.whl")])
    (found,) = read([lock(tmp_path / "pylock.toml", unfit)])
    with pytest.raises(ResolveError, match="No wheel found"):
        select(found, target, IndexOptions())


def test_a_target_without_tags_cannot_be_served(tmp_path: Path, target: Target) -> None:
    """Where the wheel tags are not known nothing is guessed."""
    (found,) = read([lock(tmp_path / "pylock.toml", package("one"))])
    old = Target(
        python=target.python, version="3.7.9", implementation="cpython", pip="24.0", pip_command=(), cache_dir=tmp_path
    )

    with pytest.raises(ResolveError, match=r"3\.7\.9"):
        select(found, old, IndexOptions())


HEAD = b'lock-version = "1.0"\ncreated-by = "x"\n'
ONE = HEAD + b'[[packages]]\nname = "one"\n'
BAD = {
    "no TOML": (b"[\n", r"is no TOML: .*line 1"),
    "not UTF-8": (HEAD + b"# \xff", r"line 3: the file is not UTF-8"),
    "a NUL byte": (b'a = "\0"', r"is no TOML"),
    "a later version": (b'lock-version = "2.0"\ncreated-by = "x"\npackages = []', r"lock-version that is not known"),
    "no packages": (HEAD, r"packages"),
    "no marker": (
        HEAD + b'environments = ["a ; b"]\npackages = []\n',
        r"Expected a marker variable or quoted string: 'a ; b' in 'environments\[0\]'\.",
    ),
    "no source": (ONE, r"packages\[0\]"),
    "no hashes": (ONE + b'sdist = {url = "https://h/one-1.tar.gz"}', r"packages\[0\]\.sdist\.hashes"),
    "a hash that nobody can check": (
        ONE + b'sdist = {url = "https://h/one-1.tar.gz", hashes = {klingon = "00"}}',
        r"packages\[0\] \(one\) has a hash by 'klingon'",
    ),
    "no host": (
        ONE + b'sdist = {url = "https:///one-1.tar.gz", hashes = {sha256 = "00"}}',
        r"packages\[0\] \(one\) has a URL that is none: https:///one-1\.tar\.gz",
    ),
    "no such port": (
        ONE + b'sdist = {url = "https://u:secret@h:99999/one-1.tar.gz", hashes = {sha256 = "00"}}',
        r"has a URL that is none: https://\*{4}@h:99999/one-1\.tar\.gz",
    ),
    "a repository without scheme": (
        ONE + b'vcs = {type = "git", url = "h/one", commit-id = "0"}',
        r"packages\[0\] \(one\) has a URL that is none: h/one",
    ),
    "no scheme": (
        ONE + b'sdist = {url = "h/one-1.tar.gz", hashes = {sha256 = "00"}}',
        r"packages\[0\] \(one\) has a URL that is none: h/one-1\.tar\.gz",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_lock_is_one_sentence(tmp_path: Path, name: str) -> None:
    """The sentence names the file and the place in it, and there is a hint where something can be done."""
    content, expected = BAD[name]
    path = tmp_path / "pylock.toml"
    path.write_bytes(content)

    with pytest.raises(InputError, match=expected) as caught:
        read([str(path)])

    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing file, a folder, an address, an unknown extra or group: each is one sentence."""
    name = lock(tmp_path / "pylock.toml", package("one"), extras=["x"])
    (tmp_path / "pylock.dir.toml").mkdir()

    for files, groups, expected in (
        (["pylock.toml.no/pylock.toml"], [], "does not exist"),
        ([str(tmp_path / "pylock.dir.toml")], [], "cannot be read: Is a directory"),
        (["https://u:secret@h/pylock.toml"], [], "is not on this machine"),
        ([f"{name}[y]"], [], "has no extra 'y'"),
        ([name], [(name, "g")], "has no dependency group 'g'"),
    ):
        with pytest.raises(InputError, match=expected) as caught:
            read(files, groups)
        assert "secret" not in caught.value.message


def test_locks_and_what_is_resolved_go_together(tmp_path: Path, target: Target) -> None:
    """What locks hold is a constraint for the rest, and a file of both is there once."""
    (found,) = read([lock(tmp_path / "pylock.toml", package("one"))])
    locked = resolution([found, found], target, IndexOptions(), now=5.0)
    other = Artifact(name="two", version="2", filename="two-2.tar.gz", kind=Kind.SDIST, url=f"{FILES}/two-2.tar.gz")
    resolved = Resolution(artifacts=(other, *locked.artifacts), asked=("https://index.test/two/",), made=5.0)

    both = joined(locked, resolved)

    assert pins(locked) == "one==1.0\n"
    assert locked.source == "lock"
    assert [one.name for one in both.artifacts] == ["two", "one"]
    assert both.asked == resolved.asked
