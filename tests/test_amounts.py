"""Lengths of time and sizes: what people write is read as they mean it, and what could be meant twice is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelwarm.amounts import bytes_of, seconds_of
from wheelwarm.errors import InputError

DAY = 24 * 60 * 60


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30d", 30 * DAY),
        ("12h", DAY / 2),
        ("6w", 42 * DAY),
        ("90min", 1.5 * 3600),
        ("45s", 45),
        ("1w2d", 9 * DAY),
        ("1w 2d 3h", 9 * DAY + 3 * 3600),
        ("30 days", 30 * DAY),
        ("1 Week", 7 * DAY),
        ("1.5d", 1.5 * DAY),
        ("0d", 0),
        (" 30D ", 30 * DAY),
        ("P30D", 30 * DAY),
        ("p6w", 42 * DAY),
        ("PT12H", DAY / 2),
        ("P1DT6H30M5S", DAY + 6.5 * 3600 + 5),
    ],
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    """Short and long units, sums of them, and ISO 8601 durations, in any case."""
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("30", "no unit"),
        ("1.5", "no unit"),
        ("-3", "no unit"),
        ("3m", "months and years"),
        ("3 months", "months and years"),
        ("P1M", "months and years"),
        ("P1Y2D", "months and years"),
        ("3y", "unit is not known"),
        ("P", "unit is not known"),
        ("PT", "unit is not known"),
        ("P1DT", "unit is not known"),
        ("-3d", "unit is not known"),
        ("d", "unit is not known"),
        ("", "unit is not known"),
        ("3d4", "unit is not known"),
        ("3d x", "unit is not known"),
    ],
)
def test_no_length_of_time(text: str, why: str) -> None:
    """What could be meant twice, or not at all, is refused with an example of what can be written."""
    with pytest.raises(InputError, match=why) as caught:
        seconds_of(text)
    assert "30d" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GB", 2 * 10**9),
        ("2G", 2 * 10**9),
        ("2 gb", 2 * 10**9),
        ("500MiB", 500 * 2**20),
        ("500Mi", 500 * 2**20),
        ("1.5GiB", 3 * 2**29),
        ("10kB", 10_000),
        ("10K", 10_000),
        ("1TB", 10**12),
        ("700b", 700),
        ("700 bytes", 700),
        ("0B", 0),
    ],
)
def test_sizes(text: str, size: int) -> None:
    """Powers of 1000, as pip prints them, and of 1024 where the unit says so, in any case."""
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["2", "1_000", "1,5GB", "-2GB", "GB", "", "2GiBs", "2XB", "2iB", "2i", "two GB"])
def test_no_size(text: str) -> None:
    """A bare number, and what is none, is refused with an example of what can be written."""
    with pytest.raises(InputError, match="is no size") as caught:
        bytes_of(text)
    assert "2GB" in caught.value.hint


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever is typed gives an amount that is not negative, or our own error."""
    for read in (seconds_of, bytes_of):
        try:
            assert read(text) >= 0
        except InputError:
            continue
