"""The command that looks at what an input needs: check."""

from __future__ import annotations

import functools
from typing import Annotated

import typer

from wheelwarm.cli.answering import NO, answering
from wheelwarm.cli.indexes import Looks, index_options
from wheelwarm.cli.options import Json, Reader, read_requirements, takes
from wheelwarm.cli.printing import print_answer
from wheelwarm.cli.reaching import Environ, environment
from wheelwarm.cli.targets import Prober, probe_targets


@takes(read_requirements, index_options, environment, probe_targets)
def check(
    read: Reader,
    looks: Looks,
    reach_by: Environ,
    probe: Prober,
    ask_index: Annotated[bool, typer.Option("--resolve", help="Let pip ask the index what is needed now.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Would an install without network succeed?")] = False,
    as_json: Json = False,
) -> None:
    """Tell which artifacts pip would find in its cache, and why not the others.

    Uses no network: exact pins and URLs speak for themselves, for the rest the last prefetch is remembered.
    Exit code 1 when anything is neither a hit nor local; with --offline, when an install without network would fail.
    """
    with answering("check", as_json=as_json):
        from wheelwarm.check import check as operate
        from wheelwarm.parts import for_each
        from wheelwarm.render import artifacts
        from wheelwarm.render.progress import observer

        environ = reach_by()
        wanted = read(options=looks())
        with observer() as watcher:
            watcher.phase("asking pip about itself")
            ask = functools.partial(
                operate, wanted, ask_index=ask_index, offline=offline, environ=environ, observer=watcher
            )
            parts = for_each(probe(environ=environ), ask)
        done = all(part.report and part.report.complete for part in parts)
        show = artifacts.check_table, artifacts.check_data
        print_answer("check", wanted, parts, *show, done=done, as_json=as_json)
    raise typer.Exit(0 if done else NO)
