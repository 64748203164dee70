"""Causes for which something could go: each has its own evidence, and what is in use has none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag, sys_tags

from tests.holdings.test_selection import holding
from wheelwarm.cache.inventory import Form, Section
from wheelwarm.entry_facts import Contents, Problem
from wheelwarm.holdings.reclaim import GRACE_SECONDS, Cause, Reader, causes
from wheelwarm.model import Kind, Layout

if TYPE_CHECKING:
    from wheelwarm.holdings.naming import Holding

NOW = 1_800_000_000.0
OURS = Reader(version="3.11.4", tags=frozenset(map(str, sys_tags())))


def found(*holdings: Holding, reader: Reader | None = None, now: float = NOW) -> list[list[Cause]]:
    """Return the causes of each holding, in their order."""
    by_holding = {id(one): why for one, why in causes(holdings, reader=reader or Reader(), now=now)}
    return [by_holding.get(id(one), []) for one in holdings]


def made(*, form: Form = Form.ENTRY, section: Section = Section.HTTP_V2, stored: int = 0, **facts: Any) -> Holding:
    """Make a holding with these facts."""
    one = holding("demo", form=form, stored=stored)
    contents = replace(Contents(kind=Kind.WHEEL, name="demo", version="1.0"), **facts)
    return replace(one, item=replace(one.item, section=section), contents=contents)


def test_what_is_in_use_stays() -> None:
    """A readable entry of one version, fresh or with a validator, is no loss to nobody."""
    assert found(made(expires=NOW + 1), made(expires=NOW - 1, validator=True), made()) == [[], [], []]


@pytest.mark.parametrize("form", [Form.METADATA_ALONE, Form.BODY_ALONE, Form.ORIGIN_ALONE])
def test_halves(form: Form) -> None:
    """Half of an entry serves no pip."""
    assert found(made(form=form)) == [[Cause.ORPHAN]]


def test_leftovers_after_a_day() -> None:
    """A temporary file may be another pip's work until it is old."""
    young, old = int(NOW) - 60, int(NOW - GRACE_SECONDS) - 60
    temporary = [made(form=Form.TEMPORARY, stored=when) for when in (young, old)]
    assert found(*temporary) == [[], [Cause.ORPHAN]]


def test_the_old_layout() -> None:
    """`http/` is read by pips before 23.3: nothing to go while the target has one."""
    entry = made(section=Section.HTTP)
    assert found(entry) == [[Cause.LEGACY]]
    assert found(entry, reader=Reader(layout=Layout.HTTP)) == [[]]
    ancient = made(section=Section.HTTP, problem=Problem.OLDER_FORMAT)
    assert found(ancient, reader=Reader(layout=Layout.HTTP)) == [[Cause.LEGACY]]


def test_the_broken() -> None:
    """What pip cannot read, or would refuse."""
    assert found(made(problem=Problem.UNREADABLE), made(problem=Problem.TRUNCATED)) == [[Cause.BROKEN]] * 2


def test_the_expired() -> None:
    """Past its lifetime and without a validator pip drops it; the moment itself is past."""
    assert found(made(expires=NOW), made(expires=float("inf"))) == [[Cause.EXPIRED], []]


def test_the_superseded() -> None:
    """Older than the newest version of which an artifact is here; metadata of a newer one is none."""
    old, new = made(version="1.9"), made(version="1.10", kind=Kind.SDIST)
    metadata = made(version="2.0", kind=Kind.METADATA)
    assert found(old, new, metadata) == [[Cause.SUPERSEDED], [], []]
    assert found(old, metadata) == [[], []]


def test_what_serves_nobody_supersedes_nothing() -> None:
    """A newer version that the target's Python cannot use, or that is cut short, leaves it the older one."""
    old = made(version="1.0")
    newer = made(version="2.0", tags=("cp27-cp27m-win32",)), made(version="3.0", requires_python=">=3.12")
    assert found(old, *newer, reader=OURS)[0] == []
    assert found(old, *newer)[0] == [Cause.SUPERSEDED]
    assert found(old, made(version="2.0", problem=Problem.TRUNCATED))[0] == []


def test_a_pre_release_supersedes_no_final_version() -> None:
    """A final one is what pip takes by default; among pre-releases the newest counts."""
    final, pre = made(version="1.0"), made(version="2.0rc1")
    assert found(final, pre) == [[], []]
    assert found(made(version="2.0a1"), pre) == [[Cause.SUPERSEDED], []]
    assert found(made(version="no version"), final) == [[], []]


@pytest.mark.parametrize(
    ("facts", "fits"),
    [
        ({"tags": ("py3-none-any",)}, True),
        ({"tags": ("cp27-cp27m-win32",)}, False),
        ({"tags": ("cp27-cp27m-win32", "py3-none-any")}, True),
        ({"tags": ()}, True),
        ({"tags": ("cp27-cp27m-win32",), "kind": Kind.BUILT_WHEEL}, False),
        ({"requires_python": ">=3.12", "kind": Kind.SDIST}, False),
        ({"requires_python": ">=3.8,!=3.9.*"}, True),
        ({"requires_python": "nonsense"}, True),
    ],
)
def test_other_pythons(facts: dict[str, Any], fits: bool) -> None:
    """A wheel whose tags the target lacks, or anything that asks for another Python; packaging is the judge."""
    tags = {str(tag) for text in facts.get("tags", ()) for tag in parse_tag(text)}
    if tags:
        assert fits == bool(tags & OURS.tags)
    elif facts.get("requires_python") not in (None, "nonsense"):
        assert fits == SpecifierSet(str(facts["requires_python"])).contains(OURS.version)
    assert found(made(**facts), reader=OURS) == [[] if fits else [Cause.OTHER_PYTHONS]]
    assert found(made(**facts)) == [[]]


def test_causes_add_up() -> None:
    """One thing may go for several causes."""
    one = made(section=Section.HTTP, version="0.9", expires=0.0, problem=Problem.TRUNCATED)
    assert found(one, made()) == [[Cause.LEGACY, Cause.BROKEN, Cause.EXPIRED, Cause.SUPERSEDED], []]
