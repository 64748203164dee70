"""The test infrastructure itself: real pips install from the index; log, headers and faults are what they say."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from packaging.metadata import Metadata
from urllib3.exceptions import HTTPError, ProtocolError

from tests.helpers import index_pages
from tests.helpers.artifacts import make_sdist, make_wheel, metadata_of
from tests.helpers.index import (
    ETAG_ONLY,
    LAST_MODIFIED_ONLY,
    NO_STORE,
    NONE,
    Fault,
    Index,
    failure,
    redirect,
    serve_index,
)
from tests.helpers.pips import PipEnvironment, fetch_pip, interpreters, isolated_environ, pip_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import PipOf

OLD_AND_NEW = ("22.2", "23.2.1", "26.3")
PIP_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"


@pytest.fixture
def client(index: Index) -> Iterator[urllib3.PoolManager]:
    """Give a client that trusts the index and tries everything just once."""
    with urllib3.PoolManager(ca_certs=str(index.ca_bundle), retries=False) as pool:
        yield pool


@pytest.fixture
def wheel(index: Index, tmp_path: Path) -> Path:
    """Serve demo 1.0, of some 100 kB, from the index."""
    path = make_wheel(tmp_path, "demo", "1.0", size=100_000)
    index.add(path)
    return path


def install(pip: PipEnvironment, *requirements: str, into: Path, **where: Any) -> subprocess.CompletedProcess[str]:
    """Install into a folder of its own, so that no run sees what another installed."""
    return pip.run("install", "--no-compile", "--target", str(into), *requirements, check=True, **where)


# --- artifacts ---------------------------------------------------------------------------------------------------


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


# --- real pips ---------------------------------------------------------------------------------------------------


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


# --- the index, by a plain client --------------------------------------------------------------------------------


def test_log_has_the_request_as_sent(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """The log has method, path, status, headers in lower case and the size of the body that left."""
    client.request("GET", index.file_url(wheel.name), headers={"X-Odd": "Yes"})
    client.request("HEAD", index.file_url(wheel.name))
    client.request("GET", f"{index.url}/nowhere")

    got, head, lost = index.requests
    assert (got.method, got.path, got.status) == ("GET", f"/files/{wheel.name}", 200)
    assert got.headers["x-odd"] == "Yes"
    assert got.bytes_sent == wheel.stat().st_size
    assert (head.method, head.bytes_sent) == ("HEAD", 0)
    assert lost.status == 404
    assert index.requested(suffix=".whl") == [got, head]
    index.clear()
    assert index.requests == []


def test_connections_are_kept_alive(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """Many requests go over one connection."""
    for _ in range(5):
        client.request("GET", index.file_url(wheel.name))

    pool = client.connection_from_url(index.url)
    assert isinstance(pool, urllib3.HTTPSConnectionPool)
    assert (pool.num_connections, pool.num_requests) == (1, 5)


def test_pypi_headers(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """Files are immutable, pages fresh for ten minutes and vary by what was accepted; both have an entity tag."""
    file = client.request("GET", index.file_url(wheel.name))
    page = client.request("GET", f"{index.simple_url}demo/", headers={"Accept": PIP_ACCEPT})

    assert file.headers["Cache-Control"] == "max-age=365000000, immutable, public"
    assert file.headers["Last-Modified"].endswith(" GMT")
    assert (page.headers["Cache-Control"], page.headers["Vary"]) == ("max-age=600, public", "Accept, Accept-Encoding")
    assert page.headers["Content-Type"] == index_pages.JSON_V1
    assert file.headers["ETag"] != page.headers["ETag"]


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (NONE, set()),
        (ETAG_ONLY, {"ETag"}),
        (LAST_MODIFIED_ONLY, {"Last-Modified"}),
        (NO_STORE, {"Cache-Control", "ETag"}),
        ({"Expires": "0", "ETag": "W/{etag}"}, {"Expires", "ETag"}),
    ],
)
def test_profiles_send_these_headers_and_no_other(profile: Any, expected: set[str], tmp_path: Path) -> None:
    """Beside the profile's headers there are just type, length and date, on files and pages."""
    with serve_index(profile=profile) as index, urllib3.PoolManager(ca_certs=str(index.ca_bundle)) as client:
        url = index.add(make_wheel(tmp_path, "demo", "1.0"))
        for address in (url, f"{url}.metadata", f"{index.simple_url}demo/"):
            response = client.request("GET", address)
            assert set(response.headers) == {"Content-Type", "Content-Length", "Date"} | expected


def test_headers_of_one_target(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """One target can have headers of its own, and None takes even the Date away."""
    index.set_headers("*.metadata", {"Cache-Control": "max-age=5", "Date": None})

    metadata = client.request("GET", f"{index.file_url(wheel.name)}.metadata")
    file = client.request("GET", index.file_url(wheel.name))

    assert metadata.headers["Cache-Control"] == "max-age=5"
    assert "Date" not in metadata.headers
    assert "immutable" in file.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("validator", "condition"), [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")]
)
def test_unchanged_is_304(
    index: Index, client: urllib3.PoolManager, wheel: Path, validator: str, condition: str
) -> None:
    """A validator that still holds is answered with 304 and no body; after `replace` it holds no more."""
    url = index.file_url(wheel.name)
    seen = client.request("GET", url).headers[validator]

    assert client.request("GET", url, headers={condition: seen}).status == 304

    other = make_wheel(wheel.parent, "demo", "1.0", size=5)
    index.replace(wheel.name, other)
    changed = client.request("GET", url, headers={condition: seen})
    assert (changed.status, changed.data) == (200, other.read_bytes())
    assert [request.bytes_sent for request in index.artifact_requests()][1] == 0


def test_replaced_file_has_its_new_hash_on_the_page(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """After `replace` the page lists the hash of the new bytes under the old URL."""
    other = make_wheel(wheel.parent, "demo", "1.0", requires=["more"])
    index.replace(wheel.name, other)

    (file,) = client.request("GET", f"{index.simple_url}demo/", headers={"Accept": PIP_ACCEPT}).json()["files"]

    assert file["url"] == index.file_url(wheel.name)
    assert file["hashes"] == {"sha256": hashlib.sha256(other.read_bytes()).hexdigest()}
    assert file["core-metadata"] == {"sha256": hashlib.sha256(metadata_of(other)).hexdigest()}


@pytest.mark.parametrize(
    ("asked", "part", "described"),
    [
        ("bytes=10-19", slice(10, 20), "bytes 10-19/{}"),
        ("bytes=100000-", slice(100000, None), "bytes 100000-{last}/{}"),
        ("bytes=-5", slice(-5, None), "bytes {tail}-{last}/{}"),
    ],
)
def test_ranges(
    index: Index, client: urllib3.PoolManager, wheel: Path, asked: str, part: slice, described: str
) -> None:
    """A range is answered with 206, that part and its place (RFC 9110, section 14)."""
    content = wheel.read_bytes()

    response = client.request("GET", index.file_url(wheel.name), headers={"Range": asked})

    total = len(content)
    assert (response.status, response.data) == (206, content[part])
    assert response.headers["Content-Range"] == described.format(total, last=total - 1, tail=total - 5)


def test_ranges_that_do_not_apply(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """If-Range with another entity tag and units that are not bytes give the whole; beyond the end gives 416."""
    url = index.file_url(wheel.name)
    etag = client.request("GET", url).headers["ETag"]

    statuses = [
        client.request("GET", url, headers=headers).status
        for headers in (
            {"Range": "bytes=0-9", "If-Range": etag},
            {"Range": "bytes=0-9", "If-Range": '"other"'},
            {"Range": "lines=0-9"},
            {"Range": "bytes=900000-"},
        )
    ]

    assert statuses == [206, 200, 200, 416]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, index_pages.HTML),
        ("*/*", index_pages.HTML),
        (PIP_ACCEPT, index_pages.JSON_V1),
        (f"{index_pages.HTML_V1}, {index_pages.HTML};q=0.2", index_pages.HTML_V1),
    ],
)
def test_pages_are_negotiated(
    index: Index, client: urllib3.PoolManager, wheel: Path, accept: str | None, content_type: str
) -> None:
    """A client gets the kind of page that it values most, plain HTML when it says nothing (PEP 691)."""
    response = client.request("GET", f"{index.simple_url}demo/", headers={"Accept": accept} if accept else {})

    assert response.headers["Content-Type"] == content_type


def test_page_without_hashes_and_metadata(client: urllib3.PoolManager, index: Index, tmp_path: Path) -> None:
    """A file can be listed without its hash and without a `.metadata` beside it."""
    url = index.add(make_wheel(tmp_path, "demo", "1.0"), hashes=False, metadata=False)

    page = client.request("GET", f"{index.simple_url}demo/").data.decode()

    assert "sha256" not in page
    assert client.request("GET", f"{url}.metadata").status == 404


def test_any_bytes_at_any_path(client: urllib3.PoolManager, index: Index, wheel: Path) -> None:
    """Other resources can be served, and stand in place of the index's own."""
    url = index.put("/requirements.txt", b"demo\n", content_type="text/plain")
    index.put("/simple/demo/", b"<garbage", content_type="text/html")

    assert client.request("GET", url).data == b"demo\n"
    assert client.request("GET", f"{index.simple_url}demo/").data == b"<garbage"


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_failures_last_as_long_as_asked(index: Index, client: urllib3.PoolManager, wheel: Path, status: int) -> None:
    """An injected status is answered so many times, and then all is well."""
    index.inject(wheel.name, failure(status, retry_after=7), times=2)

    responses = [client.request("GET", index.file_url(wheel.name)) for _ in range(3)]

    assert [response.status for response in responses] == [status, status, 200]
    assert responses[0].headers["Retry-After"] == "7"
    assert ("WWW-Authenticate" in responses[0].headers) == (status == 401)


def test_failures_for_ever_until_healed(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """Without a number a fault stays until it is taken back, and others are not touched."""
    index.inject("*.whl", failure(503), times=None)

    assert [client.request("GET", index.file_url(wheel.name)).status for _ in range(3)] == [503] * 3
    assert client.request("GET", f"{index.simple_url}demo/").status == 200

    index.heal()
    assert client.request("GET", index.file_url(wheel.name)).status == 200


def test_redirect(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """A redirection leads to where it says, and both requests are logged."""
    index.inject("/simple/demo/", redirect(302, f"/files/{wheel.name}"))

    response = client.request("GET", f"{index.simple_url}demo/", redirect=True, retries=1)

    assert response.data == wheel.read_bytes()
    assert [request.status for request in index.requests] == [302, 200]


def test_cut_connection(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """A connection cut within the body is an error to the client, and the log has what left."""
    index.inject(wheel.name, Fault(cut_after=1000))

    with pytest.raises(ProtocolError):
        client.request("GET", index.file_url(wheel.name))

    assert index.requests[0].bytes_sent == 1000


def test_hung_up_connection(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """A connection can be closed without any answer; the log has it with status 0."""
    index.inject(wheel.name, Fault(hang_up=True))

    with pytest.raises(HTTPError):
        client.request("GET", index.file_url(wheel.name))

    assert index.requests[0].status == 0


def test_wrong_and_short_bodies(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """A corrupt body is as long as the right one; a shortened one has a length that agrees with it."""
    content = wheel.read_bytes()
    index.inject(wheel.name, Fault(corrupt=True))
    index.inject(wheel.name, Fault(length=100))

    corrupt = client.request("GET", index.file_url(wheel.name))
    short = client.request("GET", index.file_url(wheel.name))

    assert (len(corrupt.data), corrupt.data == content) == (len(content), False)
    assert (short.data, short.headers["Content-Length"]) == (content[:100], "100")


def test_slow_answers(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """A delay comes before the answer, and a rate bounds how fast the body flows."""
    index.inject(wheel.name, Fault(delay=0.2))
    index.inject(wheel.name, Fault(bytes_per_second=400_000))

    took = []
    for _ in range(2):
        started = time.monotonic()
        client.request("GET", index.file_url(wheel.name))
        took.append(time.monotonic() - started)

    assert took[0] >= 0.2
    assert took[1] >= wheel.stat().st_size / 400_000 * 0.95


def test_whole_index_can_be_slow(tmp_path: Path) -> None:
    """Latency and rate of the whole index hold for every answer, in parallel for parallel clients."""
    with serve_index(latency=0.2) as index, urllib3.PoolManager(ca_certs=str(index.ca_bundle), maxsize=8) as client:
        url = index.add(make_wheel(tmp_path, "demo", "1.0"))
        threads = [threading.Thread(target=client.request, args=("GET", url)) for _ in range(8)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - started

    assert 0.2 <= took < 1.2  # 1.6 in a row
    assert len(index.requests) == 8


def test_index_of_a_directory_over_plain_http(tmp_path: Path) -> None:
    """All artifacts of a directory are served, on request without TLS."""
    make_wheel(tmp_path, "demo", "1.0")
    make_sdist(tmp_path, "other", "1.0")

    with serve_index(tmp_path, tls=False) as index, urllib3.PoolManager() as client:
        statuses = [client.request("GET", f"{index.simple_url}{name}/").status for name in ("demo", "other", "third")]

    assert index.url.startswith("http://localhost:")
    assert statuses == [200, 200, 404]


def test_stopped_index_refuses_and_leaves_nothing(tmp_path: Path) -> None:
    """After `stop` the port refuses, idle and busy connections are closed, and no thread is left."""
    before = set(threading.enumerate())
    with serve_index() as index, urllib3.PoolManager(ca_certs=str(index.ca_bundle), retries=False) as client:
        url = index.add(make_wheel(tmp_path, "demo", "1.0"))
        client.request("GET", url)
        index.inject("*.whl", Fault(delay=60))
        busy = threading.Thread(target=_fail_to_get, args=(client, url))
        busy.start()
        while len(index.requests) < 2:
            time.sleep(0.01)
        index.stop()
        busy.join(10)

        assert set(threading.enumerate()) == before
        with pytest.raises(HTTPError):
            client.request("GET", url)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", index.port), timeout=5)


def test_untrusting_and_silent_clients_do_no_harm(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """A client that does not trust the certificate, or never says anything, holds nobody up."""
    silent = socket.create_connection(("127.0.0.1", index.port))
    with silent, urllib3.PoolManager(retries=False) as stranger:
        with pytest.raises(HTTPError) as caught:
            stranger.request("GET", index.url)
        assert client.request("GET", index.file_url(wheel.name)).status == 200

    assert isinstance(caught.value.__cause__ or caught.value.args[0], ssl.SSLError)


def test_mistakes_within_the_index_come_out(tmp_path: Path) -> None:
    """What goes wrong in the index's own code fails the test, not only the request."""
    with pytest.raises(ExceptionGroup, match="test index failed"), serve_index(tls=False) as index:
        _break_and_ask(index)


def _fail_to_get(client: urllib3.PoolManager, url: str) -> None:
    with pytest.raises(HTTPError):
        client.request("GET", url)


def _break_and_ask(index: Index) -> None:
    index.put("/broken", None)  # type: ignore[arg-type]
    with urllib3.PoolManager(retries=False) as client:
        _fail_to_get(client, f"{index.url}/broken")
