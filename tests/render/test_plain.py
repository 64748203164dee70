"""Text fit for any terminal: nothing of a hostile name gets through, sizes and times are short."""

from __future__ import annotations

import io
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelwarm.render.plain import ago, bar, columns, cut, moment, plain, size, write


@given(st.text())
def test_nothing_that_is_not_seen_gets_through(text: str) -> None:
    """Controls, half characters and marks that turn the direction become escapes; the judge is Unicode's category."""
    categories = {unicodedata.category(one) for one in plain(text)}
    assert categories.isdisjoint({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
    if text.isascii() and text.isprintable():
        assert plain(text) == text


def test_escapes_are_readable() -> None:
    """What is escaped can be told."""
    assert plain("\x1b[31mred\u202e\udcff\n") == "\\x1b[31mred\\u202e\\udcff\\n"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_951, "1.0 MB"),
        (1_234_567_890, "1.2 GB"),
        (10**16, "10000.0 TB"),
    ],
)
def test_sizes_are_short(amount: int, text: str) -> None:
    """Powers of 1000, as pip has them, without ever 1000.0 of a unit that has a next."""
    assert size(amount) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 min"),
        (3600, "1 h"),
        (47 * 3600, "47 h"),
        (48 * 3600, "2 days"),
        (729 * 86400, "729 days"),
        (730 * 86400, "2 years"),
    ],
)
def test_times_are_short(seconds: float, text: str) -> None:
    """One unit says how long ago it was."""
    assert ago(seconds) == text


def test_moments_are_in_iso_8601() -> None:
    """Times are in UTC to the second; one beyond the calendar is none."""
    assert moment(0.9) == "1970-01-01T00:00:00+00:00"
    assert moment(1e18) is None
    assert moment(-1e18) is None


class Terminal(io.StringIO):
    """A standard output of some encoding."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding it says it has."""
        return self._encoding


@given(st.floats(0, 1), st.integers(1, 40))
def test_bars_are_within_their_width(share: float, width: int) -> None:
    """A bar is never wider than its place, and of more than nothing something is seen."""
    drawn = bar(share, width)
    assert len(drawn) <= width
    assert bool(drawn) == (share > 0)


def test_bars_without_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """An output that has no blocks gets bars of ASCII."""
    monkeypatch.setattr(sys, "stdout", Terminal("ascii"))
    assert [bar(share, 8) for share in (0.0, 0.01, 0.5, 1.0)] == ["", "#", "####", "########"]


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", "…"), ("cp1252", "…"), ("latin-1", "~"), ("ascii", "~")])
def test_what_is_cut_is_marked(monkeypatch: pytest.MonkeyPatch, encoding: str, mark: str) -> None:
    """Text that is too long ends in one character that the output has, so that columns stay in line."""
    monkeypatch.setattr(sys, "stdout", Terminal(encoding))
    assert [cut("abcdef", width) for width in (7, 6, 5, 1, 0)] == ["abcdef", "abcdef", f"abcd{mark}", mark, ""]


def test_what_the_encoding_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file name in letters that the output has not does not end the listing."""
    output = Terminal("ascii")
    monkeypatch.setattr(sys, "stdout", output)
    write("dém\u65e5\n")
    assert output.getvalue() == "d\\xe9m\\u65e5\n"


def test_columns_are_as_wide_as_they_need() -> None:
    """Each column has the width of its longest cell, up to its limit; numbers end flush."""
    rows = [("name", "size", "for"), ("a-long-name", "9 B", ""), ("b", "100 kB", "anything")]
    limits = (6, None, None)

    assert list(columns(rows, right=frozenset({1}), limits=limits, width=80)) == [
        "name      size  for",
        "a-lon…     9 B",
        "b       100 kB  anything",
    ]
    assert list(columns(rows, right=frozenset({1}), limits=limits, width=20))[2] == "b       100 kB  any…"
    assert list(columns(rows, right=frozenset({1}), limits=limits, width=10))[2] == "b       10"
