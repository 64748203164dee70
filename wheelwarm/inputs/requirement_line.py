"""One requirement as pip takes it: a PEP 508 requirement, a path, an archive's or a repository's URL."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn
from urllib.parse import urlsplit

from wheelwarm.errors import InputError
from wheelwarm.local_files import path_of
from wheelwarm.redaction import quoted

if TYPE_CHECKING:
    from packaging.markers import Marker
    from packaging.requirements import Requirement

# A name with or without versions of the plainest form: certainly a requirement, which need not be parsed to know that.
_VERSIONS = r"([<>]=?|[=!]=) ?[0-9]+(\.[0-9]+)*"
PLAIN = rf"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?( ?{_VERSIONS}( ?, ?{_VERSIONS})*)?"
_VCS_SCHEMES = frozenset(
    f"{system}+{transport}"
    for system, transports in {
        "bzr": "http https ssh sftp ftp lp file",
        "git": "http https ssh git file",
        "hg": "file http https ssh static-http",
        "svn": "ssh http https svn file",
    }.items()
    for transport in transports.split()
)
_URL_SCHEMES = _VCS_SCHEMES | {"http", "https", "file", "ftp"}
_ARCHIVES = frozenset(
    [".zip", ".whl", ".tar", ".tgz", ".tbz", ".txz", ".tlz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.lz", ".tar.lzma"],
)
_EXTRAS = re.compile(r"(.+)\[[^\]]+\]")
_EGG = re.compile(r"[#&]egg=[^&]")
_OPERATORS = ("~=", "==", "!=", "<=", ">=", "<", ">")


class Parts(NamedTuple):
    """What one requirement string says, as in RequirementLine."""

    parsed: Requirement | None
    url: str | None
    marker: Marker | None
    plain: bool = False


class RequirementLine(NamedTuple):
    """One requirement with the place it comes from.

    `text` is the requirement as pip would see it: no comment, variables filled in, so it may hold credentials.
    `plain` is a name and versions alone, not parsed before somebody asks: a remembered input needs no parser.
    `url` is the direct URL with its fragment, a path's as `file:`. `marker` stands for all of these. `hashes` are
    `algorithm:digest`. `source` is None on the command line and on standard input, `line` 0 where there are no lines.
    `build_options`: it is built with options of its own (`--config-settings` …).
    """

    text: str
    parsed: Requirement | None = None
    plain: bool = False
    url: str | None = None
    marker: Marker | None = None
    hashes: tuple[str, ...] = ()
    constraint: bool = False
    editable: bool = False
    source: Path | None = None
    line: int = 0
    build_options: bool = False

    @property
    def requirement(self) -> Requirement | None:
        """What PEP 508 makes of it; None for paths, repositories and bare archive URLs."""
        return _plain_requirement(self.text) if self.plain else self.parsed

    @property
    def by_name(self) -> bool:
        """Whether an index says what it stands for: no path, no repository, no URL."""
        return self.plain or (self.parsed is not None and self.url is None)

    @property
    def pin(self) -> tuple[str, str] | None:
        """The canonical project name and the version, when one `==` or `===` without wildcard is all it asks for."""
        return _plain_pin(self.text) if self.plain else _pin_in(self.parsed)

    @property
    def local(self) -> bool:
        """Whether pip reads it in place: a path or a `file:` URL."""
        return self.url is not None and urlsplit(self.url).scheme in {"", "file"}

    @property
    def path(self) -> Path | None:
        """The file or folder of a local requirement."""
        return path_of(self.url) if self.url and self.local else None


def parse(text: str, *, place: str = "") -> Parts:
    """Return the requirement, the direct URL and the marker in a text, whichever it has.

    Paths count from the current folder, in files too, as pip has it.
    Raises InputError, its message led by `place`, for what pip would call an invalid requirement.
    """
    if re.fullmatch(PLAIN, text) and not _has_archive_suffix(text):
        return Parts(None, None, None, plain=True)
    separator = "; " if _is_url(text, place) else ";"
    text, _, marker = text.partition(separator)
    text = text.strip()
    parsed_marker = _parse_marker(marker.strip(), text, place)
    if _is_url(text, place):
        return Parts(None, text, parsed_marker)
    if path := _path_of(text, place):
        return Parts(None, path.as_uri(), parsed_marker)
    requirement = _parse_requirement(text, place)
    requirement.marker = parsed_marker
    return Parts(requirement, requirement.url, parsed_marker)


def check_scheme(line: RequirementLine, place: str) -> None:
    """Raise InputError for a URL by which pip could fetch nothing, which it finds out only when it tries to."""
    if line.plain:
        return
    url = line.parsed.url if line.parsed else line.text if "://" in line.text else None
    if url is None or line.editable or (scheme := _scheme(url, place)) in _URL_SCHEMES:
        return
    if "://" in url:
        _refuse(line.text, f"nothing is fetched by '{scheme}:'", place, hint="A URL starts with https: or file:.")
    is_path = url.startswith(".") or Path(url).exists()
    meant = _absolute(url).as_uri() if is_path else f"https://{url.lstrip('/')}"
    _refuse(line.text, "the URL has no scheme", place, hint=f"Write {meant}.")


def parse_editable(text: str, *, place: str = "") -> Parts:
    """Return the requirement and marker (of `NAME @ URL` only) and the URL of an `-e`: a local project or a repository.

    Raises InputError, its message led by `place`, for anything else.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        requirement = None
    if requirement is not None and requirement.url:
        return Parts(requirement, _editable_url(requirement.url, text, place), requirement.marker)
    url = _editable_url(text, text, place)
    if not url.startswith("file:") and not _EGG.search(url):
        _refuse(text, "a repository needs the name of its project", place, hint="Write NAME @ URL.")
    return Parts(None, url, None)


def _editable_url(location: str, text: str, place: str) -> str:
    without_extras = _without_extras(location)
    if location and Path(without_extras).is_dir():
        return _absolute(without_extras).as_uri()
    if without_extras.lower().startswith("file:"):
        return without_extras
    system = location.partition(":")[0].lower()
    url = f"{system}+{location}" if system in {"bzr", "git", "hg", "svn"} else location
    if _scheme(url, place) not in _VCS_SCHEMES:
        _refuse(
            text,
            "neither the folder of a project nor a repository's URL",
            place,
            hint="Give -e ./FOLDER or -e git+URL.",
        )
    return url


@functools.lru_cache(maxsize=1024)
def _plain_requirement(text: str) -> Requirement:
    from packaging.requirements import Requirement

    return Requirement(text)


@functools.lru_cache(maxsize=4096)
def _plain_pin(text: str) -> tuple[str, str] | None:
    return _pin_in(_plain_requirement(text))


def _pin_in(requirement: Requirement | None) -> tuple[str, str] | None:
    from packaging.utils import canonicalize_name

    if requirement is None or len(requirement.specifier) != 1:
        return None
    (specifier,) = requirement.specifier
    if specifier.operator not in {"==", "==="} or specifier.version.endswith(".*"):
        return None
    return canonicalize_name(requirement.name), specifier.version


def _parse_requirement(text: str, place: str) -> Requirement:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(text)
    except (InvalidRequirement, RecursionError) as exc:
        if is_too_deep(exc):
            _refuse(text, "its marker is nested too deeply", place, hint="Take parentheses out.")
        _refuse(text, _first_line(exc), place, hint=_hint(text))


def _parse_marker(marker: str, text: str, place: str) -> Marker | None:
    if not marker:
        return None
    from packaging.markers import InvalidMarker

    try:
        return _marker(marker)
    except (InvalidMarker, RecursionError) as exc:
        if is_too_deep(exc):
            _refuse(f"{text}; {marker}", "its marker is nested too deeply", place, hint="Take parentheses out.")
        _refuse(f"{text}; {marker}", _first_line(exc), place, hint="")


def is_too_deep(exc: Exception) -> bool:
    """Tell whether a requirement or marker has more parentheses than Python, or packaging since 26.4, reads."""
    return isinstance(exc, RecursionError) or "nested more than" in str(exc)


@functools.lru_cache(maxsize=256)
def _marker(text: str) -> Marker:
    from packaging.markers import Marker

    return Marker(text)


def _path_of(text: str, place: str) -> Path | None:
    """Return the path that pip would take the text for, if any: a folder, or whatever ends like an archive."""
    if not _looks_like_path(text) and not _has_archive_suffix(_without_extras(text)):
        return None
    written = _without_extras(str(_absolute(text)))
    path = Path(written)
    if _looks_like_path(text) and path.is_dir():
        _check_project(path, text, place)
        return path
    if not _has_archive_suffix(written) or (not path.is_file() and _names_url(text)):
        return None
    return path


def _has_archive_suffix(path: str) -> bool:
    stem, suffix = os.path.splitext(path)  # noqa: PTH122 - Path.suffix finds one in `..zip`
    return (".tar" if stem.lower().endswith(".tar") else "") + suffix.lower() in _ARCHIVES


def _names_url(text: str) -> bool:
    name, at, _ = text.partition("@")
    return bool(at) and not _looks_like_path(name)


def _check_project(folder: Path, text: str, place: str) -> None:
    if not any((folder / name).is_file() for name in ("pyproject.toml", "setup.py")):
        _refuse(
            text, "the folder has neither pyproject.toml nor setup.py", place, hint="Name the project's own folder."
        )


def _looks_like_path(text: str) -> bool:
    return text.startswith(".") or os.sep in text or (os.altsep is not None and os.altsep in text)


def _without_extras(text: str) -> str:
    match = _EXTRAS.fullmatch(text) if text.endswith("]") else None
    return match[1].rstrip() if match else text


def _absolute(path: str) -> Path:
    # Not Path.resolve(): pip leaves symbolic links as they are written.
    return Path(os.path.normpath(Path.cwd() / path))


def _is_url(text: str, place: str) -> bool:
    return ":" in text and _scheme(text, place) in _URL_SCHEMES


def _scheme(text: str, place: str) -> str:
    try:
        return urlsplit(text).scheme
    except ValueError as exc:
        _refuse(text, str(exc), place, hint="")


def _refuse(text: str, reason: str, place: str, *, hint: str) -> NoReturn:
    lead = f"{place}: " if place else ""
    raise InputError(
        f"{lead}{'invalid' if place else 'Invalid'} requirement '{quoted(text)}': {quoted(reason)}.",
        hint=quoted(hint or "Write NAME, NAME==VERSION, NAME @ URL, or a path."),
    )


def _first_line(exc: Exception) -> str:
    return str(exc).partition("\n")[0]


def _hint(text: str) -> str:
    if _looks_like_path(text):
        return "It looks like a path, but there is no such file or folder." if not Path(text).exists() else ""
    name, equals, version = text.partition("=")
    if equals and not any(operator in text for operator in _OPERATORS):
        return f"Write {name.strip()}=={version.strip()}."
    return ""
