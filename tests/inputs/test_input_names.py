"""What a name stands for, before any file is looked at."""

from __future__ import annotations

import pytest

from wheelwarm.inputs.input_names import is_lock, is_project, split_extras


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pylock.toml", True),
        ("sub/pylock.dev.toml[one]", True),
        ("https://h/pylock.toml", True),
        ("pylock.a.b.toml", False),
        ("requirements.txt", False),
        ("pylock.toml.txt", False),
    ],
)
def test_a_lock_is_known_by_its_name(name: str, expected: bool) -> None:
    """As for pip: `pylock.toml`, `pylock.NAME.toml`, extras behind it or not, and nothing else."""
    assert is_lock(name) is expected


def test_extras_stand_behind_the_name() -> None:
    """`pylock.toml[a, b]` asks for two extras of the file."""
    assert split_extras("dir/pylock.toml[a, b]") == ("dir/pylock.toml", ("a", "b"))
    assert split_extras("pylock.toml") == ("pylock.toml", ())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pyproject.toml", True),
        ("./a/pyproject.toml[x,y]", True),
        ("my-pyproject.toml", False),
        ("pyproject.toml.txt", False),
    ],
)
def test_knows_a_project_by_its_name(name: str, expected: bool) -> None:
    """The file's name alone counts, whatever folder it is in and extras are behind it."""
    assert is_project(name) is expected
