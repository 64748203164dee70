"""What a set of requirements would hit, read from the disk alone; only `--resolve` lets pip ask the index."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wheelwarm.ledger.ledger import Ledger
from wheelwarm.model import Kind, Resolution, Row, Summary
from wheelwarm.resolution.knowledge import known_resolution
from wheelwarm.resolution.left_out import left_out
from wheelwarm.resolution.question import input_digest
from wheelwarm.shelf.lookup import Shelf, index_urls_of, wanted, wanted_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.model import Observer
    from wheelwarm.offline.offline import Offline
    from wheelwarm.targets.target import Target


class CheckReport(NamedTuple):
    """What pip would find. `source` and `made` (seconds since the epoch, UTC) tell where the resolution is from."""

    target: Target
    rows: tuple[Row, ...]
    metadata: Summary
    source: str
    made: float
    seconds: float
    warnings: tuple[str, ...] = ()
    offline: Offline | None = None

    @property
    def complete(self) -> bool:
        """Whether everything is a hit or local; where offline was asked for, whether that works."""
        if self.offline is not None:
            return self.offline.works
        return all(row.final.warm for row in self.rows)


def check(
    requirements: RequirementSet,
    target: Target,
    *,
    ask_index: bool,
    offline: bool = False,
    environ: Mapping[str, str],
    observer: Observer,
) -> CheckReport:
    """Look up what these requirements stand for; `offline` asks what stands in the way of an install without network.

    Raises ResolveError when no earlier run, pin or URL tells that and `ask_index` is off.
    """
    started = time.monotonic()
    with Ledger(target.cache_dir) as ledger:
        shelf = Shelf.of(requirements, target, ledger, environ=environ)
        shelf.recall(input_digest(requirements, target))
        resolution = (
            _asked(requirements, shelf, environ, observer) if ask_index else known_resolution(requirements, shelf)
        )
        rows, metadata = tuple(_rows(resolution, shelf)), [shelf.verdict(one) for one in wanted_metadata(resolution)]
        shelf.keep()
        return CheckReport(
            target=target,
            rows=rows,
            metadata=Summary.of(metadata),
            source=resolution.source,
            made=resolution.made,
            seconds=time.monotonic() - started,
            warnings=(*ledger.warnings, *left_out(resolution, shelf)),
            offline=_readiness(requirements, resolution, shelf) if offline else None,
        )


def _readiness(requirements: RequirementSet, resolution: Resolution, shelf: Shelf) -> Offline:
    from wheelwarm.offline.readiness import readiness

    return readiness(requirements, resolution, shelf)


def _asked(requirements: RequirementSet, shelf: Shelf, environ: Mapping[str, str], observer: Observer) -> Resolution:
    """Let pip resolve now, and keep what it said."""
    import tempfile

    from wheelwarm.fetcher import Fetcher
    from wheelwarm.resolution.completion import Completer
    from wheelwarm.resolution.resolver import resolve
    from wheelwarm.targets.network import network_of

    target = shelf.target
    digest = input_digest(requirements, target)
    network = network_of(
        target,
        environ=environ,
        trusted_hosts=shelf.trusted_hosts,
        jobs=4,
        index_urls=index_urls_of(requirements, target),
    )
    with (
        Fetcher(network) as fetcher,
        tempfile.TemporaryDirectory(prefix="wheelwarm-", ignore_cleanup_errors=True) as folder,
    ):
        observer.phase("resolving")
        resolution = resolve(
            requirements, target, environ=environ, scratch=Path(folder), now=shelf.now, observer=observer
        )
        previous = shelf.ledger.recall(digest, target.identity)
        resolution = Completer(
            shelf=shelf, fetcher=fetcher, previous=previous, requirement_hashes=requirements.hashes
        ).complete(resolution)
    shelf.ledger.remember(digest, target.identity, resolution)
    return resolution


def _rows(resolution: Resolution, shelf: Shelf) -> Iterator[Row]:
    """Yield a row for each artifact that `pip install` would ask for.

    An sdist whose wheel was built here is not asked for, and when none is built any more, nor are build requirements.
    """
    artifacts = list(wanted(resolution, shelf))
    verdicts = {one.identity: shelf.verdict(one) for one in artifacts}
    unasked = {one.url for one in artifacts if one.kind is Kind.BUILT_WHEEL and verdicts[one.identity].warm}
    sdists = {one.url for one in resolution.artifacts if one.kind is Kind.SDIST}
    if sdists <= unasked or shelf.target.elsewhere.everywhere:
        unasked.update(resolution.build_requests)
    for artifact in artifacts:
        if artifact.kind is Kind.BUILT_WHEEL or artifact.url not in unasked:
            yield Row(artifact=shelf.measured(artifact), before=verdicts[artifact.identity])
