"""Counts by span, Python, platform and project."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import parse_tag

from tests.holdings.test_selection import holding
from wheelwarm.holdings.tallies import (
    DAY,
    ProjectTally,
    Span,
    Tally,
    cells,
    margin,
    platform_of,
    projects,
    python_of,
    span,
)
from wheelwarm.model import Kind

if TYPE_CHECKING:
    from wheelwarm.holdings.naming import Holding

NOW = 1_800_000_000


def tags(text: str) -> list[str]:
    """Unfold a compressed set of tags (PEP 425)."""
    return sorted(map(str, parse_tag(text)))


@pytest.mark.parametrize(
    ("tag", "python", "platform"),
    [
        ("py3-none-any", "py3", "any"),
        ("py2.py3-none-any", "py3", "any"),
        ("py2-none-any", "py2", "any"),
        ("cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", "cp311", "Linux x86_64"),
        ("cp311-cp311-linux_aarch64", "cp311", "Linux aarch64"),
        ("cp39-abi3-musllinux_1_2_x86_64", "cp39+", "musl Linux x86_64"),
        ("cp312-cp312-macosx_11_0_arm64", "cp312", "macOS arm64"),
        ("cp312-cp312-macosx_10_9_universal2", "cp312", "macOS universal2"),
        ("cp312-cp312-macosx_10_9_x86_64.macosx_11_0_arm64", "cp312", "macOS arm64 and others"),
        ("cp37.cp38-none-win_amd64", "cp37 and others", "Windows x86_64"),
        ("pp310-pypy310_pp73-win32", "pp310", "Windows x86"),
        ("cp313-cp313t-ios_13_0_arm64_iphoneos", "cp313", "ios arm64_iphoneos"),
        ("cp313-cp313-emscripten_4_0_9_wasm32", "cp313", "emscripten_4_0_9_wasm32"),
    ],
)
def test_wheels_are_for(tag: str, python: str, platform: str) -> None:
    """The tags of real wheels make one word for the Python and one for the platform."""
    assert (python_of(tags(tag)), platform_of(tags(tag))) == (python, platform)


def test_odd_tags_have_words_too() -> None:
    """What is no tag of any known system stands for itself."""
    assert platform_of(["x-y-"]) == ""
    assert python_of(["-none-any"]) == ""


def test_spans_follow_each_other() -> None:
    """Each moment is in one span, the future in the first."""
    ends = [0, DAY, 7 * DAY, 30 * DAY, 90 * DAY, 365 * DAY]
    assert [span(end) for end in ends] == list(Span)
    assert [span(end - 1) for end in ends] == [Span.DAY, *list(Span)[:-1]]


def test_projects_are_counted() -> None:
    """The largest comes first; versions are those of artifacts, the newest first; last use is the youngest."""
    found = projects(
        [
            holding("a", "1.9", size=5, used=1),
            holding("a", "1.10", size=5, used=3, kind=Kind.SDIST),
            holding("a", "2.0", size=5, used=2, kind=Kind.METADATA),
            holding("b", size=99, kind=Kind.INDEX_PAGE),
            holding(None, size=1000, kind=Kind.OTHER),
        ]
    )

    assert found == [
        ProjectTally("b", (), Tally(1, 1, 99, 99), 0.0),
        ProjectTally("a", ("1.10", "1.9"), Tally(3, 3, 15, 15), 3.0),
    ]


HOLDINGS = st.builds(
    holding,
    st.sampled_from(["a", "b", None]),
    kind=st.sampled_from(Kind),
    size=st.integers(0, 10**6),
    stored=st.integers(0, NOW),
    used=st.floats(0, NOW),
)


@given(st.lists(HOLDINGS, max_size=20))
def test_every_margin_adds_up(holdings: list[Holding]) -> None:
    """Each holding is in just one group of each margin that applies to it, whatever else it is."""
    counted = cells(holdings, now=float(NOW))
    kinds = margin(counted, lambda cell: cell.kind)
    ages = margin(counted, lambda cell: cell.age)

    assert Tally.sum(counted.values()) == Tally.sum(kinds.values()) == Tally.of(holdings)
    for kind, tally in kinds.items():
        assert tally == Tally.of(one for one in holdings if one.contents.kind is kind)
    for age, tally in ages.items():
        assert tally == Tally.of(one for one in holdings if one.is_artifact and span(NOW - one.stored) is age)
    assert Tally.sum(ages.values()) == Tally.of(one for one in holdings if one.is_artifact)


def test_wheels_alone_have_a_python() -> None:
    """Other kinds, and a wheel whose tags nobody knows, are in no group of Pythons and platforms."""
    known = holding("a", "1.0")
    wheel = replace(known, contents=replace(known.contents, tags=("py3-none-any",)))
    counted = cells([wheel, known, holding("a", kind=Kind.SDIST), holding("a", kind=Kind.OTHER)], now=float(NOW))

    assert margin(counted, lambda cell: cell.python) == {"py3": Tally.of([wheel])}
    assert margin(counted, lambda cell: cell.platform) == {"any": Tally.of([wheel])}
