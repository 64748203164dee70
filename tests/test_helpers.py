"""The test infrastructure itself: what is made and served installs with real pips, and the machine does not matter."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from packaging.metadata import Metadata

from tests.helpers import index_pages
from tests.helpers.artifacts import make_sdist, make_wheel, metadata_of
from tests.helpers.index import ETAG_ONLY, Fault, Index, serve_index
from tests.helpers.pips import PIP_MATRIX, PipEnvironment, fetch_pip, interpreters, isolated_environ, pip_environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf

OLD_AND_NEW = ("22.2", "23.2.1", "26.3")
PIP_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"


@pytest.fixture
def wheel(index: Index, tmp_path: Path) -> Path:
    """Serve demo 1.0, of some 100 kB, from the index."""
    path = make_wheel(tmp_path, "demo", "1.0", size=100_000)
    index.add(path)
    return path


def install(pip: PipEnvironment, *requirements: str, into: Path, **where: Any) -> subprocess.CompletedProcess[str]:
    """Install into a folder of its own, so that no run sees what another installed."""
    return pip.run("install", "--no-compile", "--target", str(into), *requirements, check=True, **where)


def test_wheels_are_the_same_each_time(tmp_path: Path) -> None:
    """The same arguments make the same bytes, whenever and wherever."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        make_wheel(folder, "demo", "1.0", size=1000)
        make_sdist(folder, "demo", "1.0", build_requires=["helper"])

    for name in ("demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_wheel_metadata_is_valid(tmp_path: Path) -> None:
    """Every requirement, marker and extra is core metadata that `packaging` accepts."""
    wheel = make_wheel(
        tmp_path,
        "My.Demo",
        "1.0",
        requires=["base>=1"],
        requires_python=">=3.8",
        extras={"fast": ["speedups; python_version >= '3'"], "slow": ["brakes"]},
    )

    metadata = Metadata.from_email(metadata_of(wheel))

    assert wheel.name == "my_demo-1.0-py3-none-any.whl"
    assert str(metadata.requires_python) == ">=3.8"
    assert [str(requirement) for requirement in metadata.requires_dist or ()] == [
        "base>=1",
        'speedups; python_version >= "3" and extra == "fast"',
        'brakes; extra == "slow"',
    ]


def test_wheel_ballast_does_not_compress(tmp_path: Path) -> None:
    """A wheel with ballast is as large as was asked, and little larger."""
    size = make_wheel(tmp_path, "demo", "1.0", size=200_000).stat().st_size

    assert 200_000 < size < 203_000


def test_extra_files_and_tags_are_in_the_wheel(tmp_path: Path) -> None:
    """Given files are members, and each tag of a compressed set has its line."""
    wheel = make_wheel(tmp_path, "demo", "1.0", tag="py2.py3-none-any", files={"demo/data.txt": "hello"})

    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("demo/data.txt") == b"hello"
        tags = [line for line in archive.read("demo-1.0.dist-info/WHEEL").splitlines() if line.startswith(b"Tag")]
    assert tags == [b"Tag: py2-none-any", b"Tag: py3-none-any"]


@pytest.mark.parametrize("version", OLD_AND_NEW)
def test_pip_installs_a_wheel_with_its_dependency(
    pip_of: PipOf, version: str, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """A wheel and its dependency install, and the log has one request for each of them."""
    index.add(make_wheel(tmp_path, "demo", "1.0", requires=["dep-pkg>=2; python_version > '3'", "never; extra == 'x'"]))
    index.add(make_wheel(tmp_path, "dep-pkg", "2.0"))
    target = tmp_path / "target"

    install(pip_of(version), "demo", into=target, cache_dir=cache_dir, index=index)

    assert sorted(path.name for path in target.glob("*.dist-info")) == ["demo-1.0.dist-info", "dep_pkg-2.0.dist-info"]
    assert [request.path for request in index.artifact_requests()] == [
        "/files/demo-1.0-py3-none-any.whl",
        "/files/dep_pkg-2.0-py3-none-any.whl",
    ]
    assert [request.path for request in index.page_requests()] == ["/simple/demo/", "/simple/dep-pkg/"]
    assert all(request.headers["accept"] == PIP_ACCEPT for request in index.page_requests())


@pytest.mark.parametrize("version", OLD_AND_NEW)
def test_pip_builds_an_sdist_with_its_build_requirement(
    pip_of: PipOf, version: str, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """An sdist builds with what the index serves alone, its build requirement installed for it."""
    index.add(make_sdist(tmp_path, "demo", "1.0", requires=["dep"], build_requires=["build-helper>=1"]))
    index.add(make_wheel(tmp_path, "build-helper", "1.0"))
    index.add(make_wheel(tmp_path, "dep", "1.0"))
    target = tmp_path / "target"

    install(pip_of(version), "demo", into=target, cache_dir=cache_dir, index=index)

    assert (target / "demo" / "__init__.py").exists()
    assert not (target / "build_helper").exists()
    assert {request.path for request in index.artifact_requests()} == {
        "/files/demo-1.0.tar.gz",
        "/files/build_helper-1.0-py3-none-any.whl",
        "/files/dep-1.0-py3-none-any.whl",
    }
    assert list(cache_dir.glob("wheels/**/demo-1.0-py3-none-any.whl"))


def test_an_sdist_whose_build_fails(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """With an `error` the metadata is to be had, and the build ends with that error."""
    index.add(make_sdist(tmp_path, "demo", "1.0", error="no compiler here"))

    resolved = modern_pip.run("install", "--dry-run", "demo", cache_dir=cache_dir, index=index)
    built = modern_pip.run("wheel", "--wheel-dir", str(tmp_path), "demo", cache_dir=cache_dir, index=index)

    assert "Would install demo-1.0" in resolved.stdout
    assert built.returncode == 1
    assert "no compiler here" in built.stderr


@pytest.mark.parametrize("version", OLD_AND_NEW)
def test_second_install_requests_no_artifact(
    pip_of: PipOf, version: str, index: Index, wheel: Path, tmp_path: Path, cache_dir: Path
) -> None:
    """With PyPI's headers pip fills its cache once and asks for no artifact again."""
    install(pip_of(version), "demo", into=tmp_path / "one", cache_dir=cache_dir, index=index)
    assert len(index.artifact_requests()) == 1
    index.clear()

    install(pip_of(version), "demo", into=tmp_path / "two", cache_dir=cache_dir, index=index)

    assert index.artifact_requests() == []


@pytest.mark.parametrize("version", OLD_AND_NEW)
def test_bare_index_is_asked_again(
    pip_of: PipOf, version: str, bare_index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """Without caching headers pip downloads the artifact at every install."""
    bare_index.add(make_wheel(tmp_path, "demo", "1.0"))

    for folder in ("one", "two"):
        install(pip_of(version), "demo", into=tmp_path / folder, cache_dir=cache_dir, index=bare_index)

    assert [request.status for request in bare_index.artifact_requests()] == [200, 200]


def test_pip_revalidates_what_has_only_a_validator(modern_pip: PipEnvironment, tmp_path: Path, cache_dir: Path) -> None:
    """With an entity tag and no lifetime pip asks at every use, and is told 304."""
    with serve_index(profile=ETAG_ONLY) as index:
        index.add(make_wheel(tmp_path, "demo", "1.0"))
        for folder in ("one", "two"):
            install(modern_pip, "demo", into=tmp_path / folder, cache_dir=cache_dir, index=index)

    assert [request.status for request in index.artifact_requests()] == [200, 304]
    assert "if-none-match" in index.artifact_requests()[1].headers


def test_metadata_is_read_in_place_of_the_wheel(
    modern_pip: PipEnvironment, index: Index, wheel: Path, cache_dir: Path
) -> None:
    """Pip takes the `.metadata` file that the page offers when it only resolves (25.3 and later)."""
    modern_pip.run("install", "--dry-run", "demo", cache_dir=cache_dir, index=index, check=True)

    assert [request.path for request in index.metadata_requests()] == ["/files/demo-1.0-py3-none-any.whl.metadata"]
    assert index.artifact_requests() == []


@pytest.mark.parametrize("pages", [index_pages.HTML, index_pages.HTML_V1, index_pages.JSON_V1])
@pytest.mark.parametrize("version", ["22.2", "26.3"])
def test_pages_of_each_kind_mean_the_same(
    pip_of: PipOf, version: str, pages: str, tmp_path: Path, cache_dir: Path
) -> None:
    """Hash, requires-python and yanked reach pip through HTML and JSON alike: it passes over what it may not take."""
    with serve_index(pages=pages) as index:
        index.add(make_wheel(tmp_path, "demo", "1.0"))
        index.add(make_wheel(tmp_path, "demo", "2.0"), yanked="broken & <odd>")
        index.add(make_wheel(tmp_path, "demo", "3.0", requires_python=">=4"))
        download = ("download", "--dest", str(tmp_path / "got"), "demo")
        index.inject("demo-1.0-*.whl", Fault(corrupt=True))
        spoilt = pip_of(version).run(*download, cache_dir=cache_dir, index=index)
        process = pip_of(version).run(*download, cache_dir=tmp_path / "other cache", index=index)

    assert process.returncode == 0, process.stderr
    assert [request.path for request in index.artifact_requests()] == ["/files/demo-1.0-py3-none-any.whl"] * 2
    assert "DO NOT MATCH THE HASHES" in spoilt.stderr


def test_credentials_are_asked_for(modern_pip: PipEnvironment, tmp_path: Path, cache_dir: Path) -> None:
    """An index with `auth` answers 401 without the password and serves pip with it."""
    with serve_index(auth=("me", "s3cr@t")) as index:
        index.add(make_wheel(tmp_path, "demo", "1.0"))
        refused = modern_pip.run("download", "--dest", str(tmp_path / "got"), "demo", cache_dir=cache_dir, index=index)
        login = {"PIP_INDEX_URL": index.credentialed_url}
        served = modern_pip.run(
            "download", "--dest", str(tmp_path / "got"), "demo", cache_dir=cache_dir, index=index, env=login
        )

    assert refused.returncode == 1
    assert served.returncode == 0, served.stderr
    assert {request.status for request in index.requests} == {200, 401}


@pytest.mark.pip_matrix
@pytest.mark.parametrize("version", PIP_MATRIX)
def test_every_pip_of_the_matrix_is_what_it_says(
    pip_of: PipOf, version: str, index: Index, wheel: Path, tmp_path: Path, cache_dir: Path
) -> None:
    """Each pip has the version of its name, and installs from the index."""
    pip = pip_of(version)

    install(pip, "demo", into=tmp_path / "target", cache_dir=cache_dir, index=index)

    assert pip.run("--version", cache_dir=cache_dir).stdout.startswith(f"pip {version} ")
    assert (tmp_path / "target" / "demo-1.0.dist-info").is_dir()


def test_pip_runs_know_nothing_of_the_machine(
    modern_pip: PipEnvironment, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No PIP_ variable of the caller's reaches pip, and no index unless one is given."""
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "https://localhost:9/")

    process = modern_pip.run("cache", "dir", cache_dir=cache_dir)
    unfound = modern_pip.run("download", "demo", cache_dir=cache_dir)

    assert process.stdout.strip() == str(cache_dir)
    assert "No matching distribution" in unfound.stderr


def test_a_failing_run_shows_pips_words(modern_pip: PipEnvironment, cache_dir: Path) -> None:
    """With `check` the error carries what pip printed."""
    with pytest.raises(subprocess.CalledProcessError) as caught:
        modern_pip.run("download", "demo", cache_dir=cache_dir, check=True)

    assert "No matching distribution" in "".join(caught.value.__notes__)


def test_environment_without_pip(tmp_path: Path, cache_dir: Path) -> None:
    """The version None makes an interpreter that has no pip."""
    process = pip_environment(tmp_path, None).run("--version", cache_dir=cache_dir)

    assert "No module named pip" in process.stderr


def test_unheard_of_pip_skips_the_test() -> None:
    """A pip that cannot be had skips with its version in the message."""
    with pytest.raises(pytest.skip.Exception, match=r"pip 999\.0 cannot be had"):
        fetch_pip("999.0")


def test_interpreters_are_what_they_say() -> None:
    """Each interpreter found starts and has the version of its name; the running one is not among them."""
    for version, python in interpreters().items():
        process = subprocess.run([python, "--version"], capture_output=True, text=True, check=True)
        assert (process.stdout or process.stderr).startswith(f"Python {version}.")
    assert "{}.{}".format(*sys.version_info) not in interpreters()


def test_environment_of_tests_is_isolated(tmp_path: Path) -> None:
    """No test sees the machine's pip configuration, and the isolation takes away what a machine may have."""
    wild = {"PIP_CERT": "x", "https_proxy": "x", "REQUESTS_CA_BUNDLE": "x", "WHEELWARM_CACHE": "x", "PATH": "/bin"}

    tame = isolated_environ(wild, home=tmp_path)

    assert not {"PIP_CERT", "https_proxy", "REQUESTS_CA_BUNDLE", "WHEELWARM_CACHE"} & set(tame)
    assert tame["PATH"] == "/bin"
    assert not {name for name in os.environ if name.startswith("PIP_")} - set(tame)
    assert os.environ["PIP_CONFIG_FILE"] == os.devnull
