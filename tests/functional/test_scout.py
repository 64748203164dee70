"""A scout goes before pip: what pip asks of the index itself, in the index's log, tells how far it got."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel
from tests.helpers.index import NONE, Fault, serve_index
from tests.helpers.program import Program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment


CLOSURE = {
    "app-1.0": ["lib>=1", "tool[fast]; python_version >= '3'", "never; python_version < '3'"],
    "lib-1.0": [],
    "lib-2.0": ["deep"],
    "lib-3.0rc1": ["never"],
    "tool-1.0": [],
    "quick-1.0": ["lib<3"],
    "deep-1.0": [],
}
EXTRAS = {"tool": {"fast": ["quick"], "thorough": ["slow"]}}
TAKEN = {"app-1.0", "lib-2.0", "tool-1.0", "quick-1.0", "deep-1.0"}
ASTRAY = {
    "app-1.0": ["tool"],
    "tool-2.0": ["nowhere"],
    "tool-1.0": ["other"],
    "other-1.0": [],
}
"""The newest tool needs what nobody has, so that pip goes back to the one before."""


def publish(index: Index, folder: Path, projects: Mapping[str, Sequence[str]]) -> None:
    """Publish wheels, by `name-version`, with what each requires."""
    folder.mkdir(exist_ok=True)
    for project, requires in projects.items():
        name, _, version = project.partition("-")
        index.add(make_wheel(folder, name, version, requires=requires, extras=EXTRAS.get(name)))


def asked_by_pip(index: Index) -> set[str]:
    """Return the last part of each path that pip itself has asked for."""
    return {
        request.path.rstrip("/").rpartition("/")[2]
        for request in index.requests
        if request.headers["user-agent"].startswith("pip/")
    }


def wheels(names: set[str]) -> set[str]:
    """Return the file names of pure wheels."""
    return {f"{name}-py3-none-any.whl" for name in names}


def test_pip_finds_everything_there(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """Pages, metadata and wheels: of what pip takes it has to ask for nothing, markers and extras heeded."""
    publish(index, tmp_path / "files", CLOSURE)

    answer = Program(modern_pip, index, cache_dir).run("prefetch", "app", "--json")

    assert answer.code == 0, answer.err
    assert answer.outcomes("after").keys() == wheels(TAKEN)
    assert asked_by_pip(index) == set()
    assert {row["lane"] for row in answer.data["artifacts"]} == {"parallel"}
    assert set(answer.actions().values()) == {"downloaded"}
    assert {outcome for outcome, _ in answer.outcomes("before").values()} == {"miss"}
    assert not {"never", "slow"} & {request.path.split("/")[2] for request in index.page_requests()}


@pytest.mark.parametrize("version", ["23.2.1", "24.3.1"])
def test_an_older_pip_asks_for_pages_alone(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """Before 26.2 pip asks about each page all the same, but for no file."""
    publish(index, tmp_path / "files", CLOSURE)

    answer = Program(pip_of(version), index, cache_dir).run("prefetch", "app", "--json")

    assert answer.code == 0, answer.err
    assert answer.outcomes("after").keys() == wheels(TAKEN)
    assert asked_by_pip(index) == {"app", "lib", "tool", "quick", "deep"}


def test_where_no_page_may_be_cached(modern_pip: PipEnvironment, tmp_path: Path, cache_dir: Path) -> None:
    """On an index that sends no caching headers files are seeded ahead of pip, which asks for the pages itself."""
    with serve_index(profile=NONE) as index:
        publish(index, tmp_path / "files", CLOSURE)

        answer = Program(modern_pip, index, cache_dir).run("prefetch", "app", "--json")

        assert set(answer.actions().values()) == {"seeded"}
        assert asked_by_pip(index) == {"app", "lib", "tool", "quick", "deep"}


def test_what_pip_does_not_take_is_reported(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """Where pip goes back on a choice, the scout was wrong: pip decides, and the report says what came in vain."""
    publish(index, tmp_path / "files", ASTRAY)
    program = Program(modern_pip, index, cache_dir)

    answer = program.run("prefetch", "app", "--json")

    assert answer.outcomes("after").keys() == wheels({"app-1.0", "tool-1.0", "other-1.0"})
    assert {one["filename"] for one in answer.data["unneeded"]} == wheels({"tool-2.0"})
    assert all(one["size"] for one in answer.data["unneeded"])


def test_the_table_says_so_too(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """One line of the table counts what was fetched in vain."""
    publish(index, tmp_path / "files", ASTRAY)

    answer = Program(modern_pip, index, cache_dir).run("prefetch", "app")

    assert "fetched ahead and not needed: 1 file, " in answer.out


def test_a_page_that_the_scout_has_not_seen_is_fresh_too(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """A page from before the run that pip would take for fresh makes pip ask again, so that nothing is missed."""
    publish(index, tmp_path / "files", ASTRAY)
    program = Program(modern_pip, index, cache_dir)
    program.run("prefetch", "other")
    publish(index, tmp_path / "files", {"other-2.0": []})
    for page in cache_dir.glob("http-v2/?/?/?/?/?/*"):
        if page.suffix != ".body":
            times = page.stat().st_mtime - 60
            os.utime(page, (times, times))

    answer = program.run("prefetch", "app", "--json")

    assert wheels({"other-2.0"}) < answer.outcomes("after").keys()


def test_a_page_that_changes_while_pip_is_on_its_way_counts(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """What pip took from its cache before the scout had the page's new state is asked for again."""
    publish(index, tmp_path / "files", {"app-1.0": ["lib"], "lib-1.0": []})
    program = Program(modern_pip, index, cache_dir)
    program.run("prefetch", "app")
    publish(index, tmp_path / "files", {"lib-2.0": []})
    index.inject("/simple/lib/", Fault(delay=4))

    answer = program.run("prefetch", "app", "--refresh", "--json")

    assert answer.outcomes("after").keys() == wheels({"app-1.0", "lib-2.0"})


def test_constraints_and_sdists(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """A constraint narrows the scout as it does pip; an sdist is fetched, and what it needs is pip's to find out."""
    publish(index, tmp_path / "files", CLOSURE)
    index.add(make_sdist(tmp_path / "files", "source", "1.0", requires=["lib"]))
    (tmp_path / "constraints.txt").write_text("lib<2\nnever<1\n")

    answer = Program(modern_pip, index, cache_dir).run(
        "prefetch", "app", "source", "-c", str(tmp_path / "constraints.txt"), "--json"
    )

    assert answer.code == 0, answer.err
    assert wheels({"lib-1.0"}) < answer.outcomes("after").keys()
    assert answer.data["unneeded"] == []
    assert not {name for name in asked_by_pip(index) if name.endswith((".tar.gz", ".metadata", ".whl"))}


@pytest.mark.parametrize("words", [["--dry-run"], ["--no-index"], ["--find-links", "files"]])
def test_where_no_scout_goes(
    modern_pip: PipEnvironment,
    index: Index,
    tmp_path: Path,
    cache_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
) -> None:
    """A dry run fetches nothing, and where not only indexes offer files the scout cannot tell what pip would take."""
    monkeypatch.chdir(tmp_path)
    publish(index, tmp_path / "files", CLOSURE)

    Program(modern_pip, index, cache_dir).run("prefetch", "app", *words)

    assert {
        request.path for request in index.page_requests() if not request.headers["user-agent"].startswith("pip/")
    } == set()


def test_a_scout_that_fails_costs_nothing(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """A server that breaks off what the scout asks for leaves everything to pip and the fetching after it."""
    publish(index, tmp_path / "files", CLOSURE)
    index.inject("lib", Fault(status=404), times=1)
    index.inject("tool-1.0-py3-none-any.whl.metadata", Fault(status=404), times=1)

    answer = Program(modern_pip, index, cache_dir).run("prefetch", "app", "--json")

    assert answer.code == 0, answer.err
    assert answer.outcomes("after").keys() == wheels(TAKEN)


def test_what_cannot_be_resolved_leaves_no_halves(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """When pip finds no way, its words are the answer, and nothing unfinished stays in the cache."""
    publish(index, tmp_path / "files", {"app-1.0": ["lib<2"], "tool-1.0": ["lib>=2"], "lib-1.0": [], "lib-2.0": []})

    answer = Program(modern_pip, index, cache_dir).run("prefetch", "app", "tool")

    assert answer.code == 3
    assert "lib" in answer.err
    assert not [path for path in (cache_dir / "http-v2").iterdir() if path.is_file()]


def test_a_host_that_may_not_be_seeded_from(
    modern_pip: PipEnvironment, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a configuration says of an index's host holds for files that are fetched ahead of pip too."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wheelwarm.toml").write_text('[seed-hosts]\nlocalhost = "never"\n')
    with serve_index(profile=NONE) as index:
        publish(index, tmp_path / "files", CLOSURE)

        answer = Program(modern_pip, index, cache_dir).run("prefetch", "app", "--json")

        assert set(answer.actions().values()) == {"skipped"}
        assert answer.code == 1


@pytest.mark.parametrize("words", [["app"], ["-r", "pins.txt"]])
def test_credentials_of_an_index_stay_out_of_the_cache(
    modern_pip: PipEnvironment, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """Pages and files behind a password come in parallel, and no file keeps a word of it."""
    monkeypatch.chdir(tmp_path)
    with serve_index(auth=("user", "hunter2")) as index:
        publish(index, tmp_path / "files", {"app-1.0": []})
        digest = hashlib.sha256((tmp_path / "files" / "app-1.0-py3-none-any.whl").read_bytes()).hexdigest()
        (tmp_path / "pins.txt").write_text(f"app==1.0 --hash=sha256:{digest}\n")

        answer = Program(modern_pip, index, cache_dir).run(
            "prefetch", *words, "--index-url", index.credentialed_url, "--json"
        )

        assert answer.code == 0, answer.err
        assert {row["lane"] for row in answer.data["artifacts"]} == {"parallel"}
        assert "hunter2" not in answer.out + answer.err
        assert not [path for path in cache_dir.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
