"""Dependency groups named as for pip's `--group` are read as PEP 735 says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wheelwarm.errors import InputError
from wheelwarm.inputs.dependency_groups import read_group

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """
[dependency-groups]
test = ["pytest>=8", {include-group = "base"}]
base = ["six==1.16 ; python_version > '3'"]
bad = ["a=1"]
lost = [{include-group = "nowhere"}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a current folder with a project in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    return tmp_path


@pytest.mark.parametrize("prefix", ["", "pyproject.toml:", "../{0}/pyproject.toml:"])
def test_reads_a_group_with_what_it_includes(folder: Path, prefix: str) -> None:
    """A group is named alone or behind the path of its pyproject.toml."""
    path, requirements = read_group(f"{prefix.format(folder.name)}test")
    assert path.resolve() == folder / "pyproject.toml"
    assert [str(requirement) for requirement in requirements] == ["pytest>=8", 'six==1.16; python_version > "3"']


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("nope", "pyproject.toml: group 'nope' cannot be read: "),
        ("lost", "pyproject.toml: group 'lost' cannot be read: "),
        ("no/pyproject.toml:test", "no/pyproject.toml cannot be read: No such file or directory."),
        ("poetry.lock:test", "poetry.lock cannot hold a group for --group."),
    ],
)
def test_names_the_group_that_cannot_be_read(folder: Path, group: str, message: str) -> None:
    """The error says which file and group, and the hint which groups there are."""
    with pytest.raises(InputError) as caught:
        read_group(group)
    assert caught.value.message.startswith(message)
    assert caught.value.hint.startswith(("Its groups are bad, base", "Give --group", "Only a pyproject.toml"))


def test_names_the_line_of_what_is_no_requirement(folder: Path) -> None:
    """A requirement that is none is quoted with its line, in one line."""
    with pytest.raises(InputError) as caught:
        read_group("bad")
    assert caught.value.message.startswith("pyproject.toml, line 5: invalid requirement 'a=1': Expected ")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[project]\n", "pyproject.toml has no [dependency-groups] table."),
        ("dependency-groups = 1\n", "pyproject.toml has no [dependency-groups] table."),
        ("[", "pyproject.toml has no valid TOML: "),
        ("[dependency-groups]\n", "pyproject.toml: group 'test' cannot be read: "),
    ],
)
def test_names_the_project_without_groups(folder: Path, text: str, message: str) -> None:
    """A pyproject.toml that is broken or has no groups is an error."""
    (folder / "pyproject.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        read_group("test")
    assert caught.value.message.startswith(message)
