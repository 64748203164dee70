"""The reports of prefetch and check: one row an artifact."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from wheelwarm.model import Outcome, Summary
from wheelwarm.redaction import redact
from wheelwarm.render import count_text, error_data, size_text, stderr, stdout

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from wheelwarm.check import CheckReport
    from wheelwarm.model import Row, Verdict
    from wheelwarm.prefetch import PrefetchReport
    from wheelwarm.target import Target

STYLES = {
    Outcome.HIT: "green",
    Outcome.LOCAL: "green",
    Outcome.STALE: "yellow",
    Outcome.MISS: "red",
    Outcome.UNCACHEABLE: "magenta",
}


def prefetch_table(report: PrefetchReport) -> None:
    """Print what `prefetch` found, did, and left."""
    console = stdout()
    columns = ("name", "version", "file", "size", "before", "plan" if report.dry_run else "done")
    table = artifact_table((*columns, *(() if report.dry_run else ("after",))))
    for row in report.rows:
        cells = [*artifact_cells(row), verdict_text(row.before), Text(str(row.action or ""))]
        table.add_row(*cells, *([] if report.dry_run else [verdict_text(row.final)]))
    if report.rows:
        console.print(table)
        console.print()
    console.print(summary_text("before", Summary.of(row.before for row in report.rows)))
    if not report.dry_run:
        console.print(summary_text("after", Summary.of(row.final for row in report.rows)))
    print_metadata(console, report.metadata[-1])
    console.print(Text(f"{size_text(report.bytes_downloaded)} downloaded in {report.seconds:.1f} s"))
    print_target(console, report.target)


def check_table(report: CheckReport) -> None:
    """Print what `check` found."""
    console = stdout()
    table = artifact_table(("name", "version", "file", "size", "outcome"))
    for row in report.rows:
        table.add_row(*artifact_cells(row), verdict_text(row.before))
    if report.rows:
        console.print(table)
        console.print()
    console.print(summary_text("now", Summary.of(row.before for row in report.rows)))
    print_metadata(console, report.metadata)
    console.print(Text(f"resolution: {source_text(report)}"))
    print_target(console, report.target)


def artifact_table(columns: Sequence[str]) -> Table:
    """Make the frame that all artifact tables share; only the file's name gives way on a narrow terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        if name == "file":
            table.add_column(name, overflow="ellipsis", no_wrap=True, ratio=1)
        elif name == "size":
            table.add_column(name, justify="right", no_wrap=True)
        else:
            table.add_column(name, no_wrap=True, overflow="ellipsis")
    return table


def artifact_cells(row: Row) -> list[Text]:
    """Fill the columns that name an artifact."""
    artifact = row.artifact
    size = "" if artifact.size is None else size_text(artifact.size)
    return [Text(artifact.name), Text(artifact.version), Text(artifact.filename), Text(size)]


def verdict_text(verdict: Verdict) -> Text:
    """Write `miss (absent)`, coloured where colours are on."""
    reason = f" ({verdict.reason})" if verdict.reason else ""
    return Text.assemble((verdict.outcome.value, STYLES[verdict.outcome]), reason)


def summary_text(label: str, summary: Summary) -> Text:
    """Write one line of totals; what there is none of goes unmentioned, but for hits."""
    parts = [count_text(summary.hits, "hit")]
    parts += [f"{summary.stale} stale"] if summary.stale else []
    parts += [count_text(summary.misses, "miss", "misses")] if summary.misses else []
    parts += [f"{summary.uncacheable} uncacheable"] if summary.uncacheable else []
    parts += [f"{summary.local} local"] if summary.local else []
    return Text(f"{label}: {', '.join(parts)}")


def print_metadata(console: Console, summary: Summary) -> None:
    """Print how many `.metadata` files pip would find; nothing where the index has none."""
    total = summary.hits + summary.stale + summary.misses + summary.uncacheable
    if total:
        console.print(Text(f"metadata files: {summary.hits} of {total} are hits"))


def print_target(console: Console, target: Target) -> None:
    """Print for which Python, pip and cache directory all this holds."""
    console.print(Text(f"target: Python {target.version} ({target.python}), pip {target.pip}"))
    console.print(Text(f"cache: {target.cache_dir}"))


def source_text(report: CheckReport) -> str:
    """Say who resolved, and when."""
    when = f"{datetime.fromtimestamp(report.made, UTC):%Y-%m-%d %H:%M} UTC"
    return {
        "ledger": f"remembered from {when}",
        "pins": "the exact pins and URLs themselves",
    }.get(report.source, f"asked from the index {when}")


def prefetch_data(report: PrefetchReport) -> dict[str, Any]:
    """Return `data` of `prefetch --json`."""
    return {
        "target": target_data(report.target),
        "artifacts": [artifact_data(row) for row in report.rows],
        "summary": summary_data(Summary.of(row.before for row in report.rows)),
        "after": summary_data(Summary.of(row.final for row in report.rows)),
        "metadata": {"before": summary_data(report.metadata[0]), "after": summary_data(report.metadata[1])},
        "bytes_downloaded": report.bytes_downloaded,
        "seconds": round(report.seconds, 3),
        "dry_run": report.dry_run,
    }


def check_data(report: CheckReport) -> dict[str, Any]:
    """Return `data` of `check --json`."""
    return {
        "target": target_data(report.target),
        "artifacts": [artifact_data(row) for row in report.rows],
        "summary": summary_data(Summary.of(row.before for row in report.rows)),
        "metadata": summary_data(report.metadata),
        "resolution": {"source": report.source, "made": datetime.fromtimestamp(report.made, UTC).isoformat()},
        "seconds": round(report.seconds, 3),
    }


def target_data(target: Target) -> dict[str, str]:
    """Return a target for JSON."""
    return {
        "python": str(target.python),
        "version": target.version,
        "pip": target.pip,
        "cache_dir": str(target.cache_dir),
    }


def artifact_data(row: Row) -> dict[str, Any]:
    """Return one artifact for JSON; `check` has neither action nor after."""
    artifact = row.artifact
    data: dict[str, Any] = {
        "name": artifact.name,
        "version": artifact.version,
        "filename": artifact.filename,
        "kind": artifact.kind.value,
        "url": redact(artifact.url),
        "size": artifact.size,
        "sha256": artifact.sha256,
        "before": verdict_data(row.before),
    }
    if row.after is not None:
        data |= {"action": row.action, "after": verdict_data(row.after)}
    return data


def verdict_data(verdict: Verdict) -> dict[str, str | None]:
    """Return an outcome with its reason for JSON."""
    return {"outcome": verdict.outcome.value, "reason": verdict.reason.value if verdict.reason else None}


def summary_data(summary: Summary) -> dict[str, int]:
    """Return the counts for JSON."""
    return {
        "hits": summary.hits,
        "stale": summary.stale,
        "misses": summary.misses,
        "uncacheable": summary.uncacheable,
        "local": summary.local,
    }


def row_errors(rows: Iterable[Row]) -> list[dict[str, str]]:
    """Return what failed for single artifacts, for JSON."""
    return [error_data(row.error) for row in rows if row.error]


def print_failures(rows: Iterable[Row]) -> None:
    """Print on standard error why single artifacts failed."""
    console = stderr()
    for row in rows:
        if row.error:
            console.print(Text.assemble(("failed: ", "bold red"), redact(row.error.message)))
            if row.error.hint:
                console.print(Text.assemble(("hint: ", "bold"), redact(row.error.hint)))
