"""A lock that is written says, when it is read again, the same files; and it takes no other file's place."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.pylock import Pylock

from wheelwarm.errors import InputError
from wheelwarm.inputs import locking
from wheelwarm.model import Artifact, Kind

if TYPE_CHECKING:
    from pathlib import Path

SHA = "ab" * 32
HOST = "https://files.test/packages"

WHEEL = Artifact(
    name="Some.Lib",
    version="1.0",
    kind=Kind.WHEEL,
    url=f"{HOST}/some_lib-1.0-py3-none-any.whl",
    filename="some_lib-1.0-py3-none-any.whl",
    hashes={"sha256": SHA},
    size=10,
)
SDIST = Artifact(
    name="tool",
    version="0.5",
    kind=Kind.SDIST,
    url=f"{HOST}/tool-0.5.tar.gz",
    filename="tool-0.5.tar.gz",
    hashes={"sha256": SHA},
    link_hash=("sha256", SHA),
    size=20,
)
ARCHIVE = replace(SDIST, url=f"{HOST}/main.zip", filename="main.zip", version="0.6.dev1")
CHECKOUT = replace(
    SDIST, url="git+https://user:secret@code.test/tool.git@1a2b3c", filename="", hashes={}, link_hash=None
)


def package(artifact: Artifact) -> dict[str, object]:
    """Return what the lock says of a single file."""
    table = tomllib.loads(locking.pylock([artifact]))
    Pylock.from_dict(table).validate()
    (found,) = table["packages"]
    return dict(found)


def line(artifact: Artifact) -> str:
    """Return the requirement of a single file."""
    head, found = locking.lines([artifact]).splitlines()
    assert head.startswith("#")
    return found


def test_a_wheel_is_named_by_url_size_and_hash() -> None:
    """Name normalised (PEP 503), version, file name, URL, size and sha256 of a wheel are there."""
    facts = {"name": WHEEL.filename, "url": WHEEL.url, "size": 10, "hashes": {"sha256": SHA}}
    assert package(WHEEL) == {"name": "some-lib", "version": "1.0", "wheels": [facts]}
    assert line(WHEEL) == f"some-lib @ {WHEEL.url}#sha256={SHA}"


def test_an_sdist_keeps_the_hash_in_its_url() -> None:
    """By the URL with the hash that the index gave, pip finds the wheel that it built."""
    found = package(SDIST)
    assert found["sdist"] == {
        "name": SDIST.filename,
        "url": f"{SDIST.url}#sha256={SHA}",
        "size": 20,
        "hashes": {"sha256": SHA},
    }
    assert line(SDIST) == f"tool @ {SDIST.url}#sha256={SHA}"


def test_without_a_hash_in_the_link_there_is_none_in_the_lock() -> None:
    """A direct URL that was typed without a hash is asked for by just that URL."""
    typed = replace(SDIST, link_hash=None)
    assert package(typed)["sdist"]["url"] == SDIST.url  # type: ignore[index]
    assert line(typed) == f"tool @ {SDIST.url}"


@pytest.mark.parametrize(
    "artifact",
    [
        pytest.param(ARCHIVE, id="a name that tells no version"),
        pytest.param(replace(SDIST, subdirectory="sub"), id="a folder within"),
        pytest.param(replace(SDIST, version="1.0"), id="another version than the name tells"),
    ],
)
def test_what_is_no_proper_sdist_is_an_archive(artifact: Artifact) -> None:
    """PEP 751 keeps `sdist` for files whose names tell project and version; all else is an archive, unversioned."""
    found = package(artifact)
    assert set(found) == {"name", "archive"}
    assert found["archive"]["hashes"] == {"sha256": SHA}  # type: ignore[index]
    assert found["archive"].get("subdirectory") == artifact.subdirectory  # type: ignore[attr-defined]


def test_a_folder_within_is_named_in_the_line() -> None:
    """The fragment has both the hash and the folder."""
    assert line(replace(ARCHIVE, subdirectory="sub")) == f"tool @ {ARCHIVE.url}#sha256={SHA}&subdirectory=sub"


def test_a_checkout_is_named_by_its_commit() -> None:
    """A version control URL becomes type, URL and commit."""
    found = package(CHECKOUT)
    assert found["vcs"] == {"type": "git", "url": "https://code.test/tool.git", "commit-id": "1a2b3c"}


def test_local_files_and_folders_are_named_by_path(tmp_path: Path) -> None:
    """What lies on this machine is a path; a folder has no hash."""
    wheel = tmp_path / WHEEL.filename
    wheel.touch()
    found = package(replace(WHEEL, url=wheel.as_uri()))
    assert found["wheels"][0]["path"] == str(wheel)  # type: ignore[index]
    assert package(replace(CHECKOUT, url=tmp_path.as_uri()))["directory"] == {"path": str(tmp_path)}
    assert line(replace(WHEEL, url=wheel.as_uri())) == f"some-lib @ {wheel.as_uri()}"


def test_paths_below_the_lock_count_from_it(tmp_path: Path) -> None:
    """A project that is moved, or checked out elsewhere, takes its lock along; what lies elsewhere is named in full."""
    project = tmp_path / "project"
    (project / "sub").mkdir(parents=True)
    here, below, beside = (replace(CHECKOUT, url=path.as_uri()) for path in (project, project / "sub", tmp_path))

    locking.write(project / "pylock.toml", [here, below, beside])

    table = tomllib.loads((project / "pylock.toml").read_text())
    assert sorted(one["directory"]["path"] for one in table["packages"]) == sorted([".", "sub", str(tmp_path)])


def test_what_is_editable_stays_so(tmp_path: Path) -> None:
    """The lock says it of a folder as PEP 751 does, the requirements file as `-e` does; of no other one."""
    folder = replace(CHECKOUT, url=tmp_path.as_uri())
    for editables, expected in (({folder.url}, True), ({"file:///elsewhere"}, None)):
        (table,) = tomllib.loads(locking.pylock([folder], editables))["packages"]
        assert table["directory"].get("editable") is expected
        found = locking.lines([folder], editables).splitlines()[1]
        assert found == (f"-e {folder.url}" if expected else f"tool @ {folder.url}")


@pytest.mark.parametrize("artifact", [WHEEL, SDIST, ARCHIVE, CHECKOUT], ids=lambda one: one.filename or "checkout")
def test_no_credentials_are_written(artifact: Artifact) -> None:
    """User and password of a URL are left out: pip's cache goes by the URL without them."""
    known = replace(artifact, url=artifact.url.replace("https://files", "https://user:secret@files"))
    assert "secret" not in locking.pylock([known]) + locking.lines([replace(known, hashes={"sha256": SHA})])


def test_the_strongest_usual_hash_is_stated() -> None:
    """sha256 before sha512; with neither there is no lock, and the file is named."""
    several = replace(WHEEL, hashes={"sha512": "cd" * 64, "sha256": SHA})
    assert package(several)["wheels"][0]["hashes"] == {"sha256": SHA}  # type: ignore[index]
    with pytest.raises(InputError, match=r"some_lib-1\.0-py3-none-any\.whl"):
        locking.pylock([replace(WHEEL, hashes={"md5": "ef"})])


@given(names=st.lists(st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True), unique=True))
def test_the_order_is_by_name(names: list[str]) -> None:
    """The same set gives the same text, in whatever order it was resolved."""
    artifacts = [replace(WHEEL, name=name, filename=f"{name}-1.0-py3-none-any.whl") for name in names]
    assert locking.pylock(artifacts) == locking.pylock(artifacts[::-1])
    assert locking.lines(artifacts) == locking.lines(artifacts[::-1])


@pytest.mark.parametrize("before", [None, "", 'lock-version = "1.0"\npackages = []\n'])
def test_a_lock_takes_the_place_of_a_lock(tmp_path: Path, before: str | None) -> None:
    """Nothing, an empty file or a lock is replaced, and twice is the same as once."""
    path = tmp_path / "pylock.dev.toml"
    if before is not None:
        path.write_text(before)

    locking.write(path, [WHEEL])
    once = path.read_bytes()
    locking.write(path, [WHEEL])

    assert (tomllib.loads(once.decode())["lock-version"], path.read_bytes()) == ("1.0", once)


@pytest.mark.parametrize("before", [b"app==1.0\n", b"[project]\n", b"\xff", b"= broken"])
def test_no_other_file_is_replaced(tmp_path: Path, before: bytes) -> None:
    """Whatever is no lock stays as it is."""
    for name in ("pylock.toml", "requirements.txt"):
        (tmp_path / name).write_bytes(before)
        with pytest.raises(InputError, match="is no lock"):
            locking.write(tmp_path / name, [WHEEL])
        assert (tmp_path / name).read_bytes() == before


def test_its_own_lines_are_replaced(tmp_path: Path) -> None:
    """A requirements file that was written before by `--lock` is written anew."""
    locking.write(tmp_path / "offline.txt", [WHEEL])
    locking.write(tmp_path / "offline.txt", [SDIST])
    assert "tool @ " in (tmp_path / "offline.txt").read_text()


@pytest.mark.parametrize("name", ["lock.toml", "pylock.a.b.toml", "requirements.in", "pylock"])
def test_a_name_that_pip_takes_for_no_lock_is_refused(tmp_path: Path, name: str) -> None:
    """Since 26.1 pip goes by the name, so that another name would be of no use."""
    with pytest.raises(InputError, match="no lock"):
        locking.check(tmp_path / name)
