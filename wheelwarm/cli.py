"""The command line: options -> one operation -> a report rendered -> an exit code.

Exit codes: 0 done, 1 the answer is no, 2 usage, 3 could not do it, 130 interrupted. Operations are imported by the
command that needs them, so that the others start quickly.
"""

from __future__ import annotations

import functools
import inspect
import os
import signal
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from wheelwarm import __version__
from wheelwarm.errors import WheelwarmError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from wheelwarm.requirements import RequirementSet

Reader: TypeAlias = Callable[[], "RequirementSet"]

NO = 1
FAILED = 3
INTERRUPTED = 130

app = typer.Typer(
    name="wheelwarm",
    help="Fill, explain, trim and repair pip's own cache.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

INPUT, INDEX, TARGET, OUTPUT = "What to look at", "Where pip looks", "For which Python", "What to print"

Requirements = Annotated[
    list[str] | None, typer.Argument(metavar="[REQUIREMENT]...", help="Requirements, as pip takes them.")
]
RequirementFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--requirement", "-r", metavar="FILE", help="A requirements file; - is standard input.", rich_help_panel=INPUT
    ),
]
ConstraintFiles = Annotated[
    list[str] | None,
    typer.Option("--constraint", "-c", metavar="FILE", help="A constraints file.", rich_help_panel=INPUT),
]
Groups = Annotated[
    list[str] | None,
    typer.Option(
        "--group", metavar="[PATH:]GROUP", help="A dependency group (pip 25.1 and later).", rich_help_panel=INPUT
    ),
]
Editables = Annotated[
    list[str] | None,
    typer.Option("--editable", "-e", metavar="PATH/URL", help="An editable project.", rich_help_panel=INPUT),
]
IndexUrl = Annotated[
    str | None,
    typer.Option("--index-url", "-i", metavar="URL", help="The index instead of pip's own.", rich_help_panel=INDEX),
]
ExtraIndexUrls = Annotated[
    list[str] | None,
    typer.Option("--extra-index-url", metavar="URL", help="One more index.", rich_help_panel=INDEX),
]
FindLinks = Annotated[
    list[str] | None,
    typer.Option("--find-links", "-f", metavar="URL", help="A page or folder of files.", rich_help_panel=INDEX),
]
NoIndex = Annotated[bool, typer.Option("--no-index", help="Ask no index at all.", rich_help_panel=INDEX)]
TrustedHosts = Annotated[
    list[str] | None,
    typer.Option("--trusted-host", metavar="HOST", help="A host to trust without TLS.", rich_help_panel=INDEX),
]
Pre = Annotated[bool, typer.Option("--pre", help="Take pre-releases too.", rich_help_panel=INDEX)]
PreferBinary = Annotated[
    bool, typer.Option("--prefer-binary", help="Prefer an older wheel to a newer sdist.", rich_help_panel=INDEX)
]
OnlyBinary = Annotated[
    list[str] | None,
    typer.Option(
        "--only-binary", metavar="FORMATS", help="Wheels only, as in `:all:`: runs no code.", rich_help_panel=INDEX
    ),
]
NoBinary = Annotated[
    list[str] | None,
    typer.Option("--no-binary", metavar="FORMATS", help="Sdists only, as in `:all:`.", rich_help_panel=INDEX),
]
RequireHashes = Annotated[
    bool, typer.Option("--require-hashes", help="Refuse what has no hash.", rich_help_panel=INDEX)
]
Python = Annotated[
    str | None,
    typer.Option(
        "--python",
        "-p",
        metavar="PATH|VERSION",
        help="The Python to warm for; else $VIRTUAL_ENV, ./.venv, python3, wheelwarm's own.",
        rich_help_panel=TARGET,
    ),
]
CacheDir = Annotated[
    str | None,
    typer.Option("--cache-dir", metavar="DIR", help="The cache instead of pip's own.", rich_help_panel=TARGET),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.", rich_help_panel=OUTPUT)]


def print_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"wheelwarm {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=print_version, is_eager=True)
    ] = False,
) -> None:
    """Fill, explain, trim and repair pip's own cache."""


def read_requirements(
    requirements: Requirements = None,
    requirement_files: RequirementFiles = None,
    constraint_files: ConstraintFiles = None,
    groups: Groups = None,
    editables: Editables = None,
    index_url: IndexUrl = None,
    extra_index_urls: ExtraIndexUrls = None,
    find_links: FindLinks = None,
    no_index: NoIndex = False,
    trusted_hosts: TrustedHosts = None,
    pre: Pre = False,
    prefer_binary: PreferBinary = False,
    only_binary: OnlyBinary = None,
    no_binary: NoBinary = None,
    require_hashes: RequireHashes = False,
) -> RequirementSet:
    """Read what was asked for; the parameters are those of every command that takes requirements."""
    from wheelwarm.index_options import IndexOptions
    from wheelwarm.requirements import read

    options = IndexOptions(
        index_url=index_url,
        extra_index_urls=tuple(extra_index_urls or ()),
        no_index=no_index,
        find_links=tuple(find_links or ()),
        trusted_hosts=tuple(trusted_hosts or ()),
        pre=pre,
        prefer_binary=prefer_binary,
        only_binary=tuple(only_binary or ()),
        no_binary=tuple(no_binary or ()),
        require_hashes=require_hashes,
    )
    return read(
        requirements or (),
        requirement_files=requirement_files or (),
        constraint_files=constraint_files or (),
        groups=groups or (),
        editables=editables or (),
        options=options,
        environ=os.environ,
        stdin=sys.stdin.buffer.read,
    )


def takes_requirements(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the parameters of `read_requirements`, and as its first argument the function that reads them."""
    # The return type is imported by type checkers only; here any stand-in will do.
    shared = inspect.signature(read_requirements, locals={"RequirementSet": object}, eval_str=True).parameters
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

    @functools.wraps(command)
    def with_requirements(**values: Any) -> None:
        given = {name: values.pop(name) for name in shared}
        command(functools.partial(read_requirements, **given), **values)

    parameters = [*shared.values(), *own]
    with_requirements.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_requirements.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_requirements


@app.command()
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
        from wheelwarm import render
        from wheelwarm.filling import Seed
        from wheelwarm.prefetch import Options
        from wheelwarm.prefetch import prefetch as operate
        from wheelwarm.target import probe

        if seed not in list(Seed):
            raise typer.BadParameter(f"{seed!r} is neither 'verified' nor 'never'", param_hint="--seed")
        environ = dict(os.environ)
        wanted = read()
        with render.observer() as observer:
            observer.phase("asking pip about itself")
            report = operate(
                wanted,
                probe(python, environ=environ, cwd=Path.cwd(), cache_dir=cache_dir),
                options=Options(seed=Seed(seed), dry_run=dry_run, jobs=jobs),
                environ=environ,
                observer=observer,
            )
        render.print_notes(report.warnings, report.rows)
        done = report.complete or dry_run
        if as_json:
            status = "ok" if done else "partial"
            render.print_json("prefetch", status, render.prefetch_data(report), render.row_errors(report.rows))
        else:
            render.prefetch_table(report)
    raise typer.Exit(0 if done else NO)


@app.command()
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
        from wheelwarm import render
        from wheelwarm.check import check as operate
        from wheelwarm.target import probe

        environ = dict(os.environ)
        wanted = read()
        with render.observer() as observer:
            observer.phase("asking pip about itself")
            report = operate(
                wanted,
                probe(python, environ=environ, cwd=Path.cwd(), cache_dir=cache_dir),
                ask_index=ask_index,
                environ=environ,
                observer=observer,
            )
        render.print_notes(report.warnings)
        if as_json:
            render.print_json("check", "ok" if report.complete else "partial", render.check_data(report), [])
        else:
            render.check_table(report)
    raise typer.Exit(0 if report.complete else NO)


@contextmanager
def answering(command: str, *, as_json: bool) -> Iterator[None]:
    """Turn what a command raises into a message and an exit code; the only place that catches WheelwarmError."""
    try:
        yield
    except WheelwarmError as error:
        from wheelwarm import render

        if as_json:
            render.print_json(command, "error", {}, [render.error_data(error)])
        render.print_error(error)
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        typer.echo("Interrupted.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # The reader has seen enough, as in `wheelwarm list | head`; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def end_by_signal(number: int, _frame: FrameType | None) -> None:
    """End as by an exception, so that temporary files and started processes go."""
    raise SystemExit(128 + number)


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGTERM, end_by_signal)
    app()
