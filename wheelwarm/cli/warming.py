"""The command that fills: prefetch."""

from __future__ import annotations

import functools
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wheelwarm.cli.answering import NO, answering
from wheelwarm.cli.configuring import configuration
from wheelwarm.cli.indexes import Looks, index_options
from wheelwarm.cli.options import OUTPUT, Json, Reader, read_requirements, takes
from wheelwarm.cli.printing import print_answer
from wheelwarm.cli.reaching import Environ, environment
from wheelwarm.cli.targets import Prober, probe_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wheelwarm.health.reach import Reach
    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.parts import Part
    from wheelwarm.prefetch import PrefetchReport
    from wheelwarm.targets.target import Target
    from wheelwarm.warming.company import Company
    from wheelwarm.warming.seeding import SeedPolicy


class Resolver(StrEnum):
    """Who decides what the requirements stand for."""

    PIP = "pip"
    UV = "uv"


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
    jobs: Annotated[int, typer.Option("--jobs", "-j", metavar="N", min=1, max=64, help="Connections at once.")] = 32,
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
        from wheelwarm.parts import for_each
        from wheelwarm.prefetch import prefetch as operate
        from wheelwarm.render import artifacts
        from wheelwarm.render.progress import observer
        from wheelwarm.warming.options import Options

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
            reach = _reach(wanted, targets) if offline_ok else None
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
                company=_company(targets),
            )
            with reach.required() if reach else nullcontext():
                parts = for_each(targets, warm)
                done = dry_run or all(part.report and part.report.complete for part in parts)
                if reach and not done:
                    reach.check()
        if resolver is Resolver.UV:
            _note_uv(parts)
        show = artifacts.prefetch_table, artifacts.prefetch_data
        print_answer("prefetch", wanted, parts, *show, done=done, as_json=as_json)
    raise typer.Exit(0 if done else NO)


def _reach(wanted: RequirementSet, targets: Sequence[Target]) -> Reach:
    from wheelwarm.health.reach import reach_of

    return reach_of(wanted, targets)


def _company(targets: Sequence[Target]) -> Company | None:
    """Let several targets know of each other; one alone has nobody to share with."""
    if len(targets) == 1:
        return None
    from wheelwarm.warming.company import Company

    return Company.of(targets)


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
