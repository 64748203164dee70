"""The Python for which things are warmed, and its pip at work. The only starter of processes."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, NamedTuple

from wheelwarm.errors import TargetError
from wheelwarm.redaction import redact
from wheelwarm.targets.elsewhere import Elsewhere
from wheelwarm.targets.pip_traits import PipTraits, traits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

# What would change the form of pip's output, or add work of its own, without changing what it resolves.
NOT_FOR_OUR_RUNS = ("PIP_QUIET", "PIP_VERBOSE", "PIP_LOG", "PIP_REPORT", "PIP_DRY_RUN", "PIP_DEST", "PIP_WHEEL_DIR")
GRACE_SECONDS = 3.0


class Completed(NamedTuple):
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
    index: str = ""
    """The index that its pip asks when none is configured; empty where that was not told."""

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

    def run_pip(
        self,
        arguments: Sequence[str],
        *,
        environ: Mapping[str, str],
        scratch: Path,
        log: Path | None = None,
        on_line: Callable[[str], None] | None = None,
        among: Running | None = None,
    ) -> Completed:
        """Run this target's pip without prompts, its temporary files below `scratch`, and wait for it.

        `log` gets pip's debug log, and that of the pips which it starts for builds (they inherit PIP_LOG).
        `on_line` gets each line of standard output as it comes. An interrupt ends pip and all it started; one that
        runs in another thread than the main one is ended by whoever holds it `among` others.
        """
        env = pip_environment(environ)
        env.update(TMPDIR=str(scratch), TMP=str(scratch), TEMP=str(scratch), PIP_CACHE_DIR=str(self.cache_dir))
        if log:
            # Without -v, or -q, pip keeps CacheControl's own lines out of every log.
            env |= {"PIP_LOG": str(log), "PIP_VERBOSE": "1"}
        return run([*self.pip_command, *arguments], environ=env, on_line=on_line, among=among)


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


class Running:
    """The processes that several threads wait for: an interrupt, which only the main thread hears of, ends them all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._is_over = False

    @contextmanager
    def including(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """Count a process among these while the block lasts; one that comes too late is ended at once."""
        with self._lock:
            self._processes.add(process)
            is_over = self._is_over
        if is_over:
            stop(process)
        try:
            yield
        finally:
            with self._lock:
                self._processes.discard(process)

    def stop(self) -> None:
        """End all of them, and each that comes later."""
        with self._lock:
            self._is_over = True
            processes = [*self._processes]
        for process in processes:
            signal_group(process, signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        for process in processes:
            stop(process)


def run(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    on_line: Callable[[str], None] | None = None,
    among: Running | None = None,
) -> Completed:
    """Run a command to its end with nothing on its standard input.

    Raises TargetError when it cannot be started.
    """
    from tempfile import TemporaryFile  # which loads `random`, for runs that start a program

    with TemporaryFile() as err:
        process = start(command, environ, err)
        try:
            with among.including(process) if among else nullcontext():
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


def describe(target: Target) -> str:
    """Describe a target in one line for people: Python, pip and cache directory."""
    return redact(f"Python {target.version} ({target.python}), pip {target.pip}, cache {target.cache_dir}")
