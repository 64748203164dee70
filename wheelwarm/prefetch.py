"""Make every artifact that pip will ask for a hit, and report what was found, done and is there now.

What is known and warm needs but a look; all else is `warming.run`'s: resolve -> look up -> plan -> fetch and build ->
store -> look up again. The report states what is on the disk in the end, not what was tried.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wheelwarm.ledger.ledger import Ledger
from wheelwarm.model import Action, Artifact, Row, Summary
from wheelwarm.resolution.knowledge import fresh_resolution, locked_wheels
from wheelwarm.resolution.left_out import left_out
from wheelwarm.resolution.question import input_digest
from wheelwarm.shelf.lookup import Shelf, index_urls_of, wanted, wanted_metadata
from wheelwarm.warming.recording import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.model import Observer
    from wheelwarm.targets.target import Target
    from wheelwarm.warming.company import Company
    from wheelwarm.warming.options import Options


class PrefetchReport(NamedTuple):
    """What `prefetch` found and did. `metadata` counts the `.metadata` files, before and after.

    `source` and `made` (seconds since the epoch, UTC) tell where the resolution is from.
    """

    target: Target
    rows: tuple[Row, ...]
    metadata: tuple[Summary, Summary]
    source: str
    made: float
    bytes_downloaded: int = 0
    seconds: float = 0.0
    resolver: str = "pip"
    dry_run: bool = False
    lock: Path | None = None
    """The lock that was written, if any was."""
    unneeded: tuple[Artifact, ...] = ()
    """What was fetched ahead of pip and then not taken by it; it stays in the cache."""
    warnings: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything is a hit or local now."""
        return all(row.final.warm for row in self.rows)


def prefetch(
    requirements: RequirementSet,
    target: Target,
    *,
    options: Options,
    environ: Mapping[str, str],
    observer: Observer,
    company: Company | None = None,
) -> PrefetchReport:
    """Warm the target's cache for these requirements; with `company`, as one of several targets.

    Raises ResolveError when pip cannot resolve them, CacheError when the cache cannot be written.
    """
    started = time.monotonic()
    if options.lock is not None:
        from wheelwarm.inputs import locking

        locking.check(options.lock)
    with Ledger(target.cache_dir) as ledger:
        shelf = Shelf.of(requirements, target, ledger, environ=environ)
        shelf.recall(input_digest(requirements, target))
        report = None
        if company is None and options.lock is None and not options.refresh:
            report = _kept(requirements, shelf, options)
        report = report or _warmed(requirements, shelf, options, environ, observer, company)
        return report._replace(seconds=time.monotonic() - started, warnings=(*ledger.warnings, *report.warnings))


def _kept(requirements: RequirementSet, shelf: Shelf, options: Options) -> PrefetchReport | None:
    """Return the report of a run with nothing to do; None unless what is needed is known, and all of it warm.

    Such a run is quick since it loads and makes none of what fetches, builds and resolves.
    """
    resolution = fresh_resolution(requirements, shelf, resolver=options.resolver) or locked_wheels(requirements, shelf)
    if resolution is None:
        return None
    found = [(one, shelf.verdict(one)) for one in wanted(resolution, shelf)]
    metadata = [shelf.verdict(one) for one in wanted_metadata(resolution)]
    if not all(verdict.warm for verdict in (*metadata, *(verdict for _, verdict in found))):
        return None
    rows = tuple(
        Row(artifact=shelf.measured(one), before=verdict, action=Action.KEPT, after=verdict) for one, verdict in found
    )
    if not options.dry_run:
        record(shelf, resolution, rows, bytes_downloaded=0, seconds=time.time() - shelf.now)
        shelf.keep(alone=True)
    return PrefetchReport(
        target=shelf.target,
        rows=rows,
        metadata=(Summary.of(metadata), Summary.of(metadata)),
        source=resolution.source,
        made=resolution.made,
        resolver=options.resolver,
        dry_run=options.dry_run,
        warnings=tuple(left_out(resolution, shelf)),
    )


def _warmed(
    requirements: RequirementSet,
    shelf: Shelf,
    options: Options,
    environ: Mapping[str, str],
    observer: Observer,
    company: Company | None,
) -> PrefetchReport:
    """Return the report of a run that may have to ask, fetch and build."""
    import tempfile

    from wheelwarm.fetcher import Fetcher
    from wheelwarm.targets.network import network_of
    from wheelwarm.warming.company import Company
    from wheelwarm.warming.run import Run

    network = network_of(
        shelf.target,
        environ=environ,
        trusted_hosts=shelf.trusted_hosts,
        jobs=options.jobs,
        index_urls=index_urls_of(requirements, shelf.target),
    )
    with (
        Fetcher(network) as fetcher,
        tempfile.TemporaryDirectory(prefix="wheelwarm-", ignore_cleanup_errors=True) as folder,
    ):
        run = Run(
            requirements=requirements,
            shelf=shelf,
            fetcher=fetcher,
            environ=environ,
            scratch=Path(folder),
            observer=observer,
            options=options,
            company=company or Company.of([shelf.target]),
        )
        rows, metadata = run.carry_out()
        return PrefetchReport(
            target=shelf.target,
            rows=rows,
            metadata=metadata,
            source=run.resolution.source,
            made=run.resolution.made,
            bytes_downloaded=run.bytes_downloaded,
            resolver=options.resolver,
            dry_run=options.dry_run,
            lock=run.lock,
            unneeded=tuple(shelf.measured(one) for one in run.unneeded),
            warnings=run.warnings,
        )
