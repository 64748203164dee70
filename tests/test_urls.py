"""What a URL alone tells, judged by real pips where they have a say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.artifacts import make_wheel
from tests.helpers.index import serve_index
from wheelwarm import urls
from wheelwarm.model import LOCAL, Kind, Outcome, Reason

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.pips import PipEnvironment

BASE = "https://files.example.org/packages/ab/"
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}(?:_[a-z0-9]{1,4})?", fullmatch=True)
VERSIONS = st.from_regex(r"[1-9]{1,2}\.[1-9]{1,2}(?:\.post[1-9])?(?:\+local)?", fullmatch=True)


@given(NAMES, VERSIONS)
def test_wheels_and_sdists_are_named_by_their_file(name: str, version: str) -> None:
    """Project and version come out of a quoted URL normalised, and the kind by the suffix."""
    quoted = version.replace("+", "%2B")
    wheel = urls.artifact_at(f"{BASE}{name}-{quoted}-py3-none-any.whl#sha256=00")
    sdist = urls.artifact_at(f"{BASE}{name}-{quoted}.tar.gz")

    assert (wheel.kind, sdist.kind) == (Kind.WHEEL, Kind.SDIST)
    assert {wheel.name, sdist.name} == {name.replace("_", "-")}
    assert {wheel.version, sdist.version} == {version}
    assert wheel.filename == f"{name}-{version}-py3-none-any.whl"


@given(NAMES, VERSIONS)
def test_metadata_is_named_by_its_artifact(name: str, version: str) -> None:
    """A `.metadata` file belongs to the wheel beside it, and is neither artifact nor page."""
    url = f"{BASE}{name}-{version}-py3-none-any.whl.metadata"
    found = urls.named(url)

    assert (found.kind, found.name, found.version) == (Kind.METADATA, name.replace("_", "-"), version)
    assert found.filename == urls.file_name(url)
    assert (urls.is_metadata(url), urls.is_artifact(url), urls.is_page(url)) == (True, False, False)


@pytest.mark.parametrize("filename", ["main.zip", "odd.whl", "no-version-.tar.gz"])
def test_artifacts_without_a_proper_name_are_still_named(filename: str) -> None:
    """A file that the packaging specifications would not name keeps its own name, and no version."""
    found = urls.named(BASE + filename)
    assert (found.name, found.version, found.filename) == (filename, "", filename)


@pytest.mark.parametrize("url", ["https://pypi.org/simple/My.Project/", "https://pypi.org/simple/My.Project"])
def test_pages_are_of_a_project(url: str) -> None:
    """An index page is neither file nor metadata; its project is the last part of the path, normalised (PEP 503)."""
    assert urls.is_page(url)
    assert urls.page_project(url) == "my-project"


@pytest.mark.parametrize(
    ("url", "outcome", "reason"),
    [
        ("file:///srv/demo-1.0.tar.gz", Outcome.LOCAL, None),
        ("git+https://example.org/demo.git@abc", Outcome.UNCACHEABLE, Reason.VCS),
        ("svn+ssh://example.org/demo", Outcome.UNCACHEABLE, Reason.VCS),
        ("http://example.org/demo-1.0.tar.gz", Outcome.UNCACHEABLE, Reason.INSECURE_ORIGIN),
    ],
)
def test_what_a_scheme_decides(url: str, outcome: Outcome, reason: Reason | None) -> None:
    """Local files, version control and plain http need no look at the disk."""
    verdict = urls.verdict_of(url, ())
    assert verdict is not None
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_tls_decides_nothing() -> None:
    """Over TLS the cache has to be asked, and so for plain http from a trusted host."""
    assert urls.verdict_of("https://example.org/demo-1.0.tar.gz", ()) is None
    assert urls.verdict_of("http://example.org/demo-1.0.tar.gz", ("example.org",)) is None
    assert urls.verdict_of("FILE:///srv/demo-1.0.tar.gz", ()) is LOCAL


@pytest.mark.parametrize("trusted", ["localhost", "LocalHost", "localhost:{port}", "localhost:1", "127.0.0.1", None])
def test_pip_caches_plain_http_from_just_the_trusted_hosts(
    modern_pip: PipEnvironment, tmp_path: Path, cache_dir: Path, trusted: str | None
) -> None:
    """Where we say that plain http is cached, pip leaves an entry; where we say it is not, none."""
    with serve_index(tls=False) as index:
        url = index.add(make_wheel(tmp_path, "demo", "1.0"))
        hosts = [trusted.format(port=index.port)] if trusted else []
        options = [word for host in hosts for word in ("--trusted-host", host)]
        arguments = ("download", "--no-deps", "--dest", str(tmp_path / "got"), *options, f"demo @ {url}")
        modern_pip.run(*arguments, cache_dir=cache_dir, index=index, check=True)

    assert bool(list(cache_dir.glob("http-v2/*/*/*/*/*/*.body"))) == (urls.verdict_of(url, hosts) is None)


@pytest.mark.parametrize("trusted", ["::1", "[::1]", "[::1]:8080"])
def test_ipv6_hosts_are_trusted_however_written(trusted: str) -> None:
    """An IPv6 host counts with and without its brackets and port."""
    assert urls.is_trusted("http://[::1]:8080/demo-1.0.tar.gz", [trusted])
    assert not urls.is_trusted("http://[::2]:8080/demo-1.0.tar.gz", [trusted])


def test_fragments() -> None:
    """The parts of a fragment that pip's wheel cache heeds are found among others."""
    url = f"https://files.example/x-1.zip#egg=x&subdirectory=sub/dir&sha1=0f&md5={'0' * 32}"

    assert urls.fragment_hash(url) == ("sha1", "0f")
    assert urls.fragment_subdirectory(url) == "sub/dir"
    assert urls.fragment_hash("https://files.example/x-1.zip") is None
    assert urls.fragment_subdirectory("https://files.example/x-1.zip") is None


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("sha256=ab", ("sha256", "ab")),
        ("egg=demo&md5=cd&sha256=ab", ("md5", "cd")),
        ("egg=demo", None),
        ("", None),
    ],
)
def test_the_first_hash_of_a_fragment_counts(fragment: str, expected: tuple[str, str] | None) -> None:
    """As pip's Link reads it."""
    assert urls.fragment_hash(f"#{fragment}") == expected
