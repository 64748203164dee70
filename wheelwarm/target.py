"""The Python for which things are warmed: found, probed, and its pip run. The only starter of processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from wheelwarm.elsewhere import Elsewhere
from wheelwarm.errors import CacheDisabledError, CacheOwnerError, TargetError
from wheelwarm.pip_traits import PipTraits, traits
from wheelwarm.redaction import redact
from wheelwarm.surroundings import made_for_hooks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

# `python -m pip` puts the current directory first on sys.path, where a project's own `types.py` would hide the
# standard library's; the `pip` script that users type does not.
PIP_SHIM = (
    "import sys; sys.path[:] = [p for p in sys.path if p]; import runpy; "
    "runpy.run_module('pip', run_name='__main__', alter_sys=True)"
)
# What would change the form of pip's output, or add work of its own, without changing what it resolves.
NOT_FOR_OUR_RUNS = ("PIP_QUIET", "PIP_VERBOSE", "PIP_LOG", "PIP_REPORT", "PIP_DRY_RUN", "PIP_DEST", "PIP_WHEEL_DIR")
GRACE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Completed:
    """A finished process: its exit code and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A Python with its pip, as its own process described them.

    `tags` are in the order of the interpreter's preference and empty where wheelwarm's packaging cannot run
    (Python 3.7 and 3.8). `config` is what `pip config list` said, raw: it may hold credentials and is never shown.
    """

    python: Path
    version: str
    implementation: str
    pip: str
    pip_command: tuple[str, ...]
    cache_dir: Path
    interpreter_name: str = "cp"
    interpreter_version: str = ""
    tags: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Elsewhere = field(default_factory=Elsewhere)

    @property
    def traits(self) -> PipTraits:
        """What this target's pip version does."""
        return traits(self.pip)

    @property
    def identity(self) -> str:
        """What makes two targets resolve alike: interpreter version, platform and pip, in one line."""
        platform = self.environment.get("platform_machine", ""), self.environment.get("sys_platform", "")
        return " ".join((self.implementation, self.version, *platform, "pip", self.pip, *self.elsewhere.words()))

    def setting(self, name: str) -> str | None:
        """One pip setting as `pip install` sees it: environment over `[install]` over `[global]`."""
        for section in (":env:", "install", "global"):
            if (value := self.config.get(f"{section}.{name}")) is not None:
                return value
        return None

    def default_index(self, environ: Mapping[str, str]) -> str:
        """Ask this target's pip which index it uses when none is configured; its help is the only place that tells."""
        shown = run([*self.pip_command, "download", "--help"], environ=pip_environment(environ)).out
        found = re.search(r"\(default\s+(https?://[^\s)]+)\)", shown)
        return found[1] if found else ""

    def run_pip(
        self,
        arguments: Sequence[str],
        *,
        environ: Mapping[str, str],
        scratch: Path,
        log: Path | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        """Run this target's pip without prompts, its temporary files below `scratch`, and wait for it.

        `log` gets pip's debug log, and that of the pips which it starts for builds (they inherit PIP_LOG).
        `on_line` gets each line of standard output as it comes. An interrupt ends pip and all it started.
        """
        env = pip_environment(environ)
        env.update(TMPDIR=str(scratch), TMP=str(scratch), TEMP=str(scratch), PIP_CACHE_DIR=str(self.cache_dir))
        if log:
            # Without -v, or -q, pip keeps CacheControl's own lines out of every log.
            env |= {"PIP_LOG": str(log), "PIP_VERBOSE": "1"}
        return run([*self.pip_command, *arguments], environ=env, on_line=on_line)


def pip_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the user's environment for a pip that talks to a program instead of a person."""
    kept = {name: value for name, value in environ.items() if name not in NOT_FOR_OUR_RUNS}
    return kept | {
        "PIP_NO_INPUT": "1",
        "PIP_NO_COLOR": "1",
        "PIP_PROGRESS_BAR": "off",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONIOENCODING": "utf-8:backslashreplace",
        "PYTHONUNBUFFERED": "1",
    }


def run(
    command: Sequence[str], *, environ: Mapping[str, str], on_line: Callable[[str], None] | None = None
) -> Completed:
    """Run a command to its end with nothing on its standard input.

    Raises TargetError when it cannot be started.
    """
    with tempfile.TemporaryFile() as err:
        process = start(command, environ, err)
        try:
            out = "".join(read_lines(process, on_line))
            code = process.wait()
        except BaseException:
            stop(process)
            raise
        finally:
            if process.stdout:
                process.stdout.close()
        err.seek(0)
        return Completed(code, out, err.read().decode("utf-8", "replace"))


def start(command: Sequence[str], environ: Mapping[str, str], err: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own, so that all it starts can be ended with it."""
    try:
        return subprocess.Popen(
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=err,
            start_new_session=os.name == "posix",
        )
    except OSError as exc:
        raise TargetError(
            f"{command[0]} cannot be started: {exc.strerror}.", hint="Name a Python by --python."
        ) from exc


def read_lines(process: subprocess.Popen[bytes], on_line: Callable[[str], None] | None) -> Iterator[str]:
    """Yield standard output line by line, telling `on_line` of each."""
    for raw in process.stdout or ():
        line = raw.decode("utf-8", "replace")
        if on_line:
            on_line(line.rstrip())
        yield line


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children: as by Ctrl-C first, so that pip tidies up; by force after a grace period."""
    signal_group(process, signal.SIGINT if os.name == "posix" else signal.SIGTERM)
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    # A build that does not heed Ctrl-C outlives pip, which does.
    signal_group(process, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the process's whole group where the system has groups."""
    try:
        if os.name == "posix":
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
    except ProcessLookupError:
        pass


def find(wanted: str | None, *, environ: Mapping[str, str], cwd: Path) -> Iterator[Path]:
    """Yield the Pythons that may be meant, best first.

    `wanted` is a path, or a version like `3.12`; without it: `$VIRTUAL_ENV`, `./.venv`, `python3` on PATH, our own.
    """
    if wanted is None:
        yield from default_pythons(environ, cwd)
    elif os.sep in wanted or (os.altsep and os.altsep in wanted) or (cwd / wanted).exists():
        yield interpreter_of(cwd / Path(wanted).expanduser())
    elif wanted.replace(".", "").isdigit():
        yield from pythons_of_version(wanted, environ)
    elif found := shutil.which(wanted, path=environ.get("PATH")):
        yield Path(found)


def default_pythons(environ: Mapping[str, str], cwd: Path) -> Iterator[Path]:
    """Yield the Python that `pip` most likely stands for here."""
    for folder in (environ.get("VIRTUAL_ENV"), cwd / ".venv"):
        if folder and interpreter_of(Path(folder)).exists():
            yield interpreter_of(Path(folder))
    for name in ("python3", "python"):
        if found := shutil.which(name, path=environ.get("PATH")):
            yield Path(found)
    if not made_for_hooks(Path(sys.prefix)):
        yield Path(sys.executable)


def interpreter_of(path: Path) -> Path:
    """Accept a virtual environment's folder in place of the Python in it."""
    if not path.is_dir():
        return path
    return path / "Scripts" / "python.exe" if os.name == "nt" else path / "bin" / "python"


def pythons_of_version(version: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield `pythonX.Y` on PATH, then what pyenv keeps beside it."""
    name = "python" + ".".join(version.split(".")[:2])
    if found := shutil.which(name, path=environ.get("PATH")):
        yield Path(found)
    roots = Path(environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    exact_or_newer = sorted(roots.glob(f"{version}/bin/{name}")) + sorted(roots.glob(f"{version}.*/bin/{name}"))
    yield from reversed(exact_or_newer)


def probe(
    wanted: str | None, *, environ: Mapping[str, str], cwd: Path, cache_dir: str | None = None, own_pip: bool = True
) -> Target:
    """Find a Python and ask it what it is, which pip it has and where that keeps its cache.

    `cache_dir` is `--cache-dir`. Raises TargetError for a Python that does not start or whose pip is too old, and
    CacheError when its pip has the cache switched off.
    """
    facts = first_that_starts(list(find(wanted, environ=environ, cwd=cwd)), wanted, environ, cache_dir)
    if not facts.get("pip") and own_pip and "tags" in facts:
        facts |= facts_by_our_pip(facts["executable"], environ, cache_dir)
    check_supported(facts)
    return Target(
        python=Path(facts["executable"]),
        version=facts["version"],
        implementation=facts["implementation"],
        pip=facts["pip"],
        pip_command=tuple(facts.get("pip_command") or (facts["executable"], "-c", PIP_SHIM)),
        cache_dir=cache_directory(facts["cache"], python=facts["executable"]),
        interpreter_name=facts.get("interpreter", "cp"),
        interpreter_version=facts.get("interpreter_version", "".join(facts["version"].split(".")[:2])),
        tags=tuple(facts["tags"]),
        environment=facts["environment"],
        config=parse_config(facts["config"]["out"]),
    )


def first_that_starts(
    pythons: Sequence[Path], wanted: str | None, environ: Mapping[str, str], cache_dir: str | None
) -> dict[str, Any]:
    """Probe one Python after the other: a version manager's shim may refuse, and the next candidate is fine."""
    error = TargetError(
        f"No Python {wanted} was found." if wanted else "No Python was found.",
        hint="Name an interpreter that exists, as in --python /usr/bin/python3.",
    )
    for python in pythons:
        try:
            return facts_of(python, environ, cache_dir)
        except TargetError as exc:
            error = exc
    raise error


def facts_of(python: Path, environ: Mapping[str, str], cache_dir: str | None) -> dict[str, Any]:
    """Run the probe script in `python`; TargetError when that is no Python."""
    script = Path(__file__).with_name("_probe.py")
    completed = run(
        [str(python), str(script), packaging_folder(), *cache_option(cache_dir)], environ=pip_environment(environ)
    )
    lines = completed.out.strip().splitlines()
    try:
        facts = json.loads(lines[-1])
        return {**facts, "version": str(facts["version"])}
    except (IndexError, ValueError, KeyError, TypeError) as exc:
        raise TargetError(
            f"{python} did not answer as a Python does (exit code {completed.code}).",
            hint="Name a working interpreter by --python.",
        ) from exc


def packaging_folder() -> str:
    """Return where wheelwarm's own `packaging` stands; the probe borrows its tags and markers."""
    import packaging

    return str(Path(packaging.__file__ or "").parent)


def cache_option(cache_dir: str | None) -> list[str]:
    """`--cache-dir` for pip, or nothing."""
    return ["--cache-dir", cache_dir] if cache_dir else []


def facts_by_our_pip(python: str, environ: Mapping[str, str], cache_dir: str | None) -> dict[str, Any]:
    """Let wheelwarm's own pip serve a target that has none (`pip --python`, since pip 22.3)."""
    command = [sys.executable, "-c", PIP_SHIM, "--python", python]
    results: dict[str, dict[str, Any]] = {}
    for name, arguments in {"version": ["--version"], "cache": ["cache", "dir"], "config": ["config", "list"]}.items():
        options = cache_option(cache_dir) if name == "cache" else []
        done = run([*command, *arguments, *options], environ=pip_environment(environ))
        results[name] = {"code": done.code, "out": done.out, "err": done.err}
    words = str(results["version"]["out"]).split()
    if len(words) < 2:
        raise TargetError(
            f"{python} has no pip, and wheelwarm's own pip cannot serve it.", hint=f"{python} -m ensurepip"
        )
    return {"pip": words[1], "pip_command": command, "cache": results["cache"], "config": results["config"]}


def check_supported(facts: Mapping[str, Any]) -> None:
    """Refuse a pip that cannot report what it resolves."""
    python = facts["executable"]
    if not facts.get("pip"):
        raise TargetError(
            f"{python} is Python {facts['version']}, for which no pip of 22.2 or later exists.",
            hint="wheelwarm warms for Python 3.7 and later: name one by --python.",
        )
    if not traits(facts["pip"]).supported:
        raise TargetError(
            f"{python} has pip {facts['pip']}, and wheelwarm needs pip 22.2 or later.",
            hint=f"{python} -m pip install --upgrade pip",
        )


def cache_directory(answer: Mapping[str, Any], *, python: str) -> Path:
    """Read what `pip cache dir` said; CacheError when pip has the cache switched off, TargetError for a broken pip.

    pip prints the path and exits with 0, or exits with 1: by --no-cache-dir (PIP_NO_CACHE_DIR, pip.conf), or since the
    directory is not the user's to write (for root pip tests the owner).
    """
    lines = [line for line in str(answer["out"]).splitlines() if line.strip()]
    if answer["code"] == 0 and lines:
        return Path(lines[-1].strip())
    warning = str(answer["err"])
    if "not owned" in warning or "not writable" in warning:
        where = warning.split("'")[1] if warning.count("'") > 1 else "of pip"
        raise CacheOwnerError(
            f"pip does not use its cache {where}: it, or its parent, is not owned or not writable by the current user.",
            hint="Run as its owner, mend its owner and permissions, or name another by --cache-dir.",
            path=where,
        )
    if "disabled" not in warning:
        said = (warning.strip().splitlines() or ["it said nothing"])[-1]
        raise TargetError(
            redact(f"The pip of {python} does not work: {said.rstrip('.')}."),
            hint=f"{python} -m ensurepip --upgrade, or name another Python by --python.",
        )
    raise CacheDisabledError(
        "pip's cache is disabled (by --no-cache-dir, PIP_NO_CACHE_DIR or pip.conf), so there is nothing to warm.",
        hint="Unset PIP_NO_CACHE_DIR, or look at `pip config list`.",
    )


def parse_config(listing: str) -> dict[str, str]:
    """Read `pip config list`: a line a setting, `global.index-url='https://…'`."""
    import ast

    settings = {}
    for line in listing.splitlines():
        name, equals, value = line.partition("=")
        try:
            settings[name] = str(ast.literal_eval(value)) if equals else ""
        except (ValueError, SyntaxError):
            settings[name] = value
    return settings


def describe(target: Target) -> str:
    """Describe a target in one line for people: Python, pip and cache directory."""
    return redact(f"Python {target.version} ({target.python}), pip {target.pip}, cache {target.cache_dir}")
