"""Policies: what each selector names, how they add up, and what stays whatever is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.holdings.test_selection import holding
from wheelwarm.cache.inventory import File, Form, Section
from wheelwarm.entry_facts import Contents
from wheelwarm.holdings.reclaim import GRACE_SECONDS, HALF_GRACE_SECONDS, Reader
from wheelwarm.holdings.retention import Policy, Why, bytes_left, may_go, picks
from wheelwarm.model import Kind, Layout

if TYPE_CHECKING:
    from wheelwarm.holdings.naming import Holding

NOW = 1_800_000_000.0
DAY = 86400.0


def made(
    path: str, *, days: float = 0, size: int = 10, form: Form = Form.ENTRY, used: float | None = None, **facts: Any
) -> Holding:
    """Make a holding with a path, written so many days ago, used as long ago unless said otherwise."""
    when = NOW - days * DAY
    section = Section(path.partition("/")[0])
    file = File(path, size, size, int(when * 1e9), 1, 0o100644)
    one = holding("demo", form=form)
    return replace(
        one,
        item=replace(one.item, section=section, files=(file,)),
        contents=Contents(**{"kind": Kind.WHEEL, "name": "demo", "version": "1.0", **facts}),
        last_used=when if used is None else NOW - used * DAY,
    )


def chosen(*holdings: Holding, needed: frozenset[str] = frozenset(), **selectors: Any) -> dict[str, Why]:
    """Return what a policy picks, by path."""
    found = picks(holdings, Policy(**selectors), needed=needed, now=NOW)
    return {pick.holding.item.path: pick.why for pick in found}


def test_by_last_use() -> None:
    """What was used longer ago than that goes, however old it is."""
    old, used, young = made("http-v2/old", days=31), made("http-v2/used", days=99, used=29), made("http-v2/y", days=1)
    assert chosen(old, used, young, older_than=30 * DAY) == {"http-v2/old": Why.UNUSED}


def test_by_size_the_least_recently_used_first() -> None:
    """As much goes as is needed for the rest to fit, and no more."""
    three = [made(f"http-v2/{days}", days=days) for days in (1, 2, 3)]
    assert chosen(*three, max_size=30) == {}
    assert chosen(*three, max_size=29) == {"http-v2/3": Why.MAX_SIZE}
    assert chosen(*three, max_size=10) == {"http-v2/3": Why.MAX_SIZE, "http-v2/2": Why.MAX_SIZE}
    assert chosen(*three, max_size=0).keys() == {"http-v2/1", "http-v2/2", "http-v2/3"}


def test_size_is_counted_after_the_other_selectors() -> None:
    """What goes anyway makes room for what was used longer ago than it."""
    page = made("http-v2/page", days=1, kind=Kind.INDEX_PAGE)
    wheel = made("http-v2/wheel", days=9)
    assert chosen(page, wheel, max_size=10, index_pages=True) == {"http-v2/page": Why.INDEX_PAGES}


def test_what_is_needed_stays() -> None:
    """Nothing that an input needs goes, by any selector; alone, keeping lets all else go."""
    needed, other = made("http-v2/needed", days=99), made("http-v2/other", days=99)
    keep = frozenset({"http-v2/needed"})
    assert chosen(needed, other, needed=keep, keep=True) == {"http-v2/other": Why.NOT_NEEDED}
    assert chosen(needed, other, needed=keep, keep=True, older_than=DAY) == {"http-v2/other": Why.UNUSED}
    assert chosen(needed, other, needed=keep, keep=True, max_size=0) == {"http-v2/other": Why.MAX_SIZE}
    assert chosen(needed, other, needed=keep, keep=True, orphans=True) == {}


def test_stale() -> None:
    """Expired without a validator, yanked, superseded: each by its own name, the first where several hold."""
    found = chosen(
        made("http-v2/expired", expires=NOW - 1, version="2.0"),
        made("http-v2/asked", expires=NOW - 1, validator=True, version="2.0"),
        made("http-v2/yanked", yanked=True),
        made("http-v2/old", version="1.0"),
        stale=True,
    )
    assert found == {
        "http-v2/expired": Why.EXPIRED,
        "http-v2/yanked": Why.YANKED,
        "http-v2/old": Why.SUPERSEDED,
    }


def test_what_depends_on_the_target_goes_if_it_does_for_all() -> None:
    """A wheel, or a layout, that one of the Pythons can use stays."""
    tags = ("cp311-cp311-linux_x86_64",)
    wheel, legacy = made("http-v2/wheel", tags=tags), made("http/old")
    new = Reader(version="3.12.1", tags=frozenset({"cp312-cp312-linux_x86_64", "py3-none-any"}))
    old = Reader(layout=Layout.HTTP, version="3.11.4", tags=frozenset(tags))
    policy = Policy(other_pythons=True, legacy=True)

    def paths(*readers: Reader) -> set[str]:
        return {pick.holding.item.path for pick in picks([wheel, legacy], policy, readers=readers, now=NOW)}

    assert paths(new) == {"http-v2/wheel", "http/old"}
    assert paths(new, old) == set()
    assert paths(old) == set()


@pytest.mark.parametrize(
    ("form", "seconds"), [(Form.TEMPORARY, GRACE_SECONDS), (Form.BODY_ALONE, HALF_GRACE_SECONDS), (Form.ENTRY, -1.0)]
)
def test_what_may_be_at_work_stays(form: Form, seconds: float) -> None:
    """Temporary files and halves have to be old before anything may take them; an entry need not."""
    old, young = (made("http-v2/x", form=form, days=(seconds + more) / DAY) for more in (5, -5))
    assert may_go(old, NOW)
    assert may_go(young, NOW) == (form is Form.ENTRY)
    assert chosen(old, orphans=True) == ({} if form is Form.ENTRY else {"http-v2/x": Why.ORPHANS})
    assert chosen(young, max_size=0, orphans=True).keys() == ({"http-v2/x"} if form is Form.ENTRY else set())


def test_a_build_under_way_stays_whole() -> None:
    """One young file in a build's folder keeps the others, however old an archive says that they are."""
    folder = f"wheels/aa/bb/cc/{'d' * 50}"
    files = [
        made(f"{folder}/tmp1/setup.py", days=900, form=Form.TEMPORARY),
        made(f"{folder}/tmp1/out/demo.whl", days=0, form=Form.TEMPORARY),
        made(f"{folder}/tmp2/demo.whl", days=9, form=Form.TEMPORARY),
    ]
    assert chosen(*files, orphans=True) == {f"{folder}/tmp2/demo.whl": Why.ORPHANS}


def test_strangers_stay() -> None:
    """What no pip puts there goes by no selector, nor does anything outside the sections."""
    foreign = made("http-v2/.DS_Store", days=999, form=Form.FOREIGN)
    ledger = made("other/ledger", days=999, form=Form.OWN)
    everything: dict[str, Any] = {"older_than": 0.0, "max_size": 0, "stale": True, "index_pages": True, "orphans": True}
    assert chosen(foreign, ledger, **everything) == {}


FORMS = (Form.ENTRY, Form.BUILT_WHEEL, Form.BODY_ALONE, Form.TEMPORARY, Form.FOREIGN)


@st.composite
def stocks(draw: st.DrawFn) -> list[Holding]:
    """Draw holdings of all forms and ages."""
    number = draw(st.integers(0, 12))
    return [
        made(
            f"{draw(st.sampled_from(['http-v2', 'http', 'wheels']))}/{at}",
            days=draw(st.floats(0, 90)),
            size=draw(st.integers(0, 50)),
            form=draw(st.sampled_from(FORMS)),
            kind=draw(st.sampled_from(Kind)),
            version=draw(st.sampled_from(["1.0", "2.0", None])),
            yanked=draw(st.booleans()),
        )
        for at in range(number)
    ]


FLAGS = ("keep", "stale", "legacy", "index_pages", "orphans")
POLICIES = st.builds(
    Policy,
    older_than=st.none() | st.floats(0, 90 * DAY),
    max_size=st.none() | st.integers(0, 400),
    **{name: st.booleans() for name in FLAGS},
)


@given(stocks(), POLICIES, st.data())
def test_the_rule_of_selectors(stock: list[Holding], policy: Policy, data: st.DataObject) -> None:
    """Each goes once at most; nothing needed or busy goes; more selectors never keep more; the size is kept to."""
    paths = [one.item.path for one in stock]
    needed = data.draw(st.frozensets(st.sampled_from(paths))) if paths and policy.keep else frozenset()
    found = picks(stock, policy, needed=needed, now=NOW)

    gone = [pick.holding.item.path for pick in found]
    assert len(gone) == len(set(gone))
    assert needed.isdisjoint(gone)
    assert all(may_go(pick.holding, NOW) for pick in found)
    if policy.max_size is not None:
        stuck = [one for one in stock if one.item.path not in gone and may_go(one, NOW) and one.item.path not in needed]
        assert not stuck or bytes_left(stock, found) <= policy.max_size
    if not policy.keep_alone:
        without_size = {
            p.holding.item.path for p in picks(stock, replace(policy, max_size=None), needed=needed, now=NOW)
        }
        assert without_size <= set(gone) or replace(policy, max_size=None).keep_alone
