"""Each lane by its effect: what is on the disk afterwards, and what the real pip then still asks for."""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel, metadata_of
from tests.helpers.index import ETAG_ONLY, LAST_MODIFIED_ONLY, NO_STORE, NONE, PYPI, Fault, Index, redirect, serve_index
from tests.helpers.shelves import fetcher_of, filler_of, shelf_of, target_of
from wheelwarm.fetcher import Fetcher
from wheelwarm.model import HIT, Action, Artifact, Kind, Outcome, Reason, Silent, StoredResponse, Verdict
from wheelwarm.targets.network import Network
from wheelwarm.urls import artifact_at, metadata_at
from wheelwarm.warming.filling import Filler, Step, step_for
from wheelwarm.warming.pip_lane import PipLane, direct_requirement, options_file
from wheelwarm.warming.seeding import Seed, SeedPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.helpers.pips import PipEnvironment
    from wheelwarm.shelf.lookup import Shelf
    from wheelwarm.warming.filling import Done

OLD = "Thu, 01 Jan 2026 00:00:00 GMT"
VARIES = {"Vary": "User-Agent", "Cache-Control": "max-age=365000000", "ETag": "{etag}"}


@dataclass(frozen=True, slots=True)
class World:
    """One pip with its index, cache and files."""

    pip: PipEnvironment
    index: Index
    shelf: Shelf
    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        """Return pip's environment."""
        return self.pip.environ(cache_dir=self.shelf.target.cache_dir, index=self.index)

    def publish(self, name: str, headers: Any = None, **where: Any) -> Artifact:
        """Publish a wheel, with headers of its own if given, and name it by its hash."""
        path = make_wheel(self.folder, name, "1.0", size=1000)
        url = self.index.add(path, **where)
        if headers is not None:
            self.index.set_headers(f"{path.name}*", headers)
        return replace(artifact_at(url), hashes={"sha256": sha256(path.read_bytes())})

    def body(self, artifact: Artifact) -> bytes:
        """Return the bytes that were published."""
        return (self.folder / artifact.filename).read_bytes()

    def keep(self, artifact: Artifact, body: bytes | None = None, **headers: str) -> None:
        """Put an entry into the cache, as of some time ago."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        file = self.shelf.http.new_body()
        file.write_bytes(self.body(artifact) if body is None else body)
        self.shelf.http.store(artifact.url, StoredResponse(status=200, headers=named), file)

    def fill(self, *artifacts: Artifact, seed: Seed = Seed.VERIFIED, **environ: str) -> list[Done]:
        """Fill the cache with these, and see that no temporary file is left."""
        with fetcher_of(self.index) as fetcher:
            filler = self.filler(fetcher, seed=seed, **environ)
            done = {one.identity: result for one, result in filler.fill(artifacts)}
        assert not list(self.shelf.http.section.glob("*.tmp"))
        return [done[one.identity] for one in artifacts]

    def build(self, *artifacts: Artifact) -> list[Done]:
        """Build wheels."""
        with fetcher_of(self.index) as fetcher:
            return [done for _, done in self.filler(fetcher).build(artifacts)]

    def filler(self, fetcher: Fetcher, *, seed: Seed = Seed.VERIFIED, **environ: str) -> Filler:
        """Make a filler."""
        variables = {**self.environ, **environ}
        return filler_of(self.shelf, fetcher, environ=variables, scratch=self.folder / "scratch", seed=seed)

    def asked_by_pip(self, *requirements: str) -> list[str]:
        """Let the real pip download, and return the names of the files it asked for."""
        self.index.clear()
        command = ("download", "--no-deps", "-d", str(self.folder / "to"), *requirements)
        self.pip.run(*command, cache_dir=self.shelf.target.cache_dir, index=self.index, check=True)
        requests = (*self.index.artifact_requests(), *self.index.metadata_requests())
        return [request.path.rpartition("/")[2] for request in requests]


@pytest.fixture
def world(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> Iterator[World]:
    """Run pip against an index with PyPI's headers and an empty cache."""
    with shelf_of(target_of(modern_pip, cache_dir)) as shelf:
        yield World(modern_pip, index, shelf, tmp_path)


def sha256(data: bytes) -> str:
    """Return the hash of bytes."""
    return hashlib.sha256(data).hexdigest()


def of_metadata(world: World, artifact: Artifact) -> Artifact:
    """Name the metadata file of a wheel by its hash."""
    digest = sha256(metadata_of(world.folder / artifact.filename))
    return replace(metadata_at(f"{artifact.url}.metadata"), hashes={"sha256": digest})


def test_whatever_the_headers_pip_asks_for_no_file_again(world: World) -> None:
    """Stored as pip would, or seeded where pip could not: all are hits, but what the server forbids to store."""
    expected = {
        "immutable": (PYPI.files, Action.DOWNLOADED),
        "bare": (NONE.files, Action.SEEDED),
        "dated": (LAST_MODIFIED_ONLY.files, Action.SEEDED),
        "tagged": (ETAG_ONLY.files, Action.SEEDED),
        "moved": (PYPI.files, Action.SEEDED),
        "varying": (VARIES, Action.SEEDED),
        "spent": ({"Cache-Control": "max-age=0", "ETag": "{etag}"}, Action.SEEDED),
        "secret": (NO_STORE.files, Action.SKIPPED),
    }
    wheels = [world.publish(name, headers) for name, (headers, _) in expected.items()]
    world.index.put("/other/moved-1.0-py3-none-any.whl", world.body(wheels[4]))
    world.index.inject("moved-*.whl", redirect(302, "/other/moved-1.0-py3-none-any.whl"))
    results = world.fill(*wheels, *(of_metadata(world, one) for one in wheels))
    actions = [action for _, action in expected.values()]
    assert [done.action for done in results[: len(wheels)]] == actions
    assert [done.refusal for done in results if done.action is Action.SKIPPED] == [Reason.NO_STORE] * 2
    assert [done.size for done in results[: len(wheels)]] == [len(world.body(one)) for one in wheels]
    assert [world.shelf.verdict(one).outcome for one in wheels[:-1]] == [Outcome.HIT] * 7
    secret = wheels[-1].filename
    assert sorted(world.asked_by_pip(*expected)) == [secret, f"{secret}.metadata"]


def test_an_entry_that_must_not_be_stored_any_more_goes(world: World) -> None:
    """A server that forbids storing now has the older entry removed, as pip would."""
    wheel = world.publish("demo", NO_STORE.files)
    world.keep(wheel, ETag='"old"', Date=OLD, Cache_Control="max-age=1")
    (done,) = world.fill(wheel)
    assert (done.action, done.refusal) == (Action.SKIPPED, Reason.NO_STORE)
    assert not world.shelf.http.keys()


@pytest.mark.parametrize(
    ("headers", "action", "after"),
    [
        (PYPI.files, Action.DOWNLOADED, HIT),
        (ETAG_ONLY.files, Action.DOWNLOADED, Verdict(Outcome.STALE, Reason.NO_LIFETIME)),
        (NONE.files, Action.SKIPPED, Verdict(Outcome.MISS, Reason.ABSENT)),
    ],
)
def test_without_seeding_only_what_pip_would_store_is(
    world: World, headers: Any, action: Action, after: Verdict
) -> None:
    """With --seed never the cache holds exactly what pip itself would have left."""
    wheel = world.publish("demo", headers)
    (done,) = world.fill(wheel, seed=Seed.NEVER)
    assert done.action is action
    assert done.refusal == (Reason.NO_CACHING_HEADERS if action is Action.SKIPPED else None)
    assert world.shelf.verdict(wheel) == after


@pytest.mark.parametrize(
    ("headers", "seed", "action", "outcome"),
    [
        (PYPI.files, Seed.VERIFIED, Action.REVALIDATED, Outcome.HIT),
        (PYPI.files, Seed.NEVER, Action.REVALIDATED, Outcome.HIT),
        (ETAG_ONLY.files, Seed.VERIFIED, Action.SEEDED, Outcome.HIT),
        (ETAG_ONLY.files, Seed.NEVER, Action.REVALIDATED, Outcome.STALE),
    ],
)
def test_a_stale_entry_is_revalidated(world: World, headers: Any, seed: Seed, action: Action, outcome: Outcome) -> None:
    """A 304 makes it fresh, by the server's own lifetime or a seeded one; the body does not come again."""
    wheel = world.publish("demo", headers)
    etag = f'"{sha256(world.body(wheel))[:32]}"'
    world.keep(wheel, ETag=etag, Date=OLD)
    (done,) = world.fill(wheel, seed=seed)
    assert (done.action, done.size) == (action, 0)
    assert [request.status for request in world.index.requests] == [304]
    assert world.shelf.verdict(wheel).outcome is outcome
    if outcome is Outcome.HIT:
        assert wheel.filename not in world.asked_by_pip("demo")


def test_a_stale_entry_of_another_body_is_replaced(world: World) -> None:
    """A validator that the server does not know any more brings the new body."""
    wheel = world.publish("demo")
    world.keep(wheel, ETag='"old"', Date=OLD, Cache_Control="max-age=1")
    (done,) = world.fill(wheel)
    assert (done.action, done.size) == (Action.DOWNLOADED, len(world.body(wheel)))
    assert world.shelf.verdict(wheel) == HIT


def test_a_verified_body_needs_no_server(world: World) -> None:
    """An expired entry without a validator has the right hash: it gets a new lifetime, and pip uses it."""
    wheel = world.publish("demo")
    world.keep(wheel, Date=OLD, Cache_Control="max-age=1")
    (done,) = world.fill(wheel)
    assert (done.action, done.size) == (Action.SEEDED, 0)
    assert not world.index.requests
    assert wheel.filename not in world.asked_by_pip("demo")


@pytest.mark.parametrize("spoilt", [True, False])
def test_a_body_that_cannot_be_verified_comes_anew(world: World, spoilt: bool) -> None:
    """One with another hash, or when seeding is off, is fetched."""
    wheel = world.publish("demo")
    world.keep(wheel, b"spoilt" if spoilt else None, Date=OLD, Cache_Control="max-age=1")
    (done,) = world.fill(wheel, seed=Seed.VERIFIED if spoilt else Seed.NEVER)
    assert done.action is Action.DOWNLOADED
    assert world.shelf.verdict(wheel) == HIT


@pytest.mark.parametrize("headers", [{"Cache-Control": "max-age=0"}, NONE.files])
def test_a_hash_other_than_sha256_is_checked_too(world: World, headers: Any) -> None:
    """An index may state only a sha512; what was stored under it is not seeded again without its sha256."""
    wheel = world.publish("demo", headers)
    digest = hashlib.sha512(world.body(wheel)).hexdigest()
    strong = replace(wheel, hashes={"sha512": digest})
    assert [done.action for done in world.fill(strong)] == [Action.SEEDED]
    world.keep(wheel, Date=OLD, Cache_Control="max-age=1")
    assert [done.action for done in world.fill(strong)] == [Action.SEEDED]
    assert len(world.index.requests) == 2
    (done,) = world.fill(replace(wheel, url=f"{wheel.url}?again", hashes={"sha512": "0" * 128}))
    assert done.action is Action.FAILED


def test_a_wrong_body_is_refused(world: World) -> None:
    """A body that has not the stated hash is an error that tells both, and nothing is stored."""
    wheel = world.publish("demo")
    world.index.inject("demo-*", Fault(corrupt=True), times=None)
    (done,) = world.fill(wheel)
    assert done.action is Action.FAILED
    assert done.error is not None
    got = sha256(bytes(255 - byte for byte in world.body(wheel)))
    expected = f"expected sha256 {wheel.sha256}, got {got}."
    assert done.error.message == f"The hash of {wheel.url} does not match: {expected}"
    assert not world.shelf.http.keys()


def test_a_304_out_of_nowhere_is_refused(world: World) -> None:
    """A server that says "not modified" to an unconditional request gives nothing to store."""
    wheel = world.publish("demo")
    world.index.inject("demo-*", Fault(status=304), times=None)
    (done,) = world.fill(wheel)
    assert done.error is not None
    assert done.error.message == f"The server answered 304 for {wheel.url} though nothing was stored."


def test_one_missing_file_is_its_own_failure(world: World) -> None:
    """A file that the server does not have fails alone."""
    wheel = world.publish("demo")
    missing = replace(wheel, url=f"{world.index.url}/files/gone-1.0-py3-none-any.whl")
    failed, done = world.fill(missing, wheel)
    assert (failed.action, done.action) == (Action.FAILED, Action.DOWNLOADED)
    assert failed.error is not None
    assert failed.error.message == f"The server answered 404 for {missing.url}."


@pytest.mark.parametrize(
    ("headers", "action", "refusal"),
    [
        (PYPI.files, Action.DOWNLOADED, None),
        (NONE.files, Action.SKIPPED, Reason.NO_HASH),
        (NO_STORE.files, Action.SKIPPED, Reason.NO_STORE),
    ],
)
def test_what_has_no_hash_is_pips_to_fetch(world: World, headers: Any, action: Action, refusal: Reason | None) -> None:
    """Without a hash nothing may be seeded; pip stores it if the headers let it."""
    wheel = replace(world.publish("demo", headers), hashes={}, direct=True)
    (done,) = world.fill(wheel, PIP_REQUIREMENT="nonsense.txt", PIP_EDITABLE="nonsense")
    assert (done.action, done.refusal) == (action, refusal)
    assert wheel.url in done.asked
    assert world.shelf.verdict(wheel).warm == (action is Action.DOWNLOADED)


def test_metadata_that_only_pip_could_have_is_left_out(world: World) -> None:
    """There is no pip command that fetches just a `.metadata` file."""
    (done,) = world.fill(replace(of_metadata(world, world.publish("demo")), hashes={}))
    assert done.action is Action.SKIPPED
    assert not world.index.requests


@pytest.mark.parametrize(
    ("profile", "seed", "action", "refusal"),
    [
        (PYPI, Seed.VERIFIED, Action.DOWNLOADED, None),
        (NONE, Seed.VERIFIED, Action.SEEDED, None),
        (NONE, Seed.NEVER, Action.SKIPPED, Reason.NO_CACHING_HEADERS),
    ],
)
def test_what_needs_credentials_goes_through_pip(
    modern_pip: PipEnvironment,
    tmp_path: Path,
    cache_dir: Path,
    profile: Any,
    seed: Seed,
    action: Action,
    refusal: Reason | None,
) -> None:
    """A 401 is pip's to answer, by the credentials in its index URL; its file is seeded where pip stores none."""
    with (
        serve_index(auth=("user", "secret"), profile=profile) as index,
        shelf_of(target_of(modern_pip, cache_dir)) as shelf,
    ):
        world = World(modern_pip, index, shelf, tmp_path)
        wheel = world.publish("demo")
        done, metadata = world.fill(wheel, of_metadata(world, wheel), seed=seed, PIP_INDEX_URL=index.credentialed_url)
        assert (done.action, done.refusal) == (action, refusal)
        assert shelf.verdict(wheel).warm == (action is not Action.SKIPPED)
        assert metadata.action is Action.FAILED
        assert metadata.error is not None
        assert metadata.error.message == f"The server answered 401 for {wheel.url}.metadata."
        if seed is Seed.VERIFIED:
            refused, _ = world.fill(replace(wheel, url=f"{wheel.url}?other"), wheel)
            assert refused.error is not None
            assert "401" in refused.error.message
            assert "secret" not in refused.error.message + refused.error.hint


def test_a_file_that_pip_found_otherwise_is_not_seeded(world: World) -> None:
    """What pip downloaded has the hash it was told; another that is expected here keeps it out of the cache."""
    wheel = world.publish("demo", NONE.files)
    with Fetcher(Network(only_pip=True)) as fetcher:
        wrong = replace(wheel, hashes={"sha256": "0" * 64})
        ((_, done),) = world.filler(fetcher).fill([wrong])
    assert (done.action, done.refusal) == (Action.SKIPPED, Reason.NO_CACHING_HEADERS)
    assert not world.shelf.verdict(wheel).warm


def sdist_artifact(world: World, url: str, *, link_hash: bool = True) -> Artifact:
    """Name the wheel that is built from a published sdist."""
    named = artifact_at(url)
    body = (world.folder / named.filename).read_bytes()
    return Artifact(
        name=named.name,
        version=named.version,
        filename=f"{named.name}-*.whl",
        kind=Kind.BUILT_WHEEL,
        url=url,
        link_hash=("sha256", sha256(body)) if link_hash else None,
    )


SDISTS = {"one": ["helper"], "two": []}


@pytest.mark.parametrize("hashes", [True, False])
def test_several_wheels_are_built_under_pips_keys(
    modern_pip: PipEnvironment, tmp_path: Path, cache_dir: Path, hashes: bool
) -> None:
    """With a hash on the link and without one pip finds what was built; one failure is one sentence."""
    with serve_index(hashes=hashes) as index, shelf_of(target_of(modern_pip, cache_dir)) as shelf:
        world = World(modern_pip, index, shelf, tmp_path)
        index.add(make_wheel(tmp_path, "helper", "1.0"))
        urls = [index.add(make_sdist(tmp_path, name, "1.0", build_requires=needs)) for name, needs in SDISTS.items()]
        urls.insert(1, index.add(make_sdist(tmp_path, "bad", "1.0", error="no compiler here")))
        artifacts = [sdist_artifact(world, url, link_hash=hashes) for url in urls]
        one, bad, two = world.build(*artifacts)
        assert (one.action, bad.action, two.action) == (Action.BUILT, Action.FAILED, Action.BUILT)
        assert index.file_url("helper-1.0-py3-none-any.whl") in one.asked
        assert bad.error is not None
        assert "bad" in bad.error.message
        assert "\n" not in bad.error.message
        assert [shelf.verdict(artifact).outcome for artifact in artifacts] == [Outcome.HIT, Outcome.MISS, Outcome.HIT]
        command = ("wheel", "--no-deps", "-w", str(tmp_path / "to"), "one", "two")
        said = modern_pip.run(*command, cache_dir=cache_dir, index=index, check=True).stdout
        assert "Building wheel" not in said


def test_a_wheel_is_built_from_a_subdirectory(world: World) -> None:
    """The folder within an archive is a part of pip's key."""
    make_sdist(world.folder, "inner", "1.0")
    moved = io.BytesIO()
    with (
        tarfile.open(world.folder / "inner-1.0.tar.gz") as source,
        tarfile.open(fileobj=moved, mode="w:gz") as archive,
    ):
        for member in source.getmembers():
            content = source.extractfile(member)
            member.name = f"outer-1.0/{member.name}"
            archive.addfile(member, content)
    url = world.index.put("/files/outer-1.0.tar.gz", moved.getvalue())
    artifact = Artifact(
        name="inner", version="1.0", filename="", kind=Kind.BUILT_WHEEL, url=url, subdirectory="inner-1.0"
    )
    (done,) = world.build(artifact)
    assert done.action is Action.BUILT
    assert world.shelf.verdict(artifact) == HIT
    assert world.shelf.verdict(replace(artifact, subdirectory=None)).outcome is Outcome.MISS
    command = ("wheel", "--no-deps", "-w", str(world.folder / "to"), direct_requirement(artifact))
    said = world.pip.run(*command, cache_dir=world.shelf.target.cache_dir, index=world.index, check=True).stdout
    assert "Building wheel" not in said


def test_preparing_an_sdist_tells_what_its_build_asks_for(world: World) -> None:
    """The URLs of build requirements are in the log of the pip that pip starts."""
    world.index.add(make_wheel(world.folder, "helper", "1.0"))
    url = world.index.add(make_sdist(world.folder, "tool", "1.0", build_requires=["helper"]))
    with fetcher_of(world.index) as fetcher:
        asked = world.filler(fetcher).learn_build(sdist_artifact(world, url))
    assert world.index.file_url("helper-1.0-py3-none-any.whl") in asked


def test_a_wish_for_virtual_environments_does_not_stop_us(world: World) -> None:
    """PIP_REQUIRE_VIRTUALENV is about installing; outside of a virtual environment pip still fetches for the cache."""
    wheel = replace(world.publish("demo"), hashes={})
    site_packages = next(Path(world.pip.python).parent.parent.glob("lib*/**/site-packages"))
    base = next(Path(sys.base_prefix, "bin").glob("python3"))
    start = f"import sys; sys.path.insert(0, {str(site_packages)!r}); import runpy; "
    command = (str(base), "-c", f"{start}runpy.run_module('pip', run_name='__main__', alter_sys=True)")
    target = replace(world.shelf.target, pip_command=command)
    with shelf_of(target) as shelf, fetcher_of(world.index) as fetcher:
        outside = World(world.pip, world.index, shelf, world.folder)
        ((_, done),) = outside.filler(fetcher, PIP_REQUIRE_VIRTUALENV="1").fill([wheel])
    assert done.action is Action.DOWNLOADED


def test_progress_is_told(world: World) -> None:
    """The observer hears of each file's beginning, bytes and end, and of each build."""
    told: list[tuple[str, object]] = []

    class Ear(Silent):
        def begin(self, name: str, size: int | None) -> None:
            told.append(("begin", (name, size)))

        def advance(self, name: str, amount: int) -> None:
            told.append(("advance", (name, amount)))

        def end(self, name: str) -> None:
            told.append(("end", name))

    wheel = world.publish("demo")
    (world.folder / "scratch").mkdir()
    with fetcher_of(world.index) as fetcher:
        pip = PipLane(world.shelf.target, index_arguments=(), environ=world.environ, scratch=world.folder / "scratch")
        filler = Filler(world.shelf, fetcher, pip=pip, seed=SeedPolicy(), observer=Ear())
        list(filler.fill([wheel]))
    size = len(world.body(wheel))
    assert told == [
        ("begin", (wheel.filename, size)),
        ("advance", (wheel.filename, size)),
        ("end", wheel.filename),
    ]


@pytest.mark.parametrize(
    ("verdict", "step"),
    [
        (HIT, Step.KEEP),
        (Verdict(Outcome.LOCAL), Step.KEEP),
        (Verdict(Outcome.UNCACHEABLE, Reason.NO_STORE), Step.SKIP),
        (Verdict(Outcome.UNCACHEABLE, Reason.VCS), Step.SKIP),
        (Verdict(Outcome.UNCACHEABLE, Reason.NO_CACHING_HEADERS), Step.FETCH),
        (Verdict(Outcome.STALE, Reason.EXPIRED), Step.REVALIDATE),
        (Verdict(Outcome.STALE, Reason.NO_LIFETIME), Step.REVALIDATE),
        (Verdict(Outcome.STALE, Reason.NO_DATE), Step.FETCH),
        (Verdict(Outcome.MISS, Reason.ABSENT), Step.FETCH),
    ],
)
def test_each_verdict_has_its_step(verdict: Verdict, step: Step) -> None:
    """Nothing is done for what is warm or cannot be; what is stale is asked about, what is missing is fetched."""
    assert step_for(artifact_at("https://host.test/demo-1.0-py3-none-any.whl"), verdict) is step


def test_a_wheel_that_is_not_built_is_built() -> None:
    """The step of a built wheel that is missing is its build."""
    built = replace(artifact_at("https://host.test/demo-1.0.tar.gz"), kind=Kind.BUILT_WHEEL)
    assert step_for(built, Verdict(Outcome.MISS, Reason.NOT_BUILT)) is Step.BUILD


def test_index_options_are_handed_over_in_a_file(tmp_path: Path) -> None:
    """Credentials in an index URL stand in a file of ours, not on a command line that everybody can read."""
    given = ["--index-url", "https://user:secret@index.test/simple", "--pre", "--only-binary", ":all:"]

    arguments = options_file(given, tmp_path)

    assert "secret" not in " ".join(arguments)
    assert Path(arguments[1]).read_text(encoding="utf-8").splitlines() == [
        "--index-url https://user:secret@index.test/simple",
        "--pre",
        "--only-binary :all:",
    ]
    assert options_file([], tmp_path) == []
