"""Reads recipes out of a page: what is to be run, what is to be written to files, what should come out.

A fenced block's language says how commands are found in it; a second word is the name of the file that it is, or
`offline`: from there on the index is gone. A `text` block is the output of what was run since the last one.
"""

from __future__ import annotations

import configparser
import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

OFFLINE = "offline"
OURS = ("wheelwarm", "pip", "python", "tox", "nox")
"""The first words of commands that a test may run: nobody wants a recipe's `useradd` on the machine of the tests."""

_NUMBER = re.compile(r"\b\d[\d.,]*+(?! (?:hit|stale|miss|entr|file|of \d))")
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, its second word (empty: none), its text."""

    language: str
    word: str
    text: str

    def commands(self) -> list[str]:
        """Return the commands that a test may run, each by itself, in order."""
        scripts = _SCRIPTS[self.language](self.text) if self.language in _SCRIPTS else []
        whole = [script for script in scripts if "OWNER" not in script]
        parts = [part.strip() for script in whole for part in re.split(r"&&|\n", script)]
        return [part for part in parts if part and shlex.split(part)[0] in OURS]

    def variables(self) -> Mapping[str, str]:
        """Return the environment variables that a GitLab job sets."""
        if "gitlab" not in self.word:
            return {}
        (job,) = yaml.safe_load(self.text).values()
        return {str(name): str(value) for name, value in job["variables"].items()}


@dataclass(frozen=True, slots=True)
class Recipe:
    """One section of the page."""

    title: str
    blocks: tuple[Block, ...]


def read_recipes(page: str) -> list[Recipe]:
    """Return the sections that have blocks."""
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    recipes = [Recipe(section.partition("\n")[0], tuple(_blocks(section))) for section in sections]
    return [recipe for recipe in recipes if recipe.blocks]


def alike(expected: str, output: str) -> bool:
    """Whether the output is the expected one, but for spaces and numbers that count nothing; `...` is any lines."""
    patterns = [r"(?:.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in _lines(expected)]
    return re.fullmatch("".join(patterns), "".join(f"{line}\n" for line in _lines(output))) is not None


def _blocks(section: str) -> Iterator[Block]:
    for language, word, text in _BLOCK.findall(section):
        yield Block(language, word, text)


def _lines(text: str) -> list[str]:
    return [_NUMBER.sub("0", " ".join(line.split())) for line in text.splitlines() if line.strip()]


def _of_yaml(text: str) -> list[str]:
    document = yaml.safe_load(text)
    jobs = document.get("jobs", document).values()
    return [script for job in jobs for script in _of_job(job)]


def _of_job(job: Mapping[str, Any]) -> list[str]:
    if "steps" in job:
        return [step["run"] for step in job["steps"] if "run" in step]
    return [*job.get("before_script", ()), *job["script"]]


def _of_dockerfile(text: str) -> list[str]:
    joined = text.replace("\\\n", " ")
    runs = [line.removeprefix("RUN ") for line in joined.splitlines() if line.startswith("RUN ")]
    return [re.sub(r"--mount=\S+", "", run) for run in runs]


def _of_devcontainer(text: str) -> list[str]:
    return [value for key, value in json.loads(text).items() if key.endswith("Command")]


def _of_unit(text: str) -> list[str]:
    unit = configparser.ConfigParser(interpolation=None)
    unit.read_string(text)
    start = unit.get("Service", "ExecStart", fallback="")
    return [start.replace("%h/.local/bin/", "")] if start else []


def _of_crontab(text: str) -> list[str]:
    return [line.split(maxsplit=5)[5] for line in text.splitlines()]


_SCRIPTS: dict[str, Callable[[str], list[str]]] = {
    "sh": lambda text: [text],
    "yaml": _of_yaml,
    "dockerfile": _of_dockerfile,
    "json": _of_devcontainer,
    "ini": _of_unit,
    "cron": _of_crontab,
}
