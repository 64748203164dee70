"""For commands that look at a whole cache: which one it is, and for whom it is looked at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wheelwarm.cli.options import TARGET
from wheelwarm.local_files import expanded

if TYPE_CHECKING:
    from wheelwarm.holdings.reclaim import Reader

Python = Annotated[
    str | None,
    typer.Option(
        "--python",
        "-p",
        metavar="PATH|VERSION",
        help="The Python whose pip's cache it is; else $VIRTUAL_ENV, ./.venv, python3, wheelwarm's own.",
        rich_help_panel=TARGET,
    ),
]


def cache_of(python: str | None, cache_dir: str | None) -> tuple[Path, Reader]:
    """Find the cache, and for whom it is looked at; a given cache needs no process unless a Python is named too.

    One that is given and is not there is as empty as any new one, and more likely misspelt.
    """
    from wheelwarm.holdings.reclaim import Reader

    if cache_dir is not None and not (given := expanded(cache_dir)).is_dir():
        from wheelwarm.render import print_warnings

        print_warnings([f"There is no cache directory {given}."])
    if cache_dir is not None and python is None:
        return expanded(cache_dir).absolute(), Reader()
    from wheelwarm.targets.probing import probe

    target = probe(python, environ=dict(os.environ), cwd=Path.cwd(), cache_dir=cache_dir)
    layout = target.traits.layout
    return target.cache_dir, Reader(layout=layout, version=target.version, tags=frozenset(target.tags))
