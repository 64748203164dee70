"""Locally built wheels: the folder, the choice and the rule are those of real pips."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.artifacts import make_sdist
from tests.helpers.pip_links import PipLinks
from wheelwarm.cache.contents import examine
from wheelwarm.cache.inventory import Form, take
from wheelwarm.cache.wheels import (
    ORIGIN,
    Origin,
    directory,
    find,
    parse_origin,
    should_cache,
    wheel_key,
)
from wheelwarm.urls import fragment_hash, fragment_subdirectory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

TAGS = ["cp311-cp311-linux_x86_64", "cp311-none-any", "py3-none-linux_x86_64", "py3-none-any"]
KEY = "0123456789abcdef" * 3 + "01234567"
PIPS = [*(pytest.param(version, marks=pytest.mark.pip_matrix) for version in ("22.2", "24.3.1")), "26.3"]


@pytest.fixture(scope="module")
def oracle() -> Iterator[PipLinks]:
    """Run the pip of this environment as the oracle."""
    with PipLinks() as running:
        yield running


@pytest.fixture(scope="module")
def interpreter(oracle: PipLinks) -> Mapping[str, str]:
    """Return what stands in the oracle's keys for its Python."""
    return oracle.interpreter()


def key_of(url: str, interpreter: Mapping[str, str]) -> str:
    """Return the key for a URL that may carry a hash and a subdirectory in its fragment."""
    return wheel_key(
        url,
        hash=fragment_hash(url),
        subdirectory=fragment_subdirectory(url),
        interpreter_name=interpreter["interpreter_name"],
        interpreter_version=interpreter["interpreter_version"],
    )


def put(folder: Path, *names: str) -> None:
    """Write files of three bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"whl")


@pytest.mark.parametrize("version", PIPS)
@pytest.mark.parametrize("written", ["demo-sdist==1.0", "demo-sdist @ {url}#sha256={sha256}", "demo-sdist @ {url}"])
def test_finds_what_pip_built(
    version: str,
    written: str,
    pip_of: PipOf,
    index: Index,
    cache_dir: Path,
    tmp_path: Path,
    interpreter: Mapping[str, str],
) -> None:
    """The key of a link leads to the wheel that a real pip built from it, and pip itself builds no second one."""
    sdist = make_sdist(tmp_path, "demo-sdist", "1.0")
    url, sha256 = index.add(sdist), hashlib.sha256(sdist.read_bytes()).hexdigest()
    requirement = written.format(url=url, sha256=sha256)
    link = url if written.endswith("{url}") else f"{url}#sha256={sha256}"

    install(pip_of(version), requirement, index, cache_dir)
    wheel = find(cache_dir, key_of(link, interpreter), project="Demo_SDist", tags=TAGS)
    index.clear()
    again = install(pip_of(version), requirement, index, cache_dir)

    assert wheel is not None
    assert parse_origin(wheel.path.with_name(ORIGIN).read_bytes()) == Origin(url=url, hashes={"sha256": sha256})
    assert list(cache_dir.rglob("*.whl")) == [wheel.path]
    assert index.artifact_requests() == []
    assert "Building wheel" not in again


@pytest.mark.parametrize("version", PIPS)
def test_pip_does_not_look_without_a_name(
    version: str, pip_of: PipOf, index: Index, cache_dir: Path, tmp_path: Path, interpreter: Mapping[str, str]
) -> None:
    """From a URL without a name before it pip builds each time, though it keeps the wheel for those who give one."""
    url = index.add(make_sdist(tmp_path, "demo-sdist", "1.0"))

    install(pip_of(version), url, index, cache_dir)
    again = install(pip_of(version), url, index, cache_dir)

    assert find(cache_dir, key_of(url, interpreter), project="demo-sdist", tags=TAGS) is not None
    assert "Building wheel" in again


def install(pip: PipEnvironment, requirement: str, index: Index, cache_dir: Path) -> str:
    """Install into a folder that is thrown away, and return what pip said."""
    target = str(cache_dir.with_name("target"))
    options = ("--no-deps", "--upgrade", "--target", target)
    return pip.run("install", *options, requirement, cache_dir=cache_dir, index=index, check=True).stdout


segments = st.text(alphabet="abC-._~%2+ é", min_size=1, max_size=12)
fragments = st.lists(
    st.sampled_from(["sha256=" + "a" * 64, "md5=0f", "subdirectory=a/b", "subdirectory=", "egg=demo", "blake3=1"]),
    max_size=3,
).map("&".join)


@settings(max_examples=200)
@given(
    start=st.sampled_from(
        ["https://h.example/", "HTTPS://H.example:443/x/", "https://u:p@h.example/", "git+ssh://h/x@"]
    ),
    path=segments,
    query=st.sampled_from(["", "?", "?a=b"]),
    fragment=fragments,
)
def test_key_like_pip(
    start: str,
    path: str,
    query: str,
    fragment: str,
    oracle: PipLinks,
    interpreter: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The folder of a URL, whatever its fragment, is the one that pip's wheel cache names."""
    root = tmp_path_factory.getbasetemp()
    url = f"{start}{path}{query}#{fragment}"

    assert str(directory(root, key_of(url, interpreter))) == oracle.wheel_folder(url, root)


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["demo-1.0-py3-none-any.whl"],
        ["demo-1.0-py3-none-any.whl", "demo-1.0-cp311-cp311-linux_x86_64.whl"],
        ["demo-1.0-cp311-none-any.whl", "demo-2.0-cp311-none-any.whl"],
        ["demo-1.0-2-py3-none-any.whl", "demo-1.0-1-py3-none-any.whl"],
        ["demo-1.0-cp312-cp312-linux_x86_64.whl"],
        ["demo-1.0-py2.py3-none-any.whl", "Demo-1.0-py3-none-linux_x86_64.whl"],
        ["other-1.0-py3-none-any.whl"],
        ["demo.whl", "demo-1.0.whl", "demo-1.0-py3-none-any.zip", ORIGIN],
    ],
)
def test_choice_like_pip(names: list[str], oracle: PipLinks, interpreter: Mapping[str, str], tmp_path: Path) -> None:
    """Among several wheels in a folder the one is found that pip takes."""
    url = "https://h.example/demo-1.0.tar.gz"
    put(directory(tmp_path, key_of(url, interpreter)), *names)

    found = find(tmp_path, key_of(url, interpreter), project="demo", tags=TAGS)

    assert (found.path.name if found else None) == oracle.wheel(url, tmp_path, "demo", TAGS)


@pytest.mark.parametrize("version", PIPS)
def test_should_cache_like_pip(version: str, pip_of: PipOf) -> None:
    """A real pip keeps what it builds from just the archives that `should_cache` tells."""
    names = ["demo-1.0.tar.gz", "demo.tar.gz", "main.zip", "demo-main.zip", "v1.0.tar.gz", "a_b-c.TAR.bz2", "x-.zip"]
    urls = [
        f"https://h.example/a-b/{name}" for name in (*names, "demo%2D1.0.zip", "demo-1.0.zip/", "", "-.zip", "d.x-y")
    ]
    with PipLinks(pip_of(version).python) as pip:
        theirs = [pip.keeps(url) for url in urls]

    assert [should_cache(url) for url in urls] == theirs
    assert [should_cache(name) for name in names] == theirs[: len(names)]


def test_what_is_no_finished_wheel_is_passed_over(tmp_path: Path) -> None:
    """Builds in progress, folders, links and whatever else lies about are not taken, and nothing is raised."""
    folder = directory(tmp_path, KEY)
    put(folder, "demo-1.0-py3-none-any.whl", "nonsense.whl", "notes.txt")
    (folder / "demo-1.0-1-py3-none-any.whl").mkdir()
    (folder / "demo-1.0-2-py3-none-any.whl").symlink_to(folder / "demo-1.0-py3-none-any.whl")
    put(folder / "tmpb0x_1w3z", "demo-1.0-0-py3-none-any.whl")

    wheel = find(tmp_path, KEY, project="demo", tags=TAGS)

    assert wheel is not None
    assert wheel.path == folder / "demo-1.0-py3-none-any.whl"
    assert (wheel.name, wheel.version, wheel.tags, wheel.bytes) == ("demo", "1.0", ("py3-none-any",), 3)


def test_a_failed_build_is_no_wheel(pip_of: PipOf, index: Index, cache_dir: Path, tmp_path: Path) -> None:
    """The folder that a real pip leaves behind when a build fails is not taken for a wheel."""
    index.add(make_sdist(tmp_path, "demo-sdist", "1.0", error="stop here"))

    failed = pip_of("26.3").run("wheel", "--no-deps", "demo-sdist", cache_dir=cache_dir, index=index, cwd=tmp_path)

    assert failed.returncode == 1
    assert len(list(cache_dir.glob("wheels/??/??/??/*"))) == 1
    assert Form.BUILT_WHEEL not in {item.form for item in take(cache_dir).items}


def test_no_cache(tmp_path: Path) -> None:
    """A cache directory that is not there holds no wheels."""
    assert find(tmp_path / "none", KEY, project="demo", tags=TAGS) is None


@pytest.mark.parametrize(
    ("document", "origin"),
    [
        (
            {"url": "https://h/x.zip", "archive_info": {"hash": "sha256=aa"}},
            Origin(url="https://h/x.zip", hashes={"sha256": "aa"}),
        ),
        (
            {"url": "https://h/x.zip", "archive_info": {"hashes": {"sha256": "aa", "md5": 1}}, "subdirectory": "a"},
            Origin(url="https://h/x.zip", hashes={"sha256": "aa"}, subdirectory="a"),
        ),
        ({"url": "https://h/x.zip", "archive_info": {}}, Origin(url="https://h/x.zip")),
        (
            {"url": "https://h/x.git", "vcs_info": {"vcs": "git", "commit_id": "0f", "requested_revision": "main"}},
            Origin(url="https://h/x.git", vcs="git", commit="0f"),
        ),
        ({"url": "https://h/x.git"}, None),
        ({"url": "https://h/x.git", "archive_info": {}, "vcs_info": {}}, None),
        ({"url": 3, "archive_info": {}}, None),
        ([], None),
    ],
)
def test_origin(document: object, origin: Origin | None) -> None:
    """An origin is read by PEP 610, in the words of old and new pips; one that says nothing sure is None."""
    assert parse_origin(json.dumps(document)) == origin


@given(text=st.binary(max_size=40) | st.just(b"[" * 100_000))
def test_origin_never_raises(text: bytes) -> None:
    """Bytes of any kind are no origin rather than an error."""
    assert parse_origin(text) is None


@pytest.mark.parametrize("spoil", ["broken", "huge", "folder", "link"])
def test_broken_origin(spoil: str, tmp_path: Path) -> None:
    """A wheel counts whatever lies in place of its origin."""
    folder = directory(tmp_path, KEY)
    put(folder, "demo-1.0-py3-none-any.whl")
    good = json.dumps({"url": "https://h/x.zip", "archive_info": {}})
    if spoil == "folder":
        (folder / ORIGIN).mkdir()
    elif spoil == "link":
        (tmp_path / ORIGIN).write_text(good)
        (folder / ORIGIN).symlink_to(tmp_path / ORIGIN)
    else:
        (folder / ORIGIN).write_text({"broken": "{", "huge": " " * (1 << 20) + good}[spoil])

    (item,) = [item for item in take(tmp_path).items if item.form is Form.BUILT_WHEEL]

    found = examine(tmp_path, item)

    assert (found.name, found.origin) == ("demo", None)
