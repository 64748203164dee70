"""pip is the judge of `prefetch`: after it, the index's log shows no request for any file."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel
from tests.helpers.index import ETAG_ONLY, LAST_MODIFIED_ONLY, NO_STORE, NONE, PYPI, redirect, serve_index
from tests.helpers.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

OFTEN = ("23.2.1", "26.3")
SELDOM = ("22.2", "22.3.1", "23.3.2", "24.3.1", "25.0.1", "25.2", "25.3", "26.0.1", "26.1.2", "26.2.1")
PROFILES = {"pypi": PYPI, "none": NONE, "etag": ETAG_ONLY, "last-modified": LAST_MODIFIED_ONLY}

# What runs each time: the newest pip by every index, the older layout by the two that differ most.
USUAL = {*((OFTEN[-1], profile) for profile in PROFILES), (OFTEN[0], "pypi"), (OFTEN[0], "none")}

HEAVY = {"asyncio", "ssl", "h11", "random", "msgpack", "rich", "email.parser", "html.parser", "packaging.requirements"}

every_pip = pytest.mark.parametrize(
    "version", [*OFTEN, *(pytest.param(version, marks=pytest.mark.pip_matrix) for version in SELDOM)]
)


def publish(index: Index, folder: Path) -> None:
    """Publish a project with a dependency, and an sdist that needs another project to be built."""
    folder.mkdir(exist_ok=True)
    index.add(make_wheel(folder, "app", "1.0", requires=["lib>=1"], size=200_000))
    index.add(make_wheel(folder, "lib", "1.0"))
    index.add(make_wheel(folder, "lib", "2.0", size=50_000))
    index.add(make_wheel(folder, "helper", "3.0"))
    index.add(make_sdist(folder, "tool", "0.5", requires=["lib"], build_requires=["helper"]))


def requirements_file(tmp_path: Path, *lines: str) -> str:
    """Write a requirements file and return its path."""
    path = tmp_path / "requirements.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def file_requests(index: Index) -> list[str]:
    """Return the paths of all files that were asked for since the last look, `.metadata` included."""
    asked = [request.path for request in (*index.artifact_requests(), *index.metadata_requests())]
    index.clear()
    return asked


def hash_of(path: Path) -> str:
    """Return the sha256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run_pip(pip: PipEnvironment, command: str, file: str, index: Index, cache_dir: Path, to: Path) -> None:
    """Let pip do one of the things it does with a requirements file."""
    folder = {"download": "--dest", "install": "--target", "wheel": "--wheel-dir"}[command]
    shutil.rmtree(to, ignore_errors=True)
    pip.run(command, "-r", file, folder, str(to), cache_dir=cache_dir, index=index, check=True)


@pytest.mark.parametrize(
    ("version", "profile"),
    [
        pytest.param(version, profile, marks=() if (version, profile) in USUAL else pytest.mark.pip_matrix)
        for version in (*OFTEN, *SELDOM)
        for profile in PROFILES
    ],
)
def test_no_pip_command_asks_for_a_file_afterwards(
    pip_of: PipOf, tmp_path: Path, cache_dir: Path, version: str, profile: str
) -> None:
    """After prefetch, `pip download`, `install` and `wheel` request no wheel, sdist or .metadata from any index."""
    pip = pip_of(version)
    with serve_index(profile=PROFILES[profile]) as index:
        publish(index, tmp_path / "files")
        file = requirements_file(tmp_path, "app", "tool")
        program = Program(pip, index, cache_dir)

        answer = program.run("prefetch", "-r", file, "--json")

        assert (answer.code, answer.envelope["status"]) == (0, "ok"), answer.err
        assert {outcome for outcome, _ in answer.outcomes("after").values()} == {"hit"}
        assert {outcome for outcome, _ in answer.outcomes("before").values()} == {"miss"}
        assert set(answer.outcomes()) >= {
            "app-1.0-py3-none-any.whl",
            "lib-2.0-py3-none-any.whl",
            "helper-3.0-py3-none-any.whl",
            "tool-0.5.tar.gz",
            "tool-0.5-py3-none-any.whl",
        }
        index.clear()
        for command in ("download", "install", "wheel"):
            run_pip(pip, command, file, index, cache_dir, tmp_path / "to")
            assert file_requests(index) == [], command
        assert not list(cache_dir.rglob("*.tmp"))


@every_pip
def test_the_install_afterwards_builds_nothing(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """The wheel built by prefetch is the one that a later install finds: pip starts no build."""
    publish(index, tmp_path / "files")
    file = requirements_file(tmp_path, "tool")
    Program(pip_of(version), index, cache_dir).run("prefetch", "-r", file)

    installed = pip_of(version).run(
        "install", "-v", "-r", file, "--target", str(tmp_path / "to"), cache_dir=cache_dir, index=index, check=True
    )

    assert "Using cached tool-0.5-py3-none-any.whl" in installed.stdout + installed.stderr
    assert "Building wheel" not in installed.stdout + installed.stderr


@pytest.mark.parametrize("how", ["hashes are checked", "no wheels are taken"])
def test_a_wheel_that_pip_would_not_take_is_not_built(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, how: str
) -> None:
    """Where a pip before 23.1 passes over the wheels that it has built, all that it builds from is there each time."""
    publish(index, tmp_path / "files")
    lines = ("--no-binary tool", "tool")
    if how == "hashes are checked":
        hashes = {path.name.split("-")[0]: hash_of(path) for path in sorted((tmp_path / "files").iterdir())}
        lines = (f"tool==0.5 --hash=sha256:{hashes['tool']}", f"lib==2.0 --hash=sha256:{hashes['lib']}")
    file = requirements_file(tmp_path, *lines)
    pip, program = pip_of("22.3.1"), Program(pip_of("22.3.1"), index, cache_dir)

    answer = program.run("prefetch", "-r", file, "--json")

    asked = {"tool-0.5.tar.gz", "lib-2.0-py3-none-any.whl", "helper-3.0-py3-none-any.whl"}
    assert answer.code == 0, answer.err
    assert set(answer.outcomes("after").items()) >= {(name, ("hit", None)) for name in asked}
    assert not list(cache_dir.glob("wheels/**/*.whl"))
    for _ in range(2):
        index.clear()
        checked = program.run("check", "-r", file, "--json").outcomes()
        assert checked == dict.fromkeys(asked, ("hit", None))
        run_pip(pip, "install", file, index, cache_dir, tmp_path / "to")
        assert file_requests(index) == []


@every_pip
def test_a_second_prefetch_keeps_everything(
    pip_of: PipOf, bare_index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """What is a hit stays as it is: nothing is asked for but index pages, nothing written."""
    publish(bare_index, tmp_path / "files")
    program = Program(pip_of(version), bare_index, cache_dir)
    program.run("prefetch", "app", "tool")
    bare_index.clear()

    answer = program.run("prefetch", "app", "tool", "--json")

    assert answer.code == 0
    assert set(answer.actions().values()) == {"kept"}
    assert answer.data["bytes_downloaded"] == 0
    assert file_requests(bare_index) == []


@pytest.mark.parametrize("command", ["prefetch", "check"])
def test_a_run_with_nothing_to_do_loads_nothing_that_does(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, command: str
) -> None:
    """What is known and warm is looked at without HTTP, TLS, a reader of metadata or of pages, or random names."""
    publish(index, tmp_path / "files")
    file = requirements_file(tmp_path, "app")
    program = Program(modern_pip, index, cache_dir)
    program.run("prefetch", "-r", file)
    program.run(command, "-r", file)
    index.clear()

    loaded = modules_loaded_by(program, command, "-r", file)

    assert file_requests(index) == []
    assert {"wheelwarm.model", "sqlite3"} <= loaded
    assert sorted(loaded & HEAVY) == []


def modules_loaded_by(program: Program, *arguments: str) -> set[str]:
    """Return the modules that a run of the program itself loads, with none of what measures coverage."""
    words = [sys.executable, "-X", "importtime", "-m", "wheelwarm", *arguments, "--python", str(program.pip.python)]
    environ = program.pip.environ(cache_dir=program.cache_dir, index=program.index)
    environ = {name: value for name, value in environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(words, env=environ, check=True, capture_output=True, text=True)
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


@every_pip
@pytest.mark.parametrize("damage", ["flip", "truncate", "no body", "garbage"])
def test_a_spoilt_entry_is_replaced(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str, damage: str
) -> None:
    """A flipped byte, a cut body or garbage metadata breaks no later install: prefetch fetches that file anew."""
    publish(index, tmp_path / "files")
    pip, program = pip_of(version), Program(pip_of(version), index, cache_dir)
    program.run("prefetch", "app")
    spoil(cache_dir, (tmp_path / "files" / "app-1.0-py3-none-any.whl").read_bytes(), damage)

    answer = program.run("prefetch", "app", "--json")

    assert answer.code == 0, answer.err
    assert answer.outcomes("after")["app-1.0-py3-none-any.whl"] == ("hit", None)
    index.clear()
    pip.run("install", "app", "--target", str(tmp_path / "to"), cache_dir=cache_dir, index=index, check=True)
    assert file_requests(index) == []


def spoil(cache_dir: Path, body: bytes, damage: str) -> None:
    """Damage the one entry that has this body, in either layout."""
    (path,) = [path for path in cache_dir.glob("http*/**/*") if path.is_file() and body in path.read_bytes()]
    content = path.read_bytes()
    middle = content.index(body) + len(body) // 2
    if damage == "flip":
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif damage == "truncate":
        path.write_bytes(content[:middle])
    elif damage == "no body":
        path.unlink()
    else:
        path.with_suffix("").write_bytes(b"cc=4,garbage")


@every_pip
def test_a_file_replaced_upstream_is_replaced_here(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """Another file under the same URL, with another hash on the index page, takes the old one's place."""
    publish(index, tmp_path / "files")
    pip, program = pip_of(version), Program(pip_of(version), index, cache_dir)
    program.run("prefetch", "app")
    (tmp_path / "new").mkdir()
    index.replace("app-1.0-py3-none-any.whl", make_wheel(tmp_path / "new", "app", "1.0", requires=["lib>=1"], size=100))

    answer = program.run("prefetch", "app", "--json", PIP_RETRIES="0")

    assert answer.code == 0, answer.err
    index.clear()
    pip.run("install", "app", "--target", str(tmp_path / "to"), cache_dir=cache_dir, index=index, check=True)
    assert file_requests(index) == []


def test_no_store_is_respected(pip_of: PipOf, tmp_path: Path, cache_dir: Path) -> None:
    """Nothing is stored of what the server forbids to store, and the report says so with exit code 1."""
    with serve_index(profile=NO_STORE) as index:
        publish(index, tmp_path / "files")
        program = Program(pip_of("26.3"), index, cache_dir)

        answer = program.run("prefetch", "lib", "--json")

        assert answer.code == 1
        assert answer.outcomes("after") == {"lib-2.0-py3-none-any.whl": ("uncacheable", "no-store")}
        assert program.run("check", "lib", "--json").outcomes() == answer.outcomes("after")
        assert not list(cache_dir.glob("http*/**/*.body"))


def test_seeding_can_be_switched_off(pip_of: PipOf, bare_index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """With `--seed never` nothing is stored that pip would not store, and the reason is the missing headers."""
    publish(bare_index, tmp_path / "files")
    program = Program(pip_of("26.3"), bare_index, cache_dir)

    answer = program.run("prefetch", "lib", "--seed", "never", "--json")

    assert answer.code == 1
    assert answer.outcomes("after") == {"lib-2.0-py3-none-any.whl": ("uncacheable", "no caching headers")}
    assert not list(cache_dir.glob("http*/**/*.body"))


@pytest.mark.parametrize("version", OFTEN)
def test_without_a_hash_nothing_is_seeded(pip_of: PipOf, tmp_path: Path, cache_dir: Path, version: str) -> None:
    """An index without hashes and caching headers leaves nothing to check a body against, and the reason says so."""
    with serve_index(profile=NONE, hashes=False) as index:
        publish(index, tmp_path / "files")

        answer = Program(pip_of(version), index, cache_dir).run("prefetch", "lib", "--json")

        assert answer.code == 1
        assert answer.outcomes("after") == {"lib-2.0-py3-none-any.whl": ("uncacheable", "no hash")}


@pytest.mark.parametrize("version", OFTEN)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirected_files_are_hits_afterwards(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str, status: int
) -> None:
    """A file behind a redirect, permanent or not, is stored under the URL that pip asks for first."""
    publish(index, tmp_path / "files")
    moved = index.put("/elsewhere/lib-2.0-py3-none-any.whl", (tmp_path / "files/lib-2.0-py3-none-any.whl").read_bytes())
    index.inject("/files/lib-2.0-py3-none-any.whl", redirect(status, moved), times=None)
    program = Program(pip_of(version), index, cache_dir)

    answer = program.run("prefetch", "lib", "--json")

    assert answer.outcomes("after")["lib-2.0-py3-none-any.whl"] == ("hit", None)
    index.clear()
    program.pip.run("download", "lib", "--dest", str(tmp_path / "to"), cache_dir=cache_dir, index=index, check=True)
    assert file_requests(index) == []


def test_only_binary_runs_no_code(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """With `--only-binary :all:` an sdist is not touched: its build, which would fail, is never begun."""
    publish(index, tmp_path / "files")
    index.add(make_sdist(tmp_path / "files", "app", "9.0", error="the code of an sdist ran"))

    answer = Program(pip_of("26.3"), index, cache_dir).run("prefetch", "app", "--only-binary", ":all:", "--json")

    assert answer.code == 0, answer.err
    assert set(answer.outcomes()) == {"app-1.0-py3-none-any.whl", "lib-2.0-py3-none-any.whl"}


def test_a_dry_run_fetches_and_builds_nothing(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """`--dry-run` shows the plan; no wheel is fetched or built, and the exit code is 0."""
    publish(index, tmp_path / "files")

    answer = Program(pip_of("26.3"), index, cache_dir).run("prefetch", "app", "tool", "--dry-run", "--json")

    assert (answer.code, answer.data["dry_run"]) == (0, True)
    assert answer.actions()["app-1.0-py3-none-any.whl"] == "downloaded"
    assert answer.actions()["tool-0.5-*.whl"] == "built"
    assert [request.path for request in index.requested(suffix="app-1.0-py3-none-any.whl")] == []
    assert not list(cache_dir.glob("wheels/**/*.whl"))


def test_everything_in_a_requirements_file_counts(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nested files, constraints, options, variables, markers, extras and continuation lines mean what pip says."""
    publish(index, tmp_path / "files")
    index.add(make_wheel(tmp_path / "files", "extra", "1.0"))
    index.add(make_wheel(tmp_path / "files", "multi", "1.0", extras={"more": ["extra"]}))
    (tmp_path / "nested").mkdir()
    (tmp_path / "nested/more.txt").write_text("multi[more]; python_version >= '3'\napp; python_version < '3'\n")
    (tmp_path / "limits.txt").write_text("lib<2\n")
    file = requirements_file(
        tmp_path,
        "--index-url ${INDEX}",
        "-r nested/more.txt",
        "-c limits.txt",
        "# no comment counts",
        "lib \\",
        "  >= 1",
    )
    monkeypatch.setenv("INDEX", index.simple_url)

    answer = Program(pip_of("26.3"), index, cache_dir).run("prefetch", "-r", file, "--json", PIP_INDEX_URL=None)

    assert answer.code == 0, answer.err
    assert set(answer.outcomes()) == {
        "multi-1.0-py3-none-any.whl",
        "extra-1.0-py3-none-any.whl",
        "lib-1.0-py3-none-any.whl",
    }


def test_a_short_lifetime_is_made_longer(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """What the server lets be fresh for a minute only is seeded, so that tomorrow's install is a hit too."""
    publish(index, tmp_path / "files")
    index.set_headers("lib-2.0-py3-none-any.whl", {"Cache-Control": "max-age=60", "ETag": "{etag}"})

    answer = Program(pip_of("26.3"), index, cache_dir).run("prefetch", "lib", "--json")

    assert answer.actions() == {"lib-2.0-py3-none-any.whl": "seeded"}


def test_pip_cache_commands_go_on_working(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """`pip cache info`, `list` and `purge` work on what prefetch left, and see the wheel it built."""
    publish(index, tmp_path / "files")
    pip = pip_of("26.3")
    Program(pip, index, cache_dir).run("prefetch", "app", "tool")

    info = pip.run("cache", "info", cache_dir=cache_dir, check=True).stdout
    listed = pip.run("cache", "list", cache_dir=cache_dir, check=True).stdout
    pip.run("cache", "purge", cache_dir=cache_dir, check=True)

    assert "Number of locally built wheels: 1" in info
    assert "tool-0.5-py3-none-any.whl" in listed
    assert not [path for path in cache_dir.glob("http-v2/**/*") if path.is_file()]


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX")
@pytest.mark.parametrize("version", ["24.3.1", "26.3"])
def test_entries_have_the_permissions_that_pip_gives(pip_of: PipOf, index: Index, tmp_path: Path, version: str) -> None:
    """Every file that prefetch stores has the mode that pip itself gives such a file."""
    publish(index, tmp_path / "files")
    pip = pip_of(version)
    Program(pip, index, tmp_path / "ours").run("prefetch", "app")
    pip.run("download", "app", "--dest", str(tmp_path / "to"), cache_dir=tmp_path / "theirs", index=index, check=True)

    ours, theirs = (modes(tmp_path / name) for name in ("ours", "theirs"))

    assert ours == theirs


def modes(cache_dir: Path) -> dict[str, int]:
    """Return the mode of each body and each metadata file, by path."""
    return {
        str(path.relative_to(cache_dir)): path.stat().st_mode for path in cache_dir.glob("http*/**/*") if path.is_file()
    }


@pytest.mark.parametrize("version", OFTEN)
def test_a_file_index_needs_no_cache(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """Artifacts of a local folder are `local`: nothing to do, nothing wrong."""
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    make_wheel(folder, "lib", "7.0")

    answer = Program(pip_of(version), index, cache_dir).run(
        "prefetch", "lib", "--no-index", "--find-links", str(folder), "--json"
    )

    assert (answer.code, answer.outcomes()) == (0, {"lib-7.0-py3-none-any.whl": ("local", None)})


def test_the_profiles_differ() -> None:
    """The index profiles judged here are not all the same by accident."""
    assert len({repr(profile) for profile in PROFILES.values()}) == len(PROFILES)
