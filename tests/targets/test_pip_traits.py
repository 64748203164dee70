"""The traits of pip versions, asked of the real pips: what they send, store, read and offer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_wheel
from tests.helpers.pips import PIP_MATRIX
from wheelwarm.targets.pip_traits import traits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index, Request
    from tests.helpers.pips import PipEnvironment

_OFTEN = ("23.2.1", PIP_MATRIX[-1])
versions = pytest.mark.parametrize(
    "version",
    [version if version in _OFTEN else pytest.param(version, marks=pytest.mark.pip_matrix) for version in PIP_MATRIX],
)


@pytest.fixture
def pip(pip_of: PipOf, version: str) -> PipEnvironment:
    """Return the environment of the version under test."""
    return pip_of(version)


@pytest.fixture
def wheel_url(index: Index, tmp_path: Path) -> str:
    """Serve one wheel, and return its URL."""
    return index.add(make_wheel(tmp_path, "demo", "1.0"))


def sent_for(requests: list[Request], suffix: str) -> Mapping[str, str]:
    """Return the headers of the one request for a path with this end."""
    (request,) = (request for request in requests if request.path.endswith(suffix))
    return request.headers


def assert_sent(expected: Mapping[str, str | None], headers: Mapping[str, str]) -> None:
    """Compare what is known of a request's headers, and see that none a Vary can name was forgotten."""
    known = {name.lower(): value for name, value in expected.items() if value is not None}
    assert {name: headers.get(name) for name in known} == known
    unforeseen = headers.keys() - {name.lower() for name in expected} - {"host", "user-agent"}
    assert not unforeseen


@versions
def test_headers_are_those_the_pip_sends(
    pip: PipEnvironment, index: Index, wheel_url: str, tmp_path: Path, version: str
) -> None:
    """Index pages, metadata and files are asked for with the headers that the traits tell."""
    pip.run("download", "demo", "--dest", str(tmp_path / "to"), cache_dir=tmp_path / "cache", index=index, check=True)
    facts = traits(version)
    assert_sent(facts.page_headers, sent_for(index.requests, "/demo/"))
    assert_sent(facts.file_headers, sent_for(index.requests, ".whl"))
    for request in index.requests:
        if request.path.endswith(".metadata"):
            assert_sent(facts.metadata_headers, request.headers)


@versions
def test_layout_is_the_section_the_pip_fills(
    pip: PipEnvironment, index: Index, wheel_url: str, tmp_path: Path, version: str
) -> None:
    """After a download the cache holds the section folder of the version's layout, and not the other."""
    cache_dir = tmp_path / "cache"
    pip.run("download", "demo", "--dest", str(tmp_path / "to"), cache_dir=cache_dir, index=index, check=True)
    sections = {path.name for path in cache_dir.iterdir()} & {"http", "http-v2"}
    assert sections == {traits(version).layout}


@versions
def test_dry_run_fetches_bodies_until_it_needs_none(
    pip: PipEnvironment, index: Index, wheel_url: str, tmp_path: Path, version: str
) -> None:
    """A dry run asks for the wheel itself exactly as long as the traits say so."""
    pip.run("install", "--dry-run", "--ignore-installed", "demo", cache_dir=tmp_path / "cache", index=index, check=True)
    asked = [request for request in index.requests if request.path.endswith(".whl")]
    assert bool(asked) == traits(version).dry_run_fetches_bodies


@versions
def test_fresh_pages_are_served_since_26_2(
    pip: PipEnvironment, index: Index, wheel_url: str, tmp_path: Path, version: str
) -> None:
    """A second run within the page's lifetime asks for the page again, or does not, as the traits say."""
    command = ("download", "demo", "--dest", str(tmp_path / "to"))
    for _ in range(2):
        pip.run(*command, cache_dir=tmp_path / "cache", index=index, check=True)
    pages = [request for request in index.requests if request.path.endswith("/demo/")]
    assert (len(pages) == 1) == traits(version).serves_fresh_pages


@versions
def test_permissions_are_inherited_since_25_0(
    pip: PipEnvironment, index: Index, wheel_url: str, tmp_path: Path, version: str
) -> None:
    """Files in a group-readable section are group-readable exactly where the traits say that they inherit."""
    section = tmp_path / "cache" / traits(version).layout
    section.mkdir(parents=True)
    section.chmod(0o775)
    pip.run("download", "demo", "--dest", str(tmp_path / "to"), cache_dir=section.parent, index=index, check=True)
    modes = {path.stat().st_mode & 0o777 for path in section.rglob("*") if path.is_file()}
    assert modes == {0o664 if traits(version).inherits_permissions else 0o600}


@versions
def test_options_are_those_the_pip_has(pip: PipEnvironment, tmp_path: Path, version: str) -> None:
    """`--report`, `--refresh-package` and pylock.toml for `-r` are in the help of those that have them."""
    options = pip.run("install", "--help", cache_dir=None, check=True).stdout
    facts = traits(version)
    assert facts.supported == ("--report" in options)
    assert facts.refresh_package == ("--refresh-package" in options)
    assert facts.groups == ("--group" in options)
    assert facts.build_constraints == ("--build-constraint" in options)
    assert facts.reads_pylock == ("pylock" in options)


def test_a_pip_that_cannot_report_is_not_supported() -> None:
    """The installation report came with 22.2; versions are compared as versions, pre-releases with their release."""
    assert not traits("22.1.2").supported
    assert not traits("9.0.3").supported
    assert traits("22.2.dev0").supported
    assert traits("100").supported
    assert traits("25").inherits_permissions
