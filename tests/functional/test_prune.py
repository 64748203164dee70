"""pip is the judge of `prune --keep`: afterwards an install of what was kept asks the index for no file."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tests.functional.test_prefetch import OFTEN, file_requests, publish, requirements_file, run_pip
from tests.helpers.artifacts import make_wheel
from tests.helpers.program import Program
from wheelwarm.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment


def names(program: Program) -> set[str]:
    """Return what is in the cache, by file name."""
    return {row["filename"] for row in program.run("list", "--json").data["entries"] if row["filename"]}


def written(path: Path, *lines: str) -> str:
    """Write a file and return its path."""
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def everything(root: Path) -> dict[str, bytes]:
    """Return every file of pip's sections with its content."""
    found = (path for section in ("http", "http-v2", "wheels") for path in (root / section).rglob("*"))
    return {str(path): path.read_bytes() for path in found if path.is_file()}


@pytest.mark.parametrize("version", OFTEN)
def test_what_is_kept_is_all_that_pip_asks_for(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """Index pages, .metadata, sdist, built wheel and build requirements of the kept file stay; all else goes."""
    publish(index, tmp_path / "files")
    index.add(make_wheel(tmp_path / "files", "other", "1.0"))
    pip = pip_of(version)
    program = Program(pip, index, cache_dir)
    file = requirements_file(tmp_path, "app", "tool")
    program.run("prefetch", "other", "lib==1.0")
    program.run("prefetch", "-r", file)
    answer = program.run("prune", "--keep", file, "--yes", "--json")

    assert answer.code == 0, answer.err
    assert answer.data["causes"]["not_needed"]["entries"] == answer.data["removed"]["entries"] > 0
    left = names(program)
    assert left >= {"app-1.0-py3-none-any.whl", "tool-0.5.tar.gz", "tool-0.5-py3-none-any.whl"}
    assert not {"other-1.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl"} & left
    for command in ("install", "download", "wheel"):
        index.clear()
        run_pip(pip, command, file, index, cache_dir, tmp_path / "to")
        assert [request.path for request in index.requests if request.status == 200] == [], command


@pytest.mark.parametrize("is_made", [False, True])
def test_a_cache_that_pip_has_not_used_yet_has_nothing_to_prune(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, is_made: bool
) -> None:
    """A cron job on a machine, or in a volume, that is new: exit code 0, nothing to remove, and no folder is made."""
    if is_made:
        cache_dir.mkdir()
    program = Program(modern_pip, index, cache_dir)
    file = requirements_file(tmp_path, "app")

    for selectors in (["--older-than", "60d", "--max-size", "5GB", "--orphans"], ["--keep", file, "--legacy"]):
        answer = program.run("prune", *selectors, "--yes")

        assert (answer.code, answer.out.split()[0]) == (0, "0"), answer.err
    assert cache_dir.exists() is is_made
    assert not is_made or list(cache_dir.iterdir()) == []


def test_needs_that_are_not_known_stop_everything(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """An input that no run has resolved and that is no list of pins: exit code 3, and no byte goes."""
    publish(index, tmp_path / "files")
    program = Program(pip_of("26.3"), index, cache_dir)
    program.run("prefetch", "app")
    before = everything(cache_dir)
    file = requirements_file(tmp_path, "lib")

    answer = program.run("prune", "--keep", file, "--older-than", "0s", "--yes")

    assert (answer.code, answer.out) == (3, "")
    assert f"wheelwarm prefetch -r {file}" in answer.err
    assert everything(cache_dir) == before


def test_pins_speak_for_themselves(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """Without the ledger the index pages in the cache tell the files of exact pins; a pin they do not tell stops it."""
    publish(index, tmp_path / "files")
    pip = pip_of("26.3")
    program = Program(pip, index, cache_dir)
    file = requirements_file(tmp_path, "app==1.0", "lib==2.0")
    program.run("prefetch", "-r", file)
    program.run("prefetch", "lib==1.0")
    shutil.rmtree(cache_dir / "wheelwarm")

    answer = program.run("prune", "--keep", file, "--yes", "--json")

    assert answer.code == 0, answer.err
    assert "lib-1.0-py3-none-any.whl" in {row["filename"] for row in answer.data["entries"]}
    index.clear()
    run_pip(pip, "install", file, index, cache_dir, tmp_path / "to")
    assert file_requests(index) == []

    shutil.rmtree(cache_dir / "wheelwarm")
    unknown = requirements_file(tmp_path, "app==1.0", "lib==2.0", "helper==3.0")
    assert program.run("prune", "--keep", unknown, "--yes").code == 3
    shutil.rmtree(cache_dir / "wheelwarm")
    sdist = requirements_file(tmp_path, "lib==2.0", "tool==0.5")
    assert program.run("prune", "--keep", sdist, "--yes").code == 3


def test_a_lock_does_not_say_what_a_build_asks_for(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """An sdist of a lock needs no more than its built wheel; without that only a prefetch knows what."""
    publish(index, tmp_path / "files")
    program, lock = Program(modern_pip, index, cache_dir), str(tmp_path / "pylock.toml")
    program.run("prefetch", "tool", "--lock", lock)
    shutil.rmtree(cache_dir / "wheelwarm")  # as where somebody else has written the lock
    assert program.run("prune", "--keep", lock, "--dry-run").code == 0
    shutil.rmtree(cache_dir / "wheels")

    refused = program.run("prune", "--keep", lock, "--yes")

    assert refused.code == 3
    assert "What building tool 0.5 asks for is not known." in refused.err
    assert f"`wheelwarm prefetch -r {lock}`" in refused.err
    assert "helper-3.0-py3-none-any.whl" in names(program)
    program.run("prefetch", "-r", lock)
    shutil.rmtree(cache_dir / "wheels")
    assert program.run("prune", "--keep", lock, "--yes").code == 0
    assert "helper-3.0-py3-none-any.whl" in names(program)


@pytest.mark.parametrize("together", [True, False], ids=["together", "apart"])
def test_files_are_kept_as_they_were_prefetched(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, *, together: bool
) -> None:
    """Of two files that one run warmed, or each its own, all that they need stays; what neither needs goes."""
    publish(index, tmp_path / "files")
    program = Program(modern_pip, index, cache_dir)
    first, second = (written(tmp_path / f"{name}.txt", name) for name in ("app", "helper"))
    for files in [(first, second)] if together else [(first,), (second,)]:
        program.run("prefetch", *(word for file in files for word in ("-r", file)))
    program.run("prefetch", "lib==1.0")

    answer = program.run("prune", "--keep", first, "--keep", second, "--yes", "--json")

    assert answer.code == 0, answer.err
    assert {row["filename"] for row in answer.data["entries"]} >= {"lib-1.0-py3-none-any.whl"}
    assert names(program) >= {"app-1.0-py3-none-any.whl", "lib-2.0-py3-none-any.whl", "helper-3.0-py3-none-any.whl"}
    assert program.run("prune", "--keep", first, "--dry-run").code == (3 if together else 0)


def test_a_file_of_which_nothing_is_known_stops_the_others(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """Of two files that no run has warmed together the one that none has warmed alone is named: nothing goes."""
    publish(index, tmp_path / "files")
    program = Program(modern_pip, index, cache_dir)
    first, second = (written(tmp_path / f"{name}.txt", name) for name in ("app", "helper"))
    program.run("prefetch", "-r", first)

    answer = program.run("prune", "--keep", first, "--keep", second, "--yes")

    assert answer.code == 3
    assert f"`wheelwarm prefetch -r {second}`" in answer.err


@pytest.mark.parametrize(
    ("warmed", "kept"),
    [
        (["-r", "all.txt", "-c", "c.txt", "--only-binary", ":all:"], ["all.txt", "-c", "c.txt", "--only-binary=:all:"]),
        (
            ["--group", "pyproject.toml:dev", "--script", "tool.py", "-r", "pyproject.toml[more]"],
            ["pyproject.toml:dev", "--keep", "tool.py", "--keep", "pyproject.toml[more]"],
        ),
        (["-r", "all.txt", "--platform=win_amd64", "--only-binary=:all:"], ["all.txt", "--platform=win_amd64"]),
    ],
    ids=["constraints", "group, script and extra", "platform"],
)
def test_what_is_kept_is_named_as_for_prefetch(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch,
    warmed: list[str], kept: list[str],
) -> None:  # fmt: skip
    """Whatever prefetch takes can be kept, with the options that it was given, in variables too."""
    publish(index, tmp_path / "files")
    index.add(make_wheel(tmp_path / "files", "lib", "1.5", tag="py3-none-win_amd64"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHEELWARM_ONLY_BINARY", ":all:")
    written(tmp_path / "all.txt", "lib<2")
    written(tmp_path / "c.txt", "lib<1.1")
    written(tmp_path / "tool.py", "# /// script", '# dependencies = ["helper"]', "# ///")
    groups = ["[project.optional-dependencies]", "more = ['lib']", "[dependency-groups]", "dev = ['helper']"]
    written(tmp_path / "pyproject.toml", "[project]", "name = 'me'", "version = '1'", *groups)
    program = Program(modern_pip, index, cache_dir)
    assert program.run("prefetch", *warmed).code == 0
    needed = names(program)
    program.run("prefetch", "app")

    answer = program.run("prune", "--keep", *kept, "--yes")

    assert answer.code == 0, answer.err
    assert names(program) == needed


def test_the_configuration_s_targets_and_inputs_are_kept(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a bare `prefetch` warms by the configuration, for each of its targets and with its constraints, stays."""
    publish(index, tmp_path / "files")
    index.add(make_wheel(tmp_path / "files", "lib", "1.5", tag="py3-none-win_amd64"))
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "all.txt", "lib")
    written(tmp_path / "c.txt", "lib<2")
    targets = [f"[[targets]]\npython = {str(modern_pip.python)!r}\n{more}" for more in ("", "platform = 'win_amd64'\n")]
    inputs = "[inputs]\nfiles = 'all.txt'\nconstraints = 'c.txt'\n"
    written(tmp_path / "wheelwarm.toml", inputs, *targets, "[prune]\nkeep = 'all.txt'")
    environ = {**modern_pip.environ(cache_dir=cache_dir, index=index), "WHEELWARM_ONLY_BINARY": ":all:"}
    warmed = CliRunner().invoke(app, ["prefetch"], env=environ)
    assert warmed.exit_code == 0, warmed.stderr
    needed = names(Program(modern_pip, index, cache_dir))
    assert needed >= {"lib-1.0-py3-none-any.whl", "lib-1.5-py3-none-win_amd64.whl"}

    pruned = CliRunner().invoke(app, ["prune", "--yes"], env=environ)

    assert pruned.exit_code == 0, pruned.stderr
    assert names(Program(modern_pip, index, cache_dir)) == needed


def test_several_pythons_each_keep_their_layout(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """What an older pip needs from `http/` stays while it is named, and is legacy when it is not."""
    publish(index, tmp_path / "files")
    old, new = pip_of("23.2.1"), pip_of("26.3")
    file = requirements_file(tmp_path, "app")
    for pip in (old, new):
        assert Program(pip, index, cache_dir).run("prefetch", "-r", file).code == 0

    both = Program(new, index, cache_dir).run("prune", "--python", str(old.python), "--keep", file, "--legacy", "--yes")

    assert both.code == 0, both.err
    for pip in (old, new):
        index.clear()
        run_pip(pip, "install", file, index, cache_dir, tmp_path / "to")
        assert file_requests(index) == []
    assert Program(new, index, cache_dir).run("prune", "--legacy", "--yes", "--json").data["removed"]["entries"] > 0
    assert not everything(cache_dir / "http")
    assert everything(cache_dir).keys()


def test_what_pip_used_lately_is_not_old(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """Where the file system keeps access times, a hit of pip's own counts as use, however old the download is."""
    publish(index, tmp_path / "files")
    pip = pip_of("26.3")
    file = requirements_file(tmp_path, "lib")
    for requirement in ("app", "lib"):
        pip.run("download", requirement, "--dest", str(tmp_path / "to"), cache_dir=cache_dir, index=index, check=True)
    when = time.time() - 40 * 86400
    for path in cache_dir.rglob("*"):
        os.utime(path, (when, when))
    if not keeps_access_times(tmp_path):
        pytest.skip("this file system keeps no access times")
    run_pip(pip, "install", file, index, cache_dir, tmp_path / "to")

    gone = Program(pip, index, cache_dir).run("prune", "--older-than", "30d", "--yes", "--json").data["entries"]

    assert {"app-1.0-py3-none-any.whl"} <= {row["filename"] for row in gone}
    assert "lib-2.0-py3-none-any.whl" not in {row["filename"] for row in gone}
    index.clear()
    run_pip(pip, "install", file, index, cache_dir, tmp_path / "to")
    assert file_requests(index) == []


def keeps_access_times(folder: Path) -> bool:
    """Tell whether reading a file moves its access time (relatime and strictatime, not noatime)."""
    probe = folder / "probe"
    probe.write_bytes(b"x")
    os.utime(probe, (1, 1))
    probe.read_bytes()
    return probe.stat().st_atime > 1


def test_other_pythons_are_told_by_their_tags(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """A wheel that the named Python could never install goes; those for any Python stay."""
    publish(index, tmp_path / "files")
    index.add(make_wheel(tmp_path / "files", "lib", "3.0", tag="cp27-cp27m-win32"))
    program = Program(modern_pip, index, cache_dir)
    program.run("prefetch", "lib")
    modern_pip.run(
        "download", "--no-deps", f"{index.url}/files/lib-3.0-cp27-cp27m-win32.whl", "--dest", str(tmp_path / "to"),
        "--platform", "win32", "--python-version", "27", "--only-binary", ":all:", "--abi", "cp27m",
        "--implementation", "cp", cache_dir=cache_dir, index=index, check=True,
    )  # fmt: skip

    answer = program.run("prune", "--other-pythons", "--yes", "--json")

    assert [row["filename"] for row in answer.data["entries"]] == ["lib-3.0-cp27-cp27m-win32.whl"]
