"""`kill -9` at any moment, a full disk, a cache that cannot be written: nothing is wrong or half, the next run works.

A few random points by default; `WHEELWARM_KILLS=200` (or the matrix, `make test-pip`) tries as many as that.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_looking import run
from tests.functional.test_prefetch import file_requests, run_pip
from tests.helpers.artifacts import make_sdist, make_wheel
from tests.helpers.program import Program
from tests.helpers.stocks import FILES, Stock
from wheelwarm.cache import entries
from wheelwarm.cache.contents import key_of
from wheelwarm.cache.format import key
from wheelwarm.cache.inventory import Form, take
from wheelwarm.holdings.reclaim import HALVES
from wheelwarm.model import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

SHARES = {"prefetch": 0.3, "prune": 0.4, "verify": 0.3}
FEW = 8
MANY = int(os.environ.get("WHEELWARM_KILLS", "200"))
WHEELS = 300

points = pytest.mark.parametrize(
    "number",
    [MANY if "WHEELWARM_KILLS" in os.environ else FEW, pytest.param(MANY, marks=pytest.mark.pip_matrix)],
    ids=["some", "all"],
)
linux = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found through /proc")


@dataclass(frozen=True, slots=True)
class Victim:
    """A command line of wheelwarm's on a cache, to be killed with all that it has started."""

    arguments: Sequence[str]
    environ: Mapping[str, str]
    cache_dir: Path

    def run_to_the_end(self) -> float:
        """Let it run, and return the seconds that it took."""
        begin = time.monotonic()
        process = self._start()
        assert process.wait(120) == 0
        return time.monotonic() - begin

    def die(self, *, after: float, once: Callable[[], bool] = lambda: True) -> bool:
        """Kill it so many seconds after a condition holds; False if it was done by then."""
        process = self._start()
        while process.poll() is None and not once():
            time.sleep(0.0005)
        with suppress(subprocess.TimeoutExpired):
            process.wait(after)
        alive = process.poll() is None
        if alive:
            process.kill()
        process.wait(60)
        self._kill_orphans()
        return alive

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "wheelwarm", *self.arguments]
        environ = {**self.environ, "WHEELWARM_VICTIM": str(self.cache_dir)}
        return subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _kill_orphans(self) -> None:
        """End the pips that it started: a machine that stops, stops them too."""
        mark = f"WHEELWARM_VICTIM={self.cache_dir}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    os.kill(int(folder.name), signal.SIGKILL)


def check_sound(cache_dir: Path, known: Mapping[str, str]) -> None:
    """Every entry is whole and, where it is known what its URL stands for, has the right bytes."""
    for item in take(cache_dir).items:
        if item.form is not Form.ENTRY:
            continue
        entry = entries.read_entry(cache_dir / item.section.value, key_of(item), Layout(item.section.value))
        assert entry.stored is not None, item.path
        assert not entries.is_truncated(entry, entry.stored), item.path
        expected = known.get(key_of(item))
        assert expected in (None, entries.digest_of(entry)), item.path


def check_orphans_are_found(cache_dir: Path) -> None:
    """Let `prune --orphans` take what a crash has left, once that is old, and look that nothing else is left."""
    leftovers = [item for item in take(cache_dir).items if item.form in (*HALVES, Form.TEMPORARY)]
    old = time.time() - 3 * 86400
    for item in leftovers:
        for file in item.files:
            os.utime(cache_dir / file.path, (old, old))
    answer = run(Stock(cache_dir, cache_dir), "prune", "--orphans", "--yes", "--json")
    assert answer.code == 0, answer.err
    assert answer.data["removed"]["entries"] == len(leftovers)
    assert not [
        item
        for item in take(cache_dir).items
        if item.form in (*HALVES, Form.TEMPORARY, Form.FOREIGN)
        if item.section.value != "other"
    ]


def moments(name: str, number: int, seconds: float) -> Iterator[float]:
    """Yield random moments of a run, the same ones each time for a share of so many points."""
    rng = random.Random(f"{name} {number}")
    for _ in range(round(number * SHARES[name])):
        yield rng.uniform(0, seconds)


def again(source: Path, to: Path) -> None:
    """Put a copy of a cache in the place of another."""
    shutil.rmtree(to, ignore_errors=True)
    if source.exists():
        shutil.copytree(source, to)


@linux
@points
def test_a_killed_prefetch(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path, number: int
) -> None:
    """After a prefetch that died anywhere no entry is wrong, the next one makes everything a hit, and pip installs."""
    folder = tmp_path / "files"
    folder.mkdir()
    published = [make_wheel(folder, f"lib{at}", "1.0", size=300_000) for at in range(6)]
    published += [
        make_wheel(folder, "app", "1.0", requires=[f"lib{at}" for at in range(6)]),
        make_sdist(folder, "tool", "0.5"),
    ]
    known = {key(index.add(path)): hashlib.sha256(path.read_bytes()).hexdigest() for path in published}
    file = tmp_path / "requirements.txt"
    file.write_text("app\ntool\n")
    program = Program(modern_pip, index, cache_dir)
    environ = {**modern_pip.environ(cache_dir=cache_dir, index=index)}
    victim = Victim(["prefetch", "-r", str(file), "--python", str(modern_pip.python)], environ, cache_dir)
    seconds = victim.run_to_the_end()

    for moment in moments("prefetch", number, seconds):
        shutil.rmtree(cache_dir, ignore_errors=True)
        victim.die(after=moment)
        if cache_dir.exists():
            check_sound(cache_dir, known)
        answer = program.run("prefetch", "-r", str(file), "--json")
        assert answer.code == 0, answer.err
        assert {outcome for outcome, _ in answer.outcomes("after").values()} == {"hit"}
        check_sound(cache_dir, known)
        check_orphans_are_found(cache_dir)
    index.clear()
    run_pip(modern_pip, "install", str(file), index, cache_dir, tmp_path / "to")
    assert file_requests(index) == []


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Return a cache of many wheels, and the hash of each by its key."""
    base = tmp_path_factory.mktemp("many")
    (base / "scratch").mkdir()
    stock = Stock(base / "cache", base / "scratch")
    known = {}
    for at in range(WHEELS):
        wheel = make_wheel(stock.scratch, f"demo{at}", "1.0")
        url = f"{FILES}/{wheel.name}"
        stock.store(url, wheel.read_bytes())
        known[key(url)] = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return stock.root, known


@linux
@points
def test_a_killed_prune(many: tuple[Path, dict[str, str]], cache_dir: Path, number: int) -> None:
    """After a prune that died anywhere every entry is whole or gone, and the next one removes the rest."""
    template, known = many
    victim = Victim(
        ["prune", "--older-than", "0s", "--cache-dir", str(cache_dir), "--yes"], dict(os.environ), cache_dir
    )
    again(template, cache_dir)
    first = cache_dir / min(item.path for item in take(cache_dir).items if item.form is Form.ENTRY)
    seconds = victim.run_to_the_end()

    halfway = 0
    for at, moment in enumerate(moments("prune", number, seconds)):
        again(template, cache_dir)
        if at % 4:
            # Most of a short run is its start: these die while files go.
            victim.die(after=moment / seconds * 0.04, once=lambda: not first.exists())
        else:
            victim.die(after=moment)
        left = sum(item.form is Form.ENTRY for item in take(cache_dir).items)
        halfway += 0 < left < WHEELS
        check_sound(cache_dir, known)
        check_orphans_are_found(cache_dir)
        answer = run(Stock(cache_dir, cache_dir), "prune", "--older-than", "0s", "--yes", "--json")
        assert (answer.code, answer.data["removed"]["entries"]) == (0, left), answer.err
        assert not [path for path in (cache_dir / "http-v2").rglob("*") if path.is_file()]
    assert halfway


@linux
@points
def test_a_killed_verify(many: tuple[Path, dict[str, str]], cache_dir: Path, number: int) -> None:
    """After a `verify --fix` that died anywhere the next one finds and removes just what was damaged."""
    template, known = many
    victim = Victim(["verify", "--fix", "--cache-dir", str(cache_dir)], dict(os.environ), cache_dir)

    def spoil() -> dict[str, str]:
        again(template, cache_dir)
        damaged = sorted(known)[::4]
        for one in damaged:
            path = cache_dir / "http-v2" / Path(*one[:5]) / f"{one}.body"
            path.write_bytes(path.read_bytes()[:-1])
        return {one: digest for one, digest in known.items() if one not in damaged}

    sound = spoil()
    seconds = victim.run_to_the_end()
    for moment in moments("verify", number, seconds):
        spoil()
        victim.die(after=moment)
        answer = run(Stock(cache_dir, cache_dir), "verify", "--fix", "--json")
        assert answer.code == 0, answer.err
        assert {key_of(item) for item in take(cache_dir).items if item.form is Form.ENTRY} == sound.keys()
        check_sound(cache_dir, sound)
        check_orphans_are_found(cache_dir)


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Mount something at a folder for a while; skip where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, *options, str(folder)], capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(modern_pip: PipEnvironment, index: Index, tmp_path: Path) -> None:
    """On a file system without room a prefetch says so in one sentence, leaves nothing half, and a prune makes room."""
    folder = tmp_path / "files"
    folder.mkdir()
    for at in range(4):
        index.add(make_wheel(folder, f"lib{at}", "1.0", size=500_000))
    index.add(make_wheel(folder, "small", "1.0"))
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=1200k", "tmpfs") as disk:
        program = Program(modern_pip, index, disk / "cache")

        answer = program.run("prefetch", *[f"lib{at}" for at in range(4)], "--json")

        assert answer.code in (1, 3)
        words = answer.err + answer.out
        assert "No space left" in words
        stock = take(disk / "cache")
        assert not [item for item in stock.items if item.form in (*HALVES, Form.TEMPORARY)]
        check_sound(disk / "cache", {})
        pruned = run(Stock(disk / "cache", folder), "prune", "--max-size", "0B", "--yes")
        assert pruned.code == 0, pruned.err
        assert program.run("prefetch", "small").code == 0


@pytest.mark.parametrize("command", ["prune", "remove", "verify"])
def test_a_cache_that_cannot_be_written(many: tuple[Path, dict[str, str]], tmp_path: Path, command: str) -> None:
    """On a read-only mount nothing goes, and one sentence says why: exit code 3."""
    template, known = many
    again(template, tmp_path / "source")
    one = sorted(known)[0]
    body = tmp_path / "source" / "http-v2" / Path(*one[:5]) / f"{one}.body"
    body.write_bytes(body.read_bytes()[:-1])
    arguments = {
        "prune": ["--older-than", "0s", "--yes"],
        "remove": ["demo1", "--yes"],
        "verify": ["--fix"],
    }
    with mounted(tmp_path / "view", "--bind", "-o", "ro", str(tmp_path / "source")) as view:
        before = {path: path.stat().st_mtime_ns for path in view.rglob("*")}

        answer = run(Stock(view, tmp_path), command, *arguments[command])

        assert answer.code == 3
        assert answer.err.count("error:") == 1
        assert "Read-only file system" in answer.err
        assert {path: path.stat().st_mtime_ns for path in view.rglob("*")} == before
