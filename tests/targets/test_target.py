"""Real Pythons are found and described as they and their pips describe themselves, and what is started is ended."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_wheel
from tests.helpers.pips import PIP_MATRIX, PipEnvironment, interpreters, isolated_environ, pip_environment
from tests.targets.test_pip_errors import broken_sdist
from wheelwarm.errors import CacheError, TargetError
from wheelwarm.targets import target as target_module
from wheelwarm.targets.probing import find, parse_config, probe
from wheelwarm.targets.target import describe, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from wheelwarm.targets.target import Target

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and owners are POSIX")
AS_ROOT = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files away")

# Ignores Ctrl-C, says so, and sleeps.
DEAF = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
# A build that says which process it is, and sleeps.
SLEEPING_BACKEND = """
import os, time
def prepare_metadata_for_build_wheel(directory, settings=None):
    with open(os.environ["PID_FILE"] + ".new", "w") as file:
        file.write(str(os.getpid()))
    os.replace(os.environ["PID_FILE"] + ".new", os.environ["PID_FILE"])
    time.sleep(60)
"""


@pytest.fixture
def environ(modern_pip: PipEnvironment, cache_dir: Path) -> dict[str, str]:
    """Return the variables of a run of the newest pip."""
    return modern_pip.environ(cache_dir=cache_dir)


@pytest.fixture
def modern_target(modern_pip: PipEnvironment, environ: dict[str, str], tmp_path: Path) -> Target:
    """Return the newest pip as a target."""
    return probe(str(modern_pip.python), environ=environ, cwd=tmp_path)


@pytest.mark.parametrize(
    "version",
    [pytest.param(one, marks=() if one in ("22.2", "26.3") else pytest.mark.pip_matrix) for one in PIP_MATRIX],
)
def test_a_target_is_what_its_own_pip_says(pip_of: PipOf, version: str, tmp_path: Path, cache_dir: Path) -> None:
    """Version, tags, cache directory and settings agree with `pip debug`, `cache dir`, `config`."""
    pip = pip_of(version)
    target = probe(str(pip.python), environ=pip.environ(cache_dir=cache_dir), cwd=tmp_path)
    debug = pip.run("debug", "--verbose", cache_dir=cache_dir, check=True).stdout

    assert (target.pip, target.python) == (version, pip.python)
    assert f"sys.version: {target.version} " in debug
    assert target.implementation in debug
    tags = re.findall(r"^  (\w+-\w+-\w+)$", debug, re.MULTILINE)
    # packaging, and each pip with the one it carries, has changed where it puts plain linux among manylinux.
    assert list(target.tags) == tags if version == PIP_MATRIX[-1] else set(target.tags) == set(tags)
    assert str(target.cache_dir) == pip.run("cache", "dir", cache_dir=cache_dir, check=True).stdout.strip()
    assert target.setting("index-url") == pip.environ(cache_dir=cache_dir)["PIP_INDEX_URL"]
    assert f"{target.interpreter_name}{target.interpreter_version}" in target.tags[0]
    assert target.identity.endswith(f"pip {version}")


@pytest.mark.parametrize("version", interpreters() or [pytest.param("3.8", marks=pytest.mark.skip("no other Python"))])
def test_other_pythons_are_probed(version: str, tmp_path: Path, cache_dir: Path) -> None:
    """Each Python from 3.7 on can be a target; `packaging` tells the tags of those it runs on."""
    if version == "3.6":
        pytest.skip("no pip of 22.2 or later runs there")
    pip = pip_environment(tmp_path, "23.3.2" if version == "3.7" else "24.3.1", interpreters()[version])
    target = probe(str(pip.python), environ=pip.environ(cache_dir=cache_dir), cwd=tmp_path)

    assert target.version.startswith(f"{version}.")
    assert not target.tags or target.tags[0].startswith("cp" + version.replace(".", ""))
    assert target.interpreter_version == version.replace(".", "")


def test_a_python_is_named_by_path_or_folder(modern_pip: PipEnvironment, environ: dict[str, str]) -> None:
    """The path of a Python, the folder of its environment, absolute or relative: all mean the same."""
    folder = modern_pip.python.parents[1]
    for wanted in (str(modern_pip.python), str(folder), f"./{folder.name}", folder.name):
        assert probe(wanted, environ=environ, cwd=folder.parent).python == modern_pip.python


def test_a_python_is_named_by_version(modern_pip: PipEnvironment, environ: dict[str, str], tmp_path: Path) -> None:
    """`3.11` is `python3.11` on PATH, and any other name is looked for there too."""
    version = "{}.{}".format(*sys.version_info)
    wrapper(tmp_path / "bin" / f"python{version}", modern_pip.python)
    environ["PATH"] = str(tmp_path / "bin")
    for wanted in (version, f"{version}.{sys.version_info.micro}", f"python{version}"):
        assert probe(wanted, environ=environ, cwd=tmp_path).python == modern_pip.python


def test_a_python_of_pyenv_is_named_by_version(
    modern_pip: PipEnvironment, environ: dict[str, str], tmp_path: Path
) -> None:
    """What PATH lacks is looked for among pyenv's versions, the newest first."""
    for patch in ("1", "7"):
        wrapper(tmp_path / "versions" / f"3.11.{patch}" / "bin" / "python3.11", modern_pip.python)
    environ |= {"PATH": "", "PYENV_ROOT": str(tmp_path)}
    patches = [path.parts[-3] for path in find("3.11", environ=environ, cwd=tmp_path)]
    assert patches == ["3.11.7", "3.11.1"]
    assert probe("3.11.1", environ=environ, cwd=tmp_path).python == modern_pip.python


def test_without_a_name_the_nearest_python_counts(
    modern_pip: PipEnvironment, environ: dict[str, str], tmp_path: Path
) -> None:
    """$VIRTUAL_ENV goes before ./.venv, that before PATH, where python3 goes before python; our own is the last."""
    for name in ("venv", "project/.venv"):
        wrapper(tmp_path / name / "bin" / "python", modern_pip.python)
    for name in ("python3", "python"):
        wrapper(tmp_path / "path" / name, modern_pip.python)
    environ |= {"VIRTUAL_ENV": str(tmp_path / "venv"), "PATH": str(tmp_path / "path")}

    found = list(find(None, environ=environ, cwd=tmp_path / "project"))

    names = ["venv/bin/python", "project/.venv/bin/python", "path/python3", "path/python"]
    assert found == [*(tmp_path / name for name in names), Path(sys.executable)]
    assert probe(None, environ=environ, cwd=tmp_path / "project").python == modern_pip.python


def test_a_shim_that_refuses_is_passed_over(
    modern_pip: PipEnvironment, environ: dict[str, str], tmp_path: Path
) -> None:
    """A `python3` that does not start, as a version manager's for no version, leaves it to the next."""
    path = tmp_path / "path"
    wrapper(path / "python", modern_pip.python)
    (path / "python3").write_text("#!/bin/sh\necho 'no version is set' >&2\nexit 127\n")
    (path / "python3").chmod(0o755)
    environ["PATH"] = str(path)
    assert probe(None, environ=environ, cwd=tmp_path).python == modern_pip.python


def test_our_own_python_is_a_target(modern_pip: PipEnvironment, tmp_path: Path, cache_dir: Path) -> None:
    """Where nothing else is found, wheelwarm's own Python is described, by its own pip or by ours."""
    environ = modern_pip.environ(cache_dir=cache_dir) | {"PATH": ""}
    target = probe(None, environ=environ, cwd=tmp_path)
    assert target.python == Path(sys.executable)
    assert target.version == "{}.{}.{}".format(*sys.version_info)
    assert target.cache_dir == cache_dir


@pytest.mark.parametrize(
    "wanted", ["notes.txt", "./notes.txt", "folder", "/bin/true", "./missing", "9.99", "no-python"]
)
def test_what_is_no_python_is_named(environ: dict[str, str], tmp_path: Path, wanted: str) -> None:
    """A text file, a folder, another program, nothing at all: the error names it and says what to do."""
    (tmp_path / "notes.txt").write_text("not a program")
    (tmp_path / "folder").mkdir()
    with pytest.raises(TargetError) as caught:
        probe(wanted, environ=environ, cwd=tmp_path)
    assert Path(wanted).name in caught.value.message
    assert "--python" in caught.value.hint


def test_a_python_without_pip_is_served_by_our_pip(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """Where the target has no pip, wheelwarm's own resolves for it."""
    bare = pip_of(None)
    index.add(make_wheel(tmp_path, "demo", "1.0"))
    environ = bare.environ(cache_dir=cache_dir, index=index)
    target = probe(str(bare.python), environ=environ, cwd=tmp_path)
    done = target.run_pip(["install", "--dry-run", "demo"], environ=environ, scratch=tmp_path)

    assert (target.python, target.cache_dir) == (bare.python, cache_dir)
    assert "Would install demo-1.0" in done.out
    with pytest.raises(TargetError, match="for which no pip"):
        probe(str(bare.python), environ=environ, cwd=tmp_path, own_pip=False)


def test_a_python_that_our_pip_cannot_serve(
    pip_of: PipOf, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any pip at all the error says how to get one."""
    bare = pip_of(None)
    monkeypatch.setattr(sys, "executable", str(bare.python))
    with pytest.raises(TargetError, match="has no pip") as caught:
        probe(str(bare.python), environ=environ, cwd=tmp_path)
    assert caught.value.hint == f"{bare.python} -m ensurepip"


def test_a_pip_that_cannot_report_is_refused(pip_of: PipOf, environ: dict[str, str], tmp_path: Path) -> None:
    """Pip 22.1 and older have no `--report`: the error names the pip, and the hint upgrades it."""
    old = pip_of("22.0.4")
    with pytest.raises(TargetError, match=r"has pip 22\.0\.4, and wheelwarm needs pip 22\.2 or later") as caught:
        probe(str(old.python), environ=environ, cwd=tmp_path)
    assert caught.value.hint == f"{old.python} -m pip install --upgrade pip"


@pytest.mark.parametrize("series", ["2", "3.6"])
def test_a_python_too_old_for_any_usable_pip(environ: dict[str, str], tmp_path: Path, series: str) -> None:
    """The probe starts even there, so that the error can say which Python it is."""
    python = next(Path(sys.base_prefix).parent.glob(f"{series}.*/bin/python"), None)
    if python is None:
        pytest.skip(f"no Python {series} beside the one of the tests")
    with pytest.raises(TargetError, match=rf"is Python {series}\.\d+.*, for which no pip of 22\.2 or later exists"):
        probe(str(python), environ=environ, cwd=tmp_path)


@pytest.mark.parametrize("version", ["22.2", "26.3"])
def test_a_disabled_cache_is_an_error(pip_of: PipOf, version: str, tmp_path: Path, cache_dir: Path) -> None:
    """With the cache switched off, by a variable or by pip.conf, there is nothing to warm."""
    pip = pip_of(version)
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nno-cache-dir = true\n")
    for off in ({"PIP_NO_CACHE_DIR": "1"}, {"PIP_CONFIG_FILE": str(config)}):
        environ = pip.environ(cache_dir=cache_dir) | off
        assert pip.run("cache", "dir", cache_dir=cache_dir, env=off).returncode == 1
        with pytest.raises(CacheError, match="cache is disabled"):
            probe(str(pip.python), environ=environ, cwd=tmp_path)


@AS_ROOT
@pytest.mark.parametrize("version", ["22.2", "26.3"])
def test_another_users_cache_is_an_error(pip_of: PipOf, version: str, tmp_path: Path, cache_dir: Path) -> None:
    """For root pip leaves a cache alone that another user owns, and the error names it."""
    cache_dir.mkdir()
    os.chown(cache_dir, 12345, 12345)
    pip = pip_of(version)
    with pytest.raises(CacheError, match="not owned") as caught:
        probe(str(pip.python), environ=pip.environ(cache_dir=cache_dir), cwd=tmp_path)
    assert f"its cache {cache_dir}: " in caught.value.message
    assert "--cache-dir" in caught.value.hint


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_cache_is_an_error(
    modern_pip: PipEnvironment, environ: dict[str, str], tmp_path: Path, cache_dir: Path
) -> None:
    """A cache that may not be written to is not used by pip at all."""
    cache_dir.mkdir(mode=0o500)
    with pytest.raises(CacheError, match="not writable"):
        probe(str(modern_pip.python), environ=environ, cwd=tmp_path)


def test_the_cache_is_where_pip_has_it(modern_pip: PipEnvironment, tmp_path: Path) -> None:
    """--cache-dir goes before PIP_CACHE_DIR, that before pip.conf, that before $XDG_CACHE_HOME."""
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\ncache-dir = {tmp_path / 'configured'}\n")
    environ = modern_pip.environ(cache_dir=None) | {"XDG_CACHE_HOME": str(tmp_path / "xdg")}

    def found(option: str | None = None) -> Path:
        return probe(str(modern_pip.python), environ=environ, cwd=tmp_path, cache_dir=option).cache_dir

    if sys.platform == "linux":
        assert found() == tmp_path / "xdg" / "pip"
    environ["PIP_CONFIG_FILE"] = str(config)
    assert found() == tmp_path / "configured"
    environ["PIP_CACHE_DIR"] = str(tmp_path / "variable")
    assert found() == tmp_path / "variable"
    assert found(str(tmp_path / "option")) == tmp_path / "option"


def test_pip_runs_with_the_cache_of_the_target(modern_pip: PipEnvironment, index: Index, tmp_path: Path) -> None:
    """What --cache-dir named is where the target's pip then writes, whatever the variables say."""
    index.add(make_wheel(tmp_path, "demo", "1.0"))
    environ = modern_pip.environ(cache_dir=tmp_path / "other", index=index)
    target = probe(str(modern_pip.python), environ=environ, cwd=tmp_path, cache_dir=str(tmp_path / "cache"))
    target.run_pip(["download", "--dest", str(tmp_path / "got"), "demo"], environ=environ, scratch=tmp_path)

    assert (tmp_path / "cache" / "http-v2").is_dir()
    assert not (tmp_path / "other").exists()


def test_settings_have_pips_precedence(modern_pip: PipEnvironment, environ: dict[str, str], tmp_path: Path) -> None:
    """A variable beats [install], and that beats [global], as the defaults in pip's own help tell."""
    config = tmp_path / "pip.conf"
    environ["PIP_CONFIG_FILE"] = str(config)
    for text, variables, expected in (
        ("[global]\ntimeout = 7\n", {}, "7"),
        ("[install]\ntimeout = 8\n[global]\ntimeout = 7\n", {}, "8"),
        ("[install]\ntimeout = 8\n", {"PIP_TIMEOUT": "9"}, "9"),
        ("", {}, None),
    ):
        config.write_text(text)
        target = probe(str(modern_pip.python), environ=environ | variables, cwd=tmp_path)
        shown = run([str(modern_pip.python), "-m", "pip", "install", "--help"], environ=environ | variables).out
        assert target.setting("timeout") == expected
        assert f"(default {expected or 15}" in " ".join(shown.split())


def test_the_default_index_is_pips_own(modern_pip: PipEnvironment, tmp_path: Path) -> None:
    """With nothing configured, pip's help tells the index that pip's code has."""
    environ = isolated_environ(os.environ, home=modern_pip.home)
    code = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    built_in = run([str(modern_pip.python), "-c", code], environ=environ).out.strip()
    assert probe(str(modern_pip.python), environ=environ, cwd=tmp_path).index == built_in


def test_a_pip_whose_help_says_no_index(modern_pip: PipEnvironment, environ: dict[str, str], tmp_path: Path) -> None:
    """Where the help names no http(s) index, there is none to tell."""
    environ["PIP_INDEX_URL"] = "file:///srv/index"
    assert probe(str(modern_pip.python), environ=environ, cwd=tmp_path).index == ""


@pytest.mark.parametrize("version", ["22.2", "26.3"])
def test_a_project_with_modules_named_like_the_standard_librarys(
    pip_of: PipOf, version: str, index: Index, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder with its own types.py and json.py as current directory harms neither the probe nor pip."""
    pip, project = pip_of(version), tmp_path / "project"
    project.mkdir()
    for name in ("types", "json", "packaging", "runpy", "pip"):
        (project / f"{name}.py").write_text("raise SystemExit('not the module you want')\n")
    index.add(make_wheel(tmp_path, "demo", "1.0"))
    monkeypatch.chdir(project)
    environ = pip.environ(cache_dir=cache_dir, index=index)

    target = probe(str(pip.python), environ=environ, cwd=project)
    done = target.run_pip(["download", "--dest", str(tmp_path / "got"), "demo"], environ=environ, scratch=tmp_path)

    assert done.code == 0, done.err
    assert target.tags


def test_settings_that_would_change_the_output_are_kept_from_pip(
    modern_pip: PipEnvironment, environ: dict[str, str], tmp_path: Path
) -> None:
    """PIP_QUIET and its like in the user's environment do not silence what wheelwarm reads."""
    environ |= {"PIP_QUIET": "3", "PIP_LOG": str(tmp_path / "log")}
    target = probe(str(modern_pip.python), environ=environ, cwd=tmp_path)
    lines: list[str] = []
    done = target.run_pip(["cache", "dir"], environ=environ, scratch=tmp_path, on_line=lines.append)
    assert lines == [str(target.cache_dir)]
    assert done.out == f"{target.cache_dir}\n"
    assert not (tmp_path / "log").exists()


def test_credentials_in_the_configuration_are_not_described(
    modern_pip: PipEnvironment, environ: dict[str, str], tmp_path: Path
) -> None:
    """The line that describes a target holds what a person wants to know, and no setting."""
    environ["PIP_INDEX_URL"] = "https://me:s3cr3t@example.org/simple/"
    target = probe(str(modern_pip.python), environ=environ, cwd=tmp_path)
    assert "s3cr3t" in (target.setting("index-url") or "")
    assert describe(target) == (
        f"Python {target.version} ({target.python}), pip {target.pip}, cache {target.cache_dir}"
    )


def test_odd_settings_are_taken_as_they_stand() -> None:
    """A listing is read line by line; what is no Python literal stays as it is, and a line without `=` says nothing."""
    listing = "global.a='x=y'\nglobal.b=\"it's\"\nglobal.c=plain words\nno setting\n"
    assert parse_config(listing) == {"global.a": "x=y", "global.b": "it's", "global.c": "plain words", "no setting": ""}


@pytest.mark.parametrize("damage", ["module", "syntax"])
def test_a_broken_pip_is_told_as_such(environ: dict[str, str], tmp_path: Path, damage: str) -> None:
    """A pip that cannot even tell its cache directory is the target's fault, not a cache switched off."""
    pip = pip_environment(tmp_path, PIP_MATRIX[-1])
    main = next(tmp_path.glob("**/pip/_internal/cli/main.py"))
    main.write_text("import no_such_module" if damage == "module" else "this is no Python")
    with pytest.raises(TargetError, match="does not work") as caught:
        probe(str(pip.python), environ=environ, cwd=tmp_path)
    assert str(pip.python) in caught.value.message
    assert "ensurepip" in caught.value.hint


@POSIX
def test_an_interrupt_ends_pip_and_its_build(
    modern_target: Target, modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """After Ctrl-C in the middle of a build no process of its group is left, and no file outside scratch."""
    index.add(broken_sdist(tmp_path, "sleeper", SLEEPING_BACKEND))
    pid_file, outside, scratch = tmp_path / "pid", tmp_path / "outside", tmp_path / "scratch"
    outside.mkdir()
    scratch.mkdir()
    environ = modern_pip.environ(cache_dir=cache_dir, index=index)
    environ |= {"PID_FILE": str(pid_file), "TMPDIR": str(outside)}
    watcher = threading.Thread(target=interrupt_when, args=(pid_file.exists,))
    watcher.start()
    with pytest.raises(KeyboardInterrupt):
        modern_target.run_pip(["install", "--dry-run", "sleeper"], environ=environ, scratch=scratch)
    watcher.join()

    assert not is_running(int(pid_file.read_text()))
    assert list(outside.iterdir()) == []


@POSIX
def test_a_process_deaf_to_interrupts_is_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ignores Ctrl-C is killed after the grace period."""
    monkeypatch.setattr(target_module, "GRACE_SECONDS", 0.2)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run([sys.executable, "-c", DEAF], environ=os.environ, on_line=interrupt)
    assert time.monotonic() - started < 30


@POSIX
def test_a_deaf_child_does_not_outlive_its_parent(tmp_path: Path) -> None:
    """A child that ignores Ctrl-C is ended too, though its parent went at once."""
    pid_file = tmp_path / "pid"
    parent = (
        "import pathlib, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {DEAF!r}])\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))\n"
        "child.wait()\n"
    )
    with pytest.raises(KeyboardInterrupt):
        run([sys.executable, "-c", parent], environ=os.environ, on_line=interrupt)
    assert wait_until(lambda: not is_running(int(pid_file.read_text())))


def test_a_finished_process_gives_its_words_and_code() -> None:
    """Both streams come back whole, bytes that are no UTF-8 replaced."""
    code = "import os; os.write(1, b'out\\xff\\n'); os.write(2, b'err'); raise SystemExit(4)"
    done = run([sys.executable, "-c", code], environ=os.environ)
    assert (done.code, done.out, done.err) == (4, "out\ufffd\n", "err")


def wrapper(path: Path, python: Path) -> None:
    """Write a program that starts a Python: a link to it would not be the environment's Python any more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} "$@"\n')
    path.chmod(0o755)


def interrupt(_line: str) -> None:
    """Do what Ctrl-C does while a line is handled."""
    raise KeyboardInterrupt


def interrupt_when(ready: Callable[[], bool]) -> None:
    """Send this process the signal of Ctrl-C as soon as it is time."""
    if wait_until(ready):
        os.kill(os.getpid(), signal.SIGINT)


def wait_until(condition: Callable[[], bool], *, seconds: float = 30) -> bool:
    """Wait for a condition and tell whether it came true."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def is_running(pid: int) -> bool:
    """Tell whether a process lives; a zombie that nobody waited for does not."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(shown.strip()) and not shown.startswith("Z")


@pytest.mark.parametrize("version", ["22.2", "26.3"])
def test_pips_log_tells_what_it_asked_for_and_not_every_link(
    pip_of: PipOf, version: str, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """A line for each link of each page takes as long to write as much of the work, and is kept out."""
    pip = pip_of(version)
    index.add(make_wheel(tmp_path, "demo", "1.0"))
    environ, log = pip.environ(cache_dir=cache_dir, index=index), tmp_path / "pip.log"

    arguments = ["download", "--dest", str(tmp_path / "got"), "demo"]
    target = probe(str(pip.python), environ=environ, cwd=tmp_path)
    assert target.run_pip(arguments, environ=environ, scratch=tmp_path, log=log).code == 0
    quiet = log.read_text()
    log.unlink()
    usual = replace(target, pip_command=(str(pip.python), "-m", "pip"))
    assert usual.run_pip(arguments, environ=environ, scratch=tmp_path, log=log).code == 0

    assert f'Looking up "{index.simple_url}demo/"' in quiet
    assert "Found link" not in quiet
    assert "Found link" in log.read_text()
