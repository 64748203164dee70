"""What people on a real terminal of 80 columns get to see, and what programs behind a pipe get."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from examples.picture import on_a_terminal
from tests.helpers.artifacts import make_wheel

if TYPE_CHECKING:
    from tests.helpers.pips import PipEnvironment

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="no terminals of this kind here")


@pytest.mark.parametrize(
    ("cache", "shown"), [("home/.cache/pip", "~/.cache/pip"), ("home", "~"), ("homestead", "homestead")]
)
def test_home_is_a_tilde_on_a_terminal_alone(tmp_path: Path, cache: str, shown: str) -> None:
    """`stats` names a cache below the home folder by `~` on a terminal, in a pipe by its whole path."""
    where = tmp_path / cache
    where.mkdir(parents=True)
    command = [sys.executable, "-m", "wheelwarm", "stats", "--cache-dir", str(where)]
    environ = {**os.environ, "HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}

    seen = on_a_terminal(command, environ=environ, folder=tmp_path)
    piped = subprocess.run(command, cwd=tmp_path, env=environ, check=True, capture_output=True, text=True).stdout

    assert seen.splitlines()[0].endswith(shown)
    assert (str(tmp_path) in seen) is (cache == "homestead")
    assert piped.splitlines()[0] == str(where)


def test_an_error_is_wrapped_between_words(tmp_path: Path) -> None:
    """On a terminal of 80 columns no word of an error is cut, a long path stays whole; a pipe gets one line."""
    missing = tmp_path / "-".join(["no"] * 50)
    command = [sys.executable, "-m", "wheelwarm", "stats", "--python", str(missing)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    shell = ["sh", "-c", f"{shlex.join(command)} 2>&1; test $? -eq 3"]

    seen = on_a_terminal(shell, environ=environ, folder=tmp_path)
    piped = subprocess.run(shell, cwd=tmp_path, env=environ, check=True, capture_output=True, text=True).stdout

    assert [line for line in seen.splitlines() if str(missing) in line]
    assert max(len(line) for line in seen.splitlines() if str(missing) not in line) <= 80
    assert piped.splitlines()[0] == f"error: {missing} cannot be started: No such file or directory."


def test_a_table_in_a_pipe_has_no_blanks_at_its_end(tmp_path: Path, modern_pip: PipEnvironment) -> None:
    """Lines end where their text does, so that a program that cuts columns finds nothing more."""
    wheel = make_wheel(tmp_path, "app", "1.0")
    command = [sys.executable, "-m", "wheelwarm", "check", str(wheel), "--python", str(modern_pip.python)]
    environ = {**modern_pip.environ(cache_dir=tmp_path / "cache"), "PYTHONPATH": str(ROOT)}

    lines = subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout.splitlines()

    assert "local" in lines[1]
    assert [line for line in lines if line != line.rstrip()] == []
