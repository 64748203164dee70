"""What the cache of one target answers to the rule of offline installs."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.helpers.index_pages import Link, render
from tests.helpers.shelves import shelf_of, target_of
from wheelwarm import urls
from wheelwarm.inputs.index_options import IndexOptions
from wheelwarm.inputs.requirements import read
from wheelwarm.model import Outcome, Reason, Resolution, StoredResponse, Verdict
from wheelwarm.offline.readiness import CacheDisk, readiness

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.pips import PipEnvironment
    from wheelwarm.shelf.lookup import Shelf
    from wheelwarm.targets.target import Target

PAGE = "https://index.example/simple/demo/"
OLD = urls.artifact_at("https://files.example/demo-1.0-py3-none-any.whl")
HTML = "text/html"


@pytest.fixture
def target(modern_pip: PipEnvironment, cache_dir: Path) -> Target:
    """Return the newest pip's target."""
    return target_of(modern_pip, cache_dir)


def store_page(shelf: Shelf, *filenames: str) -> None:
    """Put an index page of these files into the cache, fresh for long."""
    none = {"sha256": None, "requires_python": None, "yanked": None, "metadata_sha256": None}
    links = [Link(filename=name, url=f"https://files.example/{name}", size=1, **none) for name in filenames]
    body = shelf.http.new_body()
    body.write_bytes(render("demo", links, content_type=HTML))
    headers = {"Date": "Mon, 23 Nov 2026 10:00:00 GMT", "Cache-Control": "max-age=1000000000", "Content-Type": HTML}
    shelf.http.store(PAGE, StoredResponse(status=200, headers=headers), body)


def disk(shelf: Shelf, *requirements: str, **options: object) -> CacheDisk:
    """Return the disk for an input that was resolved to the older version."""
    wanted = read(requirements or ("demo",), options=IndexOptions(**options), environ={})  # type: ignore[arg-type]
    return CacheDisk(wanted, Resolution(artifacts=(OLD,), made=0.0), shelf)


@pytest.mark.parametrize(
    ("offers", "requirement", "pre", "expected"),
    [
        (("demo-1.0-py3-none-any.whl",), "demo", False, None),
        (("demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"), "demo", False, Reason.OTHER_VERSION),
        (("demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"), "demo<2", False, None),
        (("demo-1.0-py3-none-any.whl", "demo-2.0rc1-py3-none-any.whl"), "demo", False, None),
        (("demo-1.0-py3-none-any.whl", "demo-2.0rc1-py3-none-any.whl"), "demo", True, Reason.OTHER_VERSION),
        (("demo-1.0-py3-none-any.whl", "demo-odd.zip"), "demo", False, None),
        (("demo-2.0-py3-none-any.whl",), "demo", False, Reason.NO_INDEX_PAGE),
    ],
)
def test_a_page_newer_than_the_resolution_is_read(
    target: Target, offers: tuple[str, ...], requirement: str, pre: bool, expected: Reason | None
) -> None:
    """The page must list the file, and nothing that pip would rather take by what is demanded."""
    with shelf_of(target) as shelf:
        store_page(shelf, *offers)

        assert disk(shelf, requirement, pre=pre).offered([PAGE], OLD, made=0.0) is expected


def test_a_page_that_the_resolution_was_made_from_is_believed(target: Target) -> None:
    """What pip passed over then, for whatever reason, it passes over again."""
    with shelf_of(target) as shelf:
        store_page(shelf, "demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl")

        assert disk(shelf).offered([PAGE], OLD, made=shelf.now + 3600) is None


@pytest.mark.parametrize(
    ("change", "url", "expected"),
    [
        ({}, PAGE, Verdict(Outcome.HIT)),
        ({}, "https://index.example/simple/other/", Verdict(Outcome.MISS, Reason.ABSENT)),
        ({}, "http://index.example/simple/demo/", Verdict(Outcome.UNCACHEABLE, Reason.INSECURE_ORIGIN)),
        ({"pip": "26.1"}, PAGE, Verdict(Outcome.STALE, Reason.ALWAYS_REVALIDATED)),
        ({"config": {":env:.refresh-package": ":all:"}}, PAGE, Verdict(Outcome.STALE, Reason.ALWAYS_REVALIDATED)),
    ],
    ids=["fresh", "absent", "plain http", "older pip", "refreshed by configuration"],
)
def test_pages_are_used_as_this_pip_would(
    target: Target, change: dict[str, object], url: str, expected: Verdict
) -> None:
    """A fresh page counts for pip 26.2 and later only, unless it is told to refresh."""
    with shelf_of(replace(target, **change)) as shelf:  # type: ignore[arg-type]
        store_page(shelf, OLD.filename)

        assert disk(shelf).page_verdict(url) == expected


@pytest.mark.parametrize("as_url", [False, True])
def test_a_folder_of_files_is_looked_into(target: Target, tmp_path: Path, as_url: bool) -> None:
    """`--find-links` as a path or a file URL, from the input or from pip's configuration."""
    (tmp_path / OLD.filename).touch()
    folder = tmp_path.as_uri() if as_url else str(tmp_path)
    configured = replace(target, config={"global.find-links": f"https://files.example/links {folder}"})

    with shelf_of(target) as shelf, shelf_of(configured) as other:
        assert disk(shelf, find_links=(folder,)).in_folder(OLD)
        assert disk(other).in_folder(OLD)
        assert not disk(shelf).in_folder(OLD)


def test_requirements_on_a_server_are_asked_for_too(target: Target) -> None:
    """A requirements file that stands on a server is an obstacle unless it is in the cache."""
    remote = "https://files.example/requirements.txt"
    wanted = read(("demo",), requirement_files=[remote], environ=dict(os.environ))

    with shelf_of(target) as shelf:
        answer = readiness(wanted, Resolution(artifacts=(), made=0.0), shelf)

    assert [(one.artifact.url, one.verdict.reason) for one in answer.obstacles] == [(remote, Reason.ABSENT)]
