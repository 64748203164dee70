"""Tell what is wrong with pip's cache on this machine, and how to mend it; nothing is changed."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wheelwarm.health import examination
from wheelwarm.health.diagnosis import Examination, Finding, Severity, findings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wheelwarm.health.diagnosis import Folder
    from wheelwarm.model import Observer


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """What was looked at and what was found."""

    seen: Examination
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether there is nothing worse than a note."""
        return all(finding.severity is Severity.NOTE for finding in self.findings)


def doctor(
    python: str | None, *, environ: Mapping[str, str], cwd: Path, ask_index: bool, observer: Observer
) -> DoctorReport:
    """Examine the pips here, their cache and its disk, and with `ask_index` the indexes they are set to.

    Raises TargetError for a Python that was named and cannot be driven.
    """
    observer.phase("asking the pips here")
    pips, target = examination.pips(python, environ, cwd)
    observer.phase("looking at the cache")
    folder = _folder(pips[0].cache_dir)
    if ask_index and target is not None:
        observer.phase("asking the index")
    seen = Examination(
        pips=tuple(pips),
        folder=folder,
        servers=tuple(examination.servers(target, environ, now=time.time())) if ask_index and target else (),
        others=examination.other_caches(pips, environ),
        sudo_user=environ.get("SUDO_USER", ""),
        system=sys.platform,
    )
    return DoctorReport(seen, findings(seen))


def _folder(cache_dir: str) -> Folder | None:
    return examination.folder(Path(cache_dir)) if Path(cache_dir).is_absolute() else None
