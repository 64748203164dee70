"""What a terminal shows while files come, drawn from the counts a few times a second: calm at 5 and at 500 files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wheelwarm.render.plain import plain, size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console, RenderableType

    from wheelwarm.render.bars import Bars, File

REFRESHES_PER_SECOND = 8
NAME_WIDTH = 36


class Display(Progress):
    """What is drawn of the counts: one line, and one for each of the files that take their time."""

    WAITING: tuple[ProgressColumn, ...] = (SpinnerColumn(), TextColumn("{task.description}", markup=False))
    FETCHING: tuple[ProgressColumn, ...] = (
        *WAITING,
        BarColumn(bar_width=16),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
    )

    def __init__(self, bars: Bars, console: Console) -> None:
        self.bars = bars
        super().__init__(*self.WAITING, console=console, transient=True, refresh_per_second=REFRESHES_PER_SECOND)
        self._task = self.add_task("starting", total=None)

    def get_renderables(self) -> Iterable[RenderableType]:
        """Draw the counts as they are now."""
        bars = self.bars
        self.columns = self.FETCHING if bars.total else self.WAITING
        if hasattr(self, "_task"):  # rich draws once before there is any task
            if bars.total is None and self.finished:
                self.reset(self._task)  # what has all its bytes stands still, and more is to be done
            arrived = bars.arrived if bars.total else 0
            self.update(self._task, description=bars.text, total=bars.total, completed=arrived)
        yield self.make_tasks_table(self.tasks)
        if files := bars.slowest():
            yield file_table(files)


def file_table(files: Iterable[File]) -> Table:
    """Lay out one line a file: name, bar, bytes."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(width=NAME_WIDTH, no_wrap=True, overflow="ellipsis")
    table.add_column(width=16)
    table.add_column(no_wrap=True)
    for file in files:
        of = f" of {size(file.size)}" if file.size else ""
        bar = ProgressBar(total=file.size, completed=file.arrived, width=16) if file.size else ""
        table.add_row("", Text(plain(file.name)), bar, Text(f"{size(file.arrived)}{of}"))
    return table
