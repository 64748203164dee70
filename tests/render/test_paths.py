"""How paths are written: short for people on a terminal, whole for programs behind a pipe."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from examples.picture import on_a_terminal

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
