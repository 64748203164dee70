"""The door for requirements: strings, files and groups -> RequirementSet.

pip itself resolves. This reading exists to know the same input again, to see pins and direct URLs without network,
to find the index options inside files, and to refuse clearly what pip would refuse.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from wheelwarm.errors import InputError, UsageError
from wheelwarm.inputs.index_options import IndexOptions
from wheelwarm.inputs.input_names import is_lock, is_project
from wheelwarm.inputs.locks import read as read_locks
from wheelwarm.inputs.reading import Reading, name_of_script
from wheelwarm.inputs.requirement_file import FileReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from packaging.specifiers import SpecifierSet

    from wheelwarm.inputs.locks import Lock
    from wheelwarm.inputs.requirement_line import RequirementLine

_NO_OPTIONS = IndexOptions()


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
    build_constraint_files: tuple[str, ...] = ()
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
        locked = (pair for lock in self.locks for pair in _hashes_in(lock))
        return frozenset((name, digest.lower()) for name, _, digest in stated) | frozenset(locked)

    def pip_arguments(self, spooled: Mapping[str, Path] | None = None) -> list[str]:
        """Return what `pip install` is to be given: everything as it was asked for, so that pip reads the files itself.

        `spooled` says, for each name in the set's own `spooled`, in which file the caller has put that content.
        """
        copies = {name: str(path) for name, path in (spooled or {}).items()}
        words = [*self.given_options.arguments(), *self.build_arguments(spooled)]
        for flag, values in (
            ("-c", self.constraint_files),
            ("--group", self.groups),
            ("-e", self.editables),
            ("-r", self.requirement_files),
        ):
            words += [word for value in values for word in (flag, copies.get(value, value))]
        return words + list(self.arguments)

    def build_arguments(self, spooled: Mapping[str, Path] | None = None) -> list[str]:
        """Return what any pip that builds is to be given beside the index options."""
        copies = {name: str(path) for name, path in (spooled or {}).items()}
        return [word for name in self.build_constraint_files for word in ("--build-constraint", copies.get(name, name))]

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
    build_constraint_files: Sequence[str] = (),
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
    _refuse_nul(*arguments, *requirement_files, *constraint_files, *build_constraint_files, *groups, *scripts)
    named, arguments = split(arguments, lambda name: is_project(name) or is_lock(name))
    requirement_files = [*named, *requirement_files]
    lock_files, files = split(requirement_files, is_lock)
    lock_groups, project_groups = split(groups, lambda group: is_lock(group.rpartition(":")[0]))
    locks = read_locks(lock_files, [(path, name) for path, _, name in (one.rpartition(":") for one in lock_groups)])
    if not any((*arguments, *requirement_files, *groups, *editables, *scripts)):
        raise UsageError(
            "No requirements were given.", hint="Name a file of them: wheelwarm prefetch -r requirements.txt"
        )
    reading = Reading(options, FileReader(environ=environ, stdin=stdin))
    # pip's own order, which matters for options in files: the last index URL stands.
    reading.add_files(constraint_files, constraint=True)
    reading.add_build_constraints(build_constraint_files)
    reading.add_arguments(arguments)
    reading.add_groups(project_groups)
    reading.add_editables(editables)
    reading.add_files(files, constraint=False)
    reading.add_scripts(scripts)
    return RequirementSet(
        arguments=tuple(arguments),
        requirement_files=(*files, *(name_of_script(name) for name in scripts)),
        locks=locks,
        constraint_files=tuple(constraint_files),
        build_constraint_files=tuple(build_constraint_files),
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


def _hashes_in(lock: Lock) -> Iterator[tuple[str, str]]:
    from wheelwarm.inputs import lockfile  # which loads most of packaging

    yield from lockfile.hashes_in(lock)


def _refuse_nul(*names: str) -> None:
    """Refuse what no system takes for the name of a file; a configuration file may hold it."""
    for name in names:
        if "\0" in name:
            raise InputError(f"{name!r} has a NUL character in it.", hint="Take it out.")


def split(names: Iterable[str], belongs: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    """Split names into those that belong and the others, each in order."""
    names = list(names)
    return [name for name in names if belongs(name)], [name for name in names if not belongs(name)]
