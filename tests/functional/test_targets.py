"""pip is the judge of a run for several targets: each is warm afterwards, and no file was fetched twice."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.functional.test_prefetch import publish
from tests.helpers.artifacts import make_sdist, make_wheel
from tests.helpers.locks import lock_text
from tests.helpers.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment
    from tests.helpers.program import Answer

PAIRS = [
    (("23.2.1", "26.3"), False),
    (("26.3", "23.2.1"), True),
    pytest.param(("23.2.1", "26.3"), True, marks=pytest.mark.pip_matrix),
    pytest.param(("26.3", "23.2.1"), False, marks=pytest.mark.pip_matrix),
    pytest.param(("24.3.1", "26.3"), False, marks=pytest.mark.pip_matrix),
]
ARM = ("--platform", "manylinux2014_aarch64", "--only-binary", ":all:")


def run_for(pips: list[PipEnvironment], index: Index, cache_dir: Path, *arguments: str) -> Answer:
    """Run a command for several Pythons at once."""
    others = [word for pip in pips[:-1] for word in ("--python", str(pip.python))]
    return Program(pips[-1], index, cache_dir).run(*arguments, *others)


def outcomes(part: dict[str, object], moment: str) -> set[str]:
    """Return the outcomes in one target's part of the report."""
    rows = part["artifacts"]
    assert isinstance(rows, list)
    return {row[moment]["outcome"] for row in rows}


@pytest.mark.parametrize(("pair", "bare"), PAIRS)
def test_each_file_is_fetched_once_for_all_targets(
    pip_of: PipOf, index: Index, bare_index: Index, tmp_path: Path, cache_dir: Path, pair: tuple[str, str], bare: bool
) -> None:
    """Two pips of either layout get warm in one run; the index was asked once for each file, and neither pip asks."""
    served, pips = bare_index if bare else index, [pip_of(version) for version in pair]
    publish(served, tmp_path / "files")

    # Also an sdist with what its build needs, and the wheel built from it, where pip itself can store what it fetches.
    wanted = ("app",) if bare else ("app", "tool")
    answer = run_for(pips, served, cache_dir, "prefetch", *wanted, "--json")

    assert answer.code == 0, answer.err
    first, second = answer.data["targets"]
    assert [outcomes(part, "before") for part in (first, second)] == [{"miss"}, {"miss"}]
    assert [outcomes(part, "after") for part in (first, second)] == [{"hit"}, {"hit"}]
    assert {row["action"] for row in second["artifacts"]} == {"shared"}
    assert second["bytes_downloaded"] == 0
    asked = Counter(request.path for request in served.artifact_requests())
    assert set(asked.values()) == {1}
    served.clear()
    for number, pip in enumerate(pips):
        to = str(tmp_path / str(number))
        pip.run("install", *wanted, "--target", to, cache_dir=cache_dir, index=served, check=True)
        assert served.artifact_requests() == []


def test_what_an_older_pip_left_needs_no_download(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """After an upgrade past pip 23.3 the old layout's bodies are copied, not fetched; a spoilt one is fetched."""
    publish(index, tmp_path / "files")
    pip_of("23.2.1").run("download", "app", "-d", str(tmp_path / "to"), cache_dir=cache_dir, index=index, check=True)
    (entry,) = [
        path
        for path in cache_dir.glob("http/**/*")
        if path.is_file() and (tmp_path / "files/lib-2.0-py3-none-any.whl").read_bytes() in path.read_bytes()
    ]
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 1
    entry.write_bytes(content)
    index.clear()

    answer = Program(pip_of("26.3"), index, cache_dir).run("prefetch", "app", "--json")

    assert answer.actions() == {"app-1.0-py3-none-any.whl": "shared", "lib-2.0-py3-none-any.whl": "downloaded"}
    assert [request.path for request in index.artifact_requests()] == ["/files/lib-2.0-py3-none-any.whl"]
    index.clear()
    to = str(tmp_path / "3")
    pip_of("26.3").run("install", "app", "--target", to, cache_dir=cache_dir, index=index, check=True)
    assert index.artifact_requests() == []


def test_a_target_that_fails_keeps_no_other_from_being_served(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """Where one target cannot be resolved the other is warm; the error names the target, and the exit code is 1."""
    index.add(make_wheel(tmp_path, "app", "1.0"))
    project = tmp_path / "pyproject.toml"
    project.write_text('[dependency-groups]\nall = ["app"]\n')
    # Dependency groups are unknown to pips before 25.1.
    pips = [pip_of("23.2.1"), pip_of("26.3")]

    answer = run_for(pips, index, cache_dir, "prefetch", "--group", f"{project}:all", "--json")

    failed, done = answer.data["targets"]
    assert (answer.code, answer.envelope["status"]) == (1, "partial")
    assert set(failed) == {"target", "error"}
    assert answer.envelope["errors"] == [failed["error"]]
    assert outcomes(done, "after") == {"hit"}
    assert f"for Python {failed['target']['version']}" in answer.err


def test_check_has_a_part_for_each_target(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """`check` tells each target's own state: warm for the one that was prefetched, exit code 1 for the other."""
    publish(index, tmp_path / "files")
    pips = [pip_of("23.2.1"), pip_of("26.3")]
    requirements = ["app==1.0", "lib==2.0"]
    Program(pips[1], index, cache_dir).run("prefetch", *requirements)

    answer = run_for(pips, index, cache_dir, "check", *requirements, "--json")

    assert answer.code == 1
    assert [part["target"]["pip"] for part in answer.data["targets"]] == ["23.2.1", "26.3"]
    assert [outcomes(part, "before") for part in answer.data["targets"]] == [{"miss"}, {"hit"}]


def test_the_same_target_twice_is_one(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """A Python that is named twice is warmed once, and the report has the shape for one."""
    publish(index, tmp_path / "files")
    pip = pip_of("26.3")

    answer = run_for([pip, pip], index, cache_dir, "prefetch", "lib", "--json")

    assert answer.data["target"]["pip"] == "26.3"


@pytest.mark.parametrize("version", ["22.2", "26.3"])
def test_wheels_for_a_machine_elsewhere(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """With `--platform` the wheels of that platform become hits, for any pip here that downloads for it."""
    pip = pip_of(version)
    for tag in ("cp39-cp39-manylinux2014_aarch64", "cp39-cp39-manylinux2014_x86_64", "cp312-abi3-win_amd64"):
        requires = ["pure", "old-only; python_version < '3.10'"]
        index.add(make_wheel(tmp_path, "fast", "1.0", tag=tag, requires=requires))
    index.add(make_wheel(tmp_path, "pure", "1.0"))
    where = (*ARM, "--python-version", "3.9")
    program = Program(pip, index, cache_dir)

    answer = program.run("prefetch", "fast", "--json", *where)

    assert answer.code == 0, answer.err
    assert answer.outcomes("after") == {
        "fast-1.0-cp39-cp39-manylinux2014_aarch64.whl": ("hit", None),
        "pure-1.0-py3-none-any.whl": ("hit", None),
    }
    assert answer.data["target"]["elsewhere"]["platforms"] == ["manylinux2014_aarch64"]
    # pip judges the marker by the Python that it runs on.
    assert "fast needs old-only on that machine" in answer.err
    checked = program.run("check", "fast", "--json", *where)
    assert checked.code == 0
    assert "fast needs old-only on that machine" in checked.err
    assert "--resolver uv" in checked.err
    index.clear()
    to = ("-d", str(tmp_path / "to"))
    pip.run("download", "fast", *where, *to, cache_dir=cache_dir, index=index, check=True)
    assert index.artifact_requests() == []


def test_what_only_this_machine_needs_is_explained(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """Where pip asks for what the machine elsewhere does not need, the hint says why; for this machine it does not."""
    index.add(make_wheel(tmp_path, "app", "1.0", requires=["here; python_version >= '3.10'"]))
    program = Program(pip_of("26.3"), index, cache_dir)

    elsewhere = program.run("prefetch", "app", *ARM, "--python-version", "3.9")
    here = program.run("prefetch", "app")

    assert (elsewhere.code, here.code) == (3, 3)
    assert "No distribution for here" in elsewhere.err
    assert "pip judges markers as for the Python that runs it" in elsewhere.err
    assert "markers" not in here.err


@pytest.mark.parametrize("version", ["22.2", "26.3"])
def test_an_sdist_is_no_help_elsewhere(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """Where only an sdist would do, the error says just that; without `--only-binary :all:` the hint asks for it."""
    index.add(make_sdist(tmp_path, "tool", "1.0"))
    program = Program(pip_of(version), index, cache_dir)

    unsaid = program.run("prefetch", "tool", *ARM[:2])
    said = program.run("prefetch", "tool", *ARM)

    assert (unsaid.code, said.code) == (3, 3)
    assert "--only-binary :all:" in unsaid.err
    assert "there is an sdist" in said.err


def test_a_version_that_is_none(pip_of: PipOf, index: Index, cache_dir: Path) -> None:
    """`--python-version` takes what pip takes, and says how to write it otherwise."""
    answer = Program(pip_of("26.3"), index, cache_dir).run("check", "x", "--python-version", "latest")

    assert answer.code == 3
    assert "--python-version 3.12" in answer.err


def test_every_file_of_a_lock(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """With `--all-platforms` all wheels and sdists of a lock are hits, for whatever machine; nothing is built."""
    files = [
        make_wheel(tmp_path, "fast", "1.0", tag="cp39-cp39-win_amd64"),
        make_wheel(tmp_path, "fast", "1.0", tag="cp312-cp312-macosx_11_0_arm64"),
        make_sdist(tmp_path, "fast", "1.0", error="the code of an sdist ran"),
    ]
    lock = tmp_path / "pylock.toml"
    lock.write_text(lock_text({index.add(path): path for path in files}))
    program = Program(pip_of("26.3"), index, cache_dir)
    asked = ("-r", str(lock), "--all-platforms", "--json")

    before, answer, after = (program.run(command, *asked) for command in ("check", "prefetch", "check"))

    names = {path.name for path in files}
    assert (before.code, before.outcomes()) == (1, dict.fromkeys(names, ("miss", "absent")))
    assert (answer.code, answer.outcomes("after")) == (0, dict.fromkeys(names, ("hit", None)))
    assert (after.code, set(after.outcomes())) == (0, names)
    assert answer.data["target"]["elsewhere"]["everywhere"] is True
    assert not index.page_requests()


@pytest.mark.parametrize(
    ("arguments", "hint"), [(("x",), "-r pylock.toml"), (("x", "--platform", "win_amd64"), "Leave one of them out")]
)
def test_all_platforms_is_for_locks(
    pip_of: PipOf, index: Index, cache_dir: Path, arguments: tuple[str, ...], hint: str
) -> None:
    """Without a lock nothing tells all the files, and all machines are not one of them: errors that say so."""
    answer = Program(pip_of("26.3"), index, cache_dir).run("prefetch", *arguments, "--all-platforms")

    assert answer.code == 3
    assert hint in answer.err
