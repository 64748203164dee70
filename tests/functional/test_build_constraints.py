"""Sdists are built with what `--build-constraint` allows, and that is what is warmed; pip is the judge."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.functional.test_prefetch import file_requests, publish
from tests.helpers.artifacts import make_wheel
from tests.helpers.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

OLD, NEW = "helper-3.0-py3-none-any.whl", "helper-4.0-py3-none-any.whl"


@pytest.fixture
def limits(index: Index, tmp_path: Path) -> str:
    """Publish an sdist whose build asks for helper, in two versions, and write a file that forbids the newer."""
    publish(index, tmp_path / "files")
    index.add(make_wheel(tmp_path / "files", "helper", "4.0"))
    (tmp_path / "limits.txt").write_text("helper<4\n")
    return str(tmp_path / "limits.txt")


@pytest.mark.parametrize("version", ["26.3", pytest.param("25.3", marks=pytest.mark.pip_matrix)])
def test_builds_heed_the_constraints(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, limits: str, version: str
) -> None:
    """Only the version allowed is warmed; pip, with the same constraints, builds again without asking for a file."""
    pip = pip_of(version)
    program = Program(pip, index, cache_dir)

    answer = program.run("prefetch", "tool", "--build-constraint", limits, "--json")

    assert answer.code == 0, answer.err
    assert answer.outcomes("after")[OLD] == ("hit", None)
    assert NEW not in answer.outcomes()
    assert not any(NEW in path for path in file_requests(index))
    shutil.rmtree(cache_dir / "wheels")
    words = ("install", "tool", "--build-constraint", limits, "--target", str(tmp_path / "to"))
    pip.run(*words, cache_dir=cache_dir, index=index, check=True)
    assert file_requests(index) == []


def test_a_wheel_that_is_gone_is_built_with_the_same(
    modern_pip: PipEnvironment, index: Index, cache_dir: Path, limits: str
) -> None:
    """The build of a single sdist heeds them too, also from a lock, where nothing is resolved."""
    program = Program(modern_pip, index, cache_dir)
    lock = str(cache_dir.parent / "pylock.toml")
    program.run("prefetch", "tool", "lib", "--build-constraint", limits, "--lock", lock)
    shutil.rmtree(cache_dir)
    index.clear()

    answer = program.run("prefetch", "-r", lock, "--build-constraint", limits, "--json")

    assert answer.code == 0, answer.err
    requested = file_requests(index)
    assert any(OLD in path for path in requested)
    assert not any(NEW in path for path in requested)


def test_they_make_another_input(modern_pip: PipEnvironment, index: Index, cache_dir: Path, limits: str) -> None:
    """What was resolved with them is not what `check` knows without, or with others."""
    program = Program(modern_pip, index, cache_dir)
    program.run("prefetch", "tool", "--build-constraint", limits)

    same = program.run("check", "tool", "--build-constraint", limits)
    without = program.run("check", "tool")

    assert (same.code, without.code) == (0, 3)


def test_a_pip_that_has_no_such_option(pip_of: PipOf, index: Index, cache_dir: Path, limits: str) -> None:
    """An older pip would not heed them, so it is refused, with what holds there."""
    answer = Program(pip_of("23.2.1"), index, cache_dir).run("prefetch", "tool", "--build-constraint", limits)

    assert answer.code == 3
    assert "error: pip 23.2.1 has no --build-constraint.\n" in answer.err
    assert "PIP_CONSTRAINT=FILE" in answer.err


def test_a_file_with_a_mistake(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """File and line are named before anything is asked for."""
    (tmp_path / "limits.txt").write_text("helper<4\nhelper=4\n")

    answer = Program(modern_pip, index, cache_dir).run(
        "prefetch", "tool", "--build-constraint", str(tmp_path / "limits.txt")
    )

    assert answer.code == 3
    assert f"error: {tmp_path / 'limits.txt'}, line 2: invalid requirement 'helper=4'" in answer.err
    assert index.requests == []
