"""Removes things from the cache: select -> plan -> show -> remove. So far what a pattern names, for `remove`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wheelwarm import removal
from wheelwarm.naming import look, opened
from wheelwarm.selection import choose

if TYPE_CHECKING:
    from pathlib import Path

    from wheelwarm.model import Observer
    from wheelwarm.naming import Holding
    from wheelwarm.removal import Plan, Removal
    from wheelwarm.selection import Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """What is to go from a cache directory, named and planned."""

    cache_dir: Path
    holdings: tuple[Holding, ...]
    plan: Plan
    warnings: tuple[str, ...] = ()


def select(cache_dir: Path, pattern: Pattern, *, observer: Observer) -> Selected:
    """Plan the removal of all that a pattern names; CacheError if the directory is none. Nothing is removed yet."""
    with opened(cache_dir) as ledger:
        holdings = look(cache_dir, ledger, observer=observer)
        chosen = choose(holdings.all, pattern)
        plan = removal.plan((one.item for one in chosen), among=holdings.inventory.items)
        return Selected(cache_dir=cache_dir, holdings=tuple(chosen), plan=plan, warnings=tuple(ledger.warnings))


def remove(selected: Selected) -> Removal:
    """Remove what was selected and nothing else; CacheError when a file will not go."""
    removed = removal.carry_out(selected.cache_dir, selected.plan)
    with opened(selected.cache_dir) as ledger:
        ledger.learn_contents((), gone=[item.path for item in selected.plan.items])
    return removed
