"""What Pythons said is remembered for as long as all is as it was when they said it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.pips import isolated_environ
from wheelwarm.targets import probe_memory, probing
from wheelwarm.targets.probe_memory import (
    LIMIT,
    ProbeMemory,
    cache_home,
    libraries,
    mark,
    owner_of,
    relative,
    surroundings,
)
from wheelwarm.targets.probing import probe
from wheelwarm.targets.target import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.helpers.pips import PipEnvironment
    from wheelwarm.targets.target import Completed, Target

FACTS = {"pip": "26.3", "version": "3.12.1"}
QUESTION = ("what", "is", "it")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the programs that probing starts from now on."""
    started: list[str] = []

    def counted(command: Sequence[str], *, environ: Mapping[str, str]) -> Completed:
        started.append(command[0])
        return run(command, environ=environ)

    monkeypatch.setattr(probing, "run", counted)
    return started


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home folder of the test's own."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def ask(pip: PipEnvironment, home: Path, **variables: str) -> Target:
    """Probe a pip's Python as a user with this home folder."""
    environ = isolated_environ(os.environ, home=home) | variables
    del environ["PIP_CONFIG_FILE"]
    return probe(str(pip.python), environ=environ, cwd=home)


def test_a_python_is_asked_once(modern_pip: PipEnvironment, home: Path, asked: list[str]) -> None:
    """The second run of the same question starts nothing, and knows the same."""
    first = ask(modern_pip, home)
    assert asked
    asked.clear()

    assert ask(modern_pip, home) == first
    assert not asked


@pytest.mark.parametrize("change", ["configuration", "packages", "variable", "home", "owner"])
def test_what_may_change_the_answer_has_it_asked_again(
    modern_pip: PipEnvironment,
    home: Path,
    asked: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    """A new setting, a package that came or went, another variable, another owner of the cache: all count at once."""
    before = ask(modern_pip, home)
    asked.clear()
    variables = {}
    if change == "configuration":
        (home / ".config" / "pip").mkdir(parents=True)
        (home / ".config" / "pip" / "pip.conf").write_text("[global]\ntimeout = 7\n")
    elif change == "packages":
        site = subprocess.run(
            [modern_pip.python, "-c", "import site; print(site.getsitepackages()[0])"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        passing = Path(site) / f"wheelwarm-{os.getpid()}.txt"
        passing.touch()
        passing.unlink()
    elif change == "variable":
        variables = {"PIP_TIMEOUT": "7"}
    elif change == "home":
        home = tmp_path / "other"
        home.mkdir()
    else:
        before.cache_dir.mkdir(parents=True)
        monkeypatch.setattr(probe_memory, "owner_of", lambda _: [os.geteuid() + 1, False])

    after = ask(modern_pip, home, **variables)

    assert asked
    assert after.setting("timeout") == ("7" if change in ("configuration", "variable") else None)


def test_a_credential_is_not_written_down(modern_pip: PipEnvironment, home: Path, asked: list[str]) -> None:
    """An answer with an index URL that holds a password is asked for each time, and stands nowhere."""
    url = "https://user:hunter2@index.test/simple"

    assert ask(modern_pip, home, PIP_INDEX_URL=url).setting("index-url") == url
    asked.clear()
    ask(modern_pip, home, PIP_INDEX_URL=url)

    assert asked
    assert not [path for path in home.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]


def test_an_answer_is_kept_in_the_users_cache_folder(tmp_path: Path) -> None:
    """It stands where the system wants caches, for the user alone, and comes back as it was."""
    memory = ProbeMemory.of({"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "LOCALAPPDATA": str(tmp_path)})
    memory.remember(QUESTION, FACTS, cache_dir=tmp_path / "cache", witnesses=[sys.executable, "/no/such/file"])

    assert memory.recall(QUESTION) == FACTS
    assert memory.recall((*QUESTION, "really")) is None
    (path,) = tmp_path.rglob("*.json")
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"marks": {}, "owner": [], "cache_dir": 5, "facts": {}}', "\0"])
def test_a_damaged_memory_is_none(tmp_path: Path, content: str) -> None:
    """Whatever stands in the file, the answer is asked for again, and then kept again."""
    memory = ProbeMemory(tmp_path)
    memory.remember(QUESTION, FACTS, cache_dir=tmp_path, witnesses=[])
    (path,) = tmp_path.glob("*.json")
    path.write_text(content)

    assert memory.recall(QUESTION) is None
    memory.remember(QUESTION, FACTS, cache_dir=tmp_path, witnesses=[])
    assert memory.recall(QUESTION) == FACTS


def test_another_users_memory_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer names a program to run: only the user's own file may, not one that came with a home folder."""
    memory = ProbeMemory(tmp_path)
    memory.remember(QUESTION, FACTS, cache_dir=tmp_path, witnesses=[])
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)

    assert memory.recall(QUESTION) is None


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    """Without a place to remember at, every Python is asked each time."""
    (tmp_path / "file").touch()
    for memory in (ProbeMemory(tmp_path / "file" / "below"), ProbeMemory(None)):
        memory.remember(QUESTION, FACTS, cache_dir=tmp_path, witnesses=[])
        assert memory.recall(QUESTION) is None


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the file cannot be put into place, the temporary one goes too."""
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    ProbeMemory(tmp_path).remember(QUESTION, FACTS, cache_dir=tmp_path, witnesses=[])

    assert not list(tmp_path.iterdir())


def test_the_oldest_answers_go(tmp_path: Path) -> None:
    """No more than a few dozen answers are kept."""
    memory = ProbeMemory(tmp_path)
    for number in range(LIMIT + 3):
        memory.remember((str(number),), FACTS, cache_dir=tmp_path, witnesses=[])
        newest = max(tmp_path.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (number, number))

    assert len(list(tmp_path.glob("*.json"))) == LIMIT
    assert memory.recall(("0",)) is None
    assert memory.recall((str(LIMIT + 2),)) == FACTS


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {"HOME": "/home/me"}, "/home/me/.cache"),
        ("linux", {"HOME": "/home/me", "XDG_CACHE_HOME": "/var/tmp/caches"}, "/var/tmp/caches"),
        ("linux", {"HOME": "/home/me", "XDG_CACHE_HOME": "caches"}, "/home/me/.cache"),
        ("linux", {}, "None"),
        ("darwin", {"HOME": "/Users/me"}, "/Users/me/Library/Caches"),
        ("darwin", {}, "None"),
    ],
)
def test_where_a_user_has_caches(
    monkeypatch: pytest.MonkeyPatch, platform: str, environ: dict[str, str], expected: str
) -> None:
    """Each system has its own place for caches; a relative one counts as none."""
    monkeypatch.setattr(sys, "platform", platform)
    assert str(cache_home(environ)) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="a C library of Linux")
@pytest.mark.parametrize("error", [OSError(22, "Invalid argument"), ValueError("unrecognized configuration name")])
def test_a_c_library_without_a_version_is_none_the_worse(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """On Alpine musl refuses to say which GNU libc it is; the answers are remembered for the system's release."""

    def refuse(_name: str) -> str:
        raise error

    with_version = surroundings({})
    monkeypatch.setattr(os, "confstr", refuse)

    assert libraries() == platform.release()
    assert surroundings({}) != with_version


def test_paths_from_here_make_the_folder_count() -> None:
    """A relative path in a variable means something else elsewhere."""
    assert relative({"PIP_CACHE_DIR": "cache"})
    assert not relative({"PIP_CACHE_DIR": "/cache", "HOME": "home"})
    assert surroundings({"PYTHONPATH": "."}) != surroundings({"PYTHONPATH": "/"})


def test_marks_change_with_what_they_mark(tmp_path: Path) -> None:
    """A file that is written, or comes to be, has another mark; the nearest folder that is there owns a cache."""
    file = tmp_path / "file"
    assert mark(str(file)) is None
    file.write_text("1")
    first = mark(str(file))
    file.write_text("12")
    assert mark(str(file)) not in (None, first)
    assert mark("\0") is None
    assert owner_of(tmp_path / "a" / "b") == owner_of(tmp_path)
    assert json.loads(json.dumps(owner_of(tmp_path))) == owner_of(tmp_path)
