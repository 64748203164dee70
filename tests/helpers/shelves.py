"""Targets, shelves and fillers of real pips, for tests of what stands between the probe and the operations."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from wheelwarm.fetcher import Fetcher
from wheelwarm.ledger.ledger import Ledger
from wheelwarm.model import Silent
from wheelwarm.shelf.lookup import Shelf
from wheelwarm.targets.network import Network
from wheelwarm.targets.probing import probe
from wheelwarm.warming.filling import Filler
from wheelwarm.warming.pip_lane import PipLane
from wheelwarm.warming.seeding import Seed, SeedPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment
    from wheelwarm.targets.target import Target


def target_of(pip: PipEnvironment, cache_dir: Path, **settings: str) -> Target:
    """Return the target that a pip's Python is, with a cache and pip settings of the test's own."""
    config = {f"global.{name.replace('_', '-')}": value for name, value in settings.items()}
    return replace(_probed(pip), cache_dir=cache_dir, config=config)


@contextmanager
def shelf_of(target: Target, *, now: float | None = None, trusted_hosts: Sequence[str] = ()) -> Iterator[Shelf]:
    """Open the shelf of a target, at another time than now if given."""
    with Ledger(target.cache_dir) as ledger:
        yield Shelf(target, ledger, now=time.time() if now is None else now, trusted_hosts=trusted_hosts)


@contextmanager
def fetcher_of(index: Index, **options: float) -> Iterator[Fetcher]:
    """Open a fetcher that trusts the index and gives up soon."""
    with Fetcher(Network(ca_bundle=str(index.ca_bundle), timeout=5.0, retries=int(options.get("retries", 1)))) as made:
        yield made


def filler_of(
    shelf: Shelf, fetcher: Fetcher, *, environ: Mapping[str, str], scratch: Path, seed: Seed = Seed.VERIFIED
) -> Filler:
    """Make a filler for a shelf, whose pip runs in this environment."""
    scratch.mkdir(exist_ok=True)
    policy = SeedPolicy(general=seed)
    pip = PipLane(shelf.target, index_arguments=(), environ=environ, scratch=scratch)
    return Filler(shelf, fetcher, pip=pip, seed=policy, observer=Silent())


@cache
def _probed(pip: PipEnvironment) -> Target:
    cache_dir = pip.home / "cache"
    return probe(str(pip.python), environ=pip.environ(cache_dir=cache_dir), cwd=pip.home)
