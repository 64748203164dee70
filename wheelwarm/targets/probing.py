"""Finds a Python and asks it what it is, which pip it has and where that keeps its cache."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from wheelwarm import __version__
from wheelwarm.errors import CacheDisabledError, CacheOwnerError, TargetError
from wheelwarm.local_files import expanded
from wheelwarm.redaction import redact
from wheelwarm.targets.pip_traits import traits
from wheelwarm.targets.probe_memory import ProbeMemory, surroundings
from wheelwarm.targets.surroundings import made_for_hooks
from wheelwarm.targets.target import Target, pip_environment, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

RUN_PIP = str(Path(__file__).with_name("_run_pip.py"))
REMEMBERED = (
    *("executable", "version", "implementation", "pip", "pip_command", "cache", "config"),
    *("tags", "environment", "interpreter", "interpreter_version"),
)
"""Of all that a Python says, what makes a target."""


def find(wanted: str | None, *, environ: Mapping[str, str], cwd: Path) -> Iterator[Path]:
    """Yield the Pythons that may be meant, best first.

    `wanted` is a path, or a version like `3.12`; without it: `$VIRTUAL_ENV`, `./.venv`, `python3` on PATH, our own.
    """
    if wanted is None:
        yield from default_pythons(environ, cwd)
    elif os.sep in wanted or (os.altsep and os.altsep in wanted) or (cwd / wanted).exists():
        yield interpreter_of(cwd / expanded(wanted))
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
    answers = Answers(environ=environ, cache_dir=cache_dir, own_pip=own_pip)
    facts = first_that_starts(list(find(wanted, environ=environ, cwd=cwd)), wanted, answers.of)
    if not facts.get("pip") and own_pip and "tags" in facts:
        facts |= facts_by_our_pip(facts["executable"], environ, cache_dir)
    check_supported(facts)
    target = target_of(facts)
    answers.keep(facts, target)
    return target


def target_of(facts: Mapping[str, Any]) -> Target:
    """Read what a Python and its pip said; CacheError when the pip has the cache switched off."""
    return Target(
        python=Path(facts["executable"]),
        version=facts["version"],
        implementation=facts["implementation"],
        pip=facts["pip"],
        pip_command=tuple(facts.get("pip_command") or (facts["executable"], RUN_PIP)),
        cache_dir=cache_directory(facts["cache"], python=facts["executable"]),
        interpreter_name=facts.get("interpreter", "cp"),
        interpreter_version=facts.get("interpreter_version", "".join(facts["version"].split(".")[:2])),
        tags=tuple(facts["tags"]),
        environment=facts["environment"],
        config=parse_config(facts["config"]["out"]),
        index=default_index(facts.get("help", {}).get("out", "")),
    )


class Answers(NamedTuple):
    """The answers of Pythons under one question: from memory, else their own."""

    environ: Mapping[str, str]
    cache_dir: str | None
    own_pip: bool

    def of(self, python: Path) -> dict[str, Any]:
        """Return what a Python says, or said when all was as it is now; TargetError when it is no Python."""
        known = ProbeMemory.of(self.environ).recall(self._question(str(python)))
        return known or {**facts_of(python, self.environ, self.cache_dir), "asked": str(python)}

    def keep(self, facts: Mapping[str, Any], target: Target) -> None:
        """Remember an answer that was given just now."""
        if "asked" not in facts or "witnesses" not in facts:
            return
        files = re.findall(r"^  (.+), exists: (?:True|False)$", facts["configs"]["out"], re.MULTILINE)
        own = [path for path in (sys.executable, *sys.path) if "pip_command" in facts]
        kept = {name: facts[name] for name in REMEMBERED if name in facts}
        ProbeMemory.of(self.environ).remember(
            self._question(facts["asked"]),
            {**kept, "help": {"out": f"(default {target.index})"}},
            cache_dir=target.cache_dir,
            witnesses=[*facts["witnesses"], *files, *own],
        )

    def _question(self, python: str) -> tuple[str, ...]:
        cache_dir = str(Path(self.cache_dir).absolute()) if self.cache_dir else ""
        own_pip = sys.executable if self.own_pip else ""
        python = str(Path(python).absolute())
        return (__version__, packaging_folder(), python, surroundings(self.environ), cache_dir, own_pip)


def default_index(shown: str) -> str:
    """Read the index that `pip download --help` names, empty for none; only that help tells the one built in."""
    found = re.search(r"\(default\s+(https?://[^\s)]+)\)", shown)
    return found[1] if found else ""


def first_that_starts(
    pythons: Sequence[Path], wanted: str | None, ask: Callable[[Path], dict[str, Any]]
) -> dict[str, Any]:
    """Probe one Python after the other: a version manager's shim may refuse, and the next candidate is fine."""
    error = TargetError(
        f"No Python {wanted} was found." if wanted else "No Python was found.",
        hint="Name an interpreter that exists, as in --python /usr/bin/python3.",
    )
    for python in pythons:
        try:
            return ask(python)
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
    command = [sys.executable, RUN_PIP, "--python", python]
    asked = {
        "version": ["--version"],
        "cache": ["cache", "dir", *cache_option(cache_dir)],
        "config": ["config", "list"],
        "configs": ["config", "debug"],
        "help": ["download", "--help"],
    }
    results: dict[str, dict[str, Any]] = {}
    for name, arguments in asked.items():
        done = run([*command, *arguments], environ=pip_environment(environ))
        results[name] = {"code": done.code, "out": done.out, "err": done.err}
    words = str(results["version"]["out"]).split()
    if len(words) < 2:
        raise TargetError(
            f"{python} has no pip, and wheelwarm's own pip cannot serve it.", hint=f"{python} -m ensurepip"
        )
    del results["version"]  # of the pip; the facts have that of the Python under this name
    return {**results, "pip": words[1], "pip_command": command}


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
