"""What a running pip is at work with stays: seen by real pips that wait, and by the rules about command lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from tests.cache.test_inventory import write
from tests.helpers.stocks import FILES, PYPI, Stock
from wheelwarm.holdings.selection import Pattern
from wheelwarm.model import Silent
from wheelwarm.prune import remove, select
from wheelwarm.removal.bystanders import Bystanders, uses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.pips import PipEnvironment

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells of processes by /proc")
PAGE = {"Content-Type": "application/vnd.pypi.simple.v1+json", "ETag": '"1"', "Cache-Control": "max-age=600"}
SDISTS = ("demo-1.0.tar.gz", "demo-1.1.tar.gz")


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    """Return an empty cache."""
    (tmp_path / "scratch").mkdir()
    return Stock(tmp_path / "cache", tmp_path / "scratch")


@contextmanager
def waiting(pip: PipEnvironment, cache_dir: Path | None, folder: Path, **variables: str) -> Iterator[None]:
    """Run a real pip that waits for its requirements file, a pipe nobody writes to, for as long as the context."""
    pipe = folder / "requirements.txt"
    os.mkfifo(pipe)
    command = [str(pip.python), "-m", "pip", "download", "-r", str(pipe)]
    environ = {**pip.environ(cache_dir=cache_dir), **variables}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()
        pipe.unlink()


def are_here(cache_dir: Path, *, expected: bool) -> bool:
    """Look until the answer is as expected, for ten seconds at most: a process that has just begun has no name yet."""
    for _ in range(100):
        if Bystanders(cache_dir).are_here() is expected:
            return expected
        time.sleep(0.1)
    return not expected


@linux
def test_a_running_pip_is_seen(modern_pip: PipEnvironment, stock: Stock, tmp_path: Path) -> None:
    """While a real pip runs it is seen for its own cache, not for another, and no more when it has ended."""
    stock.wheel("demo", "1.0")
    (tmp_path / "other").mkdir()

    with waiting(modern_pip, stock.root, tmp_path):
        assert are_here(stock.root, expected=True)
        assert not Bystanders(tmp_path / "other").are_here()
    assert not are_here(stock.root, expected=False)


@linux
def test_a_pip_that_is_configured_is_seen(modern_pip: PipEnvironment, stock: Stock, tmp_path: Path) -> None:
    """A real pip that has its cache directory from a configuration file alone is seen for that one."""
    built = stock.built("demo", "1.0")
    (tmp_path / "pip.conf").write_text(f"[global]\ncache-dir = {stock.root}\n")

    with waiting(modern_pip, None, tmp_path, PIP_CONFIG_FILE=str(tmp_path / "pip.conf")):
        assert are_here(stock.root, expected=True)
        remove(select(stock.root, Pattern("demo"), observer=Silent()))
        assert built.exists()


@linux
def test_what_it_needs_stays(modern_pip: PipEnvironment, stock: Stock, tmp_path: Path) -> None:
    """Built wheels and what pip would ask the server about stay while it runs; fresh files go, and later the rest."""
    now = formatdate(usegmt=True)
    built = stock.built("demo", "1.0")
    listed = [{"filename": name, "url": f"{FILES}/{name}", "hashes": {}} for name in SDISTS]
    body = json.dumps({"name": "demo", "files": listed}).encode()
    page = stock.store(f"{PYPI}/demo/", body, headers={**PAGE, "Date": now})
    stale = stock.store(f"{FILES}/{SDISTS[0]}", b"1", headers={"ETag": '"1"', "Date": now})
    fresh = stock.wheel("demo", "1.0")
    bare = stock.store(f"{FILES}/{SDISTS[1]}", b"1", headers={"Date": now})

    with waiting(modern_pip, stock.root, tmp_path):
        assert are_here(stock.root, expected=True)
        removed = remove(select(stock.root, Pattern("demo"), observer=Silent()))
        assert [path.exists() for path in (built, page, stale, fresh, bare)] == [True, True, True, False, False]
        assert removed.changed == 3
    assert not are_here(stock.root, expected=False)
    remove(select(stock.root, Pattern("demo"), observer=Silent()))

    assert not any(path.exists() for path in (built, page, stale))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python -m pip install demo", True),
        ("/usr/bin/python3 -I -X utf8 -m pip install demo", True),
        ("/usr/bin/pip3.12 download demo", True),
        ("python /env/lib/pip/__pip-runner__.py install demo", True),
        ("python pip.pyz install demo", True),
        ("python -m pip --cache-dir={other} install demo", True),
        ("pipenv install", False),
        ("python -m pipx install demo", False),
        ("python manage.py a b c d pip", False),
        ("", False),
    ],
)
def test_which_processes_are_pips(tmp_path: Path, command: str, *, expected: bool) -> None:
    """By the first words of the command line: the module, the script of any name, the zip, the build's helper."""
    words = command.format(other=tmp_path).split(" ")
    assert uses(words, {"PIP_CACHE_DIR": str(tmp_path)}, tmp_path) is expected


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        ("--cache-dir {}/pip", {}),
        ("--cache-dir={}/pip", {"PIP_CACHE_DIR": "/elsewhere"}),
        ("", {"PIP_CACHE_DIR": "{}/pip", "HOME": "/elsewhere"}),
        ("", {"XDG_CACHE_HOME": "{}", "HOME": "/elsewhere"}),
        ("", {"HOME": "{}/home"}),
    ],
)
def test_which_cache_a_pip_uses(tmp_path: Path, arguments: str, environ: dict[str, str]) -> None:
    """That of its arguments, of its environment, or the usual one; links do not matter, and another is another."""
    (tmp_path / "pip").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".cache").symlink_to(tmp_path)
    command = ["pip", "install", *arguments.format(tmp_path).split()]
    environ = {name: value.format(tmp_path) for name, value in environ.items()}

    assert uses(command, environ, tmp_path / "pip")
    assert not uses(command, environ, tmp_path / "home")
    assert not uses(command, environ, tmp_path / "missing")


@linux
@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("home/.config/pip/pip.conf", "[global]\ncache-dir = {}/pip\n"),
        ("home/.pip/pip.conf", "[install]\ncache_dir={}/pip\n"),
        ("xdg/pip/pip.conf", "[global]\ncache-dir = ~/../pip\n"),
        ("shared/pip/pip.conf", "[global]\nindex-url = https://u:%p@index.example\ncache-dir = {}/pip\n"),
        ("venv/pip.conf", "[global]\ncache-dir = {}/pip\n"),
        ("named.conf", "[global]\ncache-dir = {}/pip\n"),
    ],
)
def test_which_cache_a_configured_pip_uses(tmp_path: Path, file: str, text: str) -> None:
    """Wherever pip looks for its configuration; another cache stays another, and what cannot be read names none."""
    write(tmp_path / file, text.format(tmp_path).encode())
    for folder in ("pip", "home", "other"):
        (tmp_path / folder).mkdir(exist_ok=True)
    environ = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_DIRS": f"{tmp_path}/none:{tmp_path}/shared"}
    environ |= {"XDG_CONFIG_HOME": str(tmp_path / "xdg")} if file.startswith("xdg") else {}
    environ |= {"PIP_CONFIG_FILE": str(tmp_path / "named.conf")}
    command = [str(tmp_path / "venv" / "bin" / "python"), "-m", "pip", "install"]

    assert uses(command, environ, tmp_path / "pip")
    assert not uses(command, environ, tmp_path / "other")
    assert not uses(command, {**environ, "PIP_CONFIG_FILE": os.devnull}, tmp_path / "pip")
    write(tmp_path / file, b"\xff no configuration")
    assert not uses(command, environ, tmp_path / "pip")


def test_no_processes_to_look_at(stock: Stock, tmp_path: Path) -> None:
    """Where the system tells nothing, or of a process no more, nobody is there."""
    (tmp_path / "proc" / "1").mkdir(parents=True)
    assert not Bystanders(stock.root, processes=tmp_path / "proc").are_here()
    assert not Bystanders(stock.root, processes=tmp_path / "missing").are_here()
