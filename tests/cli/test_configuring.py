"""Typed beats variable beats file beats default, by one rule for all commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
from typer.testing import CliRunner

from tests.functional.test_prefetch import publish
from tests.helpers.program import Program
from wheelwarm.cli import app

if TYPE_CHECKING:
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of the test's own."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def parsed(*arguments: str) -> dict[str, Any]:
    """Return what a command gets for its parameters."""
    command = typer.main.get_command(app)
    group = command.make_context("wheelwarm", list(arguments))
    name, sub, rest = command.resolve_command(group, list(arguments))  # type: ignore[attr-defined]
    return dict(sub.make_context(name, rest, parent=group).params)


def test_the_order_of_precedence(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default, then the file, then the variable, then what is typed."""
    default = parsed("prefetch")["jobs"]

    (here / "wheelwarm.toml").write_text("jobs = 3\n")
    assert parsed("prefetch")["jobs"] == 3

    monkeypatch.setenv("WHEELWARM_JOBS", "4")
    assert parsed("prefetch")["jobs"] == 4
    assert parsed("prefetch", "--jobs", "5")["jobs"] == 5
    assert default not in (3, 4, 5)


def test_every_option_has_a_variable(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable has the name of the option; lists have blanks between, flags are 1 or 0, empty is none."""
    monkeypatch.setenv("WHEELWARM_PYTHON", "3.11 3.12")
    monkeypatch.setenv("WHEELWARM_ONLY_BINARY", ":all:")
    monkeypatch.setenv("WHEELWARM_JSON", "1")
    monkeypatch.setenv("WHEELWARM_RESOLVE", "0")
    monkeypatch.setenv("WHEELWARM_CACHE_DIR", "")

    found = parsed("check", "x")

    assert list(found["pythons"]) == ["3.11", "3.12"]
    assert list(found["only_binary"]) == [":all:"]
    assert (found["as_json"], found["ask_index"], found["cache_dir"]) == (True, False, None)


@pytest.mark.parametrize(
    ("command", "flag", "value"),
    [
        ("prefetch", "--jobs", "many"),
        ("prefetch", "--jobs", "0"),
        ("check", "--offline", "perhaps"),
        ("prefetch", "--resolver", "poetry"),
        ("prefetch", "--seed", "always"),
        ("prune --dry-run", "--older-than", "3"),
    ],
)
def test_a_bad_variable_is_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, command: str, flag: str, value: str
) -> None:
    """Who has typed nothing learns which variable is meant; who has typed it too, does not."""
    variable = f"WHEELWARM_{flag.lstrip('-').upper().replace('-', '_')}"
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv(variable, value)

    unsaid = CliRunner().invoke(app, command.split())

    assert unsaid.exit_code == 2
    assert f"Invalid value for {variable} ({flag}): " in unsaid.stderr
    if flag != "--offline":
        said = CliRunner().invoke(app, [*command.split(), flag, value])
        assert said.exit_code == 2
        assert variable not in said.stderr


def test_json_by_variable_is_for_mistakes_in_the_file_too(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that asked for JSON by a variable gets an envelope, whatever is wrong."""
    (here / "wheelwarm.toml").write_text("job = 3\n")
    monkeypatch.setenv("WHEELWARM_JSON", "1")

    answer = CliRunner().invoke(app, ["stats"])

    assert json.loads(answer.stdout)["errors"][0]["hint"] == "Did you mean 'jobs'?"


def test_prune_s_policy_is_for_prune_alone(here: Path) -> None:
    """What the file says of prune is no other command's business, and the cache directory is everybody's."""
    (here / "wheelwarm.toml").write_text('cache-dir = "c"\n[prune]\nlegacy = true\n')

    assert {"legacy"}.isdisjoint(parsed("stats"))
    assert parsed("stats")["cache_dir"] == str(here / "c")


def test_configured_inputs_and_targets(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, here: Path
) -> None:
    """Without arguments the file's inputs and targets count; what is typed takes the place of all of them."""
    publish(index, tmp_path / "files")
    (here / "wanted.txt").write_text("lib\n")
    (here / "wheelwarm.toml").write_text(
        f'[inputs]\nfiles = "wanted.txt"\n[[targets]]\npython = "{modern_pip.python.as_posix()}"\n'
    )
    (here / "deeper").mkdir()
    environ = modern_pip.environ(cache_dir=cache_dir, index=index)

    done = CliRunner().invoke(app, ["prefetch", "--json"], env=environ)
    typed = Program(modern_pip, index, cache_dir).run("prefetch", "app==1.0", "--json")

    data = json.loads(done.stdout)["data"]
    assert [row["filename"] for row in data["artifacts"]] == ["lib-2.0-py3-none-any.whl"]
    assert data["config"] == str(here / "wheelwarm.toml")
    assert data["target"]["pip"] == modern_pip.version
    assert set(typed.outcomes()) == {"app-1.0-py3-none-any.whl", "lib-2.0-py3-none-any.whl"}


def test_the_documented_example_works_as_it_stands(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, here: Path
) -> None:
    """The configuration that docs/configuration.md shows warms both its targets without another word."""
    publish(index, tmp_path / "files")
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    example = page.partition("```toml\n")[2].partition("```")[0]
    (here / "pyproject.toml").write_text(example.replace('"3.11"', f'"{modern_pip.python.as_posix()}"'))
    (here / "requirements.txt").write_text("app\n")
    environ = modern_pip.environ(cache_dir=cache_dir, index=index) | {"VIRTUAL_ENV": str(modern_pip.python.parents[1])}

    done = CliRunner().invoke(app, ["prefetch", "--json"], env=environ)

    assert done.exit_code == 0, done.stderr
    assert [part["after"]["hits"] for part in json.loads(done.stdout)["data"]["targets"]] == [2, 2]


def test_a_host_can_be_kept_from_being_seeded(
    modern_pip: PipEnvironment, bare_index: Index, tmp_path: Path, cache_dir: Path, here: Path
) -> None:
    """`seed-hosts` holds for the index whose page lists the file; a typed `--seed` beats it."""
    publish(bare_index, tmp_path / "files")
    (here / "wheelwarm.toml").write_text('[seed-hosts]\nlocalhost = "never"\n')
    program = Program(modern_pip, bare_index, cache_dir)

    kept = program.run("prefetch", "lib", "--json")
    typed = program.run("prefetch", "lib", "--json", "--seed", "verified")

    assert kept.outcomes("after") == {"lib-2.0-py3-none-any.whl": ("uncacheable", "no caching headers")}
    assert typed.outcomes("after") == {"lib-2.0-py3-none-any.whl": ("hit", None)}


@pytest.mark.parametrize("command", ["stats", "prefetch", "check", "list"])
def test_a_mistake_in_the_file_is_told_everywhere(here: Path, command: str) -> None:
    """Each command ends with exit code 3 and names the key, in JSON too; help is given all the same."""
    (here / "wheelwarm.toml").write_text("job = 3\n")

    plain = CliRunner().invoke(app, [command])
    as_json = CliRunner().invoke(app, [command, "--json"])
    shown = CliRunner().invoke(app, [command, "--help"])

    assert (plain.exit_code, as_json.exit_code, shown.exit_code) == (3, 3, 0)
    assert "unknown key 'job'" in plain.stderr
    assert json.loads(as_json.stdout)["errors"][0]["hint"] == "Did you mean 'jobs'?"


def test_the_help_names_the_file(here: Path) -> None:
    """`--help` says which configuration was read."""
    (here / "wheelwarm.toml").write_text("jobs = 3\n")

    shown = CliRunner().invoke(app, ["check", "--help"], env={"COLUMNS": "400"})

    assert f"Configuration: {here / 'wheelwarm.toml'}" in shown.stdout


def test_init_writes_says_so_and_does_it_once(here: Path) -> None:
    """`init` names the file; a second time is an error; `--stdout` prints, and `--json` is an envelope."""
    shown = CliRunner().invoke(app, ["init", "--stdout"])
    assert (shown.exit_code, list(here.iterdir())) == (0, [])

    (here / "pyproject.toml").write_text("[project]\n")
    first = CliRunner().invoke(app, ["init", "--json"])
    second = CliRunner().invoke(app, ["init"])

    data = json.loads(first.stdout)["data"]
    assert data["path"] == str(here / "pyproject.toml")
    assert (data["appended"], data["text"]) == (True, (here / "pyproject.toml").read_text().partition("\n\n")[2])
    assert (second.exit_code, second.stdout) == (3, "")
    (here / "pyproject.toml").unlink()
    assert f"Wrote {here / 'wheelwarm.toml'}" in CliRunner().invoke(app, ["init"]).stdout
