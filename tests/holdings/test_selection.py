"""Patterns mean what a user of pip would expect, and never everything by accident."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.test_file_names import MANY_DIGITS
from wheelwarm.cache.inventory import File, Form, Item, Section
from wheelwarm.entry_facts import Contents
from wheelwarm.errors import InputError
from wheelwarm.holdings.naming import Holding
from wheelwarm.holdings.selection import Pattern, Sort, choose
from wheelwarm.model import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence


def holding(
    name: str | None,
    version: str | None = None,
    filename: str | None = None,
    *,
    kind: Kind = Kind.WHEEL,
    size: int = 1,
    stored: int = 0,
    used: float = 0.0,
    form: Form = Form.ENTRY,
) -> Holding:
    """Make a holding of this name."""
    file = File(f"http-v2/{name}-{version}-{filename}", size, size, stored * 10**9, 0, 0o100644)
    contents = Contents(kind=kind, name=name, version=version, filename=filename)
    return Holding(Item(form, Section.HTTP_V2, (file,)), contents, used)


WHEEL = holding("foo-bar", "1.0", "Foo_Bar-1.0-py3-none-any.whl")
METADATA = holding("foo-bar", "1.0", "Foo_Bar-1.0-py3-none-any.whl.metadata", kind=Kind.METADATA)
NEWER = holding("foo-bar", "1.10", "foo_bar-1.10.tar.gz", kind=Kind.SDIST)
PAGE = holding("foo-bar", kind=Kind.INDEX_PAGE)
OTHER = holding("foo-barista", "1.0", "foo_barista-1.0-py3-none-any.whl")
NAMELESS = holding(None, kind=Kind.OTHER)
HALF = holding("foo-bar", "1.0", kind=Kind.OTHER, form=Form.BODY_ALONE)
TAGGED = holding("tagged", "1.0", "tagged-1.0-py3.py2-none-any.win32.whl")
ALL = [WHEEL, METADATA, NEWER, PAGE, OTHER, NAMELESS, HALF, TAGGED]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("foo-bar", [WHEEL, METADATA, NEWER, PAGE, HALF]),
        ("Foo.__Bar", [WHEEL, METADATA, NEWER, PAGE, HALF]),
        ("foo", []),
        ("foo-*", [WHEEL, METADATA, NEWER, PAGE, OTHER, HALF]),
        ("Foo_B*", [WHEEL, METADATA, NEWER, PAGE, OTHER, HALF]),
        ("fo[n-p]-bar", [WHEEL, METADATA, NEWER, PAGE, HALF]),
        ("foo_bar==1.0", [WHEEL, METADATA, HALF]),
        ("foo-bar == 1.0.0", [WHEEL, METADATA, HALF]),
        ("foo-bar==1.*", [WHEEL, METADATA, NEWER, HALF]),
        ("foo-bar==2", []),
        ("foo-bar<1.10", [WHEEL, METADATA, HALF]),
        ("foo-bar >1.0, !=1.10", []),
        ("foo-bar~=1.5", [NEWER]),
        ("foo-bar==1.0.*", [WHEEL, METADATA, HALF]),
        ("foo-bar===1.0", [WHEEL, METADATA, HALF]),
        ("foo-bar==1.1?", [NEWER]),
        (f"foo-bar=={MANY_DIGITS}", []),
        ("foo-b*>=1.10", [NEWER]),
        ("foo-bar==no version", []),
        ("*==1.0", [WHEEL, METADATA, OTHER, HALF, TAGGED]),
        ("Foo_Bar-1.0-py3-none-any.whl", [WHEEL, METADATA]),
        ("foo_bar-1.0-PY3-none-any.whl", [WHEEL, METADATA]),
        ("foo.bar-1.0-py3-none-any.whl", [WHEEL, METADATA]),
        ("foo_bar-1.0.0-py3-none-any.whl", []),
        ("foo_bar-1.0-1-py3-none-any.whl", []),
        ("tagged-1.0-py2.py3-none-win32.any.whl", [TAGGED]),
        ("foo_bar-1.0-py3-none-any.whl.metadata", [WHEEL, METADATA]),
        ("*.tar.gz", [NEWER]),
        ("*-py3-*", [WHEEL, METADATA, OTHER]),
        ("*", [WHEEL, METADATA, NEWER, PAGE, OTHER, HALF, TAGGED]),
        ("==1.0", []),
    ],
)
def test_what_a_pattern_means(pattern: str, expected: Sequence[Holding]) -> None:
    """A project in any spelling, versions by PEP 440, a file with its metadata, globs; never what has no name."""
    assert [one for one in ALL if Pattern(pattern).matches(one)] == expected


@pytest.mark.parametrize("text", ["", " ", "\t\n", "==", " == ", "-", "._-"])
def test_an_empty_pattern_is_refused(text: str) -> None:
    """What would name nothing, or everything, is an error with a hint."""
    with pytest.raises(InputError, match="empty") as caught:
        Pattern(text)
    assert caught.value.hint


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", fullmatch=True))
def test_every_spelling_of_a_name_means_it(name: str) -> None:
    """PEP 503 says which names are the same; packaging is the judge."""
    assert Pattern(name).matches(holding(canonicalize_name(name)))


@given(st.text(min_size=1).filter(lambda text: text.strip().strip(" =-_.")), st.sampled_from(ALL))
def test_no_pattern_fails(text: str, one: Holding) -> None:
    """Any text is matched or not, or refused for its versions, and what has no name never is."""
    with suppress(InputError):
        assert not (Pattern(text).matches(one) and one is NAMELESS)


@pytest.mark.parametrize("text", ["demo<", "demo>=x", "demo!=1.?", "demo==1.0,<y", f"demo<{MANY_DIGITS}"])
def test_versions_that_cannot_be_read_are_refused(text: str) -> None:
    """Nobody is told that nothing matches where the pattern is what is wrong."""
    with pytest.raises(InputError, match="names no versions") as caught:
        Pattern(text)
    assert caught.value.hint


def test_a_version_means_its_local_versions() -> None:
    """As for pip, `==2.0` takes 2.0+cpu, and `<2` takes pre-releases of what comes before."""
    assert Pattern("torch==2.0").matches(holding("torch", "2.0+cpu"))
    assert Pattern("torch<2").matches(holding("torch", "1.9rc1"))
    assert not Pattern("torch==2.0+cu1").matches(holding("torch", "2.0+cpu"))


def test_kinds_are_chosen() -> None:
    """Without kinds what has a name or a kind is shown; kind `other` shows the rest."""
    assert NAMELESS not in choose(ALL, None)
    assert HALF in choose(ALL, None)
    assert choose(ALL, None, kinds={Kind.OTHER}) == [HALF, NAMELESS]
    assert choose(ALL, Pattern("foo-bar"), kinds={Kind.SDIST, Kind.INDEX_PAGE}) == [PAGE, NEWER]


def test_sorted_by_name_and_version() -> None:
    """Versions are in the order of PEP 440, an index page comes before its files."""
    versions = ["1.0rc1", "1.0", "1.9", "1.10", "2.dev0"]
    shuffled = [holding("demo", version) for version in sorted(versions)] + [holding("demo", kind=Kind.INDEX_PAGE)]

    found = [one.contents.version for one in choose(shuffled, None)]

    assert found == [None, *(version for version in sorted(versions, key=Version))]


def test_sorted_by_numbers() -> None:
    """The largest, the longest unused and the oldest come first."""
    small, large = holding("a", size=1, stored=5, used=20), holding("b", size=2, stored=9, used=10)

    assert choose([small, large], None, sort=Sort.SIZE) == [large, small]
    assert choose([small, large], None, sort=Sort.LAST_USED) == [large, small]
    assert choose([large, small], None, sort=Sort.AGE) == [small, large]
    assert choose([large, small], None) == [small, large]


def test_odd_versions_are_sorted_too() -> None:
    """What is no version stands before those that are."""
    found = choose([holding("a", "1.0"), holding("a", "odd one"), holding("a")], None)
    assert [one.contents.version for one in found] == [None, "odd one", "1.0"]
