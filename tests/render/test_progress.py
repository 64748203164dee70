"""Progress: bars on a terminal, silence elsewhere."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from wheelwarm.render.progress import Bars, observer

if TYPE_CHECKING:
    import pytest


def test_without_a_terminal_only_notes_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe no bar is drawn; a note is a line on standard error, without credentials."""
    with observer() as watcher:
        watcher.phase("resolving")
        watcher.begin("demo.whl", 10)
        watcher.advance("demo.whl", 10)
        watcher.end("demo.whl")
        watcher.note("from https://user:secret@index.test")

    assert capsys.readouterr() == ("", "from https://****@index.test\n")


def test_on_a_terminal_there_are_bars(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a terminal is, the phase is shown while it lasts."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")

    with observer() as watcher:
        watcher.phase("resolving demo")

    assert "resolving demo" in capsys.readouterr().err


def test_the_total_counts_every_file() -> None:
    """The total grows with each file begun; a file that starts over is not counted twice; one that ends goes."""
    with Progress(console=Console(file=io.StringIO())) as progress:
        bars = Bars(progress)
        bars.begin("one.whl", 10)
        bars.begin("two.whl", None)
        bars.advance("one.whl", 4)
        bars.begin("one.whl", 10)
        bars.advance("one.whl", 10)
        bars.end("one.whl")
        bars.end("one.whl")
        bars.note("a note")

        total, two = progress.tasks
        assert (total.total, two.description) == (10, "two.whl")
        assert total.completed == 10
