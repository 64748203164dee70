"""Reads requirement and constraint files from disk or standard input, and follows the files they include."""

from __future__ import annotations

import difflib
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wheelwarm.errors import InputError
from wheelwarm.inputs.input_names import is_lock_file
from wheelwarm.inputs.offers import OTHER_LOCKS, export_command
from wheelwarm.inputs.requirement_text import ParsedLine, decode, expand, logical_lines, parse_line, place
from wheelwarm.local_files import path_of
from wheelwarm.redaction import quoted, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STDIN = "-"
# Far more than anybody has, and less than Python, and so pip, can follow: one in another, and all together, since files
# that include two others each are soon too many to be read in a lifetime.
MOST_INCLUDES = 100
MOST_FILES = 10_000

_SCHEME = re.compile(r"(https?|file):", re.IGNORECASE)
_EXTRAS = re.compile(r"\[[^\]]+\]$")
_OF_CONDA = "What pip is to install stands there under `pip:`. Put those lines into a requirements file."
_OF_PROJECT = "For the project that it builds, name the folder: ./"
_OTHER_FORMATS = {
    "Pipfile": "Export it first: pipenv requirements > requirements.txt",
    "environment.yaml": _OF_CONDA,
    "environment.yml": _OF_CONDA,
    "pyproject.toml": "No requirements file can include it. Give it by itself: -r pyproject.toml",
    "setup.cfg": _OF_PROJECT,
    "setup.py": _OF_PROJECT,
}


class FileLine(NamedTuple):
    """A parsed line with the place where it stands; `path` is None for standard input."""

    parsed: ParsedLine
    source: str
    path: Path | None
    folder: Path
    number: int
    constraint: bool

    @property
    def place(self) -> str:
        """Where the line stands, for messages."""
        return place(self.source, self.number)


class FileReader:
    """Reads files as pip would, one after the other, and remembers what could not be read where it stands.

    `remote_files` are http(s) addresses, which are not fetched. `spooled` holds, by the name given, the content of
    files that can be read only once (standard input, `/dev/fd/63`), so that pip can be given a copy from any folder.
    """

    def __init__(self, *, environ: Mapping[str, str], stdin: Callable[[], bytes] | None) -> None:
        self._environ = environ
        self._stdin = stdin
        self._stdin_bytes: bytes | None = None
        self._files = 0
        self.remote_files: list[str] = []
        self.spooled: dict[str, bytes] = {}

    def lines(self, name: str, *, constraint: bool) -> Iterator[FileLine]:
        """Yield every line of a file, each `-r` or `-c` line followed by the lines of the file it includes.

        Raises InputError for a file or line that pip could not read either.
        """
        if name == STDIN:
            data = self._read_stdin()
            yield from self._parsed(data, source="standard input", path=None, constraint=constraint, chain=())
            self.spooled.setdefault(name, self._relocated(data, "standard input", Path.cwd()))
            return
        if self._remote(name):
            return
        path = _local_path(name)
        data = self._read(path, constraint=constraint)
        yield from self._parsed(data, source=str(path), path=path, constraint=constraint, chain=(_absolute(path),))
        if not path.is_file():
            self.spooled.setdefault(name, self._relocated(data, str(path), _absolute(path).parent))

    def _read_stdin(self) -> bytes:
        if self._stdin is None:
            raise InputError("Standard input cannot be read here.", hint="Name a file: -r requirements.txt")
        if self._stdin_bytes is None:
            self._stdin_bytes = self._stdin()
        return self._stdin_bytes

    def _read(self, path: Path, *, constraint: bool, included_by: str = "") -> bytes:
        where = f" ({included_by})" if included_by else ""
        _refuse_other_formats(path, where)
        kind = "constraints" if constraint else "requirements"
        name = str(path)
        if name in self.spooled:
            return self.spooled[name]
        try:
            return path.read_bytes()
        except FileNotFoundError as exc:
            raise InputError(
                redact(f"The {kind} file {name} does not exist{where}."), hint=_nearest_name(path)
            ) from exc
        except IsADirectoryError as exc:
            hint = f"For the project in it: wheelwarm prefetch {path}/"
            raise InputError(redact(f"{name} is a folder, not a {kind} file{where}."), hint=hint) from exc
        except OSError as exc:
            hint = "Make the file readable for this user." if isinstance(exc, PermissionError) else ""
            raise InputError(
                redact(f"The {kind} file {name} cannot be read{where}: {exc.strerror}."), hint=hint
            ) from exc

    def _parsed(
        self, data: bytes, *, source: str, path: Path | None, constraint: bool, chain: tuple[Path, ...]
    ) -> Iterator[FileLine]:
        folder = _absolute(path).parent if path else Path.cwd()
        for number, text in logical_lines(decode(data, source=source)):
            line = FileLine(
                parsed=self._parse(text, place(source, number)),
                source=source,
                path=path,
                folder=folder,
                number=number,
                constraint=constraint,
            )
            yield line
            if line.parsed.include:
                yield from self._included(line, line.parsed.include, chain)

    def _parse(self, text: str, where: str) -> ParsedLine:
        try:
            return parse_line(expand(text, self._environ))
        except ValueError as exc:
            raise InputError(
                f"{redact(where)}: {quoted(str(exc))}.",
                hint="pip's documentation lists the options that a requirements file may hold.",
            ) from exc

    def _included(self, line: FileLine, include: tuple[str, bool], chain: tuple[Path, ...]) -> Iterator[FileLine]:
        name, constraint = include
        if self._remote(name):
            return
        path = _absolute(_local_path(name), line.folder)
        if path in chain:
            circle = " -> ".join(str(file) for file in (*chain[chain.index(path) :], path))
            raise InputError(
                redact(f"{line.place}: the file includes itself: {circle}."), hint="Take one -r or -c out."
            )
        self._files += 1
        if len(chain) > MOST_INCLUDES or self._files > MOST_FILES:
            how = (
                f"{MOST_INCLUDES} files include one another"
                if len(chain) > MOST_INCLUDES
                else f"{MOST_FILES:,} files are included"
            )
            raise InputError(redact(f"{line.place}: more than {how}."), hint="Join some of them.")
        data = self._read(path, constraint=constraint, included_by=f"included by {line.place}")
        yield from self._parsed(data, source=str(path), path=path, constraint=constraint, chain=(*chain, path))

    def _remote(self, name: str) -> bool:
        if not name.lower().startswith(("http:", "https:")):
            return False
        self.remote_files.append(name)
        return True

    def _relocated(self, data: bytes, source: str, folder: Path) -> bytes:
        """Return the file so that it means the same in any folder: relative includes made absolute, lines in place."""
        text = decode(data, source=source)
        lines = [""] * (len(text.splitlines()) + 1)
        moved = False
        for number, line in logical_lines(text):
            include = self._parse(line, place(source, number)).include
            if include and not _SCHEME.match(include[0]) and not Path(include[0]).is_absolute():
                flag = "-c" if include[1] else "-r"
                line, moved = f"{flag} {shlex.quote(str(_absolute(Path(include[0]), folder)))}", True
            lines[number - 1] = line
        return "\n".join(lines).encode() if moved else data


def _absolute(path: Path, folder: Path | None = None) -> Path:
    # Not Path.resolve(): pip compares paths as they are written, symbolic links untouched.
    return Path(os.path.normpath((folder or Path.cwd()) / path))


def _local_path(name: str) -> Path:
    return path_of(name) if name.lower().startswith("file:") else Path(name)


def refuse_other_locks(path: Path, where: str = "") -> None:
    """Raise InputError for a lock that pip cannot read, by its name, with what its own tool can make of it."""
    if path.name in OTHER_LOCKS:
        raise InputError(
            f"{path} is a lock that pip does not read{where}.", hint=f"Export it first: {export_command(path)}"
        )


def _refuse_other_formats(path: Path, where: str) -> None:
    name = _EXTRAS.sub("", path.name)
    refuse_other_locks(path.with_name(name) if name else path, where)
    if is_lock_file(name):
        raise InputError(
            f"{path} is a lock file, which no requirements file can include{where}.",
            hint=f"Give it by itself: -r {path}",
        )
    if name in _OTHER_FORMATS:
        raise InputError(f"{path} is not in pip's requirements format{where}.", hint=_OTHER_FORMATS[name])
    if path.suffix == ".py":
        raise InputError(
            f"{path} is a script, not a requirements file{where}.", hint=f"To read what it needs: --script {path}"
        )


def _nearest_name(path: Path) -> str:
    try:
        names = [other.name for other in path.parent.iterdir() if other.is_file()]
    except OSError:
        return f"There is no folder {path.parent}."
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"Did you mean {path.with_name(close[0])}?" if close else "Check the name, and the folder that you are in."
