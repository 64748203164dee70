"""The tables of prefetch and check: wide and narrow, and safe whatever the names are."""

from __future__ import annotations

from pathlib import Path

import pytest

from wheelwarm.errors import FetchError
from wheelwarm.model import HIT, Action, Artifact, Kind, Outcome, Reason, Row, Summary, Verdict
from wheelwarm.prefetch import PrefetchReport
from wheelwarm.render import count_text
from wheelwarm.render.artifacts import prefetch_table, print_failures, summary_text
from wheelwarm.targets.target import Target

MISS = Verdict(Outcome.MISS, Reason.ABSENT)
LONG = "charset_normalizer-3.5.2-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"


def row(filename: str = "demo-1.0-py3-none-any.whl", *, name: str = "demo", error: FetchError | None = None) -> Row:
    """Make a row of a file that was downloaded."""
    artifact = Artifact(
        name=name, version="1.0", filename=filename, kind=Kind.WHEEL, url="https://index.test/x", size=1234
    )
    return Row(artifact=artifact, before=MISS, action=Action.DOWNLOADED, after=HIT, error=error)


def report(*rows: Row, dry_run: bool = False) -> PrefetchReport:
    """Make a report of these rows."""
    target = Target(
        python=Path("/python"),
        version="3.12.0",
        implementation="cpython",
        pip="26.3",
        pip_command=(),
        cache_dir=Path("/cache"),
    )
    return PrefetchReport(
        target=target,
        rows=rows,
        metadata=(Summary(), Summary(hits=2, misses=1)),
        source="pip",
        made=0.0,
        bytes_downloaded=1234,
        seconds=1.25,
        dry_run=dry_run,
    )


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_a_table_fits_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """No line of the table is longer than the terminal is wide, and names and outcomes are always there."""
    monkeypatch.setenv("COLUMNS", str(width))

    prefetch_table(report(row(), row(LONG, name="charset-normalizer")))

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].split() == ["name", "version", "file", "size", "before", "done", "after"]
    assert all("miss" in line and line.rstrip().endswith("hit") for line in lines[1:3])


def test_a_narrow_table_leaves_out_what_goes_without_saying(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file's name loses the project and version that stand beside it, a miss its plainest reason."""
    monkeypatch.setenv("COLUMNS", "70")

    prefetch_table(report(row(), row(LONG, name="charset-normalizer")))

    shown = capsys.readouterr().out
    assert "…py3-none-any.whl" in shown
    assert "(absent)" not in shown


def test_a_pipe_gets_everything(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal nothing is cut."""
    monkeypatch.delenv("COLUMNS")

    prefetch_table(report(row(LONG, name="charset-normalizer")))

    shown = capsys.readouterr().out
    assert LONG in shown
    assert "miss (absent)" in shown


def test_hostile_names_are_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Escape sequences and markup in a name never reach the terminal as such."""
    monkeypatch.delenv("COLUMNS")

    prefetch_table(report(row("\x1b[31mred\x1b]0;title\x07.whl", name="[bold]demo[/bold]\x1b[2J")))

    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[bold]demo[/bold]" in shown


def test_a_dry_run_shows_a_plan(capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run has a plan instead of what was done, and no state after."""
    prefetch_table(report(row(), dry_run=True))

    shown = capsys.readouterr().out
    assert shown.splitlines()[0].split()[-2:] == ["before", "plan"]
    assert "after:" not in shown
    assert "nothing downloaded" in shown


def test_failures_are_told_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Why a file could not be had is a sentence with a hint, without credentials."""
    print_failures([row(), row(error=FetchError("https://user:secret@index.test is down.", hint="Try again."))])

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "failed: https://****@index.test is down.\nhint: Try again.\n"


@pytest.mark.parametrize(
    ("summary", "text"),
    [
        (Summary(), "now: 0 hits"),
        (Summary(hits=1, misses=1), "now: 1 hit, 1 miss"),
        (Summary(2, 3, 2, 1, 4), "now: 2 hits, 3 stale, 2 misses, 1 uncacheable, 4 local"),
    ],
)
def test_totals_are_in_singular_and_plural(summary: Summary, text: str) -> None:
    """Counts are written as people say them, and what there is none of is not mentioned."""
    assert summary_text("now", summary) == text


def test_counts_have_their_noun() -> None:
    """The plural is formed with an s unless another is given."""
    assert (count_text(1, "file"), count_text(2, "file"), count_text(2, "entry", "entries")) == (
        "1 file",
        "2 files",
        "2 entries",
    )
