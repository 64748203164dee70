"""The rule of what stands in the way of an install without network, in every combination that matters."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from wheelwarm import urls
from wheelwarm.model import HIT, LOCAL, Artifact, Kind, Outcome, Reason, Resolution, Verdict
from wheelwarm.offline.offline import judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ABSENT = Verdict(Outcome.MISS, Reason.ABSENT)
EXPIRED = Verdict(Outcome.STALE, Reason.EXPIRED)
PAGE, OTHER_PAGE = "https://a.example/simple/demo/", "https://b.example/simple/demo/"
WHEEL = urls.artifact_at("https://files.example/demo-1.0-py3-none-any.whl")
SDIST = urls.artifact_at("https://files.example/demo-1.0.tar.gz")
METADATA = urls.metadata_at(f"{WHEEL.url}.metadata")
HELPER = urls.artifact_at("https://files.example/helper-1.0-py3-none-any.whl")
HELPER_PAGE = "https://a.example/simple/helper/"


@dataclass
class Shelf:
    """A cache as told: verdicts by URL (built wheels by `built`), what pages offer, which files are in a folder."""

    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    built: Verdict = ABSENT
    offers: Reason | None = None
    folder: Sequence[str] = ()
    ends: Mapping[str, float] = field(default_factory=dict)

    def verdict(self, artifact: Artifact) -> Verdict:
        """Return what was told of a file."""
        return self.built if artifact.kind is Kind.BUILT_WHEEL else self.verdicts.get(artifact.url, HIT)

    def page_verdict(self, url: str) -> Verdict:
        """Return what was told of a page."""
        return self.verdicts.get(url, HIT)

    def fresh_until(self, url: str) -> float:
        """Return what was told of an entry's lifetime."""
        return self.ends.get(url, 100.0)

    def in_folder(self, artifact: Artifact) -> bool:
        """Tell whether the folder has it."""
        return artifact.filename in self.folder

    def offered(self, pages: Sequence[str], artifact: Artifact, made: float) -> Reason | None:
        """Return what was told of the pages."""
        return self.offers


def resolution(*artifacts: Artifact, source: str = "ledger", **parts: tuple[object, ...]) -> Resolution:
    """Make a resolution of these artifacts."""
    return Resolution(artifacts=artifacts, made=0.0, source=source, recalled=source == "ledger", **parts)  # type: ignore[arg-type]


def found(resolution: Resolution, shelf: Shelf) -> set[tuple[str, Reason | None]]:
    """Return the obstacles as URL and reason."""
    return {(one.artifact.url, one.verdict.reason) for one in judge(resolution, shelf).obstacles}


def test_nothing_in_the_way() -> None:
    """With all at hand the answer is yes."""
    answer = judge(resolution(WHEEL, asked=(PAGE, METADATA.url), supporting=(METADATA,)), Shelf())

    assert (answer.works, answer.by_name) == (True, False)


@pytest.mark.parametrize(
    ("asked", "built", "expected"),
    [
        (resolution(WHEEL, asked=(PAGE, METADATA.url), supporting=(METADATA,)), ABSENT, 20.0),
        (resolution(WHEEL, supporting=(METADATA,)), ABSENT, 40.0),
        (resolution(SDIST), ABSENT, 10.0),
        (resolution(SDIST, asked=(HELPER_PAGE,), build_requests=(HELPER_PAGE,)), HIT, math.inf),
        (resolution(), ABSENT, math.inf),
    ],
    ids=["page", "metadata", "sdist", "built wheel", "nothing"],
)
def test_the_answer_holds_until_the_first_entry_expires(asked: Resolution, built: Verdict, expected: float) -> None:
    """Of all that pip would take from its cache the first to be stale counts; a wheel that was built never is."""
    ends = {PAGE: 20.0, METADATA.url: 40.0, SDIST.url: 10.0, HELPER_PAGE: 5.0}

    assert judge(asked, Shelf(ends=ends, built=built)).until == expected


@pytest.mark.parametrize("url", [PAGE, METADATA.url, WHEEL.url])
def test_each_thing_counts(url: str) -> None:
    """A page, a metadata file or a wheel that pip would have to ask for stands in the way, and is named."""
    answer = judge(resolution(WHEEL, asked=(PAGE,), supporting=(METADATA,)), Shelf({url: EXPIRED}))

    assert [one.artifact.url for one in answer.obstacles] == [url]
    assert answer.by_name is (url == PAGE)


@pytest.mark.parametrize(
    ("verdicts", "offers", "expected"),
    [
        ({}, None, set()),
        ({PAGE: ABSENT}, None, set()),
        ({PAGE: ABSENT}, Reason.NO_INDEX_PAGE, {(PAGE, Reason.ABSENT)}),
        ({PAGE: ABSENT, OTHER_PAGE: EXPIRED}, None, {(PAGE, Reason.ABSENT), (OTHER_PAGE, Reason.EXPIRED)}),
        ({}, Reason.OTHER_VERSION, {(PAGE, Reason.OTHER_VERSION), (OTHER_PAGE, Reason.OTHER_VERSION)}),
        ({}, Reason.NO_INDEX_PAGE, {(PAGE, Reason.OTHER_VERSION), (OTHER_PAGE, Reason.OTHER_VERSION)}),
    ],
)
def test_one_page_that_leads_to_the_file_is_enough(
    verdicts: dict[str, Verdict], offers: Reason | None, expected: set[tuple[str, Reason]]
) -> None:
    """Of several indexes any fresh page will do that lists the file, unless it now leads elsewhere."""
    assert found(resolution(WHEEL, asked=(PAGE, OTHER_PAGE)), Shelf(verdicts, offers=offers)) == expected


def test_a_project_that_was_dropped_needs_its_page_too() -> None:
    """A page that pip asked for, and took nothing from: it is asked for again, and any answer will do."""
    dropped = "https://a.example/simple/dropped/"

    assert found(resolution(WHEEL, asked=(PAGE, dropped)), Shelf({dropped: ABSENT})) == {(dropped, Reason.ABSENT)}
    assert found(resolution(WHEEL, asked=(PAGE, dropped)), Shelf()) == set()


@pytest.mark.parametrize(
    ("built", "verdicts", "expected"),
    [
        (HIT, {SDIST.url: ABSENT, HELPER_PAGE: ABSENT, HELPER.url: ABSENT}, set()),
        (ABSENT, {}, set()),
        (ABSENT, {SDIST.url: ABSENT}, {(SDIST.url, Reason.ABSENT)}),
        (ABSENT, {HELPER_PAGE: EXPIRED}, {(HELPER_PAGE, Reason.EXPIRED)}),
        (ABSENT, {HELPER.url: ABSENT}, {(HELPER.url, Reason.ABSENT)}),
    ],
)
def test_an_sdist_needs_its_wheel_or_all_to_build_it(
    built: Verdict, verdicts: dict[str, Verdict], expected: set[tuple[str, Reason]]
) -> None:
    """With its built wheel nothing is asked for; else the sdist, and what its build needs, by name."""
    known = resolution(
        SDIST,
        asked=(PAGE, HELPER_PAGE, HELPER.url),
        build_requests=(HELPER_PAGE, HELPER.url),
        supporting=(HELPER,),
    )

    assert found(known, Shelf(verdicts, built=built)) == expected


def test_a_build_that_nobody_has_seen_is_an_obstacle() -> None:
    """From pins alone nothing tells what a build needs."""
    assert found(resolution(SDIST, source="pins"), Shelf()) == {(SDIST.url, Reason.NOT_BUILT)}
    assert found(resolution(SDIST, source="pins"), Shelf(built=HIT)) == set()


def test_a_local_project_is_built_each_time() -> None:
    """A folder's wheel is never kept, so what its build needs must be at hand."""
    here = Artifact(name="here", version="1", filename="here", kind=Kind.SDIST, url="file:///here")
    known = resolution(here, asked=(HELPER_PAGE,), build_requests=(HELPER_PAGE,))

    assert found(known, Shelf({here.url: LOCAL}, built=HIT)) == set()
    assert found(known, Shelf({here.url: LOCAL, HELPER_PAGE: EXPIRED}, built=HIT)) == {(HELPER_PAGE, Reason.EXPIRED)}


def test_a_folder_makes_pages_needless() -> None:
    """Pages that cannot be fetched are skipped for a folder's file; while a page is fresh, the index's counts."""
    known = resolution(WHEEL, asked=(PAGE, METADATA.url), supporting=(METADATA,))
    gone = {PAGE: EXPIRED, WHEEL.url: ABSENT, METADATA.url: ABSENT}

    assert found(known, Shelf(gone, folder=[WHEEL.filename])) == set()
    assert found(known, Shelf({**gone, PAGE: HIT}, folder=[WHEEL.filename])) == {
        (WHEEL.url, Reason.ABSENT),
        (METADATA.url, Reason.ABSENT),
    }
    assert found(resolution(WHEEL, asked=(PAGE,)), Shelf({PAGE: EXPIRED, WHEEL.url: LOCAL})) == set()
