"""What a prefetch need not ask pip: what it was told a moment ago, and what pins with hashes say themselves."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel
from tests.helpers.index import NONE, serve_index
from tests.helpers.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment


@pytest.fixture
def program(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> Program:
    """Return wheelwarm before an index with a project and what that needs."""
    (tmp_path / "files").mkdir()
    for name, version, requires in (("app", "1.0", ["lib>=1"]), ("lib", "1.0", []), ("lib", "2.0", [])):
        index.add(make_wheel(tmp_path / "files", name, version, requires=requires))
    return Program(modern_pip, index, cache_dir)


def pages_of(cache_dir: Path) -> list[Path]:
    """Return the metadata files of the index pages in the cache."""
    found = [path for path in cache_dir.glob("http-v2/?/?/?/?/?/*") if path.suffix != ".body"]
    return [path for path in found if b"vnd.pypi.simple" in path.read_bytes()]


def pinned(folder: Path, *names: str) -> str:
    """Write pins with the hashes of these files, and return the path."""
    lines = []
    for name in names:
        project, version = name.split("-")[:2]
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        lines.append(f"{project}=={version.removesuffix('.tar.gz')} --hash=sha256:{digest}")
    path = folder.parent / "pins.txt"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_what_was_asked_a_moment_ago_is_not_asked_again(program: Program, index: Index) -> None:
    """While the index pages are fresh, the same input needs no request at all, and the report says from when it is."""
    first = program.run("prefetch", "app", "--json")
    index.clear()

    again = program.run("prefetch", "app", "--json")
    table = program.run("prefetch", "app")

    assert (again.code, again.outcomes("after")) == (0, first.outcomes("after"))
    assert not index.requests
    assert (first.data["resolution"]["source"], again.data["resolution"]["source"]) == ("pip", "ledger")
    assert first.data["resolution"]["made"] <= again.data["resolution"]["made"]
    assert "resolution: remembered from" in table.out
    assert "--refresh" in table.out


def test_a_missing_file_is_fetched_without_asking_pip(program: Program, index: Index, cache_dir: Path) -> None:
    """A remembered resolution still fills: what has gone from the cache comes back, and nothing else is asked for."""
    program.run("prefetch", "app")
    kept = set(pages_of(cache_dir))
    for path in cache_dir.glob("http-v2/?/?/?/?/?/*"):
        if path.with_suffix("") not in kept:
            path.unlink()
    index.clear()

    answer = program.run("prefetch", "app", "--json")

    assert answer.code == 0
    assert set(answer.actions().values()) == {"downloaded"}
    assert {request.path.rpartition("/")[2] for request in index.requests} == {
        "app-1.0-py3-none-any.whl",
        "lib-2.0-py3-none-any.whl",
        "app-1.0-py3-none-any.whl.metadata",
        "lib-2.0-py3-none-any.whl.metadata",
    }


@pytest.mark.parametrize("reason", ["refresh", "expired", "stored since", "gone"])
def test_a_memory_that_no_longer_counts(
    program: Program, index: Index, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """With --refresh, after ten minutes, and when another pip has fetched a page since, the index is asked."""
    program.run("prefetch", "app")
    index.add(make_wheel(tmp_path / "files", "lib", "3.0"))
    words = ["--refresh"] if reason == "refresh" else []
    if reason == "expired":
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + 601)
    elif reason == "stored since":
        program.pip.run("download", "lib", "--refresh-package", "lib", cache_dir=cache_dir, index=index, check=True,
                        cwd=tmp_path)  # fmt: skip
    elif reason == "gone":
        pages_of(cache_dir)[0].unlink()

    answer = program.run("prefetch", "app", *words, "--json")

    assert answer.data["resolution"]["source"] == "pip"
    assert "lib-3.0-py3-none-any.whl" in answer.outcomes("after")


@pytest.mark.parametrize("version", ["23.2.1", "24.3.1"])
def test_a_pip_that_always_asks_is_always_asked(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """Before 26.2 pip asks about each index page at every install, so a memory would not tell what it will take."""
    index.add(make_wheel(tmp_path, "lib", "1.0"))
    program = Program(pip_of(version), index, cache_dir)
    program.run("prefetch", "lib")
    index.add(make_wheel(tmp_path, "lib", "2.0"))

    assert "lib-2.0-py3-none-any.whl" in program.run("prefetch", "lib", "--json").outcomes("after")


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (["lib", "--find-links", "files"], {}),
        (["./project"], {}),
        (["lib"], {"PIP_CONSTRAINT": "constraints.txt"}),
        (["lib"], {"PIP_REFRESH_PACKAGE": "lib"}),
    ],
)
def test_what_may_change_without_the_index_is_not_remembered(
    program: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    variables: dict[str, str | None],
) -> None:
    """A folder of links, a local project, a constraint that the environment names: pip reads them anew."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "pyproject.toml").write_text('[project]\nname = "project"\nversion = "1"\n')
    (tmp_path / "constraints.txt").write_text("lib<3\n")
    for _ in range(2):
        answer = program.run("prefetch", *words, "--json", **variables)

    assert answer.envelope["status"] in ("ok", "error")
    if answer.envelope["status"] == "ok":
        assert answer.data["resolution"]["source"] == "pip"


def test_pins_with_hashes_are_a_lock(program: Program, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """Their index pages and files are all that is asked for, and then pip asks for no file."""
    file = pinned(tmp_path / "files", "app-1.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl")

    answer = program.run("prefetch", "-r", file, "--json")

    assert (answer.code, answer.data["resolution"]["source"]) == (0, "pins")
    assert [request.path for request in index.metadata_requests()] == []
    assert {request.headers["user-agent"].split("/")[0] for request in index.requests} == {"wheelwarm"}
    index.clear()
    program.pip.run(
        "install", "--require-hashes", "-r", file, "--target", str(tmp_path / "to"),
        cache_dir=cache_dir, index=index, check=True,
    )  # fmt: skip
    assert not index.requests


def test_pins_on_an_index_that_lets_nothing_be_cached(
    modern_pip: PipEnvironment, tmp_path: Path, cache_dir: Path
) -> None:
    """Without caching headers pages are asked for each time, and the files are seeded all the same."""
    with serve_index(profile=NONE) as index:
        (tmp_path / "files").mkdir()
        index.add(make_wheel(tmp_path / "files", "lib", "1.0"))
        program = Program(modern_pip, index, cache_dir)
        file = pinned(tmp_path / "files", "lib-1.0-py3-none-any.whl")

        assert program.run("prefetch", "-r", file, "--json").actions() == {"lib-1.0-py3-none-any.whl": "seeded"}
        index.clear()
        again = program.run("prefetch", "-r", file, "--json")

        assert (again.data["resolution"]["source"], again.actions()) == ("pins", {"lib-1.0-py3-none-any.whl": "kept"})
        assert {request.path for request in index.requests} == {"/simple/lib/"}


def test_pins_that_lack_a_dependency_are_told(program: Program, tmp_path: Path) -> None:
    """What pip would refuse for lack of a hash, or take besides, is an error that names it."""
    file = pinned(tmp_path / "files", "app-1.0-py3-none-any.whl")

    answer = program.run("prefetch", "-r", file)

    assert answer.code == 3
    assert "app 1.0 needs lib, which the input does not pin" in answer.err


def test_what_pins_leave_open_is_pips(program: Program, index: Index, tmp_path: Path) -> None:
    """An sdist has to be built, and a version that no page lists has to be explained: both by pip."""
    index.add(make_sdist(tmp_path / "files", "tool", "0.5"))
    file = pinned(tmp_path / "files", "tool-0.5.tar.gz")
    assert program.run("prefetch", "-r", file, "--json").data["resolution"]["source"] == "pip"

    (tmp_path / "absent.txt").write_text(f"lib==9.0 --hash=sha256:{'0' * 64}\n")
    answer = program.run("prefetch", "-r", str(tmp_path / "absent.txt"))
    assert answer.code == 3
    assert "lib==9.0" in answer.err
