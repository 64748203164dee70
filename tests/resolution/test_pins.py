"""Exact pins read from the disk: the file chosen is the one that the real pip reports for the same input."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import zipfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.artifacts import make_sdist, make_wheel
from tests.helpers.index import PYPI, Index, serve_index
from tests.helpers.shelves import shelf_of, target_of
from wheelwarm.errors import ResolveError
from wheelwarm.inputs.index_options import IndexOptions
from wheelwarm.inputs.requirements import RequirementSet, read
from wheelwarm.model import Artifact, Kind, Resolution, StoredResponse
from wheelwarm.resolution.pins import resolve_pins

if TYPE_CHECKING:
    from tests.conftest import PipOf
    from tests.helpers.pips import PipEnvironment

OTHERS = ("22.2", "23.3.2", "25.3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One file on an index page; `tag` counts among the target's tags, None is a tag it does not have."""

    version: str = "1.0"
    tag: int | None = 0
    build: str = ""
    sdist: bool = False
    requires_python: str | None = None
    yanked: str | None = None
    hashed: bool = True
    project: str | None = None

    def add(self, index: Index, folder: Path, project: str, tags: tuple[str, ...]) -> None:
        """Publish it on the project's page, though its file may be named after another one."""
        name = self.project or project
        if self.sdist:
            path = make_sdist(folder, name, self.version, requires_python=self.requires_python)
        else:
            path = self._wheel(folder, name, tags)
        index.add(
            path,
            project=project,
            requires_python=self.requires_python,
            yanked=self.yanked,
            hashes=self.hashed,
        )

    def _wheel(self, folder: Path, name: str, tags: tuple[str, ...]) -> Path:
        tag = "cp27-none-win32" if self.tag is None else tags[self.tag % len(tags)]
        made = make_wheel(folder, name, self.version, tag=tag, requires_python=self.requires_python)
        named = made.name.replace(f"-{tag}", f"-{self.build}-{tag}") if self.build else made.name
        return made.rename(folder / named)


BASE = Candidate(tag=-1)


def requirement_set(*arguments: str, tmp_path: Path | None = None, lines: str = "", **options: Any) -> RequirementSet:
    """Read requirements as the command line does, with lines of a file behind them."""
    files = []
    if tmp_path is not None:
        files = [str(tmp_path / "requirements.txt")]
        Path(files[0]).write_text(lines, encoding="utf-8")
    return read(arguments, requirement_files=files, options=IndexOptions(**options), environ={})


def asked_pip(
    pip: PipEnvironment, requirements: RequirementSet, index: Index, cache_dir: Path, **variables: str
) -> dict[str, str]:
    """Return the URLs that the real pip chooses, by project; its index pages are in the cache then."""
    report = cache_dir.parent / "report.json"
    pip.run(
        *("install", "--dry-run", "--ignore-installed", "--report", str(report), *requirements.pip_arguments()),
        cache_dir=cache_dir,
        index=index,
        env=variables,
        check=True,
    )
    items = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {item["metadata"]["name"]: item["download_info"]["url"] for item in items}


def resolved(
    pip: PipEnvironment, requirements: RequirementSet, index: Index, cache_dir: Path, **config: str
) -> Resolution | None:
    """Resolve the pins from the cache alone."""
    target = target_of(pip, cache_dir, index_url=index.simple_url, **config)
    with shelf_of(target) as shelf:
        return resolve_pins(requirements, shelf)


def chosen(pip: PipEnvironment, requirements: RequirementSet, index: Index, cache_dir: Path) -> dict[str, str]:
    """Return the URLs that the pins stand for, by project."""
    resolution = resolved(pip, requirements, index, cache_dir)
    assert resolution is not None
    assert resolution.source == "pins"
    return {artifact.name: artifact.url for artifact in resolution.artifacts}


def agree(
    pip: PipEnvironment, requirements: RequirementSet, index: Index, cache_dir: Path, **variables: str
) -> dict[str, str]:
    """See that pip and we choose the same files, and return them."""
    theirs = asked_pip(pip, requirements, index, cache_dir, **variables)
    index.clear()
    ours = chosen(pip, requirements, index, cache_dir)
    assert ours == theirs
    assert not index.requests
    return ours


CANDIDATES = st.builds(
    Candidate,
    version=st.sampled_from(["1.0", "1.0", "1.0", "1", "1.0.0", "1.0+local.1", "1.0+local.2", "2.0", "1.0.post1"]),
    tag=st.one_of(st.none(), st.integers(0, 400)),
    build=st.sampled_from(["", "", "0", "1", "10", "2b"]),
    requires_python=st.sampled_from([None, None, ">=3.8", "<3", "not a specifier", ">=3.7,!=3.8.*"]),
    yanked=st.sampled_from([None, None, None, "", "broken"]),
    project=st.sampled_from([None, None, None, None, "another"]),
)


@settings(max_examples=4)
@given(sets=st.lists(st.lists(CANDIDATES, max_size=5), min_size=12, max_size=12), everything_yanked=st.booleans())
def test_the_file_is_the_one_pip_takes(
    modern_pip: PipEnvironment, sets: list[list[Candidate]], everything_yanked: bool
) -> None:
    """Among versions, tags, build numbers, Python versions and yanked files in any order, the choice is pip's."""
    with tempfile.TemporaryDirectory() as name, serve_index() as index:
        root = Path(name)
        tags = target_of(modern_pip, root).tags
        names = [f"project-{number}" for number in range(len(sets))]
        for project, candidates in zip(names, sets, strict=True):
            # One that surely fits: where nothing does, pip gives up on all.
            last = Candidate(tag=-1, yanked="all are" if everything_yanked else None)
            folder = root / project
            folder.mkdir()
            for candidate in (*candidates, last):
                candidate.add(index, folder, project, tags)
        requirements = requirement_set(*(f"{name}==1.0" for name in names))
        agree(modern_pip, requirements, index, root / "cache")


RULES: dict[str, tuple[str, list[Candidate]]] = {
    "wheel before sdist": ("==1.0", [BASE, Candidate(sdist=True)]),
    "no wheel fits": ("==1.0", [Candidate(sdist=True), Candidate(tag=None)]),
    "a better one is yanked": ("==1.0", [BASE, Candidate(yanked="no")]),
    "the only one is yanked": ("==1.0", [Candidate(yanked="no")]),
    "arbitrary equality": ("===1.0", [BASE, Candidate(version="1.0.0")]),
    "a local version": (" ==1.0", [Candidate(version="1.0+here", tag=-1), Candidate()]),
    "a local version asked for": ("==1.0+here", [Candidate(version="1.0+here"), BASE]),
    "a pre-release": ("==1.0a1", [Candidate(version="1.0a1"), BASE]),
    "a link without a hash": ("==1.0", [Candidate(hashed=False), BASE]),
    "build zero before none": ("==1.0", [Candidate(build="0"), BASE, Candidate()]),
    "a marker that holds": ("==1.0; python_version > '3'", [BASE]),
}


@pytest.mark.parametrize("version", ["26.3", *(pytest.param(one, marks=pytest.mark.pip_matrix) for one in OTHERS)])
def test_one_rule_at_a_time(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str) -> None:
    """Each rule by itself gives what pip gives."""
    pip = pip_of(version)
    requirements = []
    for rule, (specifier, candidates) in RULES.items():
        name = rule.replace(" ", "-")
        requirements.append(name + specifier)
        for candidate in candidates:
            candidate.add(index, tmp_path, name, target_of(pip, cache_dir).tags)
    agree(pip, requirement_set(*requirements), index, cache_dir)


@pytest.mark.parametrize(
    "options",
    [
        {"no_binary": (":all:",), "only_binary": ("demo",)},
        {"no_binary": ("Demo",)},
        {"only_binary": (":all:",), "no_binary": ("demo",)},
        {"prefer_binary": True},
    ],
)
def test_format_options_choose_as_pip_does(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, options: dict[str, Any]
) -> None:
    """--only-binary, --no-binary and --prefer-binary count, a project's own name before `:all:`."""
    for candidate in (Candidate(sdist=True), BASE, Candidate(version="1.0+z", sdist=True), Candidate(version="1.0+y")):
        candidate.add(index, tmp_path, "demo", target_of(modern_pip, cache_dir).tags)
    agree(modern_pip, requirement_set("demo==1.0", **options), index, cache_dir)


def test_of_equal_files_pip_takes_the_last_index(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """A file that two indexes have is taken from the one named last."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    index.add(wheel)
    with serve_index() as extra:
        url = extra.add(wheel)
        requirements = requirement_set("demo==1.0", extra_index_urls=(extra.simple_url,))
        assert agree(modern_pip, requirements, index, cache_dir) == {"demo": url}


@pytest.mark.parametrize("upper", [False, True])
def test_hashes_exclude_better_files(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, upper: bool
) -> None:
    """A pin with a hash stands for the file that has it, though a better one is there."""
    wanted, best = make_wheel(tmp_path, "demo", "1.0"), make_wheel(tmp_path, "demo", "1.0", tag="py310-none-any")
    index.add(best)
    index.add(wanted)
    digest = sha256_of(wanted)
    line = f"demo==1.0 --hash=sha256:{'0' * 64} --hash=sha256:{digest.upper() if upper else digest}\n"
    requirements = requirement_set(tmp_path=tmp_path, lines=line)
    assert agree(modern_pip, requirements, index, cache_dir) == {"demo": index.file_url(wanted.name)}


def test_a_link_without_a_hash_may_be_the_file(modern_pip: PipEnvironment, tmp_path: Path, cache_dir: Path) -> None:
    """An index that tells no hashes leaves the choice as it is; pip checks the file when it comes."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    with serve_index(hashes=False) as index:
        index.add(wheel)
        line = f"demo==1.0 --hash=sha256:{sha256_of(wheel)}\n"
        agree(modern_pip, requirement_set(tmp_path=tmp_path, lines=line), index, cache_dir)


def test_constraints_and_repeated_pins_hold_together(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """A constraint may name the very local version, and a pin that stands twice is one artifact."""
    for candidate in (BASE, Candidate(version="1.0+a"), Candidate(version="1.0+b")):
        candidate.add(index, tmp_path, "demo", target_of(modern_pip, cache_dir).tags)
    (tmp_path / "constraints.txt").write_text("demo==1.0+a\nother<2\n", encoding="utf-8")
    requirements = read(
        ["demo==1.0", "demo[fast]==1.0"], constraint_files=[str(tmp_path / "constraints.txt")], environ={}
    )
    assert "1.0%2Ba" in agree(modern_pip, requirements, index, cache_dir)["demo"]
    resolution = resolved(modern_pip, requirements, index, cache_dir)
    assert resolution is not None
    assert len(resolution.artifacts) == 1


def sha256_of(path: Path) -> str:
    """Return a file's hash."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def closed(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> RequirementSet:
    """Warm the cache by pip itself with three projects that need each other, under markers and extras."""
    needs = ["never==1; python_version < '3'", "dep[fast]==1.0"]
    index.add(make_wheel(tmp_path, "demo", "1.0", requires=needs, extras={"more": ["extra-dep==1.0"]}))
    index.add(make_wheel(tmp_path, "dep", "1.0", extras={"fast": ["speed==1.0"], "slow": ["brakes"]}))
    index.add(make_wheel(tmp_path, "speed", "1.0", requires=["demo"]))
    index.add(make_wheel(tmp_path, "extra-dep", "1.0"))
    everything = requirement_set("demo[more]==1.0", "dep==1.0", "speed==1.0", "extra-dep==1.0")
    asked_pip(modern_pip, everything, index, cache_dir)
    return everything


def test_pins_that_are_closed_are_the_resolution(
    modern_pip: PipEnvironment, closed: RequirementSet, index: Index, cache_dir: Path
) -> None:
    """Extras and markers count, and projects may need each other in a circle."""
    assert sorted(chosen(modern_pip, closed, index, cache_dir)) == ["demo", "dep", "extra-dep", "speed"]


def test_a_dependency_that_is_not_pinned_is_named(
    modern_pip: PipEnvironment, closed: RequirementSet, index: Index, cache_dir: Path
) -> None:
    """Pins that are not all that pip would ask for are no answer, also where an extra of a dependency asks for more."""
    for pins, who, missing in (
        (["demo==1.0"], "demo", "dep"),
        (["demo==1.0", "dep==1.0"], "dep", "speed"),
        (["demo[more]==1.0", "dep==1.0", "speed==1.0"], "demo", "extra-dep"),
        (["dep[slow]==1.0"], "dep", "brakes"),
    ):
        with pytest.raises(ResolveError) as caught:
            resolved(modern_pip, requirement_set(*pins), index, cache_dir)
        assert caught.value.message == f"{who} 1.0 needs {missing}, which the input does not pin."
        assert "--resolve" in caught.value.hint


@pytest.mark.parametrize("version", ["23.2.1", "26.3"])
def test_metadata_is_read_out_of_a_wheel(pip_of: PipOf, tmp_path: Path, cache_dir: Path, version: str) -> None:
    """Without `.metadata` files the cached wheel itself tells what it needs, in both layouts of the cache."""
    with serve_index(metadata=False) as index:
        index.add(make_wheel(tmp_path, "demo", "1.0", requires=["dep"]))
        index.add(make_wheel(tmp_path, "dep", "1.0"))
        pip_of(version).run(
            "download", "demo", "-d", str(tmp_path / "to"), cache_dir=cache_dir, index=index, check=True
        )
        with pytest.raises(ResolveError, match="needs dep, which"):
            resolved(pip_of(version), requirement_set("demo==1.0"), index, cache_dir)


def test_a_miss_needs_no_metadata(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """A wheel of which the cache has neither the file nor its metadata is a miss all the same."""
    url = index.add(make_wheel(tmp_path, "demo", "1.0", requires=["dep"]), metadata=False)
    modern_pip.run("index", "versions", "demo", cache_dir=cache_dir, index=index)
    assert chosen(modern_pip, requirement_set("demo==1.0"), index, cache_dir) == {"demo": url}


def test_a_hit_without_readable_metadata_is_told(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """Of a file that is whole, but whose needs nobody can read, no pin set is called complete."""
    record = "broken-1.0.dist-info/RECORD"
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        archive.writestr(record, f"{record},,\n")
    broken = index.put("/direct/broken-1.0-py3-none-any.whl", (tmp_path / "whole.zip").read_bytes())
    index.set_headers("/direct/*", PYPI.files)
    modern_pip.run("download", "--no-deps", f"broken @ {broken}", cache_dir=cache_dir, index=index, cwd=tmp_path)
    with pytest.raises(ResolveError, match=r"broken 1\.0 needs cannot be read"):
        resolved(modern_pip, requirement_set(f"broken @ {broken}"), index, cache_dir)


def test_a_pin_without_a_cached_page_has_no_url(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """Where nothing on the disk tells the file, the pin is named and its URL left empty."""
    resolution = resolved(modern_pip, requirement_set("demo==1.0"), index, cache_dir)
    assert resolution is not None
    assert [(one.name, one.version, one.url) for one in resolution.artifacts] == [("demo", "1.0", "")]
    assert not index.requests


def test_ten_times_the_pins_take_ten_times_the_work(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """What a pin stands for is found without a look at all the others: counted in calls, which no busy machine adds."""

    def calls(number: int) -> int:
        lines = "".join(f"demo-{at}==1.0\n" for at in range(number))
        requirements = requirement_set(tmp_path=tmp_path, lines=lines)
        made: Counter[str] = Counter()
        before = sys.getprofile()
        sys.setprofile(lambda _frame, event, _argument: made.update((event,)))
        try:
            resolved(modern_pip, requirements, index, cache_dir)
        finally:
            sys.setprofile(before)
        return made["call"] + made["c_call"]

    few, many = calls(100), calls(1000)

    assert many < 11 * few


def test_an_earlier_run_tells_the_file(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """Without a page what pip once chose from it counts, unless options or hashes now speak against it."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    target = target_of(modern_pip, cache_dir, index_url=index.simple_url)
    artifact = Artifact(
        name="demo",
        version="1.0",
        filename=wheel.name,
        kind=Kind.WHEEL,
        url=index.add(wheel),
        hashes={"sha256": sha256_of(wheel)},
    )
    asked = (f"{index.simple_url}demo/",)
    with shelf_of(target) as shelf:
        other = replace(artifact, name="other", url=f"{index.url}/other")
        shelf.ledger.remember("a", target.identity, Resolution(artifacts=(other,), asked=asked, made=2))
        shelf.ledger.remember("b", target.identity, Resolution(artifacts=(artifact,), asked=asked, made=1))
        shelf.ledger.remember("c", target.identity, Resolution(artifacts=(artifact,), made=3))

    def url(*arguments: str, **options: Any) -> str:
        resolution = resolved(modern_pip, requirement_set(*arguments, **options), index, cache_dir)
        assert resolution is not None
        return resolution.artifacts[0].url

    assert url("demo==1.0") == artifact.url
    assert url("demo==1.1") == ""
    assert url("demo==1.0", no_binary=("demo",)) == ""
    assert url("demo==1.0", index_url="https://other.test/simple") == ""
    for digest, expected in ((sha256_of(wheel), artifact.url), ("0" * 64, "")):
        assert url(tmp_path=tmp_path, lines=f"demo==1.0 --hash=sha256:{digest}\n") == expected


@pytest.mark.parametrize(
    "settings_",
    [
        {"find_links": "/wheels"},
        {"no_binary": ":all:"},
        {"no_index": "1"},
        {"constraint": "c.txt"},
        {"index_url": "file:///x"},
    ],
)
def test_what_only_pip_can_weigh_is_left_to_pip(
    modern_pip: PipEnvironment, index: Index, cache_dir: Path, settings_: dict[str, str]
) -> None:
    """Settings of pip that change the choice make pins no answer, rather than a wrong one."""
    target = target_of(modern_pip, cache_dir, **{"index_url": index.simple_url, **settings_})
    with shelf_of(target) as shelf:
        assert resolve_pins(requirement_set("demo==1.0"), shelf) is None


@pytest.mark.parametrize("options", [{"find_links": ("/wheels",)}, {"no_index": True}, {"index_url": "file:///index"}])
def test_options_that_only_pip_can_weigh(
    modern_pip: PipEnvironment, index: Index, cache_dir: Path, options: dict[str, Any]
) -> None:
    """The same options on the command line or in a file do so too."""
    assert resolved(modern_pip, requirement_set("demo==1.0", **options), index, cache_dir) is None


@pytest.mark.parametrize("text", ["demo>=1.0", "demo", "demo==1.*", "demo>=1,==1.0"])
def test_what_is_not_pinned_is_no_answer(modern_pip: PipEnvironment, index: Index, cache_dir: Path, text: str) -> None:
    """Anything but an exact pin needs a resolver."""
    assert resolved(modern_pip, requirement_set(text), index, cache_dir) is None


@pytest.mark.parametrize("line", ["demo @ https://host.test/demo-1.0.tar.gz", f"demo==1.0 --hash=sha256:{'0' * 64}"])
def test_constraints_that_replace_the_file_are_left_to_pip(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, line: str
) -> None:
    """A constraint with a URL, or with hashes, can make it another file."""
    path = tmp_path / "constraints.txt"
    path.write_text(line, encoding="utf-8")
    requirements = read(["demo==1.0"], constraint_files=[str(path)], environ={})
    assert resolved(modern_pip, requirements, index, cache_dir) is None


def test_tags_that_nobody_knows_are_no_answer(modern_pip: PipEnvironment, index: Index, cache_dir: Path) -> None:
    """A Python too old to tell its tags leaves the choice to its pip; URLs need no tags."""
    target = replace(target_of(modern_pip, cache_dir, index_url=index.simple_url), tags=())
    with shelf_of(target) as shelf:
        assert resolve_pins(requirement_set("demo==1.0"), shelf) is None
        urls = requirement_set("demo @ https://host.test/demo-1.0-py3-none-any.whl")
        assert resolve_pins(urls, shelf) is not None


def test_without_a_configured_index_the_default_counts(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """Pins are looked up on the index that pip has built in, where none is configured."""
    url = index.add(make_wheel(tmp_path, "demo", "1.0"))
    pins = requirement_set("demo==1.0")
    asked_pip(modern_pip, pins, index, cache_dir)
    target = target_of(modern_pip, cache_dir)
    with shelf_of(replace(target, index=index.simple_url)) as shelf:
        resolution = resolve_pins(pins, shelf)
    assert resolution is not None
    assert resolution.artifacts[0].url == url
    with shelf_of(replace(target, index="")) as shelf:
        assert resolve_pins(pins, shelf) is None


def test_direct_urls_are_what_they_say(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """A URL's fragment tells hash and subdirectory; credentials are not part of what pip asks the cache for."""
    make_wheel(tmp_path, "local", "1.0")
    requirements = requirement_set(
        f"demo @ https://user:secret@host.test/a/demo-1.0.zip?x=1#sha256={'a' * 64}&subdirectory=sub",
        "https://host.test/bare-2.0-py3-none-any.whl; python_version > '3'",
        "https://host.test/never-2.0-py3-none-any.whl; python_version < '3'",
        "repo @ git+https://host.test/repo.git@v1",
        str(tmp_path / "local-1.0-py3-none-any.whl"),
        tmp_path=tmp_path,
        lines=f"two @ https://host.test/two-1.0.zip --hash=sha256:{'b' * 64} --hash=sha256:{'c' * 64}\n"
        f"one @ https://host.test/one-1.0.zip --hash=sha256:{'D' * 64}\n",
    )
    resolution = resolved(modern_pip, requirements, index, cache_dir)
    assert resolution is not None
    demo, bare, repo, local, two, one = resolution.artifacts
    assert demo.url == "https://host.test/a/demo-1.0.zip?x=1"
    assert (demo.name, demo.version, demo.kind, demo.direct) == ("demo", "1.0", Kind.SDIST, True)
    assert (demo.hashes, demo.link_hash) == ({"sha256": "a" * 64}, ("sha256", "a" * 64))
    assert demo.subdirectory == "sub"
    assert (bare.name, bare.version, bare.hashes, bare.link_hash) == ("bare", "2.0", {}, None)
    assert (repo.name, repo.url) == ("repo", "git+https://host.test/repo.git@v1")
    assert local.url == (tmp_path / "local-1.0-py3-none-any.whl").as_uri()
    assert two.hashes == {}
    assert (one.hashes, one.link_hash) == ({"sha256": "d" * 64}, None)


def test_odd_metadata_costs_only_what_is_odd(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """A requirement that nobody can read is passed over, and a wheel without metadata asks for nothing."""
    pins = ["demo==1.0", "bare==1.0"]
    index.add(make_wheel(tmp_path, "demo", "1.0"))
    bare = tmp_path / "bare-1.0-py3-none-any.whl"
    with zipfile.ZipFile(bare, "w") as archive:
        archive.writestr("bare/METADATA", b"Requires-Dist: never\n")
    url = index.put(f"/direct/{bare.name}", bare.read_bytes())
    target = target_of(modern_pip, cache_dir, index_url=index.simple_url)
    asked_pip(modern_pip, requirement_set(pins[0]), index, cache_dir)
    with shelf_of(target) as shelf:
        odd = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: not a requirement ===\n"
        for one, body in ((index.file_url("demo-1.0-py3-none-any.whl.metadata"), odd), (url, bare.read_bytes())):
            file = shelf.http.new_body()
            file.write_bytes(body)
            shelf.http.store(one, StoredResponse(status=200, headers={}), file)
        resolution = resolve_pins(requirement_set(pins[0], f"bare @ {url}"), shelf)
    assert resolution is not None
    assert len(resolution.artifacts) == 2
