"""The rows of `list` and `remove`, for people, for pipes and as JSON."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

from wheelwarm.cache.inventory import Form
from wheelwarm.holdings.tallies import platform_of, python_of
from wheelwarm.model import Kind
from wheelwarm.render import count_text
from wheelwarm.render.plain import ago, columns, moment, plain, size, write
from wheelwarm.render.sheet import stderr, stdout

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from wheelwarm.holdings.naming import Holding
    from wheelwarm.prune import Selected
    from wheelwarm.removal.removal import Removal
    from wheelwarm.stats import ListReport

KIND_WORDS = {
    Kind.WHEEL: "wheel",
    Kind.SDIST: "sdist",
    Kind.METADATA: "metadata",
    Kind.INDEX_PAGE: "index page",
    Kind.BUILT_WHEEL: "built wheel",
    Kind.OTHER: "other",
}
_WIDE = 120
"""Columns from which on file names are shown; below, what a wheel is for has to do."""


def list_table(report: ListReport) -> None:
    """Print one line an artifact, with totals on standard error, so that a pipe gets rows alone."""
    print_rows(report.holdings)
    total = sum(holding.item.bytes for holding in report.holdings)
    hidden = f"; {report.hidden} more by --kind other" if report.hidden else ""
    stderr().print(f"{count_text(len(report.holdings), 'entry', 'entries')}, {size(total)}{hidden}", markup=False)


def print_rows(holdings: Iterable[Holding]) -> None:
    """Print a table of holdings; on a narrow terminal without their file names."""
    now, width = time.time(), stdout().width
    wide = width >= _WIDE
    head = ("name", "version", "kind", "size", "last used", "file" if wide else "for")
    rows = [head, *(_cells(holding, now, wide=wide) for holding in holdings)]
    if len(rows) > 1:
        limits = (40, 24, None, None, None, None) if wide else (20, 11, None, None, None, None)
        write("".join(f"{line}\n" for line in columns(rows, right=frozenset({3}), limits=limits, width=width)))


def _cells(holding: Holding, now: float, *, wide: bool) -> tuple[str, ...]:
    contents = holding.contents
    return (
        plain(contents.name or holding.item.path),
        plain(contents.version or ""),
        holding.oddity or KIND_WORDS[contents.kind],
        size(holding.item.bytes),
        ago(now - holding.last_used),
        plain(contents.filename or "") if wide else _made_for(holding),
    )


def _made_for(holding: Holding) -> str:
    """Say what tells a wheel from others of its version."""
    tags = holding.contents.tags
    if not tags:
        return ""
    python, platform = python_of(tags), platform_of(tags)
    return plain(python if platform == "any" else f"{python} {platform}")


def list_paths(report: ListReport) -> None:
    """Print the path of each file that holds a body, one a line and as it is.

    A path with a line break would stand for two: such are left out, and counted on standard error.
    """
    paths = [body_path(report.cache_dir, holding) for holding in report.holdings]
    whole = [path for path in paths if "\n" not in path and "\r" not in path]
    if sys.stdout.isatty():
        write("".join(f"{plain(path)}\n" for path in whole))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(b"".join(os.fsencode(path) + b"\n" for path in whole))
        sys.stdout.buffer.flush()
    if len(whole) < len(paths):
        stderr().print(f"{count_text(len(paths) - len(whole), 'path')} with a line break left out: see --json")


def body_path(cache_dir: Path, holding: Holding) -> str:
    """Return the path of the file that holds the body, or of the only one."""
    files = holding.item.files
    return str(cache_dir / files[-1 if holding.item.form is Form.ENTRY else 0].path)


def list_data(report: ListReport) -> dict[str, Any]:
    """Return `data` of `list --json`."""
    return {
        "cache_dir": str(report.cache_dir),
        "entries": [holding_data(report.cache_dir, holding) for holding in report.holdings],
    }


def holding_data(cache_dir: Path, holding: Holding) -> dict[str, Any]:
    """Return one row for JSON: `state` is null where all is well."""
    contents = holding.contents
    return {
        "name": contents.name,
        "version": contents.version,
        "filename": contents.filename,
        "kind": contents.kind.value,
        "section": holding.item.section.value,
        "bytes": holding.item.bytes,
        "last_used": moment(holding.last_used),
        "path": body_path(cache_dir, holding),
        "state": holding.oddity or None,
        "sha256": contents.sha256,
        "yanked": contents.yanked,
        "origin": contents.origin,
        "named_by": contents.source.value if contents.source else None,
    }


def removal_plan(selected: Selected) -> None:
    """Print what is to go, and how much that is."""
    if not selected.holdings:
        stderr().print("Nothing in the cache matches.")
        return
    print_rows(selected.holdings)
    total = selected.plan.total
    write(f"{entries_text(total)} to remove, {size(total.bytes)}\n")


def removal_done(removed: Removal) -> None:
    """Print what has gone; the disk gets back what no other hard link holds."""
    write(f"{entries_text(removed)} removed, {size(removed.bytes)} ({size(removed.freed)} on disk)\n")
    if removed.changed:
        what = count_text(removed.changed, "entry", "entries")
        stderr().print(f"{what} left: a pip at work needs or has just renewed it; try again later")


def entries_text(removal: Removal) -> str:
    """Write how many entries and files."""
    return f"{count_text(removal.entries, 'entry', 'entries')} ({count_text(removal.files, 'file')})"


def removal_data(selected: Selected, removed: Removal, *, dry_run: bool) -> dict[str, Any]:
    """Return `data` of `remove --json`."""
    return {
        "cache_dir": str(selected.cache_dir),
        "planned": amount_data(selected.plan.total),
        "removed": amount_data(removed),
        "dry_run": dry_run,
        "entries": [holding_data(selected.cache_dir, holding) for holding in selected.holdings],
    }


def amount_data(removal: Removal) -> dict[str, int]:
    """Return how much for JSON."""
    return {"entries": removal.entries, "files": removal.files, "bytes": removal.bytes}


def print_unreadable(folders: Sequence[str]) -> None:
    """Print on standard error which folders could not be looked into."""
    for folder in folders:
        stderr().print(f"warning: the folder {plain(folder or '.')} cannot be read", markup=False)
