"""pip is the judge of `verify`: what it calls damaged breaks the install, and after --fix pip fetches just that."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.functional.test_remove import every_pip, publish
from tests.helpers.index import serve_index
from tests.helpers.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

OFTEN = ("23.2.1", "26.3")
LIB = "zope_lib-2.0-py3-none-any.whl"


def spoil(path: Path, content: bytes) -> None:
    """Change one byte in the middle of some content within a file."""
    whole = bytearray(path.read_bytes())
    whole[whole.index(content) + len(content) // 2] ^= 1
    path.write_bytes(whole)


def entry_with(cache_dir: Path, content: bytes) -> Path:
    """Return the file of the HTTP cache that holds this body."""
    files = (path for path in cache_dir.glob("http*/**/*") if path.is_file())
    return next(path for path in files if content in path.read_bytes())


def try_install(pip: PipEnvironment, index: Index, cache_dir: Path, to: Path, *projects: str) -> tuple[int, set[str]]:
    """Let pip install; return its exit code and the paths of what the index had to send, 304s left out."""
    shutil.rmtree(to, ignore_errors=True)
    index.clear()
    done = pip.run("install", *projects, "--target", str(to), cache_dir=cache_dir, index=index)
    return done.returncode, {request.path for request in index.requests if request.status == 200}


@every_pip
def test_pip_fetches_just_what_was_damaged(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """One flipped byte makes an install fail; verify names it, --fix removes it, and pip asks for that file alone."""
    publish(index, tmp_path / "files")
    pip, program, to = pip_of(version), Program(pip_of(version), index, cache_dir), tmp_path / "to"
    try_install(pip, index, cache_dir, to, "app")
    assert program.run("verify").code == 0
    wheel = (tmp_path / "files" / LIB).read_bytes()
    spoil(entry_with(cache_dir, wheel), wheel)
    assert try_install(pip, index, cache_dir, to, "app")[0] != 0

    found = program.run("verify", "--quick", "--json")
    fixed = program.run("verify", "--fix", "--json")

    assert [(one["filename"], one["reason"]) for one in found.data["problems"]] == [(LIB, "hash mismatch")]
    assert (found.code, fixed.code, fixed.data["removed"]["entries"]) == (1, 0, 1)
    assert try_install(pip, index, cache_dir, to, "app") == (0, {f"/files/{LIB}"})
    assert program.run("verify").code == 0


@pytest.mark.parametrize("version", OFTEN)
def test_a_damaged_seed_is_fetched_again(
    pip_of: PipOf, bare_index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """Where no page is in the cache, since the index sends no caching headers, the seed states its own hash."""
    publish(bare_index, tmp_path / "files")
    program = Program(pip_of(version), bare_index, cache_dir)
    assert program.run("prefetch", "app").code == 0
    wheel = (tmp_path / "files" / LIB).read_bytes()
    spoil(entry_with(cache_dir, wheel), wheel)
    (cache_dir / "wheelwarm" / "ledger.sqlite3").unlink()

    fixed = program.run("verify", "--fix", "--json")
    bare_index.clear()

    assert [one["reason"] for one in fixed.data["problems"]] == ["hash mismatch"]
    assert program.run("prefetch", "app").code == 0
    assert {request.path for request in bare_index.artifact_requests()} == {f"/files/{LIB}"}


@pytest.mark.parametrize("version", OFTEN)
def test_a_damaged_built_wheel_is_built_again(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """A locally built wheel with a flipped byte fails to install until verify removes it; no file is fetched anew."""
    publish(index, tmp_path / "files")
    pip, program, to = pip_of(version), Program(pip_of(version), index, cache_dir), tmp_path / "to"
    try_install(pip, index, cache_dir, to, "tool")
    (wheel,) = cache_dir.glob("wheels/**/*.whl")
    # Its first member is the package's only module.
    spoil(wheel, wheel.read_bytes()[40:90])
    assert try_install(pip, index, cache_dir, to, "tool")[0] != 0

    fixed = program.run("verify", "--fix", "--json")

    assert [one["reason"] for one in fixed.data["problems"]] == ["broken archive"]
    # Its folders stay as long as a build could be at work there.
    assert not [path for path in (cache_dir / "wheels").rglob("*") if path.is_file()]
    assert try_install(pip, index, cache_dir, to, "tool") == (0, set())
    assert len(list(cache_dir.glob("wheels/**/*.whl"))) == 1


@pytest.mark.parametrize("version", OFTEN)
def test_prefetch_looks_before_it_calls_a_hit_a_hit(
    pip_of: PipOf, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """Where no hash is stated, a spoilt wheel and a spoilt built wheel are found by prefetch and made anew."""
    with serve_index(hashes=False, metadata=False) as index:
        publish(index, tmp_path / "files")
        pip, program = pip_of(version), Program(pip_of(version), index, cache_dir)
        assert program.run("prefetch", "app", "tool").code == 0
        wheel = (tmp_path / "files" / "app-1.0-py3-none-any.whl").read_bytes()
        spoil(entry_with(cache_dir, wheel), wheel)
        (built,) = cache_dir.glob("wheels/**/*.whl")
        spoil(built, built.read_bytes()[40:90])

        checked = program.run("check", "app", "tool", "--json")
        answer = program.run("prefetch", "app", "tool", "--json")

        damaged = {name: outcome for name, outcome in checked.outcomes().items() if outcome != ("hit", None)}
        assert set(damaged) == {"app-1.0-py3-none-any.whl", "tool-0.5-py3-none-any.whl"}
        assert {outcome for outcome, _ in damaged.values()} == {"miss"}
        assert answer.code == 0, answer.err
        assert {name for name, (outcome, _) in answer.outcomes().items() if outcome != "hit"} >= set(damaged)
        assert set(answer.outcomes("after").values()) == {("hit", None)}
        assert try_install(pip, index, cache_dir, tmp_path / "to", "app", "tool")[0] == 0
