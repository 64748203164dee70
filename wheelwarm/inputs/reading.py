"""Requirement strings, files, groups and scripts, read one after the other as pip would, into one digest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from wheelwarm.errors import InputError
from wheelwarm.inputs.index_options import IndexOptions
from wheelwarm.inputs.input_names import is_project
from wheelwarm.inputs.requirement_file import refuse_other_locks
from wheelwarm.inputs.requirement_line import Parts, RequirementLine, check_scheme, parse, parse_editable
from wheelwarm.inputs.requirement_text import place
from wheelwarm.local_files import digest_of
from wheelwarm.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wheelwarm.inputs.declared import Declared
    from wheelwarm.inputs.locks import Lock
    from wheelwarm.inputs.requirement_file import FileLine, FileReader
    from wheelwarm.inputs.requirement_text import ParsedLine

_Options = tuple[tuple[str, str], ...]
_SELECTING = {
    "--no-binary": "no_binary",
    "--only-binary": "only_binary",
    "--all-releases": "all_releases",
    "--only-final": "only_final",
}
_FLAGS = {".txt": "-r", ".in": "-r", ".py": "--script"}


class Reading:
    """What has been read so far of one input, in the order in which it was added."""

    def __init__(self, options: IndexOptions, reader: FileReader) -> None:
        self.reader = reader
        _check_index(options, "")
        self.options = IndexOptions().merged(options)
        self.lines: list[RequirementLine] = []
        self.declared: dict[str, Declared] = {}
        self._record: list[tuple[bool, str, _Options]] = []
        self._for_builds: list[str] = []

    def add_files(self, names: Iterable[str], *, constraint: bool) -> None:
        """Read requirement or constraint files, projects among them."""
        for name in names:
            if is_project(name) and not constraint:
                from wheelwarm.inputs.project_file import read_project

                self._add_declared(name, read_project(name))
                continue
            for line in self.reader.lines(name, constraint=constraint):
                self._add_line(line)

    def add_build_constraints(self, names: Iterable[str]) -> None:
        """Read what bounds the build requirements alone: pip has to know it, and another one is another input."""
        for name in names:
            for line in self.reader.lines(name, constraint=True):
                if line.parsed.requirement is not None:
                    _requirement_line(line, line.parsed.requirement)
                self._for_builds.append(redact(line.parsed.text))

    def add_arguments(self, arguments: Iterable[str]) -> None:
        """Read what stands on the command line by itself."""
        for text in filter(str.strip, arguments):
            _refuse_forgotten_flag(text)
            self._add(_line(text, parse(text)), text)

    def add_groups(self, groups: Iterable[str]) -> None:
        """Read dependency groups of projects."""
        for group in groups:
            from wheelwarm.inputs.dependency_groups import read_group

            path, requirements = read_group(group)
            for requirement in requirements:
                parts = Parts(requirement, requirement.url, requirement.marker)
                self._add(_line(str(requirement), parts)._replace(source=path), str(requirement))

    def add_scripts(self, names: Iterable[str]) -> None:
        """Read what scripts declare."""
        for name in names:
            from wheelwarm.inputs.inline_script import read_script

            self._add_declared(name_of_script(name), read_script(name))

    def _add_declared(self, name: str, declared: Declared) -> None:
        self.declared[name] = declared
        for number, requirement in declared.requirements:
            parts = Parts(requirement, requirement.url, requirement.marker)
            line = _line(str(requirement), parts)._replace(source=declared.path, line=number)
            self._add(line, str(requirement))

    def add_editables(self, editables: Iterable[str]) -> None:
        """Read what is to be installed in place."""
        for text in editables:
            line = _line(text, parse_editable(text))._replace(editable=True)
            self._add(line, "", options=(("--editable", text),))

    def digest(self, given: IndexOptions, locks: Iterable[Lock]) -> str:
        """Return the sha256, in hex, of all that can change the resolution: see `requirements.read`."""
        record = {
            "options": [redact(word) for word in given.arguments()],
            "lines": [
                (constraint, redact(text), [(name, redact(value)) for name, value in options])
                for constraint, text, options in self._record
            ],
            "remote": [redact(url) for url in self.reader.remote_files],
            "locks": [lock.digest for lock in locks],
            # Only where there are any, so that the ledger goes on knowing the inputs that it remembers.
            **({"for builds": self._for_builds} if self._for_builds else {}),
            "local": [_local_digests(line.path) for line in self.lines if line.path],
        }
        return hashlib.sha256(json.dumps(record).encode()).hexdigest()

    def _add(self, line: RequirementLine, text: str, *, options: _Options = ()) -> None:
        check_scheme(line, _place(line))
        self.lines.append(line)
        self._record.append((line.constraint, text.strip(), options))

    def _add_line(self, line: FileLine) -> None:
        self._select(line.parsed)
        if line.parsed.include:
            return
        if line.parsed.requirement is None:
            options = _line_options(line)
            _check_index(options, f"{line.place}: ")
            self.options = self.options.merged(options)
            self._record.append((line.constraint, "", line.parsed.options))
            return
        found = _requirement_line(line, line.parsed.requirement)
        self._add(found, line.parsed.arguments, options=line.parsed.options)

    def _select(self, parsed: ParsedLine) -> None:
        # pip acts on these while it splits the line, so they count even behind a requirement.
        for name, value in parsed.options:
            if name in _SELECTING:
                self.options = self.options.selecting(_SELECTING[name], value)


def name_of_script(name: str) -> str:
    """Name what pip gets of a script; the file itself may be asked for too."""
    return f"what {name} needs"


def _line(text: str, parts: Parts) -> RequirementLine:
    return RequirementLine(text=text, parsed=parts.parsed, plain=parts.plain, url=parts.url, marker=parts.marker)


def _requirement_line(line: FileLine, text: str) -> RequirementLine:
    parsed = line.parsed
    if parsed.editable and line.constraint:
        raise InputError(f"{line.place}: a constraint cannot be editable.", hint="Take the -e out.")
    parts = (parse_editable if parsed.editable else parse)(text, place=line.place)
    return RequirementLine(
        text=text,
        parsed=parts.parsed,
        plain=parts.plain,
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


def _place(line: RequirementLine) -> str:
    return place(str(line.source or "standard input"), line.line) if line.source or line.line else ""


def _check_index(options: IndexOptions, lead: str) -> None:
    """Refuse an index that pip would ignore with a warning, and then find nothing."""
    for url in filter(None, (options.index_url, *options.extra_index_urls)):
        if "://" not in url and not url.lower().startswith("file:") and not Path(url).exists():
            # With the scheme, so that a password is known for one.
            meant = redact(f"https://{url}")
            written = meant.removeprefix("https://")
            raise InputError(
                f"{lead}'{written}' is no URL of an index, since it has no scheme, and no folder.",
                hint=f"Write {meant}.",
            )


def _refuse_forgotten_flag(text: str) -> None:
    refuse_other_locks(Path(text))
    # `requirements.txt` is a well-formed project name: pip would go and look for that project.
    flag = _FLAGS.get(Path(text).suffix)
    if flag and Path(text).is_file():
        raise InputError(f"'{text}' is a file, not a requirement.", hint=f"To read it: {flag} {text}")


def _local_digests(path: Path) -> list[str]:
    files = [path / name for name in ("pyproject.toml", "setup.py", "setup.cfg")] if path.is_dir() else [path]
    return [digest_of(file) if file.is_file() else "" for file in files]
