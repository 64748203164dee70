"""pip is the judge of `prefetch --resolver uv` too: after it, the index's log shows no request for any file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel
from tests.helpers.index import NONE, PYPI, serve_index
from tests.helpers.program import Program
from tests.helpers.uv_world import needs_uv

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

pytestmark = needs_uv
PROFILES = {"pypi": PYPI, "none": NONE}


def publish(index: Index, folder: Path) -> None:
    """Publish a project with a dependency, and an sdist that needs another project to be built."""
    folder.mkdir(exist_ok=True)
    index.add(make_wheel(folder, "app", "1.0", requires=["lib>=1"], size=200_000))
    index.add(make_wheel(folder, "lib", "1.0"))
    index.add(make_wheel(folder, "lib", "2.0", size=50_000))
    index.add(make_wheel(folder, "helper", "3.0"))
    index.add(make_sdist(folder, "tool", "0.5", requires=["lib"], build_requires=["helper"]))


def file_requests(index: Index) -> list[str]:
    """Return the paths of all files that were asked for since the last look, `.metadata` included."""
    asked = [request.path for request in (*index.artifact_requests(), *index.metadata_requests())]
    index.clear()
    return asked


@pytest.mark.parametrize("version", ["23.2.1", "26.3"])
@pytest.mark.parametrize("profile", PROFILES)
def test_pip_asks_for_no_file_afterwards(
    pip_of: PipOf, tmp_path: Path, cache_dir: Path, version: str, profile: str
) -> None:
    """What uv chose is there for `pip install -r`: wheels, sdists, what was built from them, build requirements."""
    pip, file = pip_of(version), tmp_path / "requirements.txt"
    file.write_text("app\ntool\n")
    with serve_index(profile=PROFILES[profile]) as index:
        publish(index, tmp_path / "files")

        answer = Program(pip, index, cache_dir).run("prefetch", "-r", str(file), "--resolver", "uv", "--json")

        assert answer.code == 0, answer.err
        assert {outcome for outcome, _ in answer.outcomes("before").values()} == {"miss"}
        assert {outcome for outcome, _ in answer.outcomes("after").values()} == {"hit"}
        assert (answer.data["resolver"], answer.data["resolution"]["source"]) == ("uv", "uv")
        index.clear()
        pip.run(
            "install", "-r", str(file), "--target", str(tmp_path / "to"), cache_dir=cache_dir, index=index, check=True
        )
        assert file_requests(index) == []


@pytest.mark.parametrize("version", ["23.2.1", "26.3"])
def test_a_page_in_the_cache_that_is_older_misleads_nobody(
    pip_of: PipOf, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """A version published since pip stored the page is warmed with its hash and its `.metadata`, for an old pip too."""
    pip = pip_of(version)
    with serve_index() as index:
        publish(index, tmp_path / "files")
        program = Program(pip, index, cache_dir)
        program.run("prefetch", "lib")
        index.add(make_wheel(tmp_path / "files", "lib", "3.0"))

        answer = program.run("prefetch", "lib", "--resolver", "uv", "--json")

        assert answer.code == 0, answer.err
        (lib,) = answer.data["artifacts"]
        assert (lib["version"], lib["action"], bool(lib["sha256"])) == ("3.0", "downloaded", True)
        assert answer.data["metadata"]["after"]["hits"] == 1


def test_a_scout_goes_beside_uv(modern_pip: PipEnvironment, tmp_path: Path, cache_dir: Path) -> None:
    """While uv resolves, pages and metadata come for pip: each page once, of which pip then needs none."""
    with serve_index(latency=0.05) as index:
        publish(index, tmp_path / "files")
        program = Program(modern_pip, index, cache_dir)

        answer = program.run("prefetch", "app", "--resolver", "uv", "--json")

        assert answer.code == 0, answer.err
        ours = [one.path for one in index.page_requests() if not one.headers["user-agent"].startswith("uv")]
        assert sorted(ours) == ["/simple/app/", "/simple/lib/"]
        index.clear()
        modern_pip.run("download", "app", "-d", str(tmp_path / "to"), cache_dir=cache_dir, index=index, check=True)
        assert index.requests == []


def test_uv_that_fails_ends_the_scout_too(modern_pip: PipEnvironment, tmp_path: Path, cache_dir: Path) -> None:
    """What uv cannot resolve is said in its words at once, and no half of a file stays."""
    with serve_index(latency=0.05) as index:
        publish(index, tmp_path / "files")

        answer = Program(modern_pip, index, cache_dir).run("prefetch", "app", "lib<1", "--resolver", "uv", "--json")

    assert (answer.code, answer.envelope["status"]) == (3, "error")
    assert list(cache_dir.rglob("*.tmp")) == []


def test_the_lock_of_uv_installs_with_the_index_down(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """`--lock` after uv is a lock for pip: it installs from the cache alone."""
    publish(index, tmp_path / "files")
    lock = tmp_path / "pylock.toml"
    program = Program(modern_pip, index, cache_dir)
    answer = program.run("prefetch", "app", "tool", "--resolver", "uv", "--lock", str(lock))
    assert answer.code == 0, answer.err
    index.stop()

    done = modern_pip.run(
        "install", "-r", str(lock), "--target", str(tmp_path / "to"), cache_dir=cache_dir, index=index, check=True
    )

    assert "Successfully installed" in done.stdout
    assert (tmp_path / "to" / "tool").is_dir()


def test_the_risk_is_named_once(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """Standard error says that pip may choose otherwise; for a lock, where nothing is chosen, it does not."""
    publish(index, tmp_path / "files")
    program, lock = Program(modern_pip, index, cache_dir), str(tmp_path / "pylock.toml")

    by_uv = program.run("prefetch", "app", "--resolver", "uv", "--lock", lock)
    by_lock = program.run("prefetch", "-r", lock, "--resolver", "uv")

    assert by_uv.err.count("pip may choose otherwise") == 1
    assert "pip may choose otherwise" not in by_lock.err


def test_check_says_that_uv_resolved(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """The newest resolution counts for `check`, which names whose it is."""
    publish(index, tmp_path / "files")
    program = Program(modern_pip, index, cache_dir)

    program.run("prefetch", "app", "--resolver", "uv")
    after_uv = program.run("check", "app", "--json")
    shown = program.run("check", "app")
    program.run("prefetch", "app")
    after_pip = program.run("check", "app", "--json")

    assert (after_uv.code, after_uv.data["resolution"]["source"]) == (0, "uv")
    assert "resolution: by uv 20" in shown.out
    assert (after_pip.code, after_pip.data["resolution"]["source"]) == (0, "ledger")


def test_what_uv_resolved_is_never_taken_for_pips(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """A later `prefetch` without the flag asks pip; one with it remembers what uv said."""
    publish(index, tmp_path / "files")
    program = Program(modern_pip, index, cache_dir)

    program.run("prefetch", "app", "--resolver", "uv")
    again = program.run("prefetch", "app", "--resolver", "uv", "--json")
    by_pip = program.run("prefetch", "app", "--json")

    assert (again.data["resolver"], again.data["resolution"]["source"]) == ("uv", "ledger")
    assert (by_pip.data["resolver"], by_pip.data["resolution"]["source"]) == ("pip", "pip")
    assert set(again.actions().values()) == set(by_pip.actions().values()) == {"kept"}


def test_the_configuration_may_name_uv(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file's `resolver` counts, a variable beats it, a flag beats both."""
    publish(index, tmp_path / "files")
    (tmp_path / "wheelwarm.toml").write_text('resolver = "uv"\n')
    monkeypatch.chdir(tmp_path)
    program = Program(modern_pip, index, cache_dir)

    by_file = program.run("prefetch", "lib", "--json")
    by_variable = program.run("prefetch", "lib", "--json", WHEELWARM_RESOLVER="pip")
    by_flag = program.run("prefetch", "lib", "--json", "--resolver", "uv", WHEELWARM_RESOLVER="pip")

    assert [one.data["resolver"] for one in (by_file, by_variable, by_flag)] == ["uv", "pip", "uv"]
