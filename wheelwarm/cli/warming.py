"""The commands that take requirements: prefetch and check."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import typer

from wheelwarm.cli.answering import NO, answering
from wheelwarm.cli.configuring import configuration
from wheelwarm.cli.indexes import Looks, index_options
from wheelwarm.cli.options import OUTPUT, Json, Reader, read_requirements, takes
from wheelwarm.cli.reaching import Environ, environment
from wheelwarm.cli.targets import Prober, probe_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wheelwarm.check import CheckReport
    from wheelwarm.export import ExportReport
    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.parts import Part
    from wheelwarm.prefetch import PrefetchReport
    from wheelwarm.targets.target import Target
    from wheelwarm.warming.seeding import SeedPolicy


class Resolver(StrEnum):
    """Who decides what the requirements stand for."""

    PIP = "pip"
    UV = "uv"


R = TypeVar("R", "PrefetchReport", "CheckReport", "ExportReport")


@takes(read_requirements, index_options, environment, probe_targets)
def prefetch(
    read: Reader,
    looks: Looks,
    reach_by: Environ,
    probe: Prober,
    seed: Annotated[
        str | None,
        typer.Option(
            metavar="verified|never",
            help="What to do with files that the server's headers keep pip from caching: store those whose hash was "
            "verified, or none.",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", metavar="N", min=1, max=64, help="Connections at once.")] = 16,
    lock: Annotated[
        str | None,
        typer.Option(
            "--lock",
            metavar="FILE",
            help="Also write what installs with no network: pylock.toml, or NAME.txt for pips before 26.1.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    resolver: Annotated[
        Resolver,
        typer.Option(
            "--resolver",
            metavar="pip|uv",
            help="Who decides; uv is faster, and may choose otherwise than pip (extra wheelwarm\\[uv]).",
        ),
    ] = Resolver.PIP,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; fetch and build nothing.")] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask the index, even while the last resolution of the same input counts.")
    ] = False,
    offline_ok: Annotated[
        bool,
        typer.Option("--offline-ok/--strict", help="Whether no network is a note (exit code 0) or an error."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make every artifact that pip will ask for a hit in pip's cache.

    Nothing is installed. Sdists are built, which runs their code; --only-binary :all: takes wheels only.
    Exit code 1 when something is neither a hit nor local at the end.
    """
    with answering("prefetch", as_json=as_json, offline_ok=offline_ok):
        from wheelwarm.health.reach import reach_of
        from wheelwarm.parts import for_each
        from wheelwarm.prefetch import Options
        from wheelwarm.prefetch import prefetch as operate
        from wheelwarm.render import artifacts
        from wheelwarm.render.progress import observer
        from wheelwarm.warming.company import Company

        policy = _seed_policy(seed)
        environ = reach_by()
        to_write = None if lock is None else Path(lock).expanduser()
        # A lock of the last time must not stand for what it is to be written from.
        wanted = read(options=looks(), apart_from=to_write)
        with observer() as watcher:
            watcher.phase("asking pip about itself")
            targets = probe(environ=environ)
            if lock is not None:
                _require_one_machine(targets)
            reach = reach_of(wanted, targets if offline_ok else ())
            warm = functools.partial(
                operate,
                wanted,
                options=Options(
                    seed=policy,
                    dry_run=dry_run,
                    jobs=jobs,
                    lock=to_write,
                    refresh=refresh,
                    resolver=resolver.value,
                ),
                environ=environ,
                observer=watcher,
                company=Company.of(targets),
            )
            with reach.required():
                parts = for_each(targets, warm)
                done = dry_run or all(part.report and part.report.complete for part in parts)
                if not done:
                    reach.check()
        if resolver is Resolver.UV:
            _note_uv(parts)
        show = Show(artifacts.prefetch_table, artifacts.prefetch_data)
        print_answer("prefetch", wanted, parts, show, done=done, as_json=as_json)
    raise typer.Exit(0 if done else NO)


def _note_uv(parts: Sequence[Part[PrefetchReport]]) -> None:
    """Say once that what uv chose is not always what pip will ask for; what was not resolved needs no such note."""
    from wheelwarm.render import print_note

    if any(part.report and part.report.source in ("uv", "ledger") for part in parts):
        print_note("uv resolved, and pip may choose otherwise: install from --lock FILE to have just these files")


def _require_one_machine(targets: Sequence[Target]) -> None:
    """Refuse several targets: what one of them installs is no lock for the others."""
    if len(targets) > 1:
        raise typer.BadParameter("a lock is for one target; name one --python", param_hint="--lock")
    if targets[0].elsewhere.everywhere:
        raise typer.BadParameter("with --all-platforms there is a lock already", param_hint="--lock")


def _seed_policy(typed: str | None) -> SeedPolicy:
    """Read `--seed`, which holds for all hosts, else what the configuration file says in general and of single ones."""
    from wheelwarm.warming.seeding import Seed, SeedPolicy

    if typed is not None:
        if typed not in list(Seed):
            raise typer.BadParameter(f"{typed!r} is neither 'verified' nor 'never'", param_hint="--seed")
        return SeedPolicy(general=Seed(typed))
    said = configuration()
    hosts = {host: Seed(policy) for host, policy in said.seed_hosts.items()}
    return SeedPolicy(general=Seed(said.seed or Seed.VERIFIED), hosts=hosts)


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
        show = Show(artifacts.check_table, artifacts.check_data)
        print_answer("check", wanted, parts, show, done=done, as_json=as_json)
    raise typer.Exit(0 if done else NO)


@dataclass(frozen=True, slots=True)
class Show(Generic[R]):
    """How a command's report is shown: as a table, and as `data` for JSON."""

    table: Callable[[R], None]
    data: Callable[[R], dict[str, Any]]


def print_answer(
    command: str,
    wanted: RequirementSet,
    parts: Sequence[Part[R]],
    show: Show[R],
    *,
    done: bool,
    as_json: bool,
) -> None:
    """Print what came out for each target."""
    from wheelwarm.render import parts as page
    from wheelwarm.render import print_json

    page.print_troubles(parts)
    if as_json:
        status = "ok" if done else "partial"
        read_from = {"config": configuration().path, "found_input": wanted.found}
        named = {key: str(path) if path else None for key, path in read_from.items()}
        answer = {**page.parts_data(parts, show.data), **named}
        print_json(command, status, answer, page.parts_errors(parts))
    else:
        page.print_parts(parts, show.table)
