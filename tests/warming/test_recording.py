"""What a prefetch leaves in the ledger, by real runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.functional.test_prefetch import publish
from tests.helpers.artifacts import make_wheel
from tests.helpers.program import Program
from wheelwarm.holdings.naming import look
from wheelwarm.ledger.ledger import Ledger
from wheelwarm.model import Kind, Silent, Summary

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment


@pytest.mark.parametrize("version", ["23.2.1", "26.3"])
def test_runs_urls_and_use_are_recorded(
    pip_of: PipOf, index: Index, tmp_path: Path, cache_dir: Path, version: str
) -> None:
    """Each run keeps what it found before it did anything, every URL pip asked for, and that they were asked for."""
    publish(index, tmp_path / "files")
    program = Program(pip_of(version), index, cache_dir)
    for _ in range(2):
        assert program.run("prefetch", "app", "tool").code == 0
    assert program.run("prefetch", "app", "--dry-run").code == 0

    with Ledger(cache_dir) as ledger:
        runs, urls, uses = ledger.runs(), ledger.urls(), ledger.uses()
        holdings = look(cache_dir, ledger, observer=Silent()).all

    assert [run.found for run in runs] == [Summary(misses=5), Summary(hits=5)]
    assert runs[0].bytes_downloaded > runs[1].bytes_downloaded == 0
    assert runs[0].started < runs[1].started
    files = {one.filename for one in urls.values() if one.kind in (Kind.WHEEL, Kind.SDIST)}
    assert files >= {"app-1.0-py3-none-any.whl", "lib-2.0-py3-none-any.whl", "tool-0.5.tar.gz"}
    assert {one.name for one in urls.values() if one.kind is Kind.INDEX_PAGE} >= {"app", "lib", "tool", "helper"}
    named = {one.item.path for one in holdings if one.is_artifact}
    assert uses.keys() == named
    assert set(uses.values()) == {runs[-1].started}


def test_what_needs_no_cache_is_not_of_use(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """A run over a local file is a run, but no entry stands behind it."""
    wheel = make_wheel(tmp_path, "demo", "1.0")

    assert Program(modern_pip, index, cache_dir).run("prefetch", str(wheel)).code == 0

    with Ledger(cache_dir) as ledger:
        assert [run.found for run in ledger.runs()] == [Summary(local=1)]
        assert (ledger.uses(), ledger.urls()) == ({}, {})
