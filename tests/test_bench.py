"""The bench runs, on a small cache, and what it writes can be read by a program; no time is judged here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement

from tests.bench.harness import Command, run
from tests.bench.synthetic import Recipe, cache_of
from tests.bench.wheelset import USUAL, wheels_of
from tests.helpers.pips import fetch_pip, pip_store
from wheelwarm.cache.http import HttpCache
from wheelwarm.holdings.reclaim import Reader
from wheelwarm.model import Kind, Layout, Silent
from wheelwarm.stats import stats

if TYPE_CHECKING:
    from tests.helpers.pips import PipEnvironment

ROOT = Path(__file__).parent.parent
ENTRIES = 200

pytestmark = pytest.mark.skipif(not hasattr(os, "wait4"), reason="the bench measures by wait4")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder where benches keep their caches."""
    return tmp_path_factory.mktemp("bench")


def run_bench(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the benches' command line, which takes pip from where the tests keep theirs."""
    environ = {**os.environ, "XDG_CACHE_HOME": str(pip_store().parent.parent), **variables}
    argv = [sys.executable, "-m", "tests.bench", *arguments]
    return subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True, env=environ)


def test_the_cache_is_what_it_says(folder: Path) -> None:
    """A synthetic cache holds the kinds that its recipe counts, all of them named, some of them by its pages."""
    cache_dir = cache_of(folder, ENTRIES)

    report = stats(cache_dir, reader=Reader(), observer=Silent())

    recipe = Recipe.of(ENTRIES)
    counts = {kind: tally.entries for kind, tally in report.kinds.items() if kind is not Kind.OTHER}
    assert counts == {
        Kind.WHEEL: recipe.wheels,
        Kind.METADATA: recipe.metadata,
        Kind.INDEX_PAGE: recipe.pages,
        Kind.SDIST: recipe.sdists,
        Kind.BUILT_WHEEL: recipe.built,
    }
    assert not report.unidentified
    assert len(report.projects) > recipe.pages
    assert len(HttpCache(cache_dir, layout=Layout.HTTP_V2, inherits_permissions=True).keys()) == ENTRIES


def test_the_cache_is_made_once(folder: Path) -> None:
    """A cache that is there is used again, and one of another recipe makes way for a new one."""
    cache_dir = cache_of(folder, ENTRIES)
    before = cache_dir.stat().st_ino
    assert cache_of(folder, ENTRIES).stat().st_ino == before
    made = cache_dir.parent / "made.json"
    made.write_text(made.read_text().replace('"version": ', '"version": 1'))

    cache_of(folder, ENTRIES)

    assert json.loads(made.read_text())["recipe"]["version"] == Recipe.of(ENTRIES).version


def test_pip_finds_the_entries(folder: Path, modern_pip: PipEnvironment) -> None:
    """To pip the synthetic cache is one of its own: it counts two files an entry and the built wheels."""
    said = modern_pip.run("cache", "info", cache_dir=cache_of(folder, ENTRIES), check=True).stdout

    assert f"Number of HTTP files: {2 * ENTRIES}\n" in said
    assert f"Number of locally built wheels: {Recipe.of(ENTRIES).built}\n" in said


def test_the_bench_of_see(folder: Path, tmp_path: Path) -> None:
    """Each bench ends with its figures in a JSON file: every run of every command, and the goals."""
    fetch_pip("26.3")
    figures = tmp_path / "figures.json"
    argv = ["see", "--rounds", "1", "--entries", "200", "--large", "300"]

    process = run_bench(*argv, "--folder", str(folder), "--json", str(figures))

    assert process.returncode in (0, 1), process.stderr
    assert "pip cache info" in process.stdout
    found: dict[str, Any] = json.loads(figures.read_text())
    assert set(found) == {"versions", "benches"}
    assert {"python", "pip", "machine"} <= set(found["versions"])
    bench = found["benches"]["see"]
    assert set(bench) == {"facts", "measured", "goals"}
    assert list(bench["measured"]) == ["200 entries", "300 entries"]
    for commands in bench["measured"].values():
        for (one,) in commands.values():
            assert set(one) == {"wall_seconds", "cpu_seconds", "peak_bytes"}
            assert min(one.values()) > 0
    assert {"name", "measured", "limit", "met"} == set(bench["goals"][0])


def test_the_bench_of_fill(tmp_path: Path) -> None:
    """A few wheels on the tests' own index go the bench's whole way; peers that are not installed are left out."""
    fetch_pip("26.3")
    figures = tmp_path / "figures.json"
    argv = ["fill", "--wheels", "4", "--rounds", "1", "--part", "locked"]

    process = run_bench(*argv, "--folder", str(tmp_path), "--json", str(figures))

    assert process.returncode in (0, 1), process.stderr
    bench = json.loads(figures.read_text())["benches"]["fill"]
    assert bench["facts"]["wheels"].startswith("4, ")
    (runs,) = bench["measured"].values()
    assert {"pip download, lock", "prototype", "prototype, pages too", "prefetch, pins"} <= runs.keys()
    assert {"prefetch, pins / pip download, lock", "prefetch, pins / prototype, pages too, CPU"} <= {
        goal["name"] for goal in bench["goals"]
    }


def test_the_bench_of_keep(tmp_path: Path) -> None:
    """A few large wheels are looked at, with pages and without; a small cache is pruned; neither is left changed."""
    fetch_pip("26.3")
    figures = tmp_path / "figures.json"
    small = ("--wheels", "2", "--entries", str(ENTRIES), "--rounds", "1")

    process = run_bench("keep", *small, "--folder", str(tmp_path), "--json", str(figures))

    assert process.returncode in (0, 1), process.stderr
    bench = json.loads(figures.read_text())["benches"]["keep"]
    assert {"verify / sha256sum", "prune / find -delete", "prune / pip cache purge of as many"} <= {
        goal["name"] for goal in bench["goals"]
    }
    assert bench["measured"][f"two thirds of {ENTRIES} entries"].keys() == {
        "find -mtime +30 -delete",
        "prune --older-than 30d",
        "pip cache purge",
    }
    assert not (tmp_path / f"synthetic-{ENTRIES}" / "pruned").exists()
    assert {"sha256sum", "verify, authentic", "verify, readable", "verify --quick"} <= bench["measured"][
        "2 large wheels"
    ].keys()


def test_the_set_of_wheels_is_closed(tmp_path: Path) -> None:
    """What a few requirements ask for, and what that asks for, is all the set; others are there to be passed over."""
    wheels = wheels_of(tmp_path, 30)
    by_name = {wheel.project: wheel for wheel in wheels.wheels}
    reached, open_ = set(), [Requirement(root).name for root in wheels.roots]
    while open_:
        name = open_.pop()
        if name not in reached:
            reached.add(name)
            needs = [Requirement(text) for text in by_name[name].needs]
            open_ += [need.name for need in needs if need.marker is None or need.marker.evaluate()]
            assert all(need.specifier.contains(by_name[need.name].version) for need in needs if need.name in by_name)
    assert reached == set(by_name)
    assert len(list(wheels.paths())) > len(wheels.wheels)


def test_without_nginx_the_bench_says_how_to_get_it(tmp_path: Path) -> None:
    """A bench that cannot measure what it is for says what to install, and exits with 2."""
    fetch_pip("26.3")
    argv = ["fill", "--wheels", str(USUAL), "--folder", str(tmp_path), "--json", str(tmp_path / "figures.json")]
    shutil.copytree(wheels_of(tmp_path, 4).folder, tmp_path / f"wheels-{USUAL}")
    made = tmp_path / f"wheels-{USUAL}" / "made.json"
    made.write_text(made.read_text().replace('"count": 4', f'"count": {USUAL}'))

    process = run_bench(*argv, PATH=str(tmp_path))

    assert process.returncode == 2
    assert "curl is not installed: apt-get install curl" in process.stderr


def test_an_unknown_bench(tmp_path: Path) -> None:
    """A name that no bench has is a usage error."""
    process = run_bench("nothing", "--folder", str(tmp_path))

    assert process.returncode == 2
    assert "no such bench: nothing" in process.stderr


def test_a_command_that_fails(tmp_path: Path) -> None:
    """A command that fails ends the bench with what it said, for its time would mean nothing."""
    command = Command(name="failing", argv=[sys.executable, "-c", "raise SystemExit('no such cache')"])

    with pytest.raises(subprocess.CalledProcessError) as caught:
        run(command, home=tmp_path)

    assert "no such cache" in caught.value.output
