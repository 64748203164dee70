"""The judge of `prefetch --lock`: with the index gone, in a fresh place, plain pip installs what the lock names."""

from __future__ import annotations

import hashlib
import itertools
import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from packaging.pylock import Pylock

from tests.helpers.artifacts import make_sdist, make_wheel, unpack
from tests.helpers.index import ETAG_ONLY, NONE, PYPI, serve_index
from tests.helpers.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

PROFILES = {"pypi": PYPI, "none": NONE, "etag": ETAG_ONLY}
OFTEN = (
    ("26.3", "pylock.toml", "pypi"),
    ("26.3", "pylock.toml", "none"),
    ("26.3", "pylock.toml", "etag"),
    ("23.2.1", "offline.txt", "none"),
    ("25.3", "offline.txt", "etag"),
)
WITH_LOCKS = ("26.1.2", "26.2.1", "26.3")
OLDER = ("22.2", "22.3.1", "23.2.1", "23.3.2", "24.3.1", "25.0.1", "25.2", "25.3", "26.0.1")

each_scene = pytest.mark.parametrize(
    ("version", "file", "profile"),
    [
        pytest.param(*scene, marks=() if scene in OFTEN else pytest.mark.pip_matrix)
        for name, versions in (("pylock.toml", WITH_LOCKS), ("offline.txt", OLDER + WITH_LOCKS))
        for scene in itertools.product(versions, (name,), PROFILES)
    ],
)


def publish(index: Index, folder: Path) -> None:
    """Publish wheels that depend on each other, and an sdist that needs another project to be built."""
    folder.mkdir()
    index.add(make_wheel(folder, "app", "1.0", requires=["lib>=1", "tool"], size=100_000))
    index.add(make_wheel(folder, "lib", "1.0"))
    index.add(make_wheel(folder, "helper", "3.0"))
    index.add(make_sdist(folder, "tool", "0.5", build_requires=["helper"]))


def expire_pages(cache_dir: Path) -> int:
    """Make every index page in the cache as good as gone, as ten minutes do; return how many there were."""
    pages = [path for path in cache_dir.rglob("*") if path.is_file() and b"vnd.pypi.simple" in path.read_bytes()[:4096]]
    for path in pages:
        path.unlink()
    return len(pages)


def install(pip: PipEnvironment, file: Path, cache_dir: Path, to: Path, *, index_url: str, ca_bundle: str) -> int:
    """Let pip install from the file, with an index that does not answer; return its exit code."""
    done = pip.run(
        *("install", "-r", str(file), "--target", str(to), "--retries", "0", "--timeout", "2"),
        cache_dir=cache_dir,
        env={"PIP_INDEX_URL": index_url, "PIP_CERT": ca_bundle},
    )
    return done.returncode


@each_scene
def test_the_lock_installs_with_the_index_gone(
    pip_of: PipOf, tmp_path: Path, cache_dir: Path, version: str, file: str, profile: str
) -> None:
    """Index stopped, pages expired: from the lock pip installs all, the sdist's wheel among it; by name it cannot."""
    pip, lock = pip_of(version), tmp_path / file
    with serve_index(profile=PROFILES[profile]) as index:
        publish(index, tmp_path / "files")
        answer = Program(pip, index, cache_dir).run("prefetch", "app", "--lock", str(lock), "--json")
        gone = {"index_url": index.simple_url, "ca_bundle": str(index.ca_bundle)}
        bundle = tmp_path / "ca.pem"
        bundle.write_bytes(index.ca_bundle.read_bytes())
        gone["ca_bundle"] = str(bundle)
    assert (answer.code, answer.data["lock"]) == (0, str(lock)), answer.err
    expire_pages(cache_dir)

    by_name = tmp_path / "by-name.txt"
    by_name.write_text("app\n")
    assert install(pip, by_name, cache_dir, tmp_path / "no", **gone) != 0
    assert install(pip, lock, cache_dir, tmp_path / "to", **gone) == 0
    assert {path.name for path in (tmp_path / "to").glob("*.dist-info")} == {
        "app-1.0.dist-info",
        "lib-1.0.dist-info",
        "tool-0.5.dist-info",
    }


def test_a_lock_is_valid_and_complete(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """The pylock.toml validates and states version, URL, size and sha256 of each file; reading it warms the same."""
    publish(index, tmp_path / "files")
    program = Program(pip_of("26.3"), index, cache_dir)
    lock = tmp_path / "pylock.toml"

    program.run("prefetch", "app", "--lock", str(lock))

    read = Pylock.from_dict(tomllib.loads(lock.read_text(encoding="utf-8")))
    files = [file for package in read.packages for file in (*(package.wheels or ()), package.sdist) if file]
    assert [str(package.name) for package in read.packages] == ["app", "lib", "tool"]
    assert all(file.size and file.hashes["sha256"] and file.url for file in files)
    index.clear()
    again = program.run("prefetch", "-r", str(lock), "--json")
    assert set(again.actions().values()) == {"kept"}


def test_what_is_no_lock_is_not_overwritten(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """A file of another kind, a name that is none of a lock's, a dry run: nothing is written, the reason said."""
    publish(index, tmp_path / "files")
    program = Program(pip_of("26.3"), index, cache_dir)
    taken = tmp_path / "requirements.txt"
    taken.write_text("app\n")

    refused = program.run("prefetch", "app", "--lock", str(taken))
    misnamed = program.run("prefetch", "app", "--lock", str(tmp_path / "lock.toml"))
    dry = program.run("prefetch", "app", "--lock", str(tmp_path / "pylock.toml"), "--dry-run", "--json")

    assert (refused.code, taken.read_text()) == (3, "app\n")
    assert "is no lock" in refused.err
    assert misnamed.code == 3
    assert re.search(r"pylock\.toml", misnamed.err)
    assert (dry.code, dry.data["lock"]) == (0, None)
    assert not (tmp_path / "pylock.toml").exists()


def test_an_incomplete_run_writes_no_lock(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """Where a file could not be warmed there is no lock that would fail later, and a warning says so."""
    publish(index, tmp_path / "files")
    broken = tmp_path / "files" / "broken"
    broken.mkdir()
    index.add(make_sdist(broken, "nobuild", "1.0", error="it cannot be built"))
    lock = tmp_path / "offline.txt"

    answer = Program(pip_of("26.3"), index, cache_dir).run("prefetch", "app", "nobuild", "--lock", str(lock))

    assert answer.code == 1
    assert not lock.exists()
    assert "offline.txt was not written" in " ".join(answer.err.split())


def test_a_folder_beside_files_is_for_lines(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """From a lock with hashes pip installs no folder: a pylock.toml is refused at once, a .txt works."""
    publish(index, tmp_path / "files")
    unpack(make_sdist(tmp_path, "mine", "1.0", requires=["lib"]), tmp_path)
    pip, asked = pip_of("26.3"), ("prefetch", str(tmp_path / "mine-1.0"), "--lock")
    program, lines = Program(pip, index, cache_dir), tmp_path / "offline.txt"

    refused = program.run(*asked, str(tmp_path / "pylock.toml"))
    written = program.run(*asked, str(lines))

    assert (refused.code, written.code) == (3, 0)
    assert "pip installs no folder (mine)" in refused.err
    assert not (tmp_path / "pylock.toml").exists()
    index.stop()
    to = tmp_path / "to"
    assert install(pip, lines, cache_dir, to, index_url=index.simple_url, ca_bundle=str(index.ca_bundle)) == 0


def test_a_local_sdist_is_built_at_each_install(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """A local sdist leaves no wheel in the cache, so pip asks by name for what its build needs: a warning tells."""
    publish(index, tmp_path / "files")
    needy, plain = tmp_path / "files/tool-0.5.tar.gz", make_sdist(tmp_path, "alone", "1.0")
    program = Program(pip_of("26.3"), index, cache_dir)

    warned, quiet = (
        program.run("prefetch", str(sdist), "--lock", str(tmp_path / f"{number}.txt"))
        for number, sdist in enumerate((needy, plain))
    )

    assert (warned.code, quiet.code, quiet.err) == (0, 0, "")
    assert "Every install builds tool anew" in warned.err


def test_a_lock_that_cannot_be_written_costs_no_download(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """Where the lock's folder is not there, that is said before anybody is asked for anything."""
    publish(index, tmp_path / "files")
    index.clear()

    answer = Program(pip_of("26.3"), index, cache_dir).run(
        "prefetch", "app", "--lock", str(tmp_path / "no/pylock.toml")
    )

    assert answer.code == 3
    assert f"there is no folder {tmp_path / 'no'}" in answer.err
    assert index.requests == []


def test_a_lock_in_the_home_folder(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """`--lock=~/…`, which no shell expands, is meant as it is written; without a name there is no lock to write."""
    publish(index, tmp_path / "files")
    program, home = Program(pip_of("26.3"), index, cache_dir), {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}

    written = program.run("prefetch", "lib", "--lock", "~/pylock.toml", "--json", **home)
    unnamed = program.run("prefetch", "lib", "--lock", "")

    assert written.data["lock"] == str(tmp_path / "pylock.toml")
    assert unnamed.code == 3


def test_a_pip_that_cannot_read_the_lock(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """A pylock.toml for a pip before 26.1 is written, for whoever reads it, with a warning; a .txt needs none."""
    publish(index, tmp_path / "files")
    program = Program(pip_of("23.2.1"), index, cache_dir)

    toml, lines = (program.run("prefetch", "lib", "--lock", str(tmp_path / name)) for name in ("pylock.toml", "o.txt"))

    assert (toml.code, lines.code) == (0, 0)
    assert "pip 23.2.1 does not read pylock.toml" in toml.err
    assert lines.err == ""


@pytest.mark.parametrize("file", ["pylock.toml", "offline.txt"])
def test_a_lock_from_an_index_that_states_md5_alone(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, file: str
) -> None:
    """What pip has checked by md5 is locked by the sha256 of the same bytes, and installs with the index gone."""
    wheel = make_wheel(tmp_path, "lib", "1.0")
    digest = hashlib.md5(wheel.read_bytes(), usedforsecurity=False).hexdigest()
    page = f'<a href="{index.add(wheel)}#md5={digest}">{wheel.name}</a>'
    index.put("/simple/lib/", page.encode(), content_type="text/html")
    pip, lock = pip_of("26.3"), tmp_path / file

    answer = Program(pip, index, cache_dir).run("prefetch", "lib", "--lock", str(lock))

    assert answer.code == 0, answer.err
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() in lock.read_text()
    index.stop()
    to = tmp_path / "to"
    assert install(pip, lock, cache_dir, to, index_url=index.simple_url, ca_bundle=str(index.ca_bundle)) == 0
