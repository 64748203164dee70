"""The user's surroundings behind those of a hook runner."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from wheelwarm.targets.surroundings import leave_hook, made_for_hooks, without_environment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def hook(tmp_path: Path) -> Path:
    """Return an environment that a hook runner made."""
    (tmp_path / "py_env-python3" / "bin").mkdir(parents=True)
    (tmp_path / "py_env-python3" / ".install_state_v2").touch()
    return tmp_path / "py_env-python3"


def test_an_environment_of_the_user_s_own_is_left_alone(tmp_path: Path) -> None:
    """A wheelwarm that stands beside the project's own things is there on purpose."""
    before = {"VIRTUAL_ENV": str(tmp_path), "PATH": str(tmp_path / "bin")}
    after = dict(before)

    leave_hook(after, tmp_path)

    assert not made_for_hooks(tmp_path)
    assert after == before


def test_a_hook_s_environment_is_taken_out(hook: Path, tmp_path: Path) -> None:
    """Its folder leaves PATH, the user's folders behind it stay in their order, and it is active no more."""
    users = [str(tmp_path / "venv" / "bin"), str(tmp_path / "usr")]
    environ = {"VIRTUAL_ENV": str(hook), "PATH": os.pathsep.join([str(hook / "bin"), *users]), "HOME": "h"}

    leave_hook(environ, hook)

    assert environ == {"PATH": os.pathsep.join(users), "HOME": "h"}


def test_a_hook_s_folder_by_another_path_is_the_same(hook: Path, tmp_path: Path) -> None:
    """A symbolic link to the runner's folder, as some homes have, hides nothing."""
    (tmp_path / "link").symlink_to(hook)

    left = without_environment({"VIRTUAL_ENV": str(tmp_path / "link"), "PATH": str(tmp_path / "link" / "bin")}, hook)

    assert left == {"PATH": ""}


def test_another_active_environment_stays(hook: Path, tmp_path: Path) -> None:
    """What is active and not the hook's is the user's."""
    environ = {"VIRTUAL_ENV": str(tmp_path / "venv")}

    assert without_environment(environ, hook) == {**environ, "PATH": ""}
