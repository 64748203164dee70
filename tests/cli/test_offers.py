"""Without any input the current directory's own counts, and the answer says which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.functional.test_prefetch import publish
from tests.helpers.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

LIB = "lib-1.0-py3-none-any.whl"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def program(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> Program:
    """Serve app, lib and tool."""
    publish(index, tmp_path / "files")
    return Program(modern_pip, index, cache_dir)


def words(command: str, folder: Path) -> list[str]:
    """Return a command with all that it needs but requirements."""
    return [command, str(folder / "wheelhouse")] if command == "export" else [command]


def test_the_requirements_of_the_directory(program: Program, here: Path) -> None:
    """A requirements.txt is read by all three commands, named on standard error and in JSON."""
    (here / "requirements.txt").write_text("lib==1.0\n")

    for command in ("prefetch", "check", "export"):
        answer = program.run(*words(command, here), "--json")

        assert answer.code == 0, answer.err
        assert answer.data["found_input"] == str(here / "requirements.txt")
        assert answer.err == "note: no requirements were named, so requirements.txt of the current directory is read\n"
    assert (here / "wheelhouse" / LIB).is_file()


def test_a_lock_is_not_written_from_itself(program: Program, here: Path) -> None:
    """The lock of the last `prefetch --lock` does not keep the next from reading what has changed since."""
    requirements, lock = here / "requirements.txt", here / "pylock.toml"
    requirements.write_text("lib==1.0\n")
    program.run("prefetch", "--lock", "pylock.toml")
    requirements.write_text("app\n")

    again = program.run("prefetch", "--lock", f"../{here.name}/pylock.toml", "--json")
    requirements.unlink()
    nothing = program.run("prefetch", "--lock", "pylock.toml")

    assert again.data["found_input"] == str(requirements)
    assert 'name = "app"' in lock.read_text()
    assert nothing.code == 2
    assert "the current directory has none of requirements.txt, pyproject.toml." in " ".join(nothing.err.split())


def test_a_lock_comes_first(program: Program, here: Path) -> None:
    """A pylock.toml is more exact than what stands beside it."""
    program.run("prefetch", "lib==1.0", "--lock", "pylock.toml")
    (here / "requirements.txt").write_text("app\n")

    answer = program.run("check", "--json")

    assert answer.data["found_input"] == str(here / "pylock.toml")
    assert answer.outcomes() == {LIB: ("hit", None)}


def test_what_is_typed_or_configured_comes_before(program: Program, here: Path) -> None:
    """The directory's own is not looked at where there is any other input; constraints are none."""
    (here / "requirements.txt").write_text("app\n")
    (here / "constraints.txt").write_text("lib<2\n")

    constrained = program.run("prefetch", "-c", "constraints.txt", "--json")
    typed = program.run("prefetch", "lib==2.0", "--json")
    (here / "wheelwarm.toml").write_text('[inputs]\nrequirements = ["lib==1.0"]\n')
    configured = program.run("prefetch", "--json")

    assert set(constrained.outcomes()) == {"app-1.0-py3-none-any.whl", LIB}
    assert (typed.data["found_input"], set(typed.outcomes())) == (None, {"lib-2.0-py3-none-any.whl"})
    assert (configured.data["found_input"], set(configured.outcomes())) == (None, {LIB})


@pytest.mark.parametrize("command", ["prefetch", "check", "export"])
def test_nothing_there_is_a_usage_error(program: Program, here: Path, command: str) -> None:
    """With nothing to look at the hint shows what to type, and JSON is an envelope all the same."""
    plain = program.run(*words(command, here))
    as_json = program.run(*words(command, here), "--json")

    assert (plain.code, plain.out, as_json.code) == (2, "", 2)
    assert "has none of pylock.toml, requirements.txt, pyproject.toml." in plain.err
    assert "hint: Name some, or a file of them, as in: wheelwarm prefetch -r requirements.txt\n" in plain.err
    assert [error["code"] for error in as_json.envelope["errors"]] == ["usage"]


LOCKS = {
    "uv.lock": "uv export --format pylock.toml -o pylock.toml",
    "poetry.lock": "poetry export -f requirements.txt -o requirements.txt",
    "pdm.lock": "pdm export -f pylock -o pylock.toml",
    "Pipfile.lock": "pipenv requirements --hash > requirements.txt",
}


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("command", ["prefetch", "check", "export"])
@pytest.mark.parametrize("how", ["found", "-r", "alone"])
def test_the_lock_of_another_tool(program: Program, here: Path, command: str, lock: str, how: str) -> None:
    """It is recognised by its name, and answered with the command that makes of it what pip reads."""
    (here / lock).write_text("version = 1\n")
    given = {"found": [], "-r": ["-r", lock], "alone": [lock]}[how]

    answer = program.run(*words(command, here), *given, "--json")

    assert answer.code == 3
    (error,) = answer.envelope["errors"]
    assert error == {
        "code": "input",
        "message": f"{lock} is a lock that pip does not read.",
        "hint": f"Export it first: {LOCKS[lock]}",
    }
    assert answer.err == f"error: {error['message']}\nhint: {error['hint']}\n"


def test_a_lock_beside_a_project(program: Program, here: Path) -> None:
    """The project is read, and a note says how to have just what the lock holds; not where pip's own kind is."""
    (here / "uv.lock").touch()
    (here / "pyproject.toml").write_text('[project]\nname = "mine"\ndependencies = ["lib<2"]\n')

    project = program.run("prefetch", "--json")
    (here / "requirements.txt").write_text("lib<2\n")
    exported = program.run("prefetch", "--json")

    assert set(project.outcomes()) == set(exported.outcomes()) == {LIB}
    assert (
        "note: to have just what uv.lock holds, first: uv export --format pylock.toml -o pylock.toml\n" in project.err
    )
    assert "uv.lock" not in exported.err
