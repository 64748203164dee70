"""Safe beside running pips: eight of them install and download while wheelwarm removes and fills what they use.

No pip may fail, no entry be left half or wrong. The loops end by count or by time, whichever comes first.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel
from tests.helpers.program import Program
from tests.helpers.stocks import FILES, Stock
from wheelwarm.cache.inventory import Form, take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

PIPS = 8
MOST_RUNS = 200
WANTED = ("app", "lib", "tool")
HALVES = (Form.METADATA_ALONE, Form.BODY_ALONE, Form.TEMPORARY)
TOOLS = (
    ("verify", "--fix"),
    ("verify", "--fix", "--quick"),
    ("remove", "lib", "--yes"),
    ("remove", "app-1.0*", "--yes"),
    ("prune", "--orphans", "--stale", "--yes"),
    ("remove", "tool", "--yes"),
    ("prefetch", *WANTED),
    ("prune", "--max-size", "2MB", "--yes"),
    ("prefetch", *WANTED),
    ("prune", "--index-pages", "--yes"),
)
LONG = pytest.param(60.0, marks=pytest.mark.pip_matrix, id="a minute")


@dataclass(slots=True)
class Load:
    """Loops that run until a moment, and what went wrong in them."""

    until: float
    runs: int = 0
    failures: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def loop(self, steps: Iterator[Callable[[], str]]) -> None:
        """Take steps, each of which tells what went wrong, until time is up or something does."""
        for step in itertools.islice(steps, MOST_RUNS):
            if time.monotonic() > self.until or self.failures:
                return
            failure = step()
            with self._lock:
                self.runs += 1
                self.failures += [failure] if failure else []


def publish(index: Index, folder: Path) -> None:
    """Publish projects that depend on each other, one of them an sdist."""
    folder.mkdir()
    index.add(make_wheel(folder, "app", "1.0", requires=["lib", "more"], size=300_000))
    index.add(make_wheel(folder, "lib", "2.0", size=2_000_000))
    index.add(make_wheel(folder, "more", "1.0", requires=["lib"]))
    index.add(make_wheel(folder, "helper", "3.0"))
    index.add(make_sdist(folder, "tool", "0.5", requires=["lib"], build_requires=["helper"]))


def pip_steps(pip: PipEnvironment, index: Index, cache_dir: Path, folder: Path) -> Iterator[Callable[[], str]]:
    """Yield installs and downloads without end."""

    def step(*arguments: str) -> str:
        shutil.rmtree(folder, ignore_errors=True)
        done = pip.run(*arguments, str(folder), cache_dir=cache_dir, index=index)
        return f"pip {pip.version} {arguments}: {done.stdout}{done.stderr}" if done.returncode else ""

    for number in itertools.count():
        arguments = ("download", "app", "--dest") if number % 2 else ("install", "--no-compile", *WANTED, "--target")
        yield partial(step, *arguments)


def tool_steps(program: Program, commands: tuple[tuple[str, ...], ...], stock: Stock) -> Iterator[Callable[[], str]]:
    """Yield runs of wheelwarm without end, each as a process of its own; `verify --fix` always has something to do."""
    environ = program.pip.environ(cache_dir=program.cache_dir, index=program.index)

    def step(command: tuple[str, ...]) -> str:
        stock.store(f"{FILES}/bystander-1.0-py3-none-any.whl", b"PK\3\4 is all that is left")
        argv = [sys.executable, "-m", "wheelwarm", *command, "--python", str(program.pip.python)]
        done = subprocess.run(argv, env=environ, check=False, capture_output=True, text=True, timeout=300)
        # 1 is an answer: nothing matched any more, or something was removed again in the meantime.
        return f"{command}: {done.stdout}{done.stderr}" if done.returncode not in (0, 1) else ""

    for command in itertools.cycle(commands):
        yield partial(step, command)


@pytest.mark.parametrize("seconds", [pytest.param(8.0, id="seconds"), LONG])
@pytest.mark.parametrize(
    "version", ["26.3", *(pytest.param(older, marks=pytest.mark.pip_matrix) for older in ("23.2.1", "24.3.1"))]
)
def test_no_pip_fails_beside_us(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str, seconds: float
) -> None:
    """Eight pips go on as if alone; in the end everything is whole, warm or cleanly missing, and can be warmed."""
    publish(index, tmp_path / "files")
    (tmp_path / "scratch").mkdir()
    stock, pip = Stock(cache_dir, tmp_path / "scratch"), pip_of(version)
    program = Program(pip, index, cache_dir)
    load = Load(until=time.monotonic() + seconds)
    pips = [pip_steps(pip, index, cache_dir, tmp_path / f"to-{number}") for number in range(PIPS)]
    tools = [tool_steps(program, TOOLS[start::3], stock) for start in range(3)]

    with ThreadPoolExecutor(PIPS + len(tools)) as pool:
        list(pool.map(load.loop, [*pips, *tools]))

    assert not load.failures, load.failures[0]
    assert load.runs > PIPS
    assert program.run("verify", "--fix").code == 0
    assert [item.path for item in take(cache_dir).items if item.form in HALVES] == []
    outcomes = set(program.run("prefetch", *WANTED, "--json").outcomes("after").values())
    assert outcomes == {("hit", None)}
