"""The command that makes a wheelhouse out of the cache: export."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from wheelwarm.cli.answering import NO, answering
from wheelwarm.cli.indexes import Looks, index_options
from wheelwarm.cli.options import OUTPUT, Json, Reader, read_requirements, takes
from wheelwarm.cli.printing import print_answer
from wheelwarm.cli.reaching import Environ, environment
from wheelwarm.cli.targets import Prober, probe_targets
from wheelwarm.local_files import expanded

Folder: TypeAlias = Callable[[], Path]


def named_folder(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="The folder to fill; what else is in it stays.")],
) -> Path:
    """Return the folder; a function of its own, so that its name comes before the requirements."""
    if not directory:  # as from a variable that is not set: a path would make the current folder of it
        raise typer.BadParameter("the folder has no name", param_hint="DIR")
    return expanded(directory).absolute()


@takes(named_folder, read_requirements, index_options, environment, probe_targets)
def export(
    folder: Folder,
    read: Reader,
    looks: Looks,
    reach_by: Environ,
    probe: Prober,
    index: Annotated[
        bool, typer.Option("--index", help="Write index pages too, for --index-url.", rich_help_panel=OUTPUT)
    ] = False,
    link_mode: Annotated[
        str,
        typer.Option(
            metavar="auto|copy|reflink|hardlink",
            help="How files get there. auto: a reflink where the file system has them, else a copy. A hardlink takes "
            "no space, but who edits it edits pip's cache.",
            rich_help_panel=OUTPUT,
        ),
    ] = "auto",
    as_json: Json = False,
) -> None:
    """Make a wheelhouse out of the cache, for pip install --no-index --find-links DIR.

    Wheels, wheels built here, and sdists where no wheel is at hand. Uses no
    network and runs no code; every file is checked against its hash. What is
    needed it knows as check does: from pins, or from the last prefetch.
    Exit code 1 when something is missing.
    """
    with answering("export", as_json=as_json):
        from wheelwarm.export import Options
        from wheelwarm.export import export as operate
        from wheelwarm.parts import for_each
        from wheelwarm.render import export as page
        from wheelwarm.render.progress import observer
        from wheelwarm.wheelhouse.wheelhouse import LinkMode

        if link_mode not in list(LinkMode):
            raise typer.BadParameter(f"{link_mode!r} is none of {', '.join(LinkMode)}", param_hint="--link-mode")
        options = Options(directory=folder(), mode=LinkMode(link_mode), index=index)
        environ = reach_by()
        wanted = read(options=looks())
        with observer() as watcher:
            watcher.phase("asking pip about itself")
            ask = functools.partial(operate, wanted, options=options, environ=environ, observer=watcher)
            parts = for_each(probe(environ=environ), ask)
        done = all(part.report and part.report.complete for part in parts)
        show = page.export_table, page.export_data
        print_answer("export", wanted, parts, *show, done=done, as_json=as_json)
    raise typer.Exit(0 if done else NO)
