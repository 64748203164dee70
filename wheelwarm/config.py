"""The configuration file: `wheelwarm.toml`, or `[tool.wheelwarm]` in pyproject.toml, nearest upward.

A flag beats an environment variable, which beats the file: cli/configuring.py joins them. Unknown keys and wrong types
are errors, since a misspelt policy would else be silently none. Relative paths count from the file's folder.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from wheelwarm.errors import InputError
from wheelwarm.targets.elsewhere import Elsewhere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")

FILE_NAME = "wheelwarm.toml"
PROJECT_FILE = "pyproject.toml"
SEEDS = ("verified", "never")
RESOLVERS = ("pip", "uv")
MOST_JOBS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What to warm when nothing is typed: each as the option of the same name takes it, paths made absolute."""

    requirements: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    build_constraints: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    editables: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there is anything to warm."""
        return bool(self.requirements or self.files or self.groups or self.editables or self.scripts)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetChoice:
    """One of the targets to warm for: a Python, and maybe a machine elsewhere for its pip to choose for."""

    python: str | None = None
    elsewhere: Elsewhere = field(default_factory=Elsewhere)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a file says; empty without one. `options` and `prune` are by option name, only what is there."""

    path: Path | None = None
    inputs: Inputs = field(default_factory=Inputs)
    targets: tuple[TargetChoice, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    prune: Mapping[str, Any] = field(default_factory=dict)
    seed: str | None = None
    seed_hosts: Mapping[str, str] = field(default_factory=dict)


def load(folder: Path) -> Config:
    """Read the nearest configuration from a folder upward.

    Raises InputError that names the file and the key.
    """
    for parent in (folder, *folder.parents):
        for name, sections in ((FILE_NAME, ()), (PROJECT_FILE, ("tool", "wheelwarm"))):
            table = _table_in(parent / name, sections)
            if table is not None:
                return _config(_Table(parent / name, ".".join(sections), table))
    return Config()


def _table_in(path: Path, sections: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the table of ours in a file; None where there is none, whatever else is wrong with a foreign file."""
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror or exc}.") from exc
    if not all(section.encode() in content for section in sections):
        return None
    table: Any = _parsed(path, content)
    for section in sections:
        table = table.get(section) if isinstance(table, dict) else None
    if table is not None and not isinstance(table, dict):
        raise InputError(f"{path}: tool.wheelwarm is no table.", hint="Write it as [tool.wheelwarm].")
    return table


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise InputError(f"{path}, line {line}: not text.", hint="Save the file as UTF-8.") from exc
    except tomllib.TOMLDecodeError as exc:
        raise InputError(f"{path} is no valid TOML: {exc}.", hint="See https://toml.io.") from exc
    except RecursionError as exc:
        raise InputError(f"{path} is nested too deeply.", hint="Take brackets out.") from exc


def _config(table: _Table) -> Config:
    table.expect("jobs", "seed", "resolver", "cache-dir", "inputs", "targets", "seed-hosts", "prune")
    found = {
        "jobs": table.number("jobs", 1, MOST_JOBS),
        "resolver": table.choice("resolver", RESOLVERS),
        "cache-dir": table.path("cache-dir"),
    }
    hosts = table.table("seed-hosts")
    return Config(
        path=table.file,
        inputs=_inputs(table.table("inputs")),
        targets=tuple(_target(one) for one in table.tables("targets")),
        options={name: value for name, value in found.items() if value is not None},
        prune=_prune(table.table("prune")),
        seed=table.choice("seed", SEEDS),
        seed_hosts={host.lower(): hosts.choice(host, SEEDS) or "" for host in hosts.values},
    )


def _inputs(table: _Table) -> Inputs:
    table.expect("requirements", "files", "constraints", "build-constraints", "groups", "editables", "scripts")
    return Inputs(
        requirements=tuple(table.local(one) if one.startswith("./") else one for one in table.texts("requirements")),
        files=table.paths("files"),
        constraints=table.paths("constraints"),
        build_constraints=table.paths("build-constraints"),
        groups=tuple(_group(table, one) for one in table.texts("groups")),
        editables=table.paths("editables"),
        scripts=table.paths("scripts"),
    )


def _group(table: _Table, text: str) -> str:
    """Write a group with its file, which is else looked for in the current directory."""
    path, colon, name = text.rpartition(":")
    return f"{table.local(path if colon else PROJECT_FILE)}:{name}"


def _target(table: _Table) -> TargetChoice:
    table.expect("python", "platform", "python-version", "implementation", "abi", "all-platforms")
    python = table.text("python")
    if python and (os.sep in python or (table.file.parent / python).exists()):
        python = table.local(python)
    elsewhere = Elsewhere(
        platforms=table.texts("platform"),
        python_version=table.text("python-version"),
        implementation=table.text("implementation"),
        abis=table.texts("abi"),
        everywhere=bool(table.flag("all-platforms")),
    )
    return TargetChoice(python=python, elsewhere=elsewhere)


def _prune(table: _Table) -> dict[str, Any]:
    texts, flags = (
        ("older-than", "max-size"),
        ("stale", "legacy", "other-pythons", "index-pages", "orphans", "no-atime"),
    )
    table.expect(*texts, "keep", *flags)
    found: dict[str, Any] = {name: table.text(name) for name in texts}
    found |= {name: table.flag(name) for name in flags} | {"keep": list(table.paths("keep")) or None}
    return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class _Table:
    """One table of the file, read by type; `place` is its dotted name."""

    file: Path
    place: str
    values: Mapping[str, Any]

    def expect(self, *known: str) -> None:
        """Refuse every other key, with the nearest name that is known."""
        import difflib

        for key in self.values:
            if key in known:
                continue
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"Did you mean '{near[0]}'?" if near else f"Known are {', '.join(known)}."
            raise InputError(f"{self.file}: unknown key '{self._name(key)}'.", hint=hint)

    def text(self, key: str) -> str | None:
        found: str | None = self._typed(key, "a string", lambda value: isinstance(value, str))
        return found

    def flag(self, key: str) -> bool | None:
        found: bool | None = self._typed(key, "true or false", lambda value: isinstance(value, bool))
        return found

    def number(self, key: str, least: int, most: int) -> int | None:
        def fits(value: object) -> bool:
            return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most

        found: int | None = self._typed(key, f"a whole number from {least} to {most}", fits)
        return found

    def choice(self, key: str, choices: tuple[str, ...]) -> str | None:
        wanted = " or ".join(f'"{one}"' for one in choices)
        found: str | None = self._typed(key, wanted, lambda value: isinstance(value, str) and value in choices)
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """Read a list of strings; one string counts as a list of it."""

        def fits(value: object) -> bool:
            return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))

        found: Any = self._typed(key, "a list of strings", fits)
        return (found,) if isinstance(found, str) else tuple(found or ())

    def path(self, key: str) -> str | None:
        text = self.text(key)
        return None if text is None else self.local(text)

    def paths(self, key: str) -> tuple[str, ...]:
        return tuple(self.local(text) for text in self.texts(key))

    def local(self, text: str) -> str:
        """Return a path as it counts from the file's folder; a URL is none."""
        return text if "://" in text else str(self.file.parent / Path(text).expanduser())

    def table(self, key: str) -> _Table:
        found: Any = self._typed(key, "a table", lambda value: isinstance(value, dict))
        return _Table(self.file, self._name(key), found or {})

    def tables(self, key: str) -> Iterator[_Table]:
        def fits(value: object) -> bool:
            return isinstance(value, list) and all(isinstance(one, dict) for one in value)

        for number, values in enumerate(self._typed(key, "an array of tables", fits) or (), 1):
            yield _Table(self.file, f"{self._name(key)}[{number}]", values)

    def _typed(self, key: str, wanted: str, fits: Callable[[Any], bool]) -> Any:
        value = self.values.get(key)
        if value is not None and not fits(value):
            raise InputError(f"{self.file}: '{self._name(key)}' is not {wanted}.", hint=f"Write {wanted}.")
        return value

    def _name(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key
