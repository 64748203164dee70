"""Removes things from the cache: select -> plan -> show -> remove; `prune` by a policy, `remove` by a pattern."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wheelwarm.errors import CacheError, ResolveError
from wheelwarm.holdings import retention
from wheelwarm.holdings.naming import glance, look, opened
from wheelwarm.holdings.reclaim import Reader
from wheelwarm.holdings.selection import choose
from wheelwarm.removal import removal
from wheelwarm.removal.bystanders import Bystanders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wheelwarm.cache.inventory import Item
    from wheelwarm.holdings.naming import Holding, Holdings
    from wheelwarm.holdings.retention import Pick, Policy, Why
    from wheelwarm.holdings.selection import Pattern
    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.ledger.ledger import Ledger
    from wheelwarm.model import Observer
    from wheelwarm.removal.removal import Plan, Removal
    from wheelwarm.targets.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """What is to go from a cache directory, named and planned; nothing is planned for folders that are unreadable."""

    cache_dir: Path
    holdings: tuple[Holding, ...]
    plan: Plan
    unreadable_folders: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning(Selected):
    """What a policy lets go. `why` has the cause of each holding; `causes` how much goes for each.

    `before` and `after` are the bytes in pip's sections, as planned; `kept` counts the entries that inputs need.
    """

    policy: Policy
    why: tuple[Why, ...]
    causes: Mapping[Why, Removal]
    before: int
    after: int
    kept: int

    @property
    def is_something(self) -> bool:
        """Whether anything is to go."""
        return bool(self.plan.items or self.plan.folders)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An input whose needs stay; `typed` are the words by which a person gives `prefetch` the same input."""

    requirements: RequirementSet
    typed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """What stays, in the ways in which it may have been prefetched: all of it `together`, or one `apart` from another.

    Of `together` each is the whole, so that one whose needs are known is enough; of `apart` all have to be known.
    """

    together: tuple[Kept, ...] = ()
    apart: tuple[Kept, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to prune by: a policy, what to keep, and the targets.

    `named` asks for names even if the policy needs none. `by_access` counts access times as use.
    """

    policy: Policy
    keep: Keep = Keep()
    targets: Sequence[Target] = ()
    named: bool = True
    by_access: bool = True


def select(cache_dir: Path, pattern: Pattern, *, observer: Observer) -> Selected:
    """Plan the removal of all that a pattern names; CacheError if it is no cache of pip's. Nothing is removed yet."""
    removal.refuse_stranger(cache_dir, home=Path.home())
    with opened(cache_dir) as ledger:
        holdings = look(cache_dir, ledger, observer=observer)
        chosen = choose(holdings.all, pattern)
        plan = removal.plan((one.item for one in chosen), among=holdings.inventory.items)
        return Selected(
            cache_dir=cache_dir,
            holdings=tuple(chosen),
            plan=plan,
            unreadable_folders=holdings.inventory.unreadable,
            warnings=tuple(ledger.warnings),
        )


def survey(cache_dir: Path, request: Request, *, observer: Observer) -> Pruning:
    """Plan what goes by a policy. Nothing is removed yet.

    Raises CacheError for a directory that is no cache of pip's, ResolveError when the needs of an input to keep are
    not known. A directory that a target's pip has told, and has put nothing into yet, is a cache.
    """
    now, targets = time.time(), request.targets
    if targets and _is_unused(cache_dir):
        targets = ()
    else:
        removal.check_is_cache(cache_dir, home=Path.home())
    with opened(cache_dir) as ledger:
        observer.phase("finding what is needed")
        needed = {path for target in targets for path in _needed(request.keep, target, ledger, now)}
        find = look if request.named or request.policy.by_contents else glance
        holdings = _dated(find(cache_dir, ledger, observer=observer), request, ledger)
        readers = [_reader(target) for target in targets] or [Reader()]
        picks = retention.picks(holdings.all, request.policy, needed=needed, readers=readers, now=now)
        return _pruning(holdings, picks, request, needed=needed, warnings=ledger.warnings, now=now)


def _is_unused(cache_dir: Path) -> bool:
    return not cache_dir.exists() or (cache_dir.is_dir() and next(cache_dir.iterdir(), None) is None)


def remove(selected: Selected) -> Removal:
    """Remove what was selected and nothing else, but what running pips need; CacheError when a file will not go."""
    bystanders = Bystanders(selected.cache_dir)
    removed = removal.carry_out(selected.cache_dir, selected.plan, is_in_use=bystanders.need)
    with opened(selected.cache_dir) as ledger:
        ledger.learn_contents((), gone=[item.path for item in selected.plan.items])
    return removed


def _needed(keep: Keep, target: Target, ledger: Ledger, now: float) -> set[str]:
    """Return the paths of all that is known to be needed; ResolveError when that may not be all."""
    if target.cache_dir != ledger.cache_dir:
        raise CacheError(
            f"{target.python} has another cache: {target.cache_dir}.",
            hint="Prune each cache by itself, or name one by --cache-dir.",
        )
    wholes, unknown = _needs(keep.together, target, ledger, now)
    parts, unknown_parts = _needs(keep.apart, target, ledger, now)
    if unknown and not wholes and (unknown_parts or not parts):
        raise unknown_parts[0] if parts else unknown[0]
    return set().union(*wholes, *parts)


def _needs(
    inputs: Sequence[Kept], target: Target, ledger: Ledger, now: float
) -> tuple[list[set[str]], list[ResolveError]]:
    """Return what each of some inputs needs, and the errors of those whose needs are not known."""
    known, unknown = [], []
    for one in inputs:
        # What requirements mean takes many modules: most prunes keep no input.
        from wheelwarm.resolution.needs import needed_paths
        from wheelwarm.shelf.lookup import Shelf, trusted_hosts_of

        hosts = trusted_hosts_of(one.requirements, target)
        try:
            known.append(
                needed_paths(one.requirements, Shelf(target, ledger, now=now, trusted_hosts=hosts), typed=one.typed)
            )
        except ResolveError as exc:
            unknown.append(exc)
    return known, unknown


def _dated(holdings: Holdings, request: Request, ledger: Ledger) -> Holdings:
    """Take what access times prove out of the last use, where they are not to count."""
    if request.by_access:
        return holdings
    uses = ledger.uses()
    dated = (replace(one, last_used=max(one.item.mtime, uses.get(one.item.path, 0.0))) for one in holdings.all)
    return replace(holdings, all=tuple(dated))


def _reader(target: Target) -> Reader:
    """Tell what a target can use: of a lock for every machine, whatever there is."""
    tags = () if target.elsewhere.everywhere else target.tags
    return Reader(layout=target.traits.layout, version=target.version, tags=frozenset(tags))


def _pruning(
    holdings: Holdings,
    picks: Sequence[Pick],
    request: Request,
    *,
    needed: set[str],
    warnings: Iterable[str],
    now: float,
) -> Pruning:
    stock = holdings.inventory
    chosen = tuple(pick.holding for pick in picks)
    empty = (folder for folder in stock.empty if _is_left_behind(stock.root / folder, now))
    plan = removal.plan((one.item for one in chosen), among=stock.items, folders=empty)
    return Pruning(
        cache_dir=stock.root,
        holdings=chosen,
        plan=plan,
        unreadable_folders=stock.unreadable,
        warnings=tuple(warnings),
        policy=request.policy,
        why=tuple(pick.why for pick in picks),
        causes=dict(_by_cause(plan, picks)),
        before=retention.bytes_left(holdings.all, ()),
        after=retention.bytes_left(holdings.all, picks),
        kept=sum(one.item.path in needed for one in holdings.all),
    )


def _by_cause(plan: Plan, picks: Sequence[Pick]) -> Iterator[tuple[Why, Removal]]:
    items: dict[Why, list[Item]] = {}
    for item, pick in zip(plan.items, picks, strict=True):
        items.setdefault(pick.why, []).append(item)
    yield from ((why, removal.amount(items[why])) for why in retention.Why if why in items)


def _is_left_behind(folder: Path, now: float) -> bool:
    """Tell whether an empty folder is old: a process that has just made it is about to write there."""
    try:
        return now - folder.lstat().st_mtime > removal.BUILD_GRACE_SECONDS
    except OSError:
        return False
