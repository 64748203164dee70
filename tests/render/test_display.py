"""What a terminal shows while files come."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

from wheelwarm.render.bars import Bars
from wheelwarm.render.display import Display

if TYPE_CHECKING:
    from collections.abc import Callable


def displayed(clock: Callable[[], float]) -> Display:
    """Make a display of counts by a clock of the test's own."""
    return Display(Bars(lambda _text: None, clock=clock), Console(file=io.StringIO(), width=80))


def drawn(display: Display) -> str:
    """Return what the display shows at 80 columns."""
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(display.get_renderable())
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_before_the_first_file_there_are_words_alone() -> None:
    """While nothing is known of bytes, no bar tells of them."""
    assert drawn(displayed(lambda: 0.0)).split()[1:] == ["starting"]


def test_what_is_drawn_while_bytes_come() -> None:
    """One line for all, with the count of files, bytes and speed, and below it the files; all within 80 columns."""
    now = [0.0]
    display = displayed(lambda: now[0])
    display.bars.phase("fetching")
    display.bars.expect(500, 200_000_000)
    display.bars.begin("a-project-with-a-rather-long-name-1.0-py3-none-any.whl", 20_000_000)
    display.bars.begin("\x1b[31mevil.whl", None)
    display.bars.advance("a-project-with-a-rather-long-name-1.0-py3-none-any.whl", 5_000_000)
    now[0] = 1.0

    first, second, third = drawn(display).splitlines()

    assert "fetching 0 of 500" in first
    assert "5.0/200.0 MB" in first
    assert "a-project-with-a-rather-long-name" in second
    assert "5.0 MB of 20.0 MB" in second
    assert "\x1b" not in third
    assert max(map(len, (first, second, third))) <= 80


def test_a_phase_without_bytes_has_no_bar() -> None:
    """After the files, while wheels are built, say, only the words are left."""
    display = displayed(lambda: 0.0)
    display.bars.expect(1, 10)
    display.bars.phase("building demo 1.0")

    assert drawn(display).split()[1:] == ["building", "demo", "1.0"]


def test_what_comes_after_the_files_moves_too() -> None:
    """Once all bytes are there the line says what goes on next, and that it does go on."""
    display = displayed(lambda: 0.0)
    display.bars.expect(1, 10)
    display.bars.begin("one.whl", 10)
    display.bars.advance("one.whl", 10)
    drawn(display)
    assert display.finished

    display.bars.phase("resolving")

    spinner, word = drawn(display).split()
    assert spinner
    assert word == "resolving"
    assert not display.finished
