"""The commands that look at the whole cache by name: stats, list and remove."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from wheelwarm.cli.answering import NO, agrees, answering, check_may_ask
from wheelwarm.cli.completing import complete_pattern
from wheelwarm.cli.options import OUTPUT, CacheDir, Json
from wheelwarm.cli.whole_cache import Python, cache_of
from wheelwarm.local_files import expanded
from wheelwarm.model import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from wheelwarm.holdings.selection import Pattern
    from wheelwarm.stats import StatsReport

Kinds = Annotated[
    list[Kind] | None,
    typer.Option(
        "--kind",
        metavar="KIND",
        help="Only wheel, sdist, metadata, index_page, built_wheel or other; may be repeated.",
        rich_help_panel=OUTPUT,
    ),
]


class Format(StrEnum):
    """How `list` prints its rows."""

    HUMAN = "human"
    PATHS = "paths"
    JSON = "json"


class Order(StrEnum):
    """How `list` sorts its rows: selection.Sort, which is not imported before it is needed."""

    SIZE = "size"
    NAME = "name"
    LAST_USED = "last-used"
    AGE = "age"


def stats(
    python: Python = None,
    cache_dir: CacheDir = None,
    top: Annotated[
        int, typer.Option("--top", min=0, metavar="N", help="How many projects to name.", rich_help_panel=OUTPUT)
    ] = 10,
    html: Annotated[
        str | None,
        typer.Option(
            "--html",
            metavar="FILE",
            help="Write one self-contained page instead (needs the extra wheelwarm\\[html]).",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Count what is in pip's cache: kinds, projects, ages, Pythons, what could go, past runs.

    Last use is when the youngest of an entry's files was written, or read where
    the file system tells, or a prefetch found that pip will ask for it.
    With --cache-dir and no --python, no Python is asked what it could use.
    """
    with answering("stats", as_json=as_json):
        from wheelwarm.render import print_json, print_warnings
        from wheelwarm.render import stats as page
        from wheelwarm.render.cache import print_unreadable
        from wheelwarm.render.progress import observer
        from wheelwarm.stats import stats as operate

        with observer() as watcher:
            where, reader = cache_of(python, cache_dir)
            report = operate(where, reader=reader, observer=watcher)
        print_warnings(report.warnings)
        print_unreadable(report.unreadable_folders)
        if html is not None:
            _write_html(report, expanded(html))
        if as_json:
            print_json("stats", "ok", page.stats_data(report), [])
        elif html is None:
            page.stats_page(report, top=top)


def list_(
    pattern: Annotated[
        str | None,
        typer.Argument(
            metavar="PATTERN",
            help="A project, NAME==VERSION or NAME<2, a file name, or a glob.",
            autocompletion=complete_pattern,
        ),
    ] = None,
    kinds: Kinds = None,
    sort: Annotated[Order, typer.Option("--sort", help="The order of the rows.", rich_help_panel=OUTPUT)] = Order.NAME,
    form: Annotated[
        Format, typer.Option("--format", help="A table, paths for a pipe, or JSON.", rich_help_panel=OUTPUT)
    ] = Format.HUMAN,
    python: Python = None,
    cache_dir: CacheDir = None,
    as_json: Json = False,
) -> None:
    """List what is in pip's cache by name, downloads and locally built wheels alike.

    Last use is when the youngest of an entry's files was written, or read where
    the file system tells, or a prefetch found that pip will ask for it.
    Leftovers and strangers show with --kind other.
    """
    form = Format.JSON if as_json else form
    with answering("list", as_json=form is Format.JSON):
        from wheelwarm.holdings.selection import Sort
        from wheelwarm.render import cache, print_json, print_warnings
        from wheelwarm.render.progress import observer
        from wheelwarm.stats import listing

        wanted = _pattern(pattern) if pattern is not None else None
        with observer() as watcher:
            where, _ = cache_of(python, cache_dir)
            report = listing(where, wanted, kinds=frozenset(kinds or ()), sort=Sort(sort), observer=watcher)
        print_warnings(report.warnings)
        cache.print_unreadable(report.unreadable_folders)
        match form:
            case Format.JSON:
                print_json("list", "ok", cache.list_data(report), [])
            case Format.PATHS:
                cache.list_paths(report)
            case Format.HUMAN:
                cache.list_table(report)


def remove(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN",
            help="A project, NAME==VERSION or NAME<2, a file name, or a glob.",
            autocompletion=complete_pattern,
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go; remove nothing.")] = False,
    python: Python = None,
    cache_dir: CacheDir = None,
    as_json: Json = False,
) -> None:
    """Forget a project, a version or a file: its wheels, sdists, metadata, index page and locally built wheels.

    pip downloads just those again when it needs them. A version or a file leaves the index page alone.
    Exit code 1 when nothing matches, or the answer is no.
    """
    with answering("remove", as_json=as_json):
        from wheelwarm.prune import remove as operate
        from wheelwarm.prune import select
        from wheelwarm.removal.removal import Removal
        from wheelwarm.render import cache, print_json, print_warnings
        from wheelwarm.render.progress import observer

        wanted = _pattern(pattern)
        if not (yes or dry_run):
            check_may_ask(as_json=as_json)
        with observer() as watcher:
            where, _ = cache_of(python, cache_dir)
            selected = select(where, wanted, observer=watcher)
        print_warnings(selected.warnings)
        cache.print_unreadable(selected.unreadable_folders)
        if not as_json:
            cache.removal_plan(selected)
        agreed = bool(selected.holdings) and not dry_run and (yes or agrees(selected.plan))
        removed = operate(selected) if agreed else Removal()
        done = bool(selected.holdings) and (agreed or dry_run)
        if as_json:
            status = "ok" if done else "partial"
            print_json("remove", status, cache.removal_data(selected, removed, dry_run=dry_run), [])
        elif agreed:
            cache.removal_done(removed)
    raise typer.Exit(0 if done else NO)


def _write_html(report: StatsReport, path: Path) -> None:
    from wheelwarm.render.html import write_page
    from wheelwarm.render.plain import plain, size
    from wheelwarm.render.sheet import stderr

    amount = write_page(report, path)
    stderr().print(f"{plain(str(path))} written, {size(amount)}", markup=False)


def _pattern(text: str) -> Pattern:
    from wheelwarm.errors import InputError
    from wheelwarm.holdings.selection import Pattern

    try:
        return Pattern(text)
    except InputError as error:
        raise typer.BadParameter(f"{error.message} {error.hint}", param_hint="PATTERN") from None
