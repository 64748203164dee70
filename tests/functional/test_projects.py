"""What a pyproject.toml declares is warmed: pip then installs the project without asking for a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.functional.test_prefetch import file_requests, publish
from tests.helpers.artifacts import make_wheel
from tests.helpers.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "mine"
version = "1"
dependencies = ["app"]
optional-dependencies.tools = ["tool"]
optional-dependencies.all = ["mine[tools]", "only-here ; python_version < '3'"]

[dependency-groups]
test = ["checker"]
"""
# The smallest backend that there can be: what the table above says, written as metadata.
BACKEND = '''\
import zipfile
LINES = """Metadata-Version: 2.1
Name: mine
Version: 1
Provides-Extra: tools
Provides-Extra: all
Requires-Dist: app
Requires-Dist: tool; extra == "tools"
Requires-Dist: mine[tools]; extra == "all"
Requires-Dist: only-here; python_version < "3" and extra == "all"
"""
def build_wheel(folder, settings=None, metadata=None):
    with zipfile.ZipFile(folder + "/mine-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("mine-1.dist-info/METADATA", LINES)
        wheel.writestr("mine-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("mine-1.dist-info/RECORD", "")
    return "mine-1-py3-none-any.whl"
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in the folder of a project."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "backend.py").write_text(BACKEND)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    "version",
    ["23.2.1", "26.3", *(pytest.param(version, marks=pytest.mark.pip_matrix) for version in ("22.2", "25.3"))],
)
def test_the_project_is_installed_from_the_cache(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, here: Path, version: str
) -> None:
    """After a prefetch of dependencies and an extra, `pip install ./[extra]` asks for no file."""
    publish(index, tmp_path / "files")
    pip = pip_of(version)

    answer = Program(pip, index, cache_dir).run("prefetch", "pyproject.toml[all]", "--json")

    assert answer.code == 0, answer.err
    assert {row["name"] for row in answer.data["artifacts"]} == {"app", "lib", "tool", "helper"}
    file_requests(index)
    pip.run("install", "./[all]", "--target", str(tmp_path / "to"), cache_dir=cache_dir, index=index, check=True)
    assert file_requests(index) == []


def test_a_group_stands_beside_the_dependencies(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, here: Path
) -> None:
    """`--group` adds what the project needs for work on it; named alone it is all there is."""
    publish(index, tmp_path / "files")
    index.add(make_wheel(tmp_path / "files", "checker", "1.0"))
    program = Program(modern_pip, index, cache_dir)

    both = program.run("prefetch", "-r", "pyproject.toml", "--group", "test", "--json")
    alone = program.run("check", "--group", "test", "--resolve", "--json")

    assert {row["name"] for row in both.data["artifacts"]} == {"app", "lib", "checker"}
    assert {row["name"] for row in alone.data["artifacts"]} == {"checker"}


def test_without_input_the_project_is_taken(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, here: Path
) -> None:
    """A folder with nothing but a pyproject.toml offers that; `check` then knows what `prefetch` resolved."""
    publish(index, tmp_path / "files")
    program = Program(modern_pip, index, cache_dir)

    prefetched, checked = program.run("prefetch", "--json"), program.run("check", "--json")

    assert prefetched.data["found_input"] == checked.data["found_input"] == str(here / "pyproject.toml")
    assert set(checked.outcomes().values()) == {("hit", None)}
    assert checked.data["resolution"]["source"] == "ledger"


@pytest.mark.parametrize("command", ["prefetch", "check"])
def test_a_python_that_the_project_is_not_for(
    modern_pip: PipEnvironment, index: Index, cache_dir: Path, here: Path, command: str
) -> None:
    """What pip would refuse to install is not warmed either, unless pip is told not to mind."""
    (here / "pyproject.toml").write_text('[project]\nrequires-python = ">=2,<3"\ndependencies = []\n')
    program = Program(modern_pip, index, cache_dir)

    refused = program.run(command)
    ignored = program.run(command, PIP_IGNORE_REQUIRES_PYTHON="1")

    assert refused.code == 3
    assert "error: pyproject.toml needs Python <3,>=2, and the target has Python 3." in refused.err
    assert "hint: Name one that fits by --python." in refused.err
    assert "needs Python" not in ignored.err


def test_pip_s_own_words_name_the_file(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, here: Path
) -> None:
    """Where pip cannot resolve, its sentence does not name the copy that it was given."""
    publish(index, tmp_path / "files")
    (here / "pyproject.toml").write_text('[project]\nname = "mine"\ndependencies = ["app", "lib<1"]\n')

    answer = Program(modern_pip, index, cache_dir).run("prefetch")

    assert answer.code == 3
    assert "spooled" not in answer.err
