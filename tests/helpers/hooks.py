"""The real pre-commit with this repository's hooks; their environment is made once, by the machine's own pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.pips import machine_environ

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
SHIPPED = (".pre-commit-hooks.yaml", "pyproject.toml", "README.md", "LICENSE", "wheelwarm")
_GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


@dataclass(frozen=True, slots=True)
class Checkout:
    """A git repository and the variables under which its commands run."""

    folder: Path
    environ: Mapping[str, str]

    def run(self, *command: str, code: int | None = 0, **variables: str) -> str:
        """Run a command there and return all that it printed; `code` is the exit code it must have, None for any."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environ, **_GIT, **variables},
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
        )
        assert code is None or done.returncode == code, done.stdout
        return done.stdout

    def pre_commit(self, *arguments: str, code: int | None = 0, **variables: str) -> str:
        """Run pre-commit."""
        return self.run(sys.executable, "-m", "pre_commit", *arguments, code=code, **variables)

    def commit(self, message: str, *, code: int = 0) -> str:
        """Commit everything."""
        self.run("git", "add", "--all")
        return self.run("git", "commit", "--quiet", "--message", message, code=code)


def publish_hooks(folder: Path) -> Checkout:
    """Make a repository of what is needed to install the hooks, as it stands in this work tree."""
    folder.mkdir()
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    checkout = Checkout(folder, machine_environ())
    checkout.run("git", "init", "--quiet")
    checkout.commit("Publish")
    return checkout


def config(hooks: Checkout, *ids: str, args: Mapping[str, str] | None = None) -> str:
    """Write a project's `.pre-commit-config.yaml` that takes these hooks; `args` by id."""
    revision = hooks.run("git", "rev-parse", "HEAD").strip()
    lines = ["repos:", f"- repo: {hooks.folder.as_posix()}", f"  rev: {revision}", "  hooks:"]
    for name in ids:
        lines.append(f"  - id: {name}")
        if args and name in args:
            lines.append(f"    args: {args[name]}")
    return "\n".join(lines) + "\n"


def with_named_python(environ: Mapping[str, str]) -> dict[str, str]:
    """Return variables by which pre-commit finds the Python of the tests as `python3.X`, and so always the same one.

    It names the hooks' environment after that: where PATH gets such a name later, it makes another.
    """
    return {**environ, "PATH": os.pathsep.join([environ["PATH"], str(Path(sys.base_prefix) / "bin")])}


def install(project: Checkout) -> None:
    """Let pre-commit make the hooks' environment; skip the test where pip cannot."""
    environ = {**machine_environ(), "PRE_COMMIT_HOME": project.environ["PRE_COMMIT_HOME"]}
    made = Checkout(project.folder, with_named_python(environ))
    said = made.pre_commit("install-hooks", code=None)
    if "An unexpected error has occurred" in said or "CalledProcessError" in said:
        pytest.skip(f"the hooks' environment cannot be made here: {said.strip().splitlines()[-1]}")
