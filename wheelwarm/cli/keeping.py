"""The command that trims the cache by a policy: prune."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from wheelwarm.cli.answering import agrees, answering
from wheelwarm.cli.options import CacheDir, Json, read_requirements
from wheelwarm.cli.whole_cache import Pythons, targets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wheelwarm.holdings.retention import Policy
    from wheelwarm.targets.target import Target

_T = TypeVar("_T")

SELECTORS = "What goes"


def prune(
    older_than: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Not used for so long: 30d, 12h, 6w, P30D.", rich_help_panel=SELECTORS),
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Least recently used first, until the rest fits: 2GB, 500MiB. Comes last.",
            rich_help_panel=SELECTORS,
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="A requirements file as prefetch takes it: what it needs stays. Without another selector, all else "
            "goes. May be repeated.",
            rich_help_panel=SELECTORS,
        ),
    ] = None,
    stale: Annotated[
        bool,
        typer.Option(
            "--stale",
            help="Expired and nothing to ask the server by; older versions of what is here; yanked.",
            rich_help_panel=SELECTORS,
        ),
    ] = False,
    legacy: Annotated[
        bool,
        typer.Option("--legacy", help="Older layouts that none of the pips reads.", rich_help_panel=SELECTORS),
    ] = False,
    other_pythons: Annotated[
        bool,
        typer.Option("--other-pythons", help="What none of the Pythons can use.", rich_help_panel=SELECTORS),
    ] = False,
    index_pages: Annotated[
        bool, typer.Option("--index-pages", help="Index pages: pip asks for them anew.", rich_help_panel=SELECTORS)
    ] = False,
    orphans: Annotated[
        bool,
        typer.Option("--orphans", help="Halves of entries, leftovers of crashes.", rich_help_panel=SELECTORS),
    ] = False,
    no_atime: Annotated[
        bool,
        typer.Option(
            "--no-atime",
            help="Do not count access times as use: for a cache that a backup reads.",
            rich_help_panel=SELECTORS,
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go; remove nothing.")] = False,
    python: Pythons = None,
    cache_dir: CacheDir = None,
    as_json: Json = False,
) -> None:
    """Trim pip's cache by last use, size and need.

    Selectors add up: what any of them names goes. What --keep needs stays, whatever else is asked; --keep alone lets
    everything else go. Temporary files that may be a running pip's are left alone.
    """
    if not (yes or dry_run or sys.stdin.isatty()):
        raise typer.BadParameter("without a terminal to ask on, --yes is needed", param_hint="--yes")
    policy = _policy(
        older_than, max_size, keep, stale=stale, legacy=legacy, other_pythons=other_pythons, index_pages=index_pages,
        orphans=orphans,
    )  # fmt: skip
    with answering("prune", as_json=as_json):
        from wheelwarm.prune import Request, survey
        from wheelwarm.prune import remove as operate
        from wheelwarm.removal.removal import Removal
        from wheelwarm.render import print_json, print_warnings, pruning
        from wheelwarm.render.cache import print_unreadable
        from wheelwarm.render.progress import observer

        with observer() as watcher:
            watcher.phase("asking pip about itself")
            where, targets = _cache_and_targets(policy, python or (), cache_dir)
            request = Request(
                policy=policy,
                keep={name: read_requirements(requirement_files=[name]) for name in keep or ()},
                targets=targets,
                named=dry_run or as_json or not yes,
                by_access=not no_atime,
            )
            found = survey(where, request, observer=watcher)
        print_warnings(found.warnings)
        print_unreadable(found.unreadable_folders)
        if not as_json:
            pruning.print_plan(found, every_one=dry_run)
        agreed = not dry_run and found.is_something and (yes or agrees(found.plan.total.files))
        removed = operate(found) if agreed else Removal()
        if as_json:
            print_json("prune", "ok", pruning.data(found, removed, dry_run=dry_run), [])
        elif agreed:
            pruning.print_done(removed)


def _policy(older_than: str | None, max_size: str | None, keep: Sequence[str] | None, **flags: bool) -> Policy:
    from wheelwarm.amounts import bytes_of, seconds_of
    from wheelwarm.holdings.retention import Policy

    policy = Policy(
        older_than=_read(seconds_of, older_than, "--older-than"),
        max_size=_read(bytes_of, max_size, "--max-size"),
        keep=bool(keep),
        **flags,
    )
    if policy.is_empty:
        raise typer.BadParameter(
            "nothing says what is to go, and that never means everything; name a selector, as in --older-than 30d",
            param_hint="prune",
        )
    return policy


def _read(read: Callable[[str], _T], text: str | None, option: str) -> _T | None:
    from wheelwarm.errors import InputError

    try:
        return None if text is None else read(text)
    except InputError as error:
        raise typer.BadParameter(f"{error.message} {error.hint}", param_hint=option) from None


def _cache_and_targets(
    policy: Policy, pythons: Sequence[str], cache_dir: str | None
) -> tuple[Path, tuple[Target, ...]]:
    """Find the cache and for whom it is; a given one needs no process unless the policy asks what a Python can use."""
    if cache_dir is not None and not pythons and not policy.for_targets:
        return Path(cache_dir).expanduser().absolute(), ()
    targets = tuple(targets_of(pythons, cache_dir))
    return targets[0].cache_dir, targets
