"""Progress: bars on a terminal, silence elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wheelwarm.render.bars import MOST_FILES, Bars
from wheelwarm.render.progress import observer

if TYPE_CHECKING:
    import pytest


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def bars() -> tuple[Bars, Clock]:
    """Count by a clock of the test's own."""
    clock = Clock()
    return Bars(lambda _text: None, clock=clock), clock


def test_without_a_terminal_only_notes_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe no bar is drawn; a note is a line on standard error, without credentials."""
    with observer() as watcher:
        watcher.phase("resolving")
        watcher.expect(1, 10)
        watcher.begin("demo.whl", 10)
        watcher.advance("demo.whl", 10)
        watcher.end("demo.whl")
        watcher.note("from https://user:secret@index.test")

    assert capsys.readouterr() == ("", "from https://****@index.test\n")


def test_on_a_terminal_there_are_bars(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a terminal is, the phase is shown while it lasts, and notes stand above it."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")

    with observer() as watcher:
        watcher.phase("resolving demo")
        watcher.note("from https://user:secret@index.test")

    said = capsys.readouterr().err
    assert "resolving demo" in said
    assert "from https://****@index.test" in said


def test_the_total_counts_every_file() -> None:
    """The bytes of all files count once, those of a file that starts over too; unknown sizes let the total grow."""
    counted, _ = bars()
    assert counted.text == "starting"
    counted.expect(3, 25)
    counted.begin("one.whl", 10)
    counted.begin("two.whl", None)
    counted.advance("one.whl", 4)
    counted.begin("one.whl", 10)
    counted.advance("one.whl", 10)
    counted.advance("two.whl", 5)
    counted.end("one.whl")
    assert (counted.arrived, counted.total) == (15, 25)

    counted.begin("three.whl", 30)

    assert counted.total == 40
    assert counted.text == "starting 1 of 3"


def test_only_files_that_take_their_time_are_shown() -> None:
    """Small files come and go unseen; of many large ones those with most to come are shown, in a steady order."""
    counted, clock = bars()
    counted.expect(100, 10_000)
    for number in range(10):
        counted.begin(f"{number}.whl", 1000 + number)
        clock.now += 0.01
    assert counted.slowest() == []

    clock.now += 1
    counted.begin("new.whl", 9000)
    shown = [file.name for file in counted.slowest()]
    counted.advance("9.whl", 900)
    later = [file.name for file in counted.slowest()]

    assert shown == ["6.whl", "7.whl", "8.whl", "9.whl"]
    assert later == ["5.whl", "6.whl", "7.whl", "8.whl"]
    assert len(shown) == MOST_FILES
