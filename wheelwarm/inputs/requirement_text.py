"""The requirements file format as pip reads it: bytes -> text -> logical lines -> parsed lines. Knows no file system.

What pip leaves open (which options a version knows) is read generously: the target's pip has the last word.
"""

from __future__ import annotations

import codecs
import functools
import locale
import re
import shlex
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from wheelwarm.errors import InputError
from wheelwarm.model import STRONG_HASHES
from wheelwarm.redaction import redact

if TYPE_CHECKING:
    import optparse
    from collections.abc import Iterator, Mapping

# UTF-32 stands before UTF-16, because the little-endian mark of UTF-16 begins that of UTF-32.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED_ENCODING = re.compile(rb"coding[:=]\s*([-\w.]+)")
_COMMENT_START = re.compile(r"(?:^|(?<=\s))#")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
# Text that shlex would only split at blanks: it reads character by character, too slow for thousands of hashes.
_PLAIN_WORDS = re.compile(r"""[ !#-&(-\[\]-~]*""")

# What locked files hold by the thousand, read without an option parser.
_HASHES_ONLY = re.compile(r"(?:--hash=(?:sha256|sha384|sha512):[0-9a-z]+ *)+")

_FLAGS = ("--no-index", "--pre", "--prefer-binary", "--require-hashes", "--no-require-hashes")
_VALUES = (
    ("-i", "--index-url", "--pypi-url"),
    ("--extra-index-url",),
    ("-c", "--constraint"),
    ("-r", "--requirement"),
    ("-e", "--editable"),
    ("-f", "--find-links"),
    ("--no-binary",),
    ("--only-binary",),
    ("--all-releases",),
    ("--only-final",),
    ("--trusted-host",),
    ("--use-feature",),
    ("--hash",),
    ("-C", "--config-settings", "--config-setting"),
    ("--global-option",),
    ("--install-option",),
)
_NAME_LISTS = ("--no-binary", "--only-binary", "--all-releases", "--only-final")
_BUILD_OPTIONS = ("--config-settings", "--global-option", "--install-option")


class ParsedLine(NamedTuple):
    """One logical line: what stands before the options, and the options by their long names in order."""

    text: str
    arguments: str
    options: tuple[tuple[str, str], ...]

    def values(self, option: str) -> tuple[str, ...]:
        """Return what the line gives for an option; a flag without value gives an empty string."""
        return tuple(value for name, value in self.options if name == option)

    @property
    def editable(self) -> bool:
        """Whether the line has an `-e`."""
        return bool(self.values("--editable"))

    @property
    def requirement(self) -> str | None:
        """The requirement as pip would see it; None for a line of options only. Of several `-e` the first counts."""
        return self.arguments or next(iter(self.values("--editable")), None)

    @property
    def include(self) -> tuple[str, bool] | None:
        """The file that `-r` or `-c` includes, and whether as constraints; pip takes one a line, `-r` before `-c`."""
        if self.requirement is not None:
            return None
        names = [(name, False) for name in self.values("--requirement")]
        names += [(name, True) for name in self.values("--constraint")]
        return names[0] if names else None

    @property
    def build_options(self) -> bool:
        """Whether the requirement is built with options of its own."""
        return any(name in _BUILD_OPTIONS for name, _ in self.options)


def place(source: str, line: int) -> str:
    """Return `source, line N`, the way every message names a spot; line 0 stands for the whole source."""
    return redact(f"{source}, line {line}" if line else source)


def decode(data: bytes, *, source: str) -> str:
    """Return the text of a requirements file: by byte order mark, PEP 263 comment, UTF-8, then the locale's encoding.

    Raises InputError for bytes that are not text; pip before 25.0 asked the locale first.
    """
    try:
        text = _decode(data)
    except LookupError as exc:
        raise InputError(
            f"{place(source, 0)} declares an encoding that Python does not know: {exc}.",
            hint="Save it as UTF-8, and take that comment out.",
        ) from exc
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise _not_text(source, line) from exc
    except UnicodeError as exc:
        raise _not_text(source, 1) from exc
    if "\0" in text:
        raise _not_text(source, text.count("\n", 0, text.index("\0")) + 1)
    return text


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line that says something with its number: joined at backslashes, without comments, stripped.

    A joined line has the number of its first part. A comment line ends a joined one, whatever it ends with.
    """
    first, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        first = first if parts else number
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            parts.append(line.strip("\\"))
            continue
        # The blank keeps the comment a comment behind what it is joined to.
        parts.append(f" {line}" if comment else line)
        if stripped := _without_comment("".join(parts)):
            yield first, stripped
        parts = []
    if stripped := _without_comment("".join(parts)):
        yield first, stripped


def expand(line: str, environ: Mapping[str, str]) -> str:
    """Replace each `${NAME}` (upper case, digits, underscore); unset and empty variables stay as they are written."""
    for name in _VARIABLE.findall(line) if "${" in line else ():
        if value := environ.get(name):
            line = line.replace(f"${{{name}}}", value)
    return line


def parse_line(text: str) -> ParsedLine:
    """Parse one logical line as pip does: up to the first word with a dash the requirement, then options.

    Raises ValueError with the reason for options that no pip knows or that lack their value.
    """
    before, dash, after = f" {text}".partition(" -")
    return ParsedLine(text=text, arguments=before[1:], options=_parse_options(f"-{after}") if dash else ())


def _decode(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    for line in data.split(b"\n", 2)[:2]:
        if line.startswith(b"#") and (declared := _DECLARED_ENCODING.search(line)):
            return data.decode(declared[1].decode("ascii"))
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(locale.getencoding())


def _not_text(source: str, line: int) -> InputError:
    return InputError(
        f"{place(source, line)}: not text.",
        hint="Give a requirements file, saved as UTF-8 or with a '# -*- coding: … -*-' line on top.",
    )


def _without_comment(line: str) -> str:
    comment = _COMMENT_START.search(line) if "#" in line else None
    return (line[: comment.start()] if comment else line).strip()


def _parse_options(text: str) -> tuple[tuple[str, str], ...]:
    if _HASHES_ONLY.fullmatch(text):
        return tuple(("--hash", word.partition("=")[2]) for word in text.split())
    import optparse

    values = optparse.Values({"given": []})
    words = text.split() if _PLAIN_WORDS.fullmatch(text) else shlex.split(text)
    try:
        _option_parser().parse_args(words, values)
    except optparse.OptParseError as exc:
        raise ValueError(str(exc)) from exc
    return tuple(values.given)


@functools.cache
def _option_parser() -> optparse.OptionParser:
    # optparse, because pip's own is one: abbreviations, `-iURL` and words between options come out the same.
    import optparse

    class Parser(optparse.OptionParser):
        def error(self, msg: str) -> NoReturn:
            raise optparse.OptParseError(msg)

    parser = Parser(add_help_option=False)
    for names in _VALUES:
        parser.add_option(*names, action="callback", callback=_collect, type="string", callback_args=(_long(names),))
    for flag in _FLAGS:
        parser.add_option(flag, action="callback", callback=_collect, callback_args=(flag,))
    return parser


def _long(names: tuple[str, ...]) -> str:
    return next(name for name in names if name.startswith("--"))


def _collect(_option: optparse.Option, given: str, value: str | None, parser: optparse.OptionParser, name: str) -> None:
    if name in _NAME_LISTS and value is not None and value.startswith("-"):
        parser.error(f"{given} option requires 1 argument")
    if name == "--hash" and (value or "").partition(":")[0] not in STRONG_HASHES:
        parser.error(f"{given} takes one of {', '.join(STRONG_HASHES)}, a colon and the digest")
    assert parser.values is not None  # noqa: S101 - optparse sets it before it calls back
    parser.values.given.append((name, value or ""))
