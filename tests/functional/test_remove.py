"""pip is the judge of `remove`: it asks the index again for just what was removed, and for nothing else."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel
from tests.helpers.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

OFTEN = ("23.2.1", "26.3")
SELDOM = ("22.2", "22.3.1", "23.3.2", "24.3.1", "25.0.1", "25.2", "25.3", "26.0.1", "26.1.2", "26.2.1")

every_pip = pytest.mark.parametrize(
    "version", [*OFTEN, *(pytest.param(version, marks=pytest.mark.pip_matrix) for version in SELDOM)]
)


def publish(index: Index, folder: Path) -> None:
    """Publish a project with a dependency, and an sdist that needs another project to be built."""
    folder.mkdir()
    index.add(make_wheel(folder, "app", "1.0", requires=["zope-lib>=1"]))
    index.add(make_wheel(folder, "zope-lib", "2.0"))
    index.add(make_wheel(folder, "helper", "3.0"))
    index.add(make_sdist(folder, "tool", "0.5", requires=["zope-lib"], build_requires=["helper"]))


def install(pip: PipEnvironment, index: Index, cache_dir: Path, to: Path) -> set[str]:
    """Let pip install everything; return the paths of what the index had to send, 304s left out."""
    shutil.rmtree(to, ignore_errors=True)
    index.clear()
    pip.run("install", "app", "tool", "--target", str(to), cache_dir=cache_dir, index=index, check=True)
    return {request.path for request in index.requests if request.status == 200}


@every_pip
@pytest.mark.parametrize(
    ("pattern", "again"),
    [
        ("Zope_Lib", {"/simple/zope-lib/", "/files/zope_lib-2.0-py3-none-any.whl"}),
        ("zope-lib==2.0.0", {"/files/zope_lib-2.0-py3-none-any.whl"}),
        ("app-1.*.whl", {"/files/app-1.0-py3-none-any.whl"}),
        ("tool", {"/simple/tool/", "/files/tool-0.5.tar.gz"}),
    ],
)
def test_pip_asks_again_for_just_what_was_removed(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str, pattern: str, again: set[str]
) -> None:
    """After `remove` an install downloads these files, their metadata and their page, and nothing that was left."""
    publish(index, tmp_path / "files")
    pip = pip_of(version)
    first = install(pip, index, cache_dir, tmp_path / "to")
    assert install(pip, index, cache_dir, tmp_path / "to") == set()

    answer = Program(pip, index, cache_dir).run("remove", pattern, "--yes", "--json")

    assert answer.code == 0, answer.err
    assert answer.data["planned"] == answer.data["removed"]
    metadata = {f"{path}.metadata" for path in again} & first
    assert install(pip, index, cache_dir, tmp_path / "to") == again | metadata


@pytest.mark.parametrize("version", OFTEN)
def test_a_removed_project_is_built_again(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """The locally built wheel goes with its sdist and its origin."""
    publish(index, tmp_path / "files")
    pip = pip_of(version)
    install(pip, index, cache_dir, tmp_path / "to")

    assert Program(pip, index, cache_dir).run("remove", "tool", "--yes").code == 0

    assert not [path for path in (cache_dir / "wheels").rglob("*") if path.is_file()]
    installed = pip.run("install", "tool", "--target", str(tmp_path / "new"), cache_dir=cache_dir, index=index)
    assert "Building wheel" in installed.stdout
