"""Paths behind file: URLs, and as people write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from wheelwarm.cli import app
from wheelwarm.local_files import expanded, is_folder, path_of

if TYPE_CHECKING:
    import pytest


@given(st.lists(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_a_path_comes_back_from_its_url(names: list[str]) -> None:
    """Whatever characters a path has, its URL names it."""
    path = Path("/", *names)
    assert path_of(path.as_uri()) == path


def test_the_home_of_nobody_stays_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom the machine does not know has no home, and no command ends with a traceback for that."""
    monkeypatch.chdir(tmp_path)
    assert expanded("~nosuchuser/x") == Path("~nosuchuser/x")

    result = CliRunner().invoke(app, ["stats", "--cache-dir", "~nosuchuser/cache"])

    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "~nosuchuser" in result.stdout + result.stderr


def test_a_folder_is_told_by_its_url(tmp_path: Path) -> None:
    """A folder that is there is one; a file, what is not there, and a URL of a server are none."""
    file = tmp_path / "file"
    file.touch()

    assert is_folder(tmp_path.as_uri())
    assert not any(map(is_folder, (file.as_uri(), (tmp_path / "gone").as_uri(), "https://a.example/", "git+file:///")))
