"""Progress on standard error: bars on a terminal, silence elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.text import Text

from wheelwarm.model import Silent
from wheelwarm.redaction import redact
from wheelwarm.render import stderr
from wheelwarm.render.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress, TaskID

    from wheelwarm.model import Observer


class Bars:
    """The observer of a terminal: what goes on, one bar for all bytes, and the files under way below it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._total = progress.add_task("starting", total=None)
        self._tasks: dict[str, TaskID] = {}
        self._expected = 0

    def phase(self, text: str) -> None:
        """Change the words beside the total bar."""
        self._progress.update(self._total, description=text)

    def begin(self, name: str, size: int | None) -> None:
        """Show a file's own bar; one that starts over takes what it had from the total."""
        if (task := self._tasks.get(name)) is not None:
            (again,) = [one for one in self._progress.tasks if one.id == task]
            self._progress.advance(self._total, -again.completed)
            self._progress.reset(task)
            return
        self._expected += size or 0
        self._tasks[name] = self._progress.add_task(name, total=size)
        self._progress.update(self._total, total=self._expected)

    def advance(self, name: str, amount: int) -> None:
        """Move a file's bar and the total."""
        self._progress.advance(self._tasks[name], amount)
        self._progress.advance(self._total, amount)

    def end(self, name: str) -> None:
        """Take a file's bar away."""
        if (task := self._tasks.pop(name, None)) is not None:
            self._progress.remove_task(task)

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        self._progress.console.print(Text(plain(redact(text))))


class Notes(Silent):
    """The observer where no terminal is: no bars, but notes are still said."""

    def note(self, text: str) -> None:
        """Print a line on standard error."""
        stderr().print(Text(plain(redact(text))))


@contextmanager
def observer() -> Iterator[Observer]:
    """Watch long work: by bars on a terminal, else in silence."""
    console = stderr()
    if not console.is_terminal:
        yield Notes()
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bars(progress)
