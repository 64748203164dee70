"""The door for requirements: strings, files and groups -> RequirementSet.

pip itself resolves. This reading exists to know the same input again, to see pins and direct URLs without network,
to find the index options inside files, and to refuse clearly what pip would refuse.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wheelwarm.dependency_groups import read_group
from wheelwarm.errors import InputError, UsageError
from wheelwarm.index_options import IndexOptions
from wheelwarm.inline_script import read_script
from wheelwarm.lockfile import Lock, hashes_in, is_lock
from wheelwarm.lockfile import read as read_locks
from wheelwarm.project_file import is_project, read_project
from wheelwarm.redaction import redact
from wheelwarm.requirement_file import FileLine, FileReader
from wheelwarm.requirement_line import Parts, RequirementLine, parse, parse_editable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from packaging.specifiers import SpecifierSet

    from wheelwarm.declared import Declared
    from wheelwarm.requirement_text import ParsedLine

_Options = tuple[tuple[str, str], ...]
_NO_OPTIONS = IndexOptions()
_SELECTING = {
    "--no-binary": "no_binary",
    "--only-binary": "only_binary",
    "--all-releases": "all_releases",
    "--only-final": "only_final",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementSet:
    """What was asked for, as given and as read.

    `lines` holds every requirement and constraint in pip's order; what `locks` hold depends on the target. `options`
    are the given ones with those of the files. `remote_files` are http(s) addresses of files that were not fetched: if
    there are any, the reading is incomplete. `spooled` is the content of the files that can be read only once, by the
    name given (`-` for standard input), or as pip cannot read it; it may hold credentials. `pythons` are those that
    projects and scripts are for. `digest` is a sha256 in hex, see `read`. `found`
    is the file that stands for an input that nobody named.
    """

    arguments: tuple[str, ...]
    requirement_files: tuple[str, ...]
    locks: tuple[Lock, ...] = ()
    constraint_files: tuple[str, ...]
    groups: tuple[str, ...]
    editables: tuple[str, ...]
    given_options: IndexOptions
    lines: tuple[RequirementLine, ...]
    options: IndexOptions
    remote_files: tuple[str, ...]
    spooled: Mapping[str, bytes] = field(repr=False)
    digest: str
    pythons: tuple[tuple[Path, SpecifierSet], ...] = ()
    found: Path | None = None

    @property
    def only_locks(self) -> bool:
        """Whether locks are all there is, so that nothing needs resolving."""
        others = (*self.arguments, *self.requirement_files, *self.groups, *self.editables)
        return bool(self.locks) and not others

    @property
    def fully_pinned(self) -> bool:
        """Whether every requirement is an exact pin or a direct URL; its dependencies may still be open."""
        wanted = [line for line in self.lines if not line.constraint]
        return (
            bool(wanted) and not self.remote_files and not self.locks and all(line.pin or line.url for line in wanted)
        )

    @property
    def direct_urls(self) -> tuple[str, ...]:
        """The URLs that requirements and constraints name, in order, local ones included."""
        return tuple(line.url for line in self.lines if line.url)

    @property
    def hashes(self) -> frozenset[tuple[str, str]]:
        """Every (algorithm, digest) that a requirement states by `--hash`, or a lock."""
        stated = (text.partition(":") for line in self.lines for text in line.hashes)
        locked = (pair for lock in self.locks for pair in hashes_in(lock))
        return frozenset(((name, digest) for name, _, digest in stated)) | frozenset(locked)

    def pip_arguments(self, spooled: Mapping[str, Path] | None = None) -> list[str]:
        """Return what `pip install` is to be given: everything as it was asked for, so that pip reads the files itself.

        `spooled` says, for each name in the set's own `spooled`, in which file the caller has put that content.
        """
        copies = {name: str(path) for name, path in (spooled or {}).items()}
        words = self.given_options.arguments()
        for flag, values in (
            ("-c", self.constraint_files),
            ("--group", self.groups),
            ("-e", self.editables),
            ("-r", self.requirement_files),
        ):
            words += [word for value in values for word in (flag, copies.get(value, value))]
        return words + list(self.arguments)

    def beside_locks(self, pins: str) -> RequirementSet:
        """Return what is to be resolved beside the locks, with a constraints file of what they hold."""
        name = "what the locks hold"
        return replace(
            self,
            locks=(),
            constraint_files=(*self.constraint_files, name),
            spooled={**self.spooled, name: pins.encode()},
        )

    def index_arguments(self) -> list[str]:
        """Return only the index options, those found in files included, for a pip call about a single artifact."""
        return self.options.arguments()


def read(
    arguments: Sequence[str] = (),
    *,
    requirement_files: Sequence[str] = (),
    constraint_files: Sequence[str] = (),
    groups: Sequence[str] = (),
    editables: Sequence[str] = (),
    scripts: Sequence[str] = (),
    options: IndexOptions = _NO_OPTIONS,
    environ: Mapping[str, str],
    stdin: Callable[[], bytes] | None = None,
) -> RequirementSet:
    """Read all that was asked for; `-` among the files is what `stdin()` returns, which is called at most once.

    The digest covers what can change the resolution: given options, every line with its variables filled in, nested
    files in place, and the build files of local projects. Comments, layout, the paths of the files and credentials in
    URLs do not count, so a file moved elsewhere or a token renewed is the same input.
    Raises UsageError when there is nothing to read, InputError for anything that pip could not read.
    """
    projects, arguments = split(arguments, is_project)
    requirement_files = [*projects, *requirement_files]
    lock_files, files = split(requirement_files, is_lock)
    lock_groups, project_groups = split(groups, lambda group: is_lock(group.rpartition(":")[0]))
    locks = read_locks(lock_files, [(path, name) for path, _, name in (one.rpartition(":") for one in lock_groups)])
    if not any((*arguments, *requirement_files, *groups, *editables, *scripts)):
        raise UsageError(
            "No requirements were given.", hint="Name a file of them: wheelwarm prefetch -r requirements.txt"
        )
    reading = _Reading(options, FileReader(environ=environ, stdin=stdin))
    # pip's own order, which matters for options in files: the last index URL stands.
    reading.add_files(constraint_files, constraint=True)
    reading.add_arguments(arguments)
    reading.add_groups(project_groups)
    reading.add_editables(editables)
    reading.add_files(files, constraint=False)
    reading.add_scripts(scripts)
    return RequirementSet(
        arguments=tuple(arguments),
        requirement_files=(*files, *(_script(name) for name in scripts)),
        locks=locks,
        constraint_files=tuple(constraint_files),
        groups=tuple(project_groups),
        editables=tuple(editables),
        given_options=options,
        lines=tuple(reading.lines),
        options=reading.options,
        remote_files=tuple(reading.reader.remote_files),
        spooled={**reading.reader.spooled, **{name: one.as_file() for name, one in reading.declared.items()}},
        pythons=tuple((one.path, one.pythons) for one in reading.declared.values()),
        digest=reading.digest(options, locks),
    )


class _Reading:
    """What has been read so far."""

    def __init__(self, options: IndexOptions, reader: FileReader) -> None:
        self.reader = reader
        self.options = IndexOptions().merged(options)
        self.lines: list[RequirementLine] = []
        self.declared: dict[str, Declared] = {}
        self._record: list[tuple[bool, str, _Options]] = []

    def add_files(self, names: Iterable[str], *, constraint: bool) -> None:
        for name in names:
            if is_project(name) and not constraint:
                self._add_declared(name, read_project(name))
                continue
            for line in self.reader.lines(name, constraint=constraint):
                self._add_line(line)

    def add_arguments(self, arguments: Iterable[str]) -> None:
        for text in filter(str.strip, arguments):
            _refuse_forgotten_flag(text)
            self._add(_line(text, parse(text)), text)

    def add_groups(self, groups: Iterable[str]) -> None:
        for group in groups:
            path, requirements = read_group(group)
            for requirement in requirements:
                parts = Parts(requirement, requirement.url, requirement.marker)
                self._add(replace(_line(str(requirement), parts), source=path), str(requirement))

    def add_scripts(self, names: Iterable[str]) -> None:
        for name in names:
            self._add_declared(_script(name), read_script(name))

    def _add_declared(self, name: str, declared: Declared) -> None:
        self.declared[name] = declared
        for number, requirement in declared.requirements:
            parts = Parts(requirement, requirement.url, requirement.marker)
            line = replace(_line(str(requirement), parts), source=declared.path, line=number)
            self._add(line, str(requirement))

    def add_editables(self, editables: Iterable[str]) -> None:
        for text in editables:
            line = replace(_line(text, parse_editable(text)), editable=True)
            self._add(line, "", options=(("--editable", text),))

    def digest(self, given: IndexOptions, locks: Iterable[Lock]) -> str:
        record = {
            "options": [redact(word) for word in given.arguments()],
            "lines": [
                (constraint, redact(text), [(name, redact(value)) for name, value in options])
                for constraint, text, options in self._record
            ],
            "remote": [redact(url) for url in self.reader.remote_files],
            "locks": [lock.digest for lock in locks],
            "local": [_local_digests(line.path) for line in self.lines if line.path],
        }
        return hashlib.sha256(json.dumps(record).encode()).hexdigest()

    def _add(self, line: RequirementLine, text: str, *, options: _Options = ()) -> None:
        self.lines.append(line)
        self._record.append((line.constraint, text.strip(), options))

    def _add_line(self, line: FileLine) -> None:
        self._select(line.parsed)
        if line.parsed.include:
            return
        if line.parsed.requirement is None:
            self.options = self.options.merged(_line_options(line))
            self._record.append((line.constraint, "", line.parsed.options))
            return
        found = _requirement_line(line, line.parsed.requirement)
        self._add(found, line.parsed.arguments, options=line.parsed.options)

    def _select(self, parsed: ParsedLine) -> None:
        # pip acts on these while it splits the line, so they count even behind a requirement.
        for name, value in parsed.options:
            if name in _SELECTING:
                self.options = self.options.selecting(_SELECTING[name], value)


def split(names: Iterable[str], belongs: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    """Split names into those that belong and the others, each in order."""
    names = list(names)
    return [name for name in names if belongs(name)], [name for name in names if not belongs(name)]


def _script(name: str) -> str:
    """Name what pip gets of a script; the file itself may be asked for too."""
    return f"what {name} needs"


def _line(text: str, parts: Parts) -> RequirementLine:
    return RequirementLine(text=text, requirement=parts.requirement, url=parts.url, marker=parts.marker)


def _requirement_line(line: FileLine, text: str) -> RequirementLine:
    parsed = line.parsed
    if parsed.editable and line.constraint:
        raise InputError(f"{line.place}: a constraint cannot be editable.", hint="Take the -e out.")
    parts = (parse_editable if parsed.editable else parse)(text, place=line.place)
    return RequirementLine(
        text=text,
        requirement=parts.requirement,
        url=parts.url,
        marker=parts.marker,
        hashes=parsed.values("--hash"),
        constraint=line.constraint,
        editable=parsed.editable,
        source=line.path,
        line=line.number,
        build_options=parsed.build_options,
    )


def _line_options(line: FileLine) -> IndexOptions:
    parsed = line.parsed
    return IndexOptions(
        index_url=next(reversed(parsed.values("--index-url")), None),
        extra_index_urls=parsed.values("--extra-index-url"),
        no_index=bool(parsed.values("--no-index")),
        find_links=_find_links(line),
        trusted_hosts=parsed.values("--trusted-host"),
        pre=bool(parsed.values("--pre")),
        prefer_binary=bool(parsed.values("--prefer-binary")),
        require_hashes=bool(parsed.values("--require-hashes")),
    )


def _find_links(line: FileLine) -> tuple[str, ...]:
    """Return the first `--find-links` of the line, the only one pip takes: from the file's folder if it is there."""
    for value in line.parsed.values("--find-links")[:1]:
        beside = line.folder / value
        return (str(beside) if beside.exists() else value,)
    return ()


def _refuse_forgotten_flag(text: str) -> None:
    # `requirements.txt` is a well-formed project name: pip would go and look for that project.
    if text.endswith((".txt", ".in")) and Path(text).is_file():
        raise InputError(f"'{text}' is a file, not a requirement.", hint=f"To read it: -r {text}")


def _local_digests(path: Path) -> list[str]:
    files = [path / name for name in ("pyproject.toml", "setup.py", "setup.cfg")] if path.is_dir() else [path]
    return [_file_digest(file) if file.is_file() else "" for file in files]


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
