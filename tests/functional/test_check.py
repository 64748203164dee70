"""pip is the judge of `check`: what it says is what the index's log shows a real pip doing right after."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING

import msgpack  # type: ignore[import-untyped]
import pytest

from tests.functional.test_prefetch import OFTEN, every_pip, publish, requirements_file, spoil
from tests.helpers.artifacts import make_wheel, unpack
from tests.helpers.index import PYPI, redirect, serve_index
from tests.helpers.program import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

UNSETTLED = 0.1  # seconds after which a file is so old that a look at it is remembered
NAME = "demo-1.0-py3-none-any.whl"
LONG_AGO = formatdate(time.time() - 90 * 86400, usegmt=True)
SOON = formatdate(time.time() + 90 * 86400, usegmt=True)


@dataclass(frozen=True, slots=True)
class Scene:
    """One state of the cache: pip has fetched the wheel once from this server, then something happened.

    `asks` is whether pip then requests the file; None where it neither asks nor can use what it has.
    """

    said: tuple[str, str | None]
    headers: Mapping[str, str | None] | None = None
    happened: Callable[[Path, bytes], None] | None = None
    fetched: bool = True
    redirected: int | None = None
    asks: bool | None = True


def alter_vary(cache_dir: Path, _body: bytes) -> None:
    """Let the stored request have asked for another encoding."""
    (path,) = [path for path in cache_dir.glob("http*/**/*") if path.is_file() and path.suffix != ".body"]
    stored = msgpack.unpackb(path.read_bytes().removeprefix(b"cc=4,"))
    stored["vary"]["Accept-Encoding"] = "gzip"
    path.write_bytes(b"cc=4," + msgpack.packb(stored, use_bin_type=True))


def damage(kind: str) -> Callable[[Path, bytes], None]:
    """Return what spoils the entry in this way."""
    return lambda cache_dir, body: spoil(cache_dir, body, kind)


FRESH = "max-age=1000000000"
SCENES = {
    "immutable": Scene(("hit", None), asks=False),
    "never fetched": Scene(("miss", "absent"), fetched=False),
    "etag only": Scene(("stale", "no lifetime"), {"ETag": "{etag}"}),
    "etag, max-age spent": Scene(
        ("stale", "expired"), {"ETag": "{etag}", "Cache-Control": "max-age=60", "Date": LONG_AGO}
    ),
    "max-age spent": Scene(("stale", "expired"), {"Cache-Control": "max-age=60", "Date": LONG_AGO}),
    "max-age": Scene(("hit", None), {"Cache-Control": FRESH}, asks=False),
    "expires": Scene(("hit", None), {"Expires": SOON}, asks=False),
    "expires, long ago": Scene(("stale", "expired"), {"Expires": LONG_AGO}),
    "no-cache beside max-age": Scene(("hit", None), {"Cache-Control": f"no-cache, {FRESH}"}, asks=False),
    "last-modified only": Scene(("miss", "absent"), {"Last-Modified": "{last_modified}"}),
    "no caching headers": Scene(("miss", "absent"), {}),
    "no-store": Scene(("miss", "absent"), {"Cache-Control": "no-store", "ETag": "{etag}"}),
    "no date": Scene(("stale", "no date"), {"ETag": "{etag}", "Cache-Control": FRESH, "Date": None}),
    "vary, same": Scene(("hit", None), {"Cache-Control": FRESH, "Vary": "Accept-Encoding, Accept"}, asks=False),
    "vary, other": Scene(
        ("miss", "vary mismatch"), {"Cache-Control": FRESH, "Vary": "Accept-Encoding"}, happened=alter_vary
    ),
    "vary by user agent": Scene(("hit", None), {"Cache-Control": FRESH, "Vary": "User-Agent"}, asks=False),
    "vary by all": Scene(("miss", "absent"), {"Cache-Control": FRESH, "Vary": "*"}),
    "garbage metadata": Scene(("miss", "unreadable"), happened=damage("garbage")),
    "cut body": Scene(("miss", "truncated"), happened=damage("truncate")),
    "flipped byte": Scene(("miss", "hash mismatch"), happened=damage("flip"), asks=None),
    "moved for good": Scene(("hit", None), redirected=301, asks=False),
    "moved for now": Scene(("miss", "absent"), redirected=302),
}


@every_pip
@pytest.mark.parametrize("name", SCENES)
def test_check_foretells_what_pip_asks_for(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str, name: str
) -> None:
    """In each state of an entry, though a check has seen a better one, what it says is what the pip after it does."""
    scene, pip = SCENES[name], pip_of(version)
    wheel = make_wheel(tmp_path, "demo", "1.0", size=20_000)
    url = prepare(scene, index, wheel)
    requirement = f"demo @ {url}#sha256={sha256_of(wheel)}"
    if scene.fetched:
        pip.run("download", requirement, "-d", str(tmp_path / "1"), cache_dir=cache_dir, index=index, check=True)
    if scene.happened:
        time.sleep(UNSETTLED)
        assert Program(pip, index, cache_dir).run("check", requirement).code == 0
        scene.happened(cache_dir, wheel.read_bytes())

    answer = Program(pip, index, cache_dir).run("check", requirement, "--json")

    assert tuple(answer.outcomes().values()) == (expected(scene, name, version),)
    assert answer.code == (0 if scene.said[0] == "hit" else 1)
    index.clear()
    done = pip.run("download", requirement, "-d", str(tmp_path / "2"), cache_dir=cache_dir, index=index)
    assert bool(index.requests) is bool(asks(scene, name, version))
    assert (done.returncode == 0) is (asks(scene, name, version) is not None)


def prepare(scene: Scene, index: Index, wheel: Path) -> str:
    """Serve the wheel as the scene wants it; return the URL to ask for first."""
    url = index.add(wheel)
    if scene.headers is not None:
        index.set_headers(NAME, scene.headers)
    if scene.redirected is None:
        return url
    index.inject(f"/old/{NAME}", redirect(scene.redirected, url), times=None)
    return f"{index.url}/old/{NAME}"


def sha256_of(wheel: Path) -> str:
    """Return a file's sha256."""
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def expected(scene: Scene, name: str, version: str) -> tuple[str, str | None]:
    """Return what check says; before pip 23.3 one file holds both halves, so its loss or cut is that of the entry."""
    if old_layout(version) and name == "cut body":
        return ("miss", "unreadable")
    return scene.said


def asks(scene: Scene, name: str, version: str) -> bool | None:
    """Return whether pip asks; one that cannot resume (before 25.1, and 26.1) fails on a cut body instead."""
    cannot_resume = release(version) < (25, 1) or release(version)[:2] == (26, 1)
    if name == "cut body" and not old_layout(version) and cannot_resume:
        return None
    return scene.asks


def old_layout(version: str) -> bool:
    """Tell whether this pip keeps an entry in one file."""
    return release(version) < (23, 3)


def release(version: str) -> tuple[int, ...]:
    """Return a version as numbers."""
    return tuple(int(part) for part in version.split("."))


@pytest.mark.parametrize("version", ["23.3.2", "26.3"])
def test_half_an_entry_is_a_miss(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str) -> None:
    """Metadata without a body is a miss, `body missing`, and pip downloads."""
    pip = pip_of(version)
    wheel = make_wheel(tmp_path, "demo", "1.0", size=20_000)
    requirement = f"demo @ {index.add(wheel)}#sha256={sha256_of(wheel)}"
    pip.run("download", requirement, "-d", str(tmp_path / "1"), cache_dir=cache_dir, index=index, check=True)
    spoil(cache_dir, wheel.read_bytes(), "no body")

    answer = Program(pip, index, cache_dir).run("check", requirement, "--json")

    assert answer.outcomes() == {NAME: ("miss", "body missing")}
    index.clear()
    pip.run("download", requirement, "-d", str(tmp_path / "2"), cache_dir=cache_dir, index=index, check=True)
    assert [request.status for request in index.artifact_requests()] == [200]


@pytest.mark.parametrize("version", OFTEN)
@pytest.mark.parametrize("trusted", [True, False])
def test_plain_http_is_cached_only_when_trusted(
    pip_of: PipOf, tmp_path: Path, cache_dir: Path, version: str, trusted: bool
) -> None:
    """An entry of a plain http host counts only with `--trusted-host`; else it is uncacheable, and pip asks."""
    pip = pip_of(version)
    with serve_index(tls=False, profile=PYPI) as index:
        wheel = make_wheel(tmp_path, "demo", "1.0")
        requirement = f"demo @ {index.add(wheel)}#sha256={sha256_of(wheel)}"
        options = ["--trusted-host", index.host] if trusted else []
        download = ["download", requirement, "-d", str(tmp_path / "1"), "--trusted-host", index.host]
        pip.run(*download, cache_dir=cache_dir, index=index, check=True)

        answer = Program(pip, index, cache_dir).run("check", requirement, "--json", *options)

        said = ("hit", None) if trusted else ("uncacheable", "insecure origin")
        assert answer.outcomes() == {NAME: said}
        index.clear()
        again = ["download", requirement, "-d", str(tmp_path / "2"), *options]
        pip.run(*again, cache_dir=cache_dir, index=index, check=True)
        assert bool(index.artifact_requests()) is not trusted


@every_pip
def test_check_remembers_the_last_prefetch(
    pip_of: PipOf, bare_index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """What is not pinned is looked up as the last prefetch resolved it, with no request at all."""
    publish(bare_index, tmp_path / "files")
    file = requirements_file(tmp_path, "app", "tool")
    program = Program(pip_of(version), bare_index, cache_dir)
    prefetched = program.run("prefetch", "-r", file, "--json")
    bare_index.clear()

    answer = program.run("check", "-r", file, "--json")

    assert (answer.code, bare_index.requests) == (0, [])
    assert answer.data["resolution"]["source"] == "ledger"
    assert set(answer.outcomes()) == set(prefetched.outcomes("after")) - {
        "tool-0.5.tar.gz",
        "helper-3.0-py3-none-any.whl",
    }


def test_what_is_installed_and_builds_is_asked_for(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """A requirement that a build needed, too, counts when all is built: pip installs it, and fails without."""
    publish(index, tmp_path / "files")
    program = Program(modern_pip, index, cache_dir)
    program.run("prefetch", "tool", "helper==3.0")
    program.run("remove", "helper-3.0-py3-none-any.whl", "--yes")

    answer = program.run("check", "--offline", "tool", "helper==3.0", "--json")

    assert answer.outcomes()["helper-3.0-py3-none-any.whl"] == ("miss", "absent")
    assert (answer.code, answer.data["offline"]["works"]) == (1, False)
    index.clear()
    to = str(tmp_path / "to")
    modern_pip.run("install", "tool", "helper==3.0", "--target", to, cache_dir=cache_dir, index=index, check=True)
    assert [request.path for request in index.artifact_requests()] == ["/files/helper-3.0-py3-none-any.whl"]


@pytest.mark.parametrize("as_folder", [False, True])
def test_what_a_local_project_builds_with_is_asked_for(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, as_folder: bool
) -> None:
    """A project of this machine is built each time, so that check tells of what it is built with."""
    publish(index, tmp_path / "files")
    project = tmp_path / "files" / "tool-0.5.tar.gz"
    if as_folder:
        unpack(project, tmp_path)
        project = tmp_path / "tool-0.5"
    pip, program = pip_of("26.3"), Program(pip_of("26.3"), index, cache_dir)
    program.run("prefetch", str(project))
    whole = program.run("check", str(project), "--json").outcomes()

    program.run("remove", "helper", "--yes")
    answer = program.run("check", str(project), "--json")
    index.clear()
    to = str(tmp_path / "to")
    pip.run("install", str(project), "--target", to, cache_dir=cache_dir, index=index, check=True)

    assert whole["helper-3.0-py3-none-any.whl"] == ("hit", None)
    assert (answer.code, answer.outcomes()["helper-3.0-py3-none-any.whl"]) == (1, ("miss", "absent"))
    assert [request.path for request in index.artifact_requests()] == ["/files/helper-3.0-py3-none-any.whl"]


@pytest.mark.parametrize("version", OFTEN)
def test_unknown_requirements_need_a_resolver(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """Without pins and memory check cannot tell: exit code 3, and a hint; `--resolve` lets pip ask the index."""
    publish(index, tmp_path / "files")
    program = Program(pip_of(version), index, cache_dir)

    unknown = program.run("check", "app", "--json")
    resolved = program.run("check", "app", "--resolve", "--json")

    assert (unknown.code, unknown.envelope["errors"][0]["code"]) == (3, "resolve")
    assert "--resolve" in unknown.envelope["errors"][0]["hint"]
    assert resolved.data["resolution"]["source"] == "pip"
    assert set(resolved.outcomes()) == {"app-1.0-py3-none-any.whl", "lib-2.0-py3-none-any.whl"}


@every_pip
def test_pins_need_no_earlier_run(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str) -> None:
    """Exact pins are looked up by the index pages that pip itself cached, without a request."""
    publish(index, tmp_path / "files")
    pip = pip_of(version)
    pip.run("download", "app==1.0", "lib==1.0", "-d", str(tmp_path / "1"), cache_dir=cache_dir, index=index, check=True)
    index.clear()

    answer = Program(pip, index, cache_dir).run("check", "app==1.0", "lib==1.0", "--json")

    assert (answer.code, index.requests) == (0, [])
    assert answer.outcomes() == {"app-1.0-py3-none-any.whl": ("hit", None), "lib-1.0-py3-none-any.whl": ("hit", None)}


def test_pins_that_exclude_each_other_are_told(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """A pin that another pin's metadata excludes is an error that names both, as pip would refuse them."""
    index.add(make_wheel(tmp_path, "user", "1.0", requires=["lib>=2"]))
    index.add(make_wheel(tmp_path, "lib", "1.0"))
    index.add(make_wheel(tmp_path, "lib", "2.0"))
    pip = pip_of("26.3")
    pip.run("download", "user", "-d", str(tmp_path / "1"), cache_dir=cache_dir, index=index, check=True)

    answer = Program(pip, index, cache_dir).run("check", "user==1.0", "lib==1.0")

    assert answer.code == 3
    assert "user 1.0 needs lib>=2, and the input has 1.0." in answer.err
    refused = pip.run("install", "--dry-run", "user==1.0", "lib==1.0", cache_dir=cache_dir, index=index)
    assert refused.returncode == 1


def test_a_local_project_needs_a_resolver(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """What a folder needs stands nowhere in the cache, so check does not call it complete."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text('[project]\nname = "here"\nversion = "1"\ndependencies = ["lib"]\n')

    answer = Program(pip_of("26.3"), index, cache_dir).run("check", str(project))

    assert answer.code == 3
    assert "error: What project needs cannot be read from the cache.\n" in answer.err
    assert "--resolve" in answer.err


def test_the_scenes_are_enough() -> None:
    """At least twelve situations are judged, with every answer that pip can give among them."""
    assert len(SCENES) >= 12
    assert {scene.asks for scene in SCENES.values()} == {True, False, None}
