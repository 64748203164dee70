"""How long a look at the whole cache takes: `wheelwarm stats` against `pip cache info`, which knows no names."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.bench.harness import Bench, Command, Goal, Measured, measure
from tests.bench.synthetic import cache_of
from wheelwarm.ledger.ledger import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.harness import Setting

PIP, FIRST, AGAIN = "pip cache info", "stats, first", "stats, nothing changed"


def bench(setting: Setting) -> Bench:
    """Measure the first `stats` and the next on two sizes of cache."""
    small = _measure(setting, setting.entries, rounds=setting.rounds)
    large = _measure(setting, setting.large, rounds=max(1, setting.rounds // 3))
    goals = [
        Goal(name="first stats / pip cache info", measured=small.ratio(FIRST, PIP), limit=3),
        Goal(name="unchanged stats / pip cache info", measured=small.ratio(AGAIN, PIP), limit=1),
        Goal(name="peak MB", measured=max(small.median(name, "peak") for name in (FIRST, AGAIN)) / 1e6, limit=150),
        _growth(setting, small, large, FIRST),
        _growth(setting, small, large, AGAIN),
    ]
    headings = (f"{setting.entries:,} entries", f"{setting.large:,} entries")
    return Bench(name="see", measured=dict(zip(headings, (small, large), strict=True)), goals=goals)


def _growth(setting: Setting, small: Measured, large: Measured, name: str) -> Goal:
    """Compare the two sizes: a tenth more than in proportion is allowed."""
    measured = large.median(name, "wall") / small.median(name, "wall")
    return Goal(name=f"{name}: large / small cache", measured=measured, limit=1.1 * setting.large / setting.entries)


def _measure(setting: Setting, entries: int, *, rounds: int) -> Measured:
    cache_dir = cache_of(setting.folder, entries)
    _touch(cache_dir)
    stats = setting.wheelwarm_command("stats", "--cache-dir", str(cache_dir))
    commands = [
        Command(name=PIP, argv=setting.pip_command("cache", "info", "--cache-dir", str(cache_dir))),
        Command(name=FIRST, argv=stats, prepare=lambda: _forget(cache_dir)),
        Command(name=AGAIN, argv=stats),
    ]
    return measure(commands, rounds=rounds, home=setting.pip.home)


def _touch(cache_dir: Path) -> None:
    """Let the kernel read the folders once: else the first command pays for the disk, and all others do not."""
    for path in cache_dir.rglob("*"):
        path.stat()


def _forget(cache_dir: Path) -> None:
    """Take the ledger away, so that the next look is a first one."""
    shutil.rmtree(cache_dir / FOLDER, ignore_errors=True)
