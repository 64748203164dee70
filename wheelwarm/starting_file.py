"""A configuration file to start from: commented, and put where there is none yet, keeping what is there.

tomli-w writes the values; it knows no comments, so those are joined as text, and an existing pyproject.toml gets
the table behind its last byte.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tomli_w

from wheelwarm import outfile
from wheelwarm.config import FILE_NAME, PROJECT_FILE
from wheelwarm.errors import InputError
from wheelwarm.inputs.offers import OFFERS

if TYPE_CHECKING:
    from pathlib import Path

_HEAD = """\
# What wheelwarm does when nothing else is typed. A flag beats a WHEELWARM_* variable, which beats this file.
# Relative paths count from this file's folder. All keys: docs/configuration.md
"""
_OPTIONS = """
# Connections at once.
# jobs = 32
# "verified": store files that the server's headers keep pip from caching, once their hash is checked; or "never".
# seed = "verified"
# Who decides: "pip"; or "uv", which is faster and may choose otherwise.
# resolver = "pip"
# Wheels only, which runs no code; a machine that is elsewhere (below) wants that to be said.
# only-binary = ":all:"
"""
_INPUTS = """
# What prefetch and check look at.
"""
_REST = """
# The Pythons to warm for; without any: $VIRTUAL_ENV, ./.venv, python3.
# [[{prefix}targets]]
# python = "3.12"

# A machine that is elsewhere, with only-binary as above.
# [[{prefix}targets]]
# platform = ["manylinux2014_aarch64"]
# python-version = "3.12"

# What holds for single hosts, of an index or of its files.
# [{prefix}seed-hosts]
# "packages.example.org" = "never"

# What `wheelwarm prune` removes.
# [{prefix}prune]
# older-than = "90d"
# max-size = "5GB"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What was written where; `appended` to a file that was there before."""

    path: Path
    text: str
    appended: bool


def start(folder: Path, *, write: bool = True) -> Started:
    """Write a starting configuration: into the folder's pyproject.toml, else as wheelwarm.toml.

    Without `write` just say what would be written where.
    Raises InputError when there is one already, or a table cannot follow what is there.
    """
    own, project = folder / FILE_NAME, folder / PROJECT_FILE
    if own.exists():
        raise InputError(f"{own} is there already.", hint="Edit it, or remove it first.")
    if not project.exists():
        text = starting_text(folder, prefix="")
        if write:
            outfile.write(own, text.encode())
        return Started(path=own, text=text, appended=False)
    text = starting_text(folder, prefix="tool.wheelwarm.")
    content = appended(project, text)
    if write:
        outfile.write(project, content, like=project)
    return Started(path=project, text=text, appended=True)


def starting_text(folder: Path, *, prefix: str) -> str:
    """Return the file's text, with what the folder offers as inputs; `prefix` is that of our tables' names."""
    # Of pyproject.toml it cannot be told whether the table is there for its dependencies, or for tools alone.
    offered = [name for name in OFFERS[:2] if (folder / name).is_file()][:1]
    inputs = tomli_w.dumps({"files": offered or ["requirements.txt"]})
    if not offered:
        inputs = "".join(f"# {line}\n" for line in inputs.splitlines())
    table = f"[{prefix.removesuffix('.')}]\n" if prefix else ""
    return f"{_HEAD}{table}{_OPTIONS}{_INPUTS}[{prefix}inputs]\n{inputs}{_REST.format(prefix=prefix)}"


def appended(path: Path, text: str) -> bytes:
    """Return a file's bytes with a text behind them, in its own kind of line ends; InputError where that cannot be."""
    before, known = _read(path)
    tools = known.get("tool")
    if isinstance(tools, dict) and "wheelwarm" in tools:
        raise InputError(f"{path} has a table [tool.wheelwarm] already.", hint="Edit it, or remove it first.")
    end = b"\r\n" if b"\r\n" in before else b"\n"
    gap = b"" if not before else end if before.endswith(b"\n") else end * 2
    after = before + gap + text.encode().replace(b"\n", end)
    try:
        tomllib.loads(after.decode("utf-8-sig"))
    except tomllib.TOMLDecodeError as exc:
        raise InputError(
            f"No table can be added to {path}: {exc}.", hint=f"Write [tool.wheelwarm] by hand, or a {FILE_NAME}."
        ) from exc
    return after


def _read(path: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        content = path.read_bytes()
        return content, tomllib.loads(content.decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as exc:
        reason = "it is nested too deeply" if isinstance(exc, RecursionError) else getattr(exc, "strerror", None) or exc
        raise InputError(f"{path} cannot be read: {reason}.", hint="Mend it first; nothing was changed.") from exc
