"""pip is the judge of a lock as input: after `prefetch -r pylock.toml` it asks for no file, nothing was resolved."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.functional.test_prefetch import file_requests, run_pip
from tests.helpers.artifacts import make_sdist, make_wheel
from tests.helpers.index import NONE, PYPI, serve_index
from tests.helpers.locks import lock_text
from tests.helpers.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index

PROFILES = {"pypi": PYPI, "none": NONE}


def publish(index: Index, folder: Path) -> dict[str, Path]:
    """Publish wheels and an sdist, and return them by their URLs; `helper` is what building the sdist needs."""
    folder.mkdir(exist_ok=True)
    index.add(make_wheel(folder, "helper", "3.0"))
    files = [
        make_wheel(folder, "app", "1.0", requires=["lib"], size=100_000),
        make_wheel(folder, "lib", "1.0"),
        make_sdist(folder, "tool", "0.5", build_requires=["helper"]),
    ]
    index.add(make_wheel(folder, "lib", "2.0"))
    return {index.add(file): file for file in files}


def lock_file(tmp_path: Path, text: str) -> str:
    """Write a lock and return its path."""
    path = tmp_path / "pylock.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("version", [pytest.param("26.1.2", marks=pytest.mark.pip_matrix), "26.3"])
def test_a_lock_is_warm_for_the_pips_that_take_it(
    pip_of: PipOf, tmp_path: Path, cache_dir: Path, version: str, profile: str
) -> None:
    """After prefetch, `pip install -r pylock.toml` requests no file, and finds the wheel built from the sdist."""
    pip = pip_of(version)
    with serve_index(profile=PROFILES[profile]) as index:
        file = lock_file(tmp_path, lock_text(publish(index, tmp_path / "files")))
        program = Program(pip, index, cache_dir)

        answer = program.run("prefetch", "-r", file, "--json")

        assert answer.code == 0, answer.err
        assert {outcome for outcome, _ in answer.outcomes("after").values()} == {"hit"}
        assert set(answer.outcomes()) == {
            "app-1.0-py3-none-any.whl",
            "lib-1.0-py3-none-any.whl",
            "helper-3.0-py3-none-any.whl",
            "tool-0.5.tar.gz",
            "tool-0.5-py3-none-any.whl",
        }
        index.clear()
        run_pip(pip, "install", file, index, cache_dir, tmp_path / "to")
        assert file_requests(index) == []
        assert program.run("check", "-r", file).code == 0


@pytest.mark.parametrize("version", ["23.2.1", "26.3"])
def test_a_lock_of_wheels_asks_no_index(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """For every pip the files come straight from their URLs: one request each, and no index page."""
    files = {url: path for url, path in publish(index, tmp_path / "files").items() if path.suffix == ".whl"}
    program = Program(pip_of(version), index, cache_dir)
    file = lock_file(tmp_path, lock_text(files))

    unknown = program.run("check", "-r", file, "--json")
    answer = program.run("prefetch", "-r", file)

    assert unknown.data["resolution"]["source"] == "lock"
    assert {outcome for outcome, _ in unknown.outcomes().values()} == {"miss"}
    assert answer.code == 0, answer.err
    assert sorted(request.path for request in index.requests) == sorted(f"/{url.split('/', 3)[3]}" for url in files)


def test_what_is_resolved_beside_a_lock_goes_with_it(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """A requirement beside the lock takes the version that the lock holds, though the index has a newer one."""
    files = publish(index, tmp_path / "files")
    only_lib = {url: path for url, path in files.items() if path.name.startswith("lib")}
    file = lock_file(tmp_path, lock_text(only_lib))

    answer = Program(pip_of("26.3"), index, cache_dir).run("prefetch", "app", "-r", file, "--json")

    assert answer.code == 0, answer.err
    assert set(answer.outcomes()) == {"app-1.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl"}


def test_a_body_that_the_lock_does_not_state_is_not_stored(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """When the server sends other bytes than the lock's hash stands for, that file fails and the rest is warmed."""
    files = publish(index, tmp_path / "files")
    text = lock_text({url: path for url, path in files.items() if path.suffix == ".whl"})
    digest = text.partition('sha256 = "')[2][:64]
    file = lock_file(tmp_path, text.replace(digest, "0" * 64))

    answer = Program(pip_of("26.3"), index, cache_dir).run("prefetch", "-r", file, "--json")

    assert answer.code == 1
    assert sorted(answer.actions().values()) == ["downloaded", "failed"]
    assert answer.envelope["errors"]


@pytest.mark.parametrize("kind", ["a URL", "a lock"])
def test_hashes_in_capitals_are_the_same(pip_of: PipOf, tmp_path: Path, cache_dir: Path, kind: str) -> None:
    """Pip takes a hash in any case, and what was checked against it is a hit: by the parallel lane, and built."""
    pip = pip_of("26.3")
    with serve_index(profile=NONE) as index:
        files = publish(index, tmp_path / "files")
        digests = {url: hashlib.sha256(file.read_bytes()).hexdigest() for url, file in files.items()}
        path = tmp_path / ("pylock.toml" if kind == "a lock" else "requirements.txt")
        lines = [f"{file.name.split('-')[0]} @ {url}#sha256={digests[url].upper()}" for url, file in files.items()]
        text = lock_text(files) if kind == "a lock" else "\n".join(lines)
        for digest in digests.values():
            text = text.replace(digest, digest.upper())
        path.write_text(text, encoding="utf-8")

        answer = Program(pip, index, cache_dir).run("prefetch", "-r", str(path), "--json")

        assert answer.code == 0, answer.err
        assert {outcome for outcome, _ in answer.outcomes("after").values()} == {"hit"}
        file_requests(index)
        run_pip(pip, "install", str(path), index, cache_dir, tmp_path / "to")
        assert file_requests(index) == []


def test_a_weak_hash_is_checked_by_pip(pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """With nothing but md5 pip serves a lock; a body that has another one is no hit, since pip would not install it."""
    wheel = make_wheel(tmp_path, "lib", "1.0")
    url = index.add(wheel)
    program = Program(pip_of("26.3"), index, cache_dir)

    def prefetched(digest: str) -> tuple[int, dict[str, tuple[str, str | None]]]:
        file = f'{{url = "{url}", hashes = {{md5 = "{digest}"}}}}'
        head = 'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "lib"\nversion = "1.0"\n'
        answer = program.run("prefetch", "-r", lock_file(tmp_path, f"{head}wheels = [{file}]\n"), "--json")
        return answer.code, answer.outcomes("after")

    assert prefetched("0" * 32) == (1, {wheel.name: ("uncacheable", "no hash")})
    assert prefetched(hashlib.md5(wheel.read_bytes()).hexdigest()) == (0, {wheel.name: ("hit", None)})
