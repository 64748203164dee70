"""The commands that take requirements: prefetch and check."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from wheelwarm.cli.answering import NO, answering
from wheelwarm.cli.options import CacheDir, Json, Python, Reader, takes_requirements


@takes_requirements
def prefetch(
    read: Reader,
    python: Python = None,
    cache_dir: CacheDir = None,
    seed: Annotated[
        str,
        typer.Option(
            metavar="verified|never",
            help="What to do with files that the server's headers keep pip from caching: store those whose hash was "
            "verified, or none.",
        ),
    ] = "verified",
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=64, help="Connections at once.")] = 8,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; fetch and build nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Make every artifact that pip will ask for a hit in pip's cache.

    Nothing is installed. Sdists are built, which runs their code; --only-binary :all: takes wheels only.
    Exit code 1 when something is neither a hit nor local at the end.
    """
    with answering("prefetch", as_json=as_json):
        from wheelwarm.filling import Seed
        from wheelwarm.prefetch import Options
        from wheelwarm.prefetch import prefetch as operate
        from wheelwarm.render import artifacts, print_json, print_warnings
        from wheelwarm.render.progress import observer
        from wheelwarm.target import probe

        if seed not in list(Seed):
            raise typer.BadParameter(f"{seed!r} is neither 'verified' nor 'never'", param_hint="--seed")
        environ = dict(os.environ)
        wanted = read()
        with observer() as watcher:
            watcher.phase("asking pip about itself")
            report = operate(
                wanted,
                probe(python, environ=environ, cwd=Path.cwd(), cache_dir=cache_dir),
                options=Options(seed=Seed(seed), dry_run=dry_run, jobs=jobs),
                environ=environ,
                observer=watcher,
            )
        print_warnings(report.warnings)
        artifacts.print_failures(report.rows)
        done = report.complete or dry_run
        if as_json:
            status = "ok" if done else "partial"
            print_json("prefetch", status, artifacts.prefetch_data(report), artifacts.row_errors(report.rows))
        else:
            artifacts.prefetch_table(report)
    raise typer.Exit(0 if done else NO)


@takes_requirements
def check(
    read: Reader,
    python: Python = None,
    cache_dir: CacheDir = None,
    ask_index: Annotated[bool, typer.Option("--resolve", help="Let pip ask the index what is needed now.")] = False,
    as_json: Json = False,
) -> None:
    """Tell which artifacts pip would find in its cache, and why not the others.

    Uses no network: exact pins and URLs speak for themselves, for the rest the last prefetch is remembered.
    Exit code 1 when anything is neither a hit nor local.
    """
    with answering("check", as_json=as_json):
        from wheelwarm.check import check as operate
        from wheelwarm.render import artifacts, print_json, print_warnings
        from wheelwarm.render.progress import observer
        from wheelwarm.target import probe

        environ = dict(os.environ)
        wanted = read()
        with observer() as watcher:
            watcher.phase("asking pip about itself")
            report = operate(
                wanted,
                probe(python, environ=environ, cwd=Path.cwd(), cache_dir=cache_dir),
                ask_index=ask_index,
                environ=environ,
                observer=watcher,
            )
        print_warnings(report.warnings)
        if as_json:
            print_json("check", "ok" if report.complete else "partial", artifacts.check_data(report), [])
        else:
            artifacts.check_table(report)
    raise typer.Exit(0 if report.complete else NO)
