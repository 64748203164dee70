"""The report of `export`: what is in the wheelhouse, what is missing, how pip is to be told of it."""

from __future__ import annotations

import shlex
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wheelwarm.redaction import redact
from wheelwarm.render import count_text, path_text
from wheelwarm.render.artifacts import source_text, target_data
from wheelwarm.render.plain import columns, plain, size, write
from wheelwarm.render.sheet import stderr, stdout
from wheelwarm.wheelhouse.wheelhouse import How

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wheelwarm.export import Exported, ExportReport

IN_PLACE, MISSING = "in place", "missing"


def export_table(report: ExportReport) -> None:
    """Print a line for each artifact, the sums, and on standard error what to type or change now."""
    head = ("name", "version", "done", "size", "file")
    lines = columns(
        [head, *map(_cells, report.rows)],
        right=frozenset({3}),
        limits=(24, 16, None, None, None),
        width=stdout().width,
    )
    write("".join(f"{line}\n" for line in lines))
    write(f"\n{_sums(report)}\n")
    if report.projects is not None:
        write(f"index pages: {count_text(len(report.projects), 'project')}\n")
    write(f"resolution: {source_text(report.source, report.made)}\n")
    _print_advice(report)


def _cells(row: Exported) -> tuple[str, ...]:
    artifact, placed = row.artifact, row.placed
    bytes_ = "" if placed is None else size(placed.size)
    done = _done(row) + (f" ({row.reason})" if row.reason else "")
    return plain(artifact.name), plain(artifact.version), done, bytes_, plain(artifact.filename)


def _done(row: Exported) -> str:
    if row.placed:
        return row.placed.how.value
    return IN_PLACE if row.in_place else MISSING


def _sums(report: ExportReport) -> str:
    placed = [row.placed for row in report.rows if row.placed]
    ways = Counter(one.how for one in placed)
    parts = [f"{ways[how]:,} {how.value}" for how in How if ways[how]]
    missing = sum(row.reason is not None for row in report.rows)
    parts += [f"{missing:,} missing"] if missing else []
    total = f"{count_text(len(placed), 'file')}, {size(sum(one.size for one in placed))}"
    return f"{path_text(report.directory)}: {total}{': ' if parts else ''}{', '.join(parts)}"


def _print_advice(report: ExportReport) -> None:
    by_url = sorted({row.artifact.name for row in report.rows if row.by_url and row.placed})
    if report.locked:
        _say("A lock file's artifacts pip takes from their URLs; from the folder it installs them by name.")
    elif by_url:
        names = plain(", ".join(by_url))
        _say(f"Required by URL, so pip goes there and not to the folder: {names}. Write NAME==VERSION instead.")
    if report.complete:
        _say("To install from here:")
        for words in _commands(report):
            # A command that is broken into lines is no command.
            stderr().print(plain(f"  {shlex.join(words)}"), markup=False, highlight=False, soft_wrap=True)


def _commands(report: ExportReport) -> Iterator[list[str]]:
    """Yield what to type; what a lock holds is named one by one, since the lock itself would lead elsewhere."""
    locked = [row.artifact for row in report.rows if report.locked and row.by_url]
    names = sorted({f"{one.name}=={one.version}" if one.version else one.name for one in locked})
    yield ["pip", "install", "--no-index", "--find-links", str(report.directory), *names]
    if report.projects is not None:
        yield ["pip", "install", "--index-url", report.directory.as_uri(), *names]


def _say(text: str) -> None:
    stderr().print(text, markup=False)


def export_data(report: ExportReport) -> dict[str, Any]:
    """Return `data` of `export --json`."""
    return {
        "target": target_data(report.target),
        "directory": str(report.directory),
        "files": [_file_data(row) for row in report.rows],
        "summary": _summary_data(report.rows),
        "index": None if report.projects is None else list(report.projects),
        "resolution": {"source": report.source, "made": datetime.fromtimestamp(report.made, UTC).isoformat()},
        "seconds": round(report.seconds, 3),
    }


def _file_data(row: Exported) -> dict[str, Any]:
    artifact, placed = row.artifact, row.placed
    return {
        "name": artifact.name,
        "version": artifact.version,
        "filename": artifact.filename,
        "kind": artifact.kind.value,
        "url": redact(artifact.url),
        "size": artifact.size if placed is None else placed.size,
        "sha256": artifact.sha256 if placed is None else placed.sha256,
        "done": _done(row).replace(" ", "_"),
        "reason": row.reason,
        "by_url": row.by_url,
    }


def _summary_data(rows: Sequence[Exported]) -> dict[str, int]:
    found = Counter(_done(row) for row in rows)
    ways = {how.value: found[how.value] for how in How}
    return {**ways, "in_place": found[IN_PLACE], "missing": found[MISSING]}
