"""Requirements that a file declares in a TOML table of its own, which pip reads from no such file: it gets a copy."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from wheelwarm.errors import InputError
from wheelwarm.inputs.requirement_line import is_too_deep
from wheelwarm.inputs.requirement_text import place
from wheelwarm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# What a requirements file takes for an option, a comment or a variable, wherever in a line it stands.
_LOST_IN_FILES = re.compile(r"\s[-#]|\$\{")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a file declares: its requirements, each with its line (0 where that is not known), and for which Pythons."""

    path: Path
    requirements: tuple[tuple[int, Requirement], ...]
    pythons: SpecifierSet

    def as_file(self) -> bytes:
        """Return a requirements file of the same."""
        return "".join(f"{requirement}\n" for _, requirement in self.requirements).encode()


@dataclass(frozen=True, slots=True)
class Source:
    """A file of TOML, or with TOML in it, as text: what is wrong in it is told with its line."""

    path: Path
    text: str

    def table(self, toml: str) -> dict[str, Any]:
        """Parse TOML that stands in the file; InputError where it is none."""
        try:
            return tomllib.loads(toml)
        except tomllib.TOMLDecodeError as exc:
            raise InputError(f"{self.path} has no valid TOML: {exc}.", hint="See https://toml.io.") from exc
        except RecursionError as exc:
            raise InputError(f"{self.path} is nested too deeply.", hint="Take brackets out.") from exc

    def strings(self, value: object, name: str) -> Sequence[str]:
        """Return a list of strings as one; InputError for anything else."""
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return value
        raise InputError(
            f"{self.path}: {name} is no list of strings.", hint=f'Write it as in {name} = ["flask>=3", "requests"].'
        )

    def requirement(self, text: str) -> tuple[int, Requirement]:
        """Parse one requirement (PEP 508) of the file, and find its line."""
        line = self._line_of(text)
        try:
            found = Requirement(text)
            if _LOST_IN_FILES.search(str(found)):
                raise InvalidRequirement("a marker with ' -', ' #' or '${' in it cannot be handed to pip in a file")
        except (InvalidRequirement, RecursionError) as exc:
            reason = "its marker is nested too deeply" if is_too_deep(exc) else str(exc)
            raise InputError(
                f"{place(str(self.path), line)}: invalid requirement '{quoted(text)}': {quoted(_first_line(reason))}.",
                hint="Only NAME, NAME==VERSION and the like, or NAME @ URL, can be declared.",
            ) from exc
        return line, found

    def pythons(self, value: object) -> SpecifierSet:
        """Read a `requires-python`; None stands for every Python."""
        try:
            return SpecifierSet(value if isinstance(value, str) else "" if value is None else str(value))
        except InvalidSpecifier as exc:
            raise InputError(
                f"{place(str(self.path), self._line_of(str(value)))}: requires-python '{value}' is no set of versions.",
                hint='Write it as in requires-python = ">=3.11".',
            ) from exc

    def _line_of(self, text: str) -> int:
        at = self.text.find(text) if text else -1
        return self.text.count("\n", 0, at) + 1 if at >= 0 else 0


def _first_line(reason: str) -> str:
    return reason.partition("\n")[0]


def read_bytes(path: Path, what: str) -> bytes:
    """Read a file; InputError, with its name, where that cannot be."""
    try:
        return path.read_bytes()
    except FileNotFoundError as exc:
        raise InputError(f"{what} {path} does not exist.", hint="Check the name.") from exc
    except IsADirectoryError as exc:
        raise InputError(f"{path} is a folder.", hint="Name a file in it.") from exc
    except OSError as exc:
        hint = "Make the file readable for this user." if isinstance(exc, PermissionError) else "Check the name."
        raise InputError(f"{what} {path} cannot be read: {exc.strerror or exc}.", hint=hint) from exc


def decoded(path: Path, data: bytes, encoding: str = "utf-8-sig") -> str:
    """Return the text of a file; InputError, with the line, where it is none."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise InputError(f"{path}, line {line}: not text.", hint="Save the file as UTF-8.") from exc
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"{path}, line {line}: not text.", hint="Take the NUL byte out.")
    return text
