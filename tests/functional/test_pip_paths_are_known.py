"""A contract with real pips: every file that they leave below their cache is classified, and named as they name it."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel
from tests.helpers.index import serve_index
from tests.helpers.index_pages import HTML, JSON_V1
from wheelwarm.cache.inventory import Form
from wheelwarm.entry_facts import Source
from wheelwarm.holdings.naming import look
from wheelwarm.ledger.ledger import Ledger
from wheelwarm.model import Kind, Silent

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment
    from wheelwarm.holdings.naming import Holding

OFTEN = ("23.2.1", "26.3")
SELDOM = ("22.2", "22.3.1", "23.3.2", "24.3.1", "25.0.1", "25.2", "25.3", "26.0.1", "26.1.2", "26.2.1")

every_pip = pytest.mark.parametrize(
    "version", [*OFTEN, *(pytest.param(version, marks=pytest.mark.pip_matrix) for version in SELDOM)]
)


def publish(index: Index, folder: Path) -> None:
    """Publish a wheel of odd spelling (pip 22.3 trips over it in `.metadata`), an sdist, and what building it needs."""
    folder.mkdir()
    index.add(make_wheel(folder, "Some.App", "1.0.0rc1", requires=["zope-lib>=1"], size=30_000), metadata=False)
    index.add(make_wheel(folder, "zope-lib", "2024.1.5", tag="py2.py3-none-any"))
    index.add(make_wheel(folder, "helper", "3.0"))
    index.add(make_sdist(folder, "tool", "0.5", requires=["zope-lib"], build_requires=["helper"]))


def work(pip: PipEnvironment, index: Index, cache_dir: Path, folder: Path) -> dict[str, tuple[str, str]]:
    """Let pip download, build and install, and look for a newer pip; return name and version by file, as it says."""
    report = folder / "report.json"
    for command in (
        ["download", "--pre", "some-app", "--dest", str(folder / "download")],
        ["wheel", "tool", "--wheel-dir", str(folder / "wheels")],
        ["install", "--pre", "some_app", "tool", "--target", str(folder / "installed"), "--report", str(report)],
    ):
        pip.run(*command, cache_dir=cache_dir, index=index, check=True, env={"PIP_DISABLE_PIP_VERSION_CHECK": "0"})
    said = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {
        one["download_info"]["url"].rpartition("/")[2]: (one["metadata"]["name"], one["metadata"]["version"])
        for one in said
    }


def names(holdings: list[Holding]) -> dict[str, tuple[str | None, str | None]]:
    """Return name and version by file name."""
    return {one.contents.filename or "": (one.contents.name, one.contents.version) for one in holdings}


@every_pip
@pytest.mark.parametrize("pages", [HTML, JSON_V1])
def test_every_path_is_classified_and_named(
    pip_of: PipOf, tmp_path: Path, cache_dir: Path, version: str, pages: str
) -> None:
    """Nothing that a pip leaves is foreign or nameless, and names and versions are those of pip's own report."""
    with serve_index(pages=pages) as index:
        publish(index, tmp_path / "files")
        said = work(pip_of(version), index, cache_dir, tmp_path)
        with Ledger(cache_dir) as ledger:
            holdings = look(cache_dir, ledger, observer=Silent())

    kinds = Counter(one.contents.kind for one in holdings.all)
    assert [one.item.path for one in holdings.all if one.item.form is Form.FOREIGN] == []
    assert [one.item.path for one in holdings.all if one.is_artifact and not one.contents.name] == []
    assert kinds[Kind.INDEX_PAGE] >= 4
    assert kinds[Kind.WHEEL] == 3
    assert kinds[Kind.SDIST] == kinds[Kind.BUILT_WHEEL] == 1
    assert kinds[Kind.METADATA] == len(index.metadata_requests())
    assert {one.item.form for one in holdings.all if one.contents.kind is Kind.OTHER} <= {Form.OWN, Form.SELFCHECK}
    found = names([one for one in holdings.all if one.contents.kind in (Kind.WHEEL, Kind.SDIST)])
    assert {file: found[file] for file in said} == {
        file: (name.lower().replace(".", "-"), version) for file, (name, version) in said.items()
    }
    (built,) = [one for one in holdings.all if one.contents.kind is Kind.BUILT_WHEEL]
    assert built.contents.origin == index.file_url("tool-0.5.tar.gz")
    assert (built.contents.name, built.contents.version) == ("tool", "0.5")


@every_pip
def test_each_name_comes_from_the_page_that_led_to_the_file(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """Files and their metadata bear the name, hash and yanked mark of the index page, not what their bodies tell."""
    folder = tmp_path / "files"
    folder.mkdir()
    wheel = make_wheel(folder, "demo", "1.0").rename(folder / "Demo-1.0-py3-none-any.whl")
    index.add(wheel, yanked="a reason")
    pip_of(version).run("download", "demo==1.0", "--dest", str(tmp_path), cache_dir=cache_dir, index=index, check=True)

    with Ledger(cache_dir) as ledger:
        holdings = look(cache_dir, ledger, observer=Silent()).all

    files = [one.contents for one in holdings if one.contents.kind in (Kind.WHEEL, Kind.METADATA)]
    assert {(one.filename, one.yanked, one.source) for one in files} == {
        (name, True, Source.INDEX_PAGE)
        for name in ("Demo-1.0-py3-none-any.whl", "Demo-1.0-py3-none-any.whl.metadata")[: len(files)]
    }
    assert all(one.sha256 for one in files)
