"""Where lines of styled words go: on a terminal through rich, in a pipe as they are, for which rich is not loaded."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from io import TextIOWrapper
from typing import TYPE_CHECKING, NamedTuple, Protocol, TextIO, TypeAlias

from wheelwarm.render.plain import encodable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

UNLIMITED_WIDTH = 10_000

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"

Span: TypeAlias = "str | tuple[str, str]"
"""A text, or one with a style of rich's."""


class Sheet(Protocol):
    """Something to print on; `width` is in columns."""

    @property
    def width(self) -> int:
        """How many columns fit on it."""

    @property
    def is_terminal(self) -> bool:
        """Whether styles show on it."""

    def line(self, *spans: Span) -> None:
        """Print one line; it is never broken by us."""


class Pipe(NamedTuple):
    """A file, or another program: no styles, and lines are as long as they need to be, unless COLUMNS says more."""

    file: TextIO
    is_terminal: bool = False

    @property
    def width(self) -> int:
        """How many columns fit on it."""
        said = os.environ.get("COLUMNS", "")
        return int(said) if said.isascii() and said.isdecimal() else UNLIMITED_WIDTH

    def line(self, *spans: Span) -> None:
        """Print one line."""
        self.file.write(f"{encodable(words(spans), self.file)}\n")


class Screen(NamedTuple):
    """A console of rich's."""

    console: Console

    @property
    def width(self) -> int:
        """How many columns fit on it."""
        return self.console.width

    @property
    def is_terminal(self) -> bool:
        """Whether styles show on it."""
        return self.console.is_terminal

    def line(self, *spans: Span) -> None:
        """Print one line, for the terminal to wrap."""
        self.console.print(styled(spans), soft_wrap=True)


def answer() -> Sheet:
    """Return where the answer goes: standard output."""
    if is_pipe(sys.stdout):
        return Pipe(sys.stdout)
    return Screen(stdout())


def aside() -> Sheet:
    """Return where all else goes: standard error."""
    if not is_pipe(sys.stderr):
        return Screen(stderr())
    _write_answer()
    return Pipe(sys.stderr)


def stdout() -> Console:
    """Return the console of the answer; in a pipe lines are as long as they need to be.

    What the output's encoding lacks becomes an escape there, as it always does on standard error.
    """
    from rich.console import Console

    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors != "backslashreplace":
        sys.stdout.reconfigure(errors="backslashreplace")
    console = Console(file=sys.stdout, highlight=False, soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in console._environ:
        console.width = UNLIMITED_WIDTH
    return console


def stderr() -> Console:
    """Return the console of progress, notes and errors."""
    from rich.console import Console

    _write_answer()
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def _write_answer() -> None:
    """Write what was answered so far, so that it comes first where both go to one log."""
    if sys.stdout is not None:
        sys.stdout.flush()


def is_pipe(file: TextIO) -> bool:
    """Tell whether a file is no terminal, and nobody (https://force-color.org) wants it to be taken for one."""
    return not (file.isatty() or os.environ.get("FORCE_COLOR") or os.environ.get("TTY_COMPATIBLE"))


# A table asks the same of each cell for its columns' widths and for its lines, and most of its cells are alike.
@lru_cache(maxsize=8192)
def words(spans: tuple[Span, ...]) -> str:
    """Return what spans say, without their styles."""
    return "".join(one if isinstance(one, str) else one[0] for one in spans)


@lru_cache(maxsize=8192)
def columns_of(spans: tuple[Span, ...]) -> int:
    """Return how many columns of a terminal spans take; some letters take two."""
    text = words(spans)
    if text.replace(ELLIPSIS, ".").isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def styled(spans: tuple[Span, ...]) -> Text:
    """Return spans as rich has them; nothing in them is markup."""
    from rich.text import Text

    return Text.assemble(*spans)
