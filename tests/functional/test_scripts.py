"""What a script says that it needs is warmed: pip then installs just that without asking for a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.functional.test_prefetch import file_requests, publish
from tests.helpers.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

HEAD = '# /// script\n# requires-python = "{}"\n# dependencies = [{}]\n# ///\n'


@pytest.mark.parametrize("version", ["23.2.1", "26.3"])
def test_all_three_commands_read_scripts(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """After `prefetch --script` no file is asked for, `check` says so, and `export` makes a wheelhouse of it."""
    publish(index, tmp_path / "files")
    script, house, pip = tmp_path / "run.py", tmp_path / "house", pip_of(version)
    script.write_text(HEAD.format(">=3", '"app"'))
    program = Program(pip, index, cache_dir)

    answers = [
        program.run(*words, "--script", str(script), "--json")
        for words in (["prefetch"], ["check"], ["export", str(house)])
    ]

    assert [answer.code for answer in answers] == [0, 0, 0]
    assert {path.name for path in house.iterdir()} == {"app-1.0-py3-none-any.whl", "lib-2.0-py3-none-any.whl"}
    file_requests(index)
    pip.run("install", "app", "--target", str(tmp_path / "to"), cache_dir=cache_dir, index=index, check=True)
    assert file_requests(index) == []


def test_the_newest_pip_reads_the_same(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """The reading of pip itself is the judge: from what we warmed it needs no file."""
    publish(index, tmp_path / "files")
    (tmp_path / "run.py").write_text(HEAD.format(">=3", '"tool", "lib<2"'))
    Program(modern_pip, index, cache_dir).run("prefetch", "-s", str(tmp_path / "run.py"))
    file_requests(index)

    words = ("install", "--requirements-from-script", str(tmp_path / "run.py"), "--target", str(tmp_path / "to"))
    modern_pip.run(*words, cache_dir=cache_dir, index=index, check=True)

    assert file_requests(index) == []
    assert {path.name for path in (tmp_path / "to").glob("*.dist-info")} == {"tool-0.5.dist-info", "lib-1.0.dist-info"}


@pytest.mark.parametrize("command", ["prefetch", "check"])
def test_a_python_that_the_script_is_not_for(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, command: str
) -> None:
    """The script, what it needs and what the target has are named."""
    (tmp_path / "run.py").write_text(HEAD.format(">=4", ""))

    answer = Program(modern_pip, index, cache_dir).run(command, "--script", str(tmp_path / "run.py"))

    assert answer.code == 3
    assert f"error: {tmp_path / 'run.py'} needs Python >=4, and the target has Python 3." in answer.err
    assert "hint: Name one that fits by --python." in answer.err


def test_a_script_that_needs_nothing(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """There is nothing to warm, and that is no failure."""
    (tmp_path / "run.py").write_text(HEAD.format(">=3", ""))

    answer = Program(modern_pip, index, cache_dir).run("prefetch", "--script", str(tmp_path / "run.py"), "--json")

    assert (answer.code, answer.data["artifacts"]) == (0, [])
