"""The command that trims the cache by a policy: prune."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from wheelwarm.cli.answering import agrees, answering, check_may_ask
from wheelwarm.cli.indexes import Looks, index_options
from wheelwarm.cli.kept import SELECTORS, Chooser, KeepReader, cache_and_targets, read_keep
from wheelwarm.cli.options import Json, takes

if TYPE_CHECKING:
    from collections.abc import Callable

    from wheelwarm.holdings.retention import Policy

_T = TypeVar("_T")


@takes(read_keep, index_options, cache_and_targets)
def prune(
    read: KeepReader,
    looks: Looks,
    choose: Chooser,
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
    as_json: Json = False,
) -> None:
    """Trim pip's cache by last use, size and need.

    Selectors add up: what any of them names goes. What --keep needs stays, whatever else is asked; --keep alone lets
    everything else go. Temporary files that may be a running pip's are left alone.
    """
    with answering("prune", as_json=as_json):
        from wheelwarm.prune import Request, survey
        from wheelwarm.prune import remove as operate
        from wheelwarm.removal.removal import Removal
        from wheelwarm.render import print_json, print_warnings, pruning
        from wheelwarm.render.cache import print_unreadable
        from wheelwarm.render.progress import observer

        keep = read(options=looks())
        policy = _policy(
            older_than, max_size, keep=bool(keep.together), stale=stale, legacy=legacy, other_pythons=other_pythons,
            index_pages=index_pages, orphans=orphans,
        )  # fmt: skip
        if not (yes or dry_run):
            check_may_ask(as_json=as_json)
        with observer() as watcher:
            watcher.phase("asking pip about itself")
            where, targets = choose(by_target=policy.for_targets)
            request = Request(
                policy=policy,
                keep=keep,
                targets=targets,
                named=dry_run or as_json or not yes,
                by_access=not no_atime,
            )
            found = survey(where, request, observer=watcher)
        print_warnings(found.warnings)
        print_unreadable(found.unreadable_folders)
        if not as_json:
            pruning.print_plan(found, every_one=dry_run)
        agreed = not dry_run and found.is_something and (yes or agrees(found.plan))
        removed = operate(found) if agreed else Removal()
        if as_json:
            print_json("prune", "ok", pruning.data(found, removed, dry_run=dry_run), [])
        elif agreed:
            pruning.print_done(removed)


def _policy(older_than: str | None, max_size: str | None, **flags: bool) -> Policy:
    from wheelwarm.amounts import bytes_of, seconds_of
    from wheelwarm.holdings.retention import Policy

    policy = Policy(
        older_than=_read(seconds_of, older_than, "--older-than"),
        max_size=_read(bytes_of, max_size, "--max-size"),
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
