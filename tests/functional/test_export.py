"""pip is the judge of `export`: with the index gone it installs from the folder, and from its pages."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.functional.test_prefetch import every_pip, publish, requirements_file
from tests.helpers.artifacts import make_sdist, make_wheel
from tests.helpers.index import ETAG_ONLY, NONE, serve_index
from tests.helpers.program import Program
from wheelwarm.cache.format import entry_path, key

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment
    from tests.helpers.program import Answer

APP, LIB, TOOL = "app-1.0-py3-none-any.whl", "lib-2.0-py3-none-any.whl", "tool-0.5-py3-none-any.whl"


def install(pip: PipEnvironment, file: str, to: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Install without network into a new folder, with an empty cache."""
    return pip.run("install", *flags, "-r", file, "--target", str(to / "to"), cache_dir=to / "cache")


def installed(folder: Path) -> set[str]:
    """Return what pip has installed, as `name-version`."""
    return {path.name.removesuffix(".dist-info") for path in (folder / "to").glob("*.dist-info")}


def files_in(folder: Path) -> set[str]:
    """Return the names of the files in a folder."""
    return {path.name for path in folder.iterdir() if path.is_file()}


def done(answer: Answer) -> dict[str, tuple[str, str | None]]:
    """Return what was done, and why not, by file name."""
    return {row["filename"]: (row["done"], row["reason"]) for row in answer.data["files"]}


@every_pip
@pytest.mark.parametrize("profile", [NONE, ETAG_ONLY], ids=["none", "etag"])
def test_pip_installs_from_the_folder_alone(
    pip_of: PipOf, tmp_path: Path, cache_dir: Path, version: str, profile: object
) -> None:
    """After an export the index may go: wheels and the one built here are all that an install needs, fresh or stale."""
    pip, house = pip_of(version), tmp_path / "house"
    file = requirements_file(tmp_path, "app", "tool")
    with serve_index(profile=profile) as index:  # type: ignore[arg-type]
        publish(index, tmp_path / "files")
        program = Program(pip, index, cache_dir)
        assert program.run("prefetch", "-r", file).code == 0
    answer = program.run("export", str(house), "-r", file, "--json")

    assert (answer.code, answer.envelope["status"]) == (0, "ok"), answer.err
    assert files_in(house) == {APP, LIB, TOOL}
    found = install(pip, file, tmp_path / "1", "--no-index", "--find-links", str(house))
    assert found.returncode == 0, found.stderr
    assert installed(tmp_path / "1") == {"app-1.0", "lib-2.0", "tool-0.5"}


@every_pip
def test_the_folder_serves_as_an_index(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """The pages have hashes, core metadata and Requires-Python, which every pip heeds; what was there is listed too."""
    pip, house = pip_of(version), tmp_path / "house"
    publish(index, tmp_path / "files")
    file = requirements_file(tmp_path, "app", "tool")
    program = Program(pip, index, cache_dir)
    program.run("prefetch", "-r", file)
    index.stop()
    house.mkdir()
    make_wheel(house, "lib", "9.0", requires_python=">=99")

    answer = program.run("export", str(house), "-r", file, "--index", "--json")

    assert answer.data["index"] == ["app", "lib", "tool"], answer.err
    flags = ("--index-url", house.as_uri())
    found = install(pip, file, tmp_path / "1", *flags)
    assert found.returncode == 0, found.stderr
    assert installed(tmp_path / "1") == {"app-1.0", "lib-2.0", "tool-0.5"}
    spoilt = bytearray((house / LIB).read_bytes())
    spoilt[-30] ^= 1
    (house / LIB).write_bytes(spoilt)
    assert "DO NOT MATCH THE HASHES" in install(pip, file, tmp_path / "2", *flags).stderr


def test_metadata_comes_from_its_own_file(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """The `.metadata` files of the folder are what pip resolves by; one with another hash is refused."""
    pip, house = pip_of("26.3"), tmp_path / "house"
    publish(index, tmp_path / "files")
    file = requirements_file(tmp_path, "app")
    program = Program(pip, index, cache_dir)
    program.run("prefetch", "-r", file)
    program.run("export", str(house), "-r", file, "--index")

    found = install(pip, file, tmp_path / "1", "--index-url", house.as_uri())
    (house / f"{APP}.metadata").write_bytes(b"Metadata-Version: 2.1\nName: app\nVersion: 1.0\n")
    other = install(pip, file, tmp_path / "2", "--index-url", house.as_uri())

    assert f"{LIB}.metadata" in found.stdout
    assert (found.returncode, other.returncode) == (0, 1)


@pytest.mark.parametrize("version", ["23.2.1", "26.3"])
@pytest.mark.parametrize("why", ["hash", "no-binary"])
def test_an_sdist_goes_along_where_pip_takes_no_wheel(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str, why: str
) -> None:
    """Where a hash names the sdist's bytes, or wheels are forbidden, the sdist is there and all that builds it."""
    pip, house = pip_of(version), tmp_path / "house"
    files = tmp_path / "files"
    files.mkdir()
    index.add(make_wheel(files, "helper", "3.0"))
    sdist = make_sdist(files, "tool", "0.5", build_requires=["helper"])
    index.add(sdist)
    digest = hashlib.sha256(sdist.read_bytes()).hexdigest()
    lines = {"hash": [f"tool==0.5 --hash=sha256:{digest}"], "no-binary": ["--no-binary tool", "tool"]}[why]
    file = requirements_file(tmp_path, *lines)
    program = Program(pip, index, cache_dir)
    assert program.run("prefetch", "-r", file).code == 0
    index.stop()

    answer = program.run("export", str(house), "-r", file, "--json")

    assert answer.code == 0, answer.out
    assert files_in(house) == {"tool-0.5.tar.gz", "helper-3.0-py3-none-any.whl"}
    found = install(pip, file, tmp_path / "1", "--no-index", "--find-links", str(house))
    assert found.returncode == 0, found.stderr
    assert installed(tmp_path / "1") == {"tool-0.5"}


def test_what_is_missing_is_named(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """A body that is gone and one with a flipped byte are missing, the rest is there, and the answer is no."""
    pip, house = pip_of("26.3"), tmp_path / "house"
    publish(index, tmp_path / "files")
    file = requirements_file(tmp_path, "app", "tool")
    program = Program(pip, index, cache_dir)
    program.run("prefetch", "-r", file)
    gone, spoilt = (cache_dir / "http-v2" / f"{entry_path(key(index.file_url(name)))}.body" for name in (APP, LIB))
    gone.unlink()
    spoilt.write_bytes(b"x" * spoilt.stat().st_size)

    answer = program.run("export", str(house), "-r", file, "--json")

    assert (answer.code, answer.envelope["status"]) == (1, "partial")
    found = done(answer)
    assert (found[APP], found[LIB]) == (("missing", "body missing"), ("missing", "hash mismatch"))
    assert files_in(house) == {TOOL}
    assert answer.data["summary"]["missing"] == 2


def test_several_pythons_share_one_folder(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """What the first target has put there the second one keeps."""
    publish(index, tmp_path / "files")
    file = requirements_file(tmp_path, "app")
    old = pip_of("23.2.1")
    program = Program(pip_of("26.3"), index, cache_dir)
    both = ("-r", file, "--json", "--python", str(old.python))
    assert program.run("prefetch", *both).code == 0

    answer = program.run("export", str(tmp_path / "house"), *both)

    first, second = answer.data["targets"]
    assert answer.code == 0, answer.err
    assert {row["done"] for row in first["files"]} <= {"copied", "reflinked"}
    assert {row["done"] for row in second["files"]} == {"kept"}
