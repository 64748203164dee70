"""What a prune lets go: by cause, and one by one for a dry run and for JSON."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from wheelwarm.holdings.retention import Why
from wheelwarm.removal.removal import Removal
from wheelwarm.render import count_text
from wheelwarm.render.cache import KIND_WORDS, amount_data, entries_text, holding_data, removal_done
from wheelwarm.render.plain import ago, columns, plain, size, write
from wheelwarm.render.sheet import stderr, stdout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wheelwarm.holdings.naming import Holding
    from wheelwarm.prune import Pruning

WHY = {
    Why.ORPHANS: "orphan",
    Why.LEGACY: "legacy",
    Why.EXPIRED: "expired",
    Why.YANKED: "yanked",
    Why.SUPERSEDED: "superseded",
    Why.OTHER_PYTHONS: "other Python",
    Why.INDEX_PAGES: "index page",
    Why.UNUSED: "unused",
    Why.NOT_NEEDED: "not needed",
    Why.MAX_SIZE: "over size",
}
"""A cause in a word or two."""

print_done = removal_done


def print_plan(found: Pruning, *, every_one: bool) -> None:
    """Print how much goes for which cause, before it each entry where asked for; on standard error what stays."""
    if every_one:
        _print_every_one(found)
    if found.plan.items:
        rows = [("cause", "entries", "files", "size", "frees"), *_amounts(found)]
        write("".join(f"{line}\n" for line in _laid_out(rows, right=frozenset({1, 2, 3, 4}))))
    total = found.plan.total
    write(f"{entries_text(total)} to remove, {size(total.bytes)} of {size(found.before)}\n")
    if found.plan.folders:
        write(f"{count_text(len(found.plan.folders), 'empty folder')} to remove\n")
    _print_notes(found)


def data(found: Pruning, removed: Removal, *, dry_run: bool) -> dict[str, Any]:
    """Return `data` of `prune --json`."""
    return {
        "cache_dir": str(found.cache_dir),
        "planned": amount_data(found.plan.total),
        "removed": amount_data(removed),
        "freed": {"planned": found.plan.total.freed, "removed": removed.freed},
        "changed": removed.changed,
        "dry_run": dry_run,
        "causes": {why.value: _amount_data(found.causes.get(why, Removal())) for why in Why},
        "kept": found.kept,
        "bytes_before": found.before,
        "bytes_after": found.after,
        "empty_folders": len(found.plan.folders),
        "entries": [
            {**holding_data(found.cache_dir, holding), "cause": why.value}
            for holding, why in zip(found.holdings, found.why, strict=True)
        ],
    }


def _amount_data(amount: Removal) -> dict[str, int]:
    return {**amount_data(amount), "freed": amount.freed}


def _print_every_one(found: Pruning) -> None:
    now = time.time()
    head = ("name", "version", "kind", "size", "last used", "cause")
    cells = (_cells(holding, why, now) for holding, why in zip(found.holdings, found.why, strict=True))
    limits = (30, 14, None, None, None, None)
    if found.holdings:
        write("".join(f"{line}\n" for line in _laid_out([head, *cells], right=frozenset({3}), limits=limits)))


def _cells(holding: Holding, why: Why, now: float) -> tuple[str, ...]:
    contents = holding.contents
    return (
        plain(contents.name or holding.item.path),
        plain(contents.version or ""),
        holding.oddity or KIND_WORDS[contents.kind],
        size(holding.item.bytes),
        ago(now - holding.last_used),
        WHY[why],
    )


def _amounts(found: Pruning) -> Iterator[tuple[str, ...]]:
    for why, amount in found.causes.items():
        yield _amount(WHY[why], amount)
    if len(found.causes) > 1:
        yield _amount("in all", found.plan.total)


def _amount(label: str, amount: Removal) -> tuple[str, ...]:
    return label, f"{amount.entries:,}", f"{amount.files:,}", size(amount.bytes), size(amount.freed)


def _laid_out(
    rows: list[tuple[str, ...]], *, right: frozenset[int], limits: tuple[int | None, ...] | None = None
) -> Iterator[str]:
    yield from columns(rows, right=right, limits=limits or (None,) * len(rows[0]), width=stdout().width)


def _print_notes(found: Pruning) -> None:
    """Say on standard error what a person might not expect."""
    console = stderr()
    total = found.plan.total
    if found.policy.keep:
        console.print(f"{count_text(found.kept, 'entry', 'entries')} kept for what is needed")
    if total.freed < sum(item.allocated for item in found.plan.items):
        console.print("Some files have other hard links: removing them frees nothing.")
    if found.policy.max_size is not None and found.after > found.policy.max_size:
        console.print(f"{size(found.after)} stay, more than --max-size: it is needed, or maybe a running pip's.")
