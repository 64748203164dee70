"""Progress on standard error: on a terminal one bar for all and the few files that take their time, else silence."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from wheelwarm.model import Silent
from wheelwarm.redaction import redact
from wheelwarm.render.plain import plain
from wheelwarm.render.sheet import aside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wheelwarm.model import Observer


class Notes(Silent):
    """The observer where no terminal is: no bars, but notes are still said."""

    def note(self, text: str) -> None:
        """Print a line on standard error."""
        aside().line(plain(redact(text)))


@contextmanager
def observer() -> Iterator[Observer]:
    """Watch long work: by bars on a terminal, else in silence."""
    if not aside().is_terminal:
        yield Notes()
        return
    from rich.text import Text

    from wheelwarm.render.bars import Bars
    from wheelwarm.render.display import Display
    from wheelwarm.render.sheet import stderr

    console = stderr()
    bars = Bars(lambda text: console.print(Text(plain(redact(text)))))
    with Display(bars, console):
        yield bars
