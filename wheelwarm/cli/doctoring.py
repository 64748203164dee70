"""The command that looks at the machine: doctor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from wheelwarm.cli.answering import NO, answering
from wheelwarm.cli.options import INDEX, Json
from wheelwarm.cli.whole_cache import Python  # noqa: TC001 - typer reads it when it runs


def doctor(
    python: Python = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no index.", rich_help_panel=INDEX)] = False,
    as_json: Json = False,
) -> None:
    """Tell what is wrong with pip's cache here: each finding with what to type.

    Looks at the pips on PATH, whose the cache is and who may write to it, its layouts, other caches of pip's,
    the disk, and what the configured indexes send. Changes nothing.
    Exit code 1 when something is wrong; notes alone are not.
    """
    with answering("doctor", as_json=as_json):
        from wheelwarm.doctor import doctor as operate
        from wheelwarm.render import doctor as page
        from wheelwarm.render import print_json
        from wheelwarm.render.progress import observer

        with observer() as watcher:
            report = operate(python, environ=dict(os.environ), cwd=Path.cwd(), ask_index=not offline, observer=watcher)
        if as_json:
            print_json("doctor", "ok" if report.healthy else "partial", page.doctor_data(report), [])
        else:
            page.doctor_page(report)
    raise typer.Exit(0 if report.healthy else NO)
