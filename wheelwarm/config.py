"""The configuration file: `wheelwarm.toml`, or `[tool.wheelwarm]` in pyproject.toml, nearest upward.

A flag beats an environment variable, which beats the file: cli/configuring.py joins them. Unknown keys and wrong types
are errors, since a misspelt policy would else be silently none. Relative paths count from the file's folder.
"""

from __future__ import annotations

import os
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from wheelwarm.errors import InputError
from wheelwarm.local_files import expanded
from wheelwarm.redaction import redact
from wheelwarm.targets.elsewhere import Elsewhere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

T = TypeVar("T")

FILE_NAME = "wheelwarm.toml"
PROJECT_FILE = "pyproject.toml"
SEEDS = ("verified", "never")
RESOLVERS = ("pip", "uv")
MOST_JOBS = 64

_PRUNE_FLAGS = ("stale", "legacy", "other-pythons", "index-pages", "orphans", "no-atime")
# The keys of each table, the file's own first.
KEYS = {
    "": (
        "jobs",
        "seed",
        "resolver",
        "cache-dir",
        "only-binary",
        "no-binary",
        "inputs",
        "targets",
        "seed-hosts",
        "prune",
    ),
    "inputs": ("requirements", "files", "constraints", "build-constraints", "groups", "editables", "scripts"),
    "targets": ("python", "platform", "python-version", "implementation", "abi", "all-platforms"),
    "prune": ("older-than", "max-size", "keep", *_PRUNE_FLAGS),
}
# A name, or an address; of IPv6 as it stands between the brackets of a URL.
_HOST = r"(?i)[\w.-]+|[\da-f.]*:[\da-f.:]*:[\da-f.]*"


class Inputs(NamedTuple):
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


class TargetChoice(NamedTuple):
    """One of the targets to warm for: a Python, and maybe a machine elsewhere for its pip to choose for."""

    python: str | None = None
    elsewhere: Elsewhere = Elsewhere()


class Config(NamedTuple):
    """What a file says; empty without one. `options` and `prune` are by option name, only what is there."""

    path: Path | None = None
    inputs: Inputs = Inputs()
    targets: tuple[TargetChoice, ...] = ()
    options: Mapping[str, Any] = MappingProxyType({})
    prune: Mapping[str, Any] = MappingProxyType({})
    seed: str | None = None
    seed_hosts: Mapping[str, str] = MappingProxyType({})


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
        hint = "Mend its permissions: a configuration counts for all folders below it."
        raise InputError(f"{path} cannot be read: {exc.strerror or exc}.", hint=hint) from exc
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
    table.expect("")
    found = {
        "jobs": table.number("jobs", 1, MOST_JOBS),
        "resolver": table.choice("resolver", RESOLVERS),
        "cache-dir": table.path("cache-dir"),
        "only-binary": list(table.texts("only-binary")) or None,
        "no-binary": list(table.texts("no-binary")) or None,
    }
    return Config(
        path=table.file,
        inputs=_inputs(table.table("inputs")),
        targets=tuple(_target(one) for one in table.tables("targets")),
        options={name: value for name, value in found.items() if value is not None},
        prune=_prune(table.table("prune")),
        seed=table.choice("seed", SEEDS),
        seed_hosts=_seed_hosts(table.table("seed-hosts")),
    )


def _seed_hosts(table: _Table) -> dict[str, str]:
    """Read policies by host; what can be no host would never count, and nobody would notice."""
    for host in table.values:
        if not re.fullmatch(_HOST, host):
            raise InputError(
                f"{table.file}: '{redact(host)}' in 'seed-hosts' is no host.",
                hint="Write its name alone, without scheme, port and path.",
            )
    return {host.lower(): table.choice(host, SEEDS) or "" for host in table.values}


def _inputs(table: _Table) -> Inputs:
    table.expect("inputs")
    return Inputs(
        # A path begins with a dot: so does no project's name.
        requirements=tuple(table.local(one) if one.startswith(".") else one for one in table.texts("requirements")),
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
    table.expect("targets")
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
    from wheelwarm.amounts import bytes_of, seconds_of

    table.expect("prune")
    found: dict[str, Any] = {name: table.flag(name) for name in _PRUNE_FLAGS}
    found["older-than"] = table.amount("older-than", seconds_of)
    found["max-size"] = table.amount("max-size", bytes_of)
    found["keep"] = list(table.paths("keep")) or None
    return {name: value for name, value in found.items() if value is not None}


class _Table(NamedTuple):
    """One table of the file, read by type; `place` is its dotted name."""

    file: Path
    place: str
    values: Mapping[str, Any]

    def expect(self, name: str) -> None:
        """Refuse every key that a table of this name has not, with the nearest one that is known."""
        for key in self.values:
            if key not in KEYS[name]:
                raise InputError(f"{self.file}: unknown key '{self._name(key)}'.", hint=_meant(key, KEYS[name]))

    def text(self, key: str) -> str | None:
        found: str | None = self._typed(key, "a string", lambda value: isinstance(value, str))
        return found

    def flag(self, key: str) -> bool | None:
        found: bool | None = self._typed(key, "true or false", lambda value: isinstance(value, bool))
        return found

    def amount(self, key: str, read: Callable[[str], float]) -> str | None:
        """Read what people write of times and sizes, as it is written."""
        text = self.text(key)
        if text is None:
            return None
        try:
            read(text)
        except InputError as exc:
            raise InputError(f"{self.file}: '{self._name(key)}': {exc.message}", hint=exc.hint) from exc
        return text

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
        return text if "://" in text else str(self.file.parent / expanded(text))

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
        if any("\0" in one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)):
            raise InputError(f"{self.file}: '{self._name(key)}' has a NUL character in it.", hint="Take it out.")
        return value

    def _name(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key


def _meant(key: str, known: tuple[str, ...]) -> str:
    """Say which key was meant: one that stands in another table, else the nearest of those that may stand here."""
    if places := [name for name, keys in KEYS.items() if key in keys]:
        return f"It is a key of [{places[0]}]." if places[0] else "It stands above all tables."
    import difflib

    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"Did you mean '{near[0]}'?" if near else f"Known are {', '.join(known)}."
