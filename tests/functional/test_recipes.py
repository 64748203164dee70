"""Every recipe of docs/recipes.md is run as it stands there, by real pips, and says what the page says it does."""

from __future__ import annotations

import importlib.util
import os
import shlex
import string
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.functional.test_prefetch import publish
from tests.helpers.pips import pip_environment
from tests.helpers.recipes import OFFLINE, OURS, alike, read_recipes

if TYPE_CHECKING:
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment
    from tests.helpers.recipes import Block, Recipe

ROOT = Path(__file__).parents[2]
RECIPES = read_recipes((ROOT / "docs" / "recipes.md").read_text(encoding="utf-8"))

pytestmark = pytest.mark.skipif(os.name != "posix", reason="recipes are written for a POSIX shell")
each_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.title)


@dataclass(frozen=True, slots=True)
class Kitchen:
    """A home with a project in it, a Python with pip, the programs that recipes name, and an index."""

    home: Path
    pip: PipEnvironment
    index: Index

    @property
    def project(self) -> Path:
        """The folder that recipes run in."""
        return self.home / "app"

    def run(self, command: str, **variables: str) -> str:
        """Run a command as a shell of the user does; return what it said, with the home folder as `~`."""
        given = {"CI_PROJECT_DIR": str(self.project)}
        more = {name: string.Template(value).substitute(given) for name, value in variables.items()}
        done = subprocess.run(
            ["sh", "-euc", command],
            cwd=self.project,
            env={**self.environ(), **more},
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout.replace(str(self.home), "~")

    def environ(self) -> dict[str, str]:
        """Return a user's environment, with the project's Python and our programs in front."""
        path = [str(self.pip.python.parent), str(self.home / "bin"), os.environ["PATH"]]
        ours = {"HOME": str(self.home), "XDG_CACHE_HOME": str(self.home / ".cache"), "PATH": os.pathsep.join(path)}
        return {**self.pip.environ(cache_dir=None, index=self.index), **ours}


@pytest.fixture
def kitchen(index: Index, tmp_path: Path) -> Kitchen:
    """Lay everything out that a recipe takes for granted."""
    publish(index, tmp_path / "files")
    made = Kitchen(tmp_path / "home", pip_environment(tmp_path / "pips", "26.3"), index)
    made.project.mkdir(parents=True)
    (made.project / ".venv").symlink_to(made.pip.python.parent.parent)
    (made.project / "requirements.txt").write_text("app\ntool\n", encoding="utf-8")
    (made.home / "bin").mkdir()
    for name in ("wheelwarm", "tox", "nox"):
        provide(made.home / "bin" / name, name)
    script(made.home / "bin" / "pip", f'#!/bin/sh\nexec {shlex.quote(str(made.pip.python))} -m pip "$@"\n')
    made.run("pip download --quiet --dest ../old lib==1.0")
    index.clear()
    return made


def provide(path: Path, module: str) -> None:
    """Write a program that runs a module of the tests' environment, and leaves no trace of that in its children."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return
    lines = (
        f"#!{sys.executable}",
        "import runpy, sys",
        f"sys.path[:1] = [{str(Path(spec.origin).parents[1])!r}]",
        f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)",
    )
    script(path, "\n".join(lines) + "\n")


def script(path: Path, text: str) -> None:
    """Write a program."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def cook(kitchen: Kitchen, block: Block) -> str:
    """Do what a block says; return what its commands said."""
    if block.word == OFFLINE:
        kitchen.index.stop()
    elif block.word:
        file = kitchen.project / block.word
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, encoding="utf-8")
    return "".join(kitchen.run(command, **block.variables()) for command in block.commands())


@each_recipe
def test_a_recipe_does_what_the_page_shows(recipe: Recipe, kitchen: Kitchen) -> None:
    """Each command succeeds, what came out is what the page shows, and no file is ever asked for twice."""
    words = {shlex.split(command)[0] for block in recipe.blocks for command in block.commands()}
    for word in words & {"tox", "nox"}:
        if not (kitchen.home / "bin" / word).exists():
            pytest.skip(f"{word} is not here")
    said = ""
    for block in recipe.blocks:
        if block.language == "text":
            assert alike(block.text, said), said
            said = ""
        else:
            said += cook(kitchen, block)
    assert said == ""
    asked = [request.path for request in kitchen.index.artifact_requests()]
    assert len(asked) == len(set(asked))


def test_every_recipe_is_run() -> None:
    """No recipe is there only to be read, and a test may run nothing but what it knows."""
    assert len(RECIPES) >= 9
    for recipe in RECIPES:
        commands = [command for block in recipe.blocks for command in block.commands()]
        assert any(command.startswith("wheelwarm") for command in commands) or "nox" in commands, recipe.title
        assert {shlex.split(command)[0] for command in commands} <= set(OURS)


@pytest.mark.parametrize(
    ("expected", "output", "is_alike"),
    [
        ("1 hit in 0.2 s\n", "1  hit in 17.4 s\n", True),
        ("...\nafter: 5 hits\n", "before: 0 hits\n\nafter: 5 hits\n", True),
        ("after: 5 hits\n", "before: 0 hits\nafter: 5 hits\n", False),
        ("after: 5 hits\n", "after: 5 misses\n", False),
        ("after: 5 hits\n", "after: 4 hits\n", False),
        ("2 entries (4 files) removed, 1.6 kB\n", "2 entries (3 files) removed, 1.6 kB\n", False),
        ("2 entries (4 files) removed, 1.6 kB\n", "2 entries (4 files) removed, 2.9 kB\n", True),
    ],
)
def test_output_is_compared_but_for_numbers(expected: str, output: str, is_alike: bool) -> None:
    """Times, sizes and ports differ from run to run; words, and what is counted, do not."""
    assert alike(expected, output) is is_alike
