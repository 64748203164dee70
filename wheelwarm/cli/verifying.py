"""The command that looks for damage in the whole cache: verify."""

from __future__ import annotations

from typing import Annotated

import typer

from wheelwarm.cli.answering import NO, answering
from wheelwarm.cli.options import OUTPUT, CacheDir
from wheelwarm.cli.whole_cache import Python, cache_of


def verify(
    fix: Annotated[bool, typer.Option("--fix", help="Remove what is damaged, and only that, without asking.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Read only what has changed since the last verify, by size, time and inode.")
    ] = False,
    python: Python = None,
    cache_dir: CacheDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.", rich_help_panel=OUTPUT)] = False,
) -> None:
    """Find what would break an install: look at every entry and every locally built wheel.

    Authentic is what has the hash that an index page, a lock or the ledger states; readable is what is whole by its
    own words alone: both halves, the stated length, an archive that unpacks, files as a wheel's RECORD lists them.
    --fix shows what it removes; pip fetches just that afresh. Exit code 1 when problems remain.
    """
    with answering("verify", as_json=as_json):
        from wheelwarm.render import print_json, print_warnings
        from wheelwarm.render import verify as page
        from wheelwarm.render.cache import print_unreadable
        from wheelwarm.render.progress import observer
        from wheelwarm.verify import Fixed
        from wheelwarm.verify import fix as remove
        from wheelwarm.verify import verify as operate

        with observer() as watcher:
            where, _ = cache_of(python, cache_dir)
            report = operate(where, quick=quick, observer=watcher)
        print_warnings(report.warnings)
        print_unreadable(report.unreadable_folders)
        if not as_json:
            page.problems_table(report)
        fixed = remove(report) if fix else Fixed(left=len(report.problems))
        if as_json:
            print_json("verify", "partial" if fixed.left else "ok", page.verify_data(report, fixed), [])
        else:
            page.summary(report, fixed, fix=fix)
    raise typer.Exit(NO if fixed.left else 0)
