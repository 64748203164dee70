"""The counts behind a progress display: what goes on, how much has come of how much, which files take their time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_FILES = 4
SHOWN_AFTER_SECONDS = 0.7


@dataclass(slots=True)
class File:
    """A file under way: sizes in bytes, `started` by a monotonic clock."""

    name: str
    size: int | None
    started: float
    arrived: int = 0


class Bars:
    """The observer of a terminal: what goes on, one bar for all bytes, and the files that take their time below it.

    It only counts; the display asks for what to show a few times a second, however many files come and go between.
    """

    def __init__(self, note: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._note = note
        self._clock = clock
        self._lock = threading.Lock()
        self._files: dict[str, File] = {}
        self._words = "starting"
        self._expected: tuple[int, int] | None = None
        self._begun = 0
        self._ended = 0
        self.arrived = 0

    @property
    def text(self) -> str:
        """What goes on, with how many files are done."""
        return f"{self._words} {self._ended} of {self._expected[0]}" if self._expected else self._words

    @property
    def total(self) -> int | None:
        """All bytes, as far as is known; None while no bytes are to come."""
        return max(self._expected[1], self._begun) if self._expected else None

    def phase(self, text: str) -> None:
        """Say something else, and show no bytes until some are expected."""
        self._words, self._expected = text, None

    def expect(self, files: int, size: int) -> None:
        """Show the bar: for so many files of so many bytes together, as far as they are known."""
        with self._lock:
            self._expected = (files, size)
            self._begun = self._ended = self.arrived = 0

    def begin(self, name: str, size: int | None) -> None:
        """Count a file's bytes; one that starts over takes what it had from the total."""
        with self._lock:
            if again := self._files.get(name):
                self.arrived -= again.arrived
            else:
                self._begun += size or 0
            self._files[name] = File(name, size, again.started if again else self._clock())

    def advance(self, name: str, amount: int) -> None:
        """Count bytes."""
        with self._lock:
            if file := self._files.get(name):
                file.arrived += amount
                self.arrived += amount

    def end(self, name: str) -> None:
        """Count a file as done."""
        with self._lock:
            self._ended += 1
            self._files.pop(name, None)

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        self._note(text)

    def slowest(self) -> list[File]:
        """Return the files to show: under way for a moment at least, those with most to come, in a steady order."""
        with self._lock:
            since = self._clock() - SHOWN_AFTER_SECONDS
            lasting = [file for file in self._files.values() if file.started <= since]
        longest = sorted(lasting, key=lambda file: (file.size or 0) - file.arrived, reverse=True)[:MOST_FILES]
        return sorted(longest, key=lambda file: file.started)
