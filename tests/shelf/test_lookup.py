"""What pip would do for one artifact, from its URL, the entries on the disk and what is remembered."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel
from tests.helpers.index import PYPI, serve_index
from tests.helpers.shelves import shelf_of, target_of
from wheelwarm.inputs.requirements import read
from wheelwarm.ledger.ledger import Ledger
from wheelwarm.model import HIT, LOCAL, Artifact, Kind, Outcome, Reason, Resolution, StoredResponse, Verdict
from wheelwarm.shelf.lookup import Shelf, trusted_hosts_of, wanted, wanted_metadata
from wheelwarm.urls import artifact_at, metadata_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

BODY = b"a body"
URL = "https://host.test/demo-1.0-py3-none-any.whl"
FRESH = {"Cache-Control": "max-age=1000000000", "Date": "Thu, 01 Jan 2026 00:00:00 GMT"}


@pytest.fixture
def shelf(modern_pip: PipEnvironment, cache_dir: Path) -> Iterator[Shelf]:
    """Open the shelf of an empty cache, which trusts one host."""
    with shelf_of(target_of(modern_pip, cache_dir), trusted_hosts=["trusted.test"]) as opened:
        yield opened


def store(shelf: Shelf, url: str = URL, body: bytes = BODY, *, status: int = 200, **headers: str) -> Path:
    """Store a response that stays fresh, and return its body's path."""
    file = shelf.http.new_body()
    file.write_bytes(body)
    shelf.http.store(url, StoredResponse(status=status, headers={**FRESH, **headers}), file)
    return shelf.entry(artifact_at(url)).body_path


def with_hash(body: bytes = BODY, url: str = URL) -> Artifact:
    """Name the artifact at a URL by the hash of its body."""
    found = artifact_at(url)
    return Artifact(
        name=found.name,
        version=found.version,
        filename=found.filename,
        kind=found.kind,
        url=url,
        hashes={"sha256": hashlib.sha256(body).hexdigest()},
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", Verdict(Outcome.MISS, Reason.NO_INDEX_PAGE)),
        ("file:///x/demo-1.0.tar.gz", LOCAL),
        ("git+https://host.test/repo@abc", Verdict(Outcome.UNCACHEABLE, Reason.VCS)),
        ("http://host.test/demo-1.0.tar.gz", Verdict(Outcome.UNCACHEABLE, Reason.INSECURE_ORIGIN)),
        ("http://trusted.test:99999/demo-1.0.tar.gz", Verdict(Outcome.UNCACHEABLE, Reason.INSECURE_ORIGIN)),
        ("http://trusted.test/demo-1.0.tar.gz", Verdict(Outcome.MISS, Reason.ABSENT)),
        ("http://trusted.test:8080/demo-1.0.tar.gz", Verdict(Outcome.MISS, Reason.ABSENT)),
        ("https://host.test/demo-1.0.tar.gz", Verdict(Outcome.MISS, Reason.ABSENT)),
    ],
)
def test_the_url_alone_may_decide(shelf: Shelf, url: str, expected: Verdict) -> None:
    """Local files, version control and plain http are decided by the URL; the rest is looked up."""
    assert shelf.verdict(artifact_at(url)) == expected


def test_an_entry_with_the_right_body_is_a_hit(shelf: Shelf) -> None:
    """Whatever it holds, if that has the hash which is stated; another hash makes it a miss."""
    store(shelf)
    assert shelf.verdict(with_hash()) == HIT
    assert shelf.verdict(with_hash(b"another")) == Verdict(Outcome.MISS, Reason.HASH_MISMATCH)


@pytest.mark.parametrize("algorithm", ["sha512", "sha384", "sha1", "md5"])
def test_any_hash_that_pip_checks_counts(shelf: Shelf, tmp_path: Path, algorithm: str) -> None:
    """Where no sha256 is stated, one of those that are has to be the body's; what pip does not know says nothing."""
    wheel = make_wheel(tmp_path, "demo", "1.0").read_bytes()
    store(shelf, body=wheel)

    def verdict(**hashes: str) -> Verdict:
        return shelf.verdict(replace(artifact_at(URL), hashes=hashes))

    digest = hashlib.new(algorithm, wheel).hexdigest()
    assert verdict(**{algorithm: digest, "sha224": "0"}) == verdict(unheard="0") == HIT
    assert verdict(**{algorithm: "0" * len(digest)}) == Verdict(Outcome.MISS, Reason.HASH_MISMATCH)


def test_a_body_without_a_stated_hash_is_looked_into(shelf: Shelf, tmp_path: Path) -> None:
    """Whole it is a hit, and none when the body alone has changed since; stored anew it is looked into anew."""
    wheel = make_wheel(tmp_path, "demo", "1.0").read_bytes()
    path = store(shelf, body=wheel)
    assert [shelf.verdict(artifact_at(URL)) for _ in range(2)] == [HIT, HIT]

    path.write_bytes(wheel[:-1] + b"!")
    assert shelf.verdict(artifact_at(URL)) == Verdict(Outcome.MISS, Reason.HASH_MISMATCH)
    store(shelf, body=make_wheel(tmp_path, "demo", "1.0", size=10).read_bytes())
    assert shelf.verdict(artifact_at(URL)) == HIT
    store(shelf, body=wheel[:-9])
    assert shelf.verdict(artifact_at(URL)) == Verdict(Outcome.MISS, Reason.DAMAGED)

    shelf.discard(artifact_at(URL))
    assert shelf.verdict(artifact_at(URL)) == Verdict(Outcome.MISS, Reason.ABSENT)


def test_a_digest_is_remembered_until_the_file_changes(modern_pip: PipEnvironment, cache_dir: Path) -> None:
    """The next run believes the digest of an unchanged file, and computes that of a changed one again."""
    target = target_of(modern_pip, cache_dir)
    with shelf_of(target) as shelf:
        path = store(shelf)
        assert shelf.verdict(with_hash()) == HIT
    before = path.stat()
    path.write_bytes(b"x body")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with shelf_of(target) as shelf:
        # Same size, time and inode: only reading the file could tell, which is what was to be saved.
        assert shelf.verdict(with_hash()) == HIT
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with shelf_of(target) as shelf:
        assert shelf.verdict(with_hash()) == Verdict(Outcome.MISS, Reason.HASH_MISMATCH)
        assert shelf.verdict(with_hash(b"x body")) == HIT


def test_a_refusal_is_remembered_while_there_is_no_entry(shelf: Shelf) -> None:
    """What the server forbade to store is uncacheable and no miss, until an entry is there after all."""
    shelf.ledger.note_refusal(URL, Reason.NO_STORE)
    assert shelf.verdict(with_hash()) == Verdict(Outcome.UNCACHEABLE, Reason.NO_STORE)
    store(shelf)
    assert shelf.verdict(with_hash()) == HIT


@pytest.mark.parametrize("status", [301, 308])
def test_a_permanent_redirect_in_the_cache_is_followed(shelf: Shelf, status: int) -> None:
    """What pip serves is the redirect, and then the entry behind it."""
    store(shelf, "https://files.test/x.whl")
    store(shelf, body=b"", status=status, Location="https://files.test/x.whl")
    assert shelf.verdict(with_hash()) == HIT
    assert shelf.measured(artifact_at(URL)).size == len(BODY)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("host.test", Verdict(Outcome.MISS, Reason.INSECURE_ORIGIN)), ("trusted.test", HIT)],
)
def test_a_cached_redirect_to_plain_http_is_no_hit(shelf: Shelf, host: str, expected: Verdict) -> None:
    """There is no cache for an untrusted host, though an entry from other times may be there."""
    store(shelf, f"http://{host}/x.whl")
    store(shelf, body=b"", status=301, Location=f"http://{host}/x.whl")
    assert shelf.verdict(with_hash()) == expected


def test_pip_asks_behind_a_cached_redirect_to_plain_http(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """The real pip leaves out the entry of an untrusted host: the server behind the redirect is asked."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    url = index.file_url(wheel.name)
    with serve_index(tls=False) as plain, shelf_of(target_of(modern_pip, cache_dir)) as opened:
        target = plain.add(wheel)
        store(opened, target, wheel.read_bytes())
        store(opened, url, b"", status=301, Location=target)
        artifact = with_hash(wheel.read_bytes(), url)
        verdict = opened.verdict(artifact)
        command = ("download", "--no-deps", "-d", str(tmp_path / "to"), f"demo @ {url}")
        modern_pip.run(*command, cache_dir=cache_dir, index=index, check=True)
        assert bool(plain.artifact_requests()) == (not verdict.warm)
        assert verdict == Verdict(Outcome.MISS, Reason.INSECURE_ORIGIN)
        assert not index.artifact_requests()


def test_a_vary_is_judged_by_what_pip_will_send(shelf: Shelf) -> None:
    """An entry stored for another Accept-Encoding than that of pip's requests for files is none."""
    file = shelf.http.new_body()
    headers = {**FRESH, "Vary": "Accept-Encoding"}
    vary = {"Accept-Encoding": "gzip"}
    shelf.http.store(URL, StoredResponse(status=200, headers=headers, vary=vary), file)
    assert shelf.verdict(artifact_at(URL)) == Verdict(Outcome.MISS, Reason.VARY_MISMATCH)
    assert shelf.request_headers()["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(("agent", "expected"), [("pip", HIT), ("curl", Verdict(Outcome.MISS, Reason.VARY_MISMATCH))])
def test_headers_that_no_version_fixes_are_learnt(
    modern_pip: PipEnvironment, cache_dir: Path, agent: str, expected: Verdict
) -> None:
    """When a Vary names a header like User-Agent, pip is asked once what it sends."""
    asked: list[str] = []

    def learn() -> dict[str, str]:
        asked.append("")
        return {"User-Agent": "pip"}

    with Ledger(cache_dir) as ledger:
        shelf = Shelf(target_of(modern_pip, cache_dir), ledger, now=time.time(), learn_headers=learn)
        file = shelf.http.new_body()
        headers = {**FRESH, "Vary": "User-Agent"}
        shelf.http.store(URL, StoredResponse(status=200, headers=headers, vary={"User-Agent": agent}), file)
        assert [shelf.verdict(with_hash(b"")) for _ in range(2)] == [expected, expected]
    assert len(asked) == 1


def test_locally_built_wheels_are_pips_own(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """What the real pip built is found under its key, and measured; another hash on the link is another key."""
    url = index.add(make_sdist(tmp_path, "demo", "1.0"))
    modern_pip.run(
        "wheel", "--no-deps", "-w", str(tmp_path / "to"), "demo", cache_dir=cache_dir, index=index, check=True
    )
    digest = hashlib.sha256((tmp_path / "demo-1.0.tar.gz").read_bytes()).hexdigest()
    built = built_at(url, link_hash=("sha256", digest))
    with shelf_of(target_of(modern_pip, cache_dir)) as opened:
        assert opened.verdict(built) == HIT
        measured = opened.measured(built)
        (path,) = cache_dir.glob("wheels/**/*.whl")
        assert (measured.filename, measured.size) == (path.name, path.stat().st_size)
        other = built_at(url, link_hash=None)
        assert opened.verdict(other) == Verdict(Outcome.MISS, Reason.NOT_BUILT)
        assert opened.measured(other) == other


def built_at(url: str, link_hash: tuple[str, str] | None = None) -> Artifact:
    """Name the wheel that is built from the sdist at a URL."""
    return Artifact(
        name="demo", version="1.0", filename="demo-1.0-*.whl", kind=Kind.BUILT_WHEEL, url=url, link_hash=link_hash
    )


def test_a_wheel_of_an_unversioned_archive_is_never_kept(
    modern_pip: PipEnvironment, shelf: Shelf, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """For an archive without a version in its name there will be no built wheel, as the real pip shows."""
    body = make_sdist(tmp_path, "demo", "1.0").read_bytes()
    url = index.put("/direct/main.tar.gz", body)
    index.set_headers("/direct/*", PYPI.files)
    command = ("wheel", "--no-deps", "-w", str(tmp_path / "to"), f"demo @ {url}")
    modern_pip.run(*command, cache_dir=cache_dir, index=index, check=True)
    assert not list(cache_dir.glob("wheels/**/*.whl"))
    assert shelf.verdict(built_at(url)) == Verdict(Outcome.UNCACHEABLE, Reason.UNVERSIONED_ARCHIVE)
    assert shelf.verdict(built_at("https://host.test/demo-1.0.zip")) == Verdict(Outcome.MISS, Reason.NOT_BUILT)


def test_sizes_come_from_the_disk_where_the_index_tells_none(shelf: Shelf) -> None:
    """A size that is known stays, one of a file that is nowhere stays unknown."""
    assert shelf.measured(artifact_at(URL)).size is None
    store(shelf)
    assert shelf.measured(artifact_at(URL)).size == len(BODY)
    assert shelf.measured(artifact_at("file:///x.whl")).size is None


def test_what_pip_will_ask_for_is_enumerated(shelf: Shelf) -> None:
    """Each resolved file, the wheel built from an sdist that is not local, and what building asks for."""
    sdist = artifact_at("https://host.test/demo-1.0.tar.gz")
    resolution = Resolution(
        artifacts=(artifact_at(URL), sdist, artifact_at("file:///x/local-1.0.tar.gz")),
        supporting=(artifact_at("https://host.test/helper-1.0-py3-none-any.whl"), metadata_at(f"{URL}.metadata")),
        made=time.time(),
    )
    assert [(one.kind, one.filename) for one in wanted(resolution, shelf)] == [
        (Kind.WHEEL, "demo-1.0-py3-none-any.whl"),
        (Kind.SDIST, "demo-1.0.tar.gz"),
        (Kind.BUILT_WHEEL, "demo-1.0-*.whl"),
        (Kind.SDIST, "local-1.0.tar.gz"),
        (Kind.WHEEL, "helper-1.0-py3-none-any.whl"),
    ]
    assert [one.filename for one in wanted_metadata(resolution)] == ["demo-1.0-py3-none-any.whl.metadata"]


def test_trusted_hosts_come_from_input_and_configuration(
    modern_pip: PipEnvironment, cache_dir: Path, tmp_path: Path
) -> None:
    """Files and pip's settings are added up."""
    file = tmp_path / "requirements.txt"
    file.write_text("--trusted-host one.test\ndemo\n", encoding="utf-8")
    requirements = read(requirement_files=[str(file)], environ={})
    configured = target_of(modern_pip, cache_dir, trusted_host="two.test three.test:8080")
    assert trusted_hosts_of(requirements, configured) == ("one.test", "two.test", "three.test:8080")
    assert trusted_hosts_of(requirements, target_of(modern_pip, cache_dir)) == ("one.test",)
