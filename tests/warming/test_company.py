"""Borrowing between the caches of one run: only whole and verified bodies, and nothing left behind."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.helpers.shelves import shelf_of, target_of
from wheelwarm import urls
from wheelwarm.cache.http import HttpCache
from wheelwarm.model import Artifact, Kind, Layout, Outcome, Reason, StoredResponse, Verdict
from wheelwarm.warming.company import Company, borrow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.pips import PipEnvironment
    from wheelwarm.targets.target import Target

BODY = b"a wheel's bytes" * 100
URL = "https://files.example/demo-1.0-py3-none-any.whl"
WHEEL = replace(urls.artifact_at(URL), hashes={"sha256": hashlib.sha256(BODY).hexdigest()})
FRESH = {"Date": "Mon, 23 Nov 2026 10:00:00 GMT", "Cache-Control": "max-age=1000000000"}


@pytest.fixture
def target(modern_pip: PipEnvironment, cache_dir: Path) -> Target:
    """Return a target with the newer layout."""
    return target_of(modern_pip, cache_dir)


def lender(root: Path, body: bytes = BODY, layout: Layout = Layout.HTTP) -> HttpCache:
    """Return another cache that has a body under the wheel's URL."""
    cache = HttpCache(root, layout=layout, inherits_permissions=False)
    file = cache.new_body()
    file.write_bytes(body)
    cache.store(URL, StoredResponse(status=200, headers=FRESH), file)
    return cache


@pytest.mark.parametrize("layout", list(Layout))
def test_a_verified_body_is_copied_with_its_headers(target: Target, tmp_path: Path, layout: Layout) -> None:
    """From either layout the same bytes and headers come as if they had been fetched."""
    with shelf_of(target) as shelf:
        found = borrow(WHEEL, [lender(tmp_path / "other", layout=layout)], shelf)

    assert found is not None
    assert (found.path.read_bytes(), found.size, found.digests["sha256"]) == (BODY, len(BODY), WHEEL.sha256)
    assert (dict(found.headers), found.redirected) == (FRESH, False)


@pytest.mark.parametrize(
    "artifact",
    [
        replace(WHEEL, hashes={}),
        replace(WHEEL, hashes={"sha256": "0" * 64}),
        replace(WHEEL, size=len(BODY) - 1),
        replace(WHEEL, url="https://files.example/another-1.0-py3-none-any.whl"),
    ],
    ids=["no hash", "another hash", "another size", "another url"],
)
def test_nothing_else_is_taken(target: Target, tmp_path: Path, artifact: Artifact) -> None:
    """Without a hash, or with another body than the one expected, nothing is copied and no file is left."""
    with shelf_of(target) as shelf:
        assert borrow(artifact, [lender(tmp_path / "other")], shelf) is None

    assert not list(target.cache_dir.rglob("*.tmp"))


def test_a_body_that_is_gone_is_no_error(target: Target, tmp_path: Path) -> None:
    """A body that another process removes in the middle, or nobody may read, leaves the work to the network."""
    cache = lender(tmp_path / "other", layout=Layout.HTTP_V2)
    (body,) = cache.section.rglob("*.body")
    body.unlink()
    body.symlink_to("nowhere")

    with shelf_of(target) as shelf:
        assert borrow(WHEEL, [cache], shelf) is None

    assert not list(target.cache_dir.rglob("*.tmp"))


def test_what_one_part_found_the_next_knows(target: Target, tmp_path: Path) -> None:
    """In the same place an earlier part's finding stands; another Python's own wheels are not offered."""
    absent = Verdict(Outcome.MISS, Reason.ABSENT)
    foreign = urls.artifact_at("https://files.example/demo-1.0-cp27-cp27m-win32.whl")
    odd = replace(WHEEL, filename="no-wheel.whl", url="https://files.example/no-wheel.whl")
    built = replace(urls.artifact_at("https://files.example/tool-1.0.tar.gz"), kind=Kind.BUILT_WHEEL)
    company = Company.of([target])
    for artifact in (WHEEL, foreign, odd, built):
        company.note(artifact, absent, target)

    assert company.before(WHEEL, target) == absent
    assert company.before(built, target) == absent
    assert company.before(WHEEL, replace(target, cache_dir=tmp_path / "own")) is None
    assert company.before(built, replace(target, interpreter_version="310")) is None
    assert company.usable(target) == [WHEEL, built]
