"""Runs commands as whole processes, several times in turn, and compares them pair by pair.

Wall and CPU seconds and the peak of memory are the operating system's account of each process and those it started.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.helpers.pips import PIP_MATRIX, isolated_environ, pip_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.helpers.pips import PipEnvironment


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command line under a name; `prepare` runs before each run and is not measured, `environ` is added."""

    name: str
    argv: Sequence[str]
    prepare: Callable[[], object] = lambda: None
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one process took; `peak` is in bytes, and no less than the bench's own, out of which the process came."""

    wall: float
    cpu: float
    peak: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure that is to stay at or below a limit."""

    name: str
    measured: float
    limit: float

    @property
    def met(self) -> bool:
        """Whether it does."""
        return self.measured <= self.limit


@dataclass(frozen=True, slots=True)
class Measured:
    """The runs of several commands, by name; the n-th runs of all were one round."""

    runs: Mapping[str, list[Run]]

    def median(self, name: str, figure: str) -> float:
        """Return the median of a figure (`wall`, `cpu`, `peak`) over a command's runs."""
        return statistics.median(float(getattr(run, figure)) for run in self.runs[name])

    def ratio(self, name: str, base: str, figure: str = "wall") -> float:
        """Return what `name` took as a multiple of what `base` took in the same round: the median over the rounds."""
        pairs = zip(self.runs[name], self.runs[base], strict=True)
        return statistics.median(float(getattr(run, figure) / getattr(other, figure)) for run, other in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What one bench found: measurements under a heading (the size of the cache, say), the goals, and on what."""

    name: str
    measured: Mapping[str, Measured]
    goals: Sequence[Goal] = field(default_factory=tuple)
    facts: Mapping[str, str] = field(default_factory=dict)


class MissingError(Exception):
    """A program that a bench needs is not installed; the message says which, and how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What every bench needs: where caches are kept between runs, a pip to compare with, how often and how large.

    `parts` names those of a bench that are to run, none for all.
    """

    folder: Path
    pip: PipEnvironment
    rounds: int
    entries: int
    large: int
    wheels: int
    parts: Sequence[str] = ()

    def pip_command(self, *args: str) -> list[str]:
        """Return the command line of a pip that does what `args` say."""
        return [str(self.pip.python), "-m", "pip", *args]

    def wheelwarm_command(self, *args: str) -> list[str]:
        """Return the command line of this wheelwarm."""
        return [sys.executable, "-m", "wheelwarm", *args]


def newest_pip(folder: Path) -> PipEnvironment:
    """Return an environment with the newest pip of the matrix, made now unless it is there."""
    return pip_environment(folder, PIP_MATRIX[-1])


def measure(commands: Iterable[Command], *, rounds: int, home: Path) -> Measured:
    """Run all commands in turn, `rounds` times. CalledProcessError for one that fails."""
    ordered = list(commands)
    runs: dict[str, list[Run]] = {command.name: [] for command in ordered}
    for _ in range(rounds):
        for command in ordered:
            command.prepare()
            runs[command.name].append(run(command, home=home))
    return Measured(runs)


def run(command: Command, *, home: Path) -> Run:
    """Run one command, away from the machine's configuration and this project's, its output unread in a file."""
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            env={**isolated_environ(os.environ, home=home), **command.environ},
            cwd=home,  # where no project's configuration is read
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise subprocess.CalledProcessError(process.returncode, list(command.argv), output.read().decode())
    return Run(wall=wall, cpu=usage.ru_utime + usage.ru_stime, peak=usage.ru_maxrss * _RSS_UNIT)


def versions(pip: PipEnvironment) -> dict[str, str]:
    """Say what was measured on what."""
    found = {
        "python": platform.python_version(),
        "pip": pip.version or "none",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
    with_uv = _output_of("uv", "--version") or _output_of(str(Path(sys.executable).with_name("uv")), "--version")
    return {**found, "uv": with_uv.removeprefix("uv ")} if with_uv else found


def table(bench: Bench) -> str:
    """Return a bench's medians and goals as lines of text."""
    lines = [f"{bench.name:<30}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}"]
    lines += [", ".join(f"{name} {value}" for name, value in bench.facts.items())] if bench.facts else []
    for heading, measured in bench.measured.items():
        lines.append(heading)
        for name in measured.runs:
            wall, cpu, peak = (measured.median(name, figure) for figure in ("wall", "cpu", "peak"))
            lines.append(f"  {name:<28}{wall:9.2f}{cpu:9.2f}{peak / 1e6:9.1f}")
    lines += [f"{_MET[goal.met]:<5}{goal.name}: {goal.measured:.2f}, at most {goal.limit:g}" for goal in bench.goals]
    return "\n".join(lines) + "\n"


def data(bench: Bench) -> dict[str, object]:
    """Return a bench as JSON holds it."""
    return {
        "facts": dict(bench.facts),
        "measured": {
            heading: {name: [_run_data(one) for one in runs] for name, runs in measured.runs.items()}
            for heading, measured in bench.measured.items()
        },
        "goals": [
            {"name": goal.name, "measured": goal.measured, "limit": goal.limit, "met": goal.met} for goal in bench.goals
        ],
    }


def _run_data(one: Run) -> dict[str, float]:
    return {"wall_seconds": one.wall, "cpu_seconds": one.cpu, "peak_bytes": one.peak}


def _output_of(*argv: str) -> str | None:
    try:
        return subprocess.run(argv, capture_output=True, check=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


_MET = {True: "ok", False: "MISS"}
# getrusage counts kibibytes, on macOS bytes.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
