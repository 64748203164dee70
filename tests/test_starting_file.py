"""`wheelwarm init`: a configuration to start from, that breaks and loses nothing."""

from __future__ import annotations

import inspect
import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelwarm.cli.warming import prefetch
from wheelwarm.config import load
from wheelwarm.errors import InputError
from wheelwarm.starting_file import appended, start, starting_text
from wheelwarm.targets.network import LANE_JOBS

if TYPE_CHECKING:
    from pathlib import Path


def uncommented(text: str) -> str:
    """Switch on every key that the file shows as a comment."""
    lines = (line.removeprefix("# ") if "=" in line or line.startswith("# [") else line for line in text.splitlines())
    return "\n".join(lines)


@pytest.mark.parametrize("prefix", ["", "tool.wheelwarm."])
def test_all_that_it_shows_can_be_switched_on(tmp_path: Path, prefix: str) -> None:
    """As written it says nothing but the inputs; without its comment signs every line is a key that is understood."""
    (tmp_path / "requirements.txt").touch()
    name = "pyproject.toml" if prefix else "wheelwarm.toml"
    text = starting_text(tmp_path, prefix=prefix)

    (tmp_path / name).write_text(text)
    plain = load(tmp_path)
    (tmp_path / name).write_text(uncommented(text))
    whole = load(tmp_path)

    assert plain.inputs.files == (str(tmp_path / "requirements.txt"),)
    assert (plain.options, plain.targets, plain.prune, plain.seed) == ({}, (), {}, None)
    assert (whole.options, whole.seed) == ({"jobs": LANE_JOBS, "resolver": "pip", "only-binary": [":all:"]}, "verified")
    assert len(whole.targets) == 2
    assert set(whole.prune) == {"older-than", "max-size"}
    assert whole.seed_hosts == {"packages.example.org": "never"}


def test_what_it_shows_as_usual_is_usual() -> None:
    """The connections at once that it shows are those of a run that is told no number."""
    assert inspect.signature(prefetch).parameters["jobs"].default == LANE_JOBS


def test_it_offers_what_is_there(tmp_path: Path) -> None:
    """A lock comes before a requirements file as input; with neither the line is a comment."""
    assert "\n# files = " in starting_text(tmp_path, prefix="")

    (tmp_path / "requirements.txt").touch()
    (tmp_path / "pylock.toml").touch()
    text = starting_text(tmp_path, prefix="")

    assert tomllib.loads(text) == {"inputs": {"files": ["pylock.toml"]}}


def test_without_a_project_it_gets_a_file_of_its_own(tmp_path: Path) -> None:
    """Where no pyproject.toml is, wheelwarm.toml is written, and nothing else is left."""
    done = start(tmp_path)

    assert (done.path, done.appended) == (tmp_path / "wheelwarm.toml", False)
    assert [path.name for path in tmp_path.iterdir()] == ["wheelwarm.toml"]
    assert load(tmp_path).path == done.path


@pytest.mark.parametrize("before", ["", "[project]\nname = 'x'", "# note\r\n[tool.ruff]\r\nline-length = 100\r\n"])
def test_a_project_keeps_every_byte(tmp_path: Path, before: str) -> None:
    """The table goes behind what is there, in its line ends and with its permissions, and just once."""
    project = tmp_path / "pyproject.toml"
    project.write_bytes(before.encode())
    project.chmod(0o640)

    start(tmp_path)

    content = project.read_bytes()
    assert content.startswith(before.encode())
    after = tomllib.loads(content.decode())
    assert after["tool"].pop("wheelwarm")
    assert {name: table for name, table in after.items() if table} == tomllib.loads(before)
    assert content.count(b"\r\n") in (0, content.count(b"\n"))
    assert project.stat().st_mode & 0o777 == 0o640
    with pytest.raises(InputError, match="already"):
        start(tmp_path)
    assert project.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]


@pytest.mark.parametrize(
    ("before", "message"),
    [
        (b"[broken", "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"tool = { ruff = {} }\n", "No table can be added"),
        (b"tool = 1\n", "No table can be added"),
        (b"a = " + b"[" * 5000, "cannot be read: it is nested too deeply"),
        (b"[tool.wheelwarm]\njobs = 1\n", "already"),
    ],
)
def test_where_it_cannot_stand_nothing_changes(tmp_path: Path, before: bytes, message: str) -> None:
    """A file that is no TOML, or that a table cannot follow, stays as it is, and the error says why."""
    (tmp_path / "pyproject.toml").write_bytes(before)

    with pytest.raises(InputError, match=message):
        start(tmp_path)

    assert (tmp_path / "pyproject.toml").read_bytes() == before


def test_its_own_file_is_never_written_over(tmp_path: Path) -> None:
    """An existing wheelwarm.toml stays as it is."""
    (tmp_path / "wheelwarm.toml").write_text("jobs = 1\n")

    with pytest.raises(InputError, match="already"):
        start(tmp_path)

    assert (tmp_path / "wheelwarm.toml").read_text() == "jobs = 1\n"


def test_a_linked_project_stays_a_link(tmp_path: Path) -> None:
    """Behind a symbolic link the linked file gets the table."""
    (tmp_path / "real.toml").write_text("[project]\n")
    (tmp_path / "pyproject.toml").symlink_to("real.toml")

    start(tmp_path)

    assert (tmp_path / "pyproject.toml").is_symlink()
    assert "[tool.wheelwarm]" in (tmp_path / "real.toml").read_text()


@given(table=st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.integers() | st.text(max_size=5)))
def test_any_project_means_what_it_meant(tmp_path_factory: pytest.TempPathFactory, table: dict[str, object]) -> None:
    """Whatever tables a project has, they mean the same with ours behind them."""
    import tomli_w

    folder = tmp_path_factory.mktemp("project")
    before = {"project": {"name": "x"}, "tool": {"other": table}}
    (folder / "pyproject.toml").write_text(tomli_w.dumps(before), encoding="utf-8")

    after = tomllib.loads(appended(folder / "pyproject.toml", starting_text(folder, prefix="tool.wheelwarm.")).decode())

    assert after["tool"].pop("wheelwarm")
    assert after == before
