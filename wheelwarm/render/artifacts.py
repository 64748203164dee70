"""The reports of prefetch and check: one row an artifact."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from wheelwarm.model import Action, Kind, Lane, Outcome, Reason, Summary
from wheelwarm.redaction import redact
from wheelwarm.render import count_text, error_data, path_text, print_labelled
from wheelwarm.render.plain import moment, plain, size
from wheelwarm.render.sheet import Span, answer, columns_of, stdout, styled, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.table import Table

    from wheelwarm.check import CheckReport
    from wheelwarm.errors import WheelwarmError
    from wheelwarm.model import Artifact, Row, Verdict
    from wheelwarm.offline.offline import Offline
    from wheelwarm.prefetch import PrefetchReport
    from wheelwarm.render.sheet import Sheet
    from wheelwarm.targets.elsewhere import Elsewhere
    from wheelwarm.targets.target import Target

STYLES = {
    Outcome.HIT: "green",
    Outcome.LOCAL: "green",
    Outcome.STALE: "yellow",
    Outcome.MISS: "red",
    Outcome.UNCACHEABLE: "magenta",
}


# What gives way on a narrow terminal, in this order, and down to how many columns.
GIVING_WAY = (("file", 18), ("name", 12), ("file", 8), ("name", 8))

Cell: TypeAlias = tuple[Span, ...]


class Failing(Protocol):
    """A row that may have failed by itself."""

    @property
    def error(self) -> WheelwarmError | None:
        """What went wrong."""


def prefetch_table(report: PrefetchReport) -> None:
    """Print what `prefetch` found, did, and left."""
    sheet = answer()
    last = ("before", "plan") if report.dry_run else ("before", "done", "after")
    print_rows(sheet, report.rows, last)
    sheet.line(summary_text("before", Summary.of(row.before for row in report.rows)))
    if not report.dry_run:
        sheet.line(summary_text("after", Summary.of(row.final for row in report.rows)))
    print_metadata(sheet, report.metadata[-1])
    spent = "nothing" if report.dry_run else size(report.bytes_downloaded)
    sheet.line(f"{spent} downloaded in {report.seconds:.1f} s")
    if report.unneeded:
        amount = size(sum(one.size or 0 for one in report.unneeded))
        sheet.line(f"fetched ahead and not needed: {count_text(len(report.unneeded), 'file')}, {amount}")
    if report.source == "ledger":
        sheet.line(f"resolution: {source_text(report.source, report.made)} (--refresh asks the index again)")
    if report.lock:
        sheet.line(f"lock: {plain(str(report.lock))}")
    print_target(sheet, report.target)


def check_table(report: CheckReport) -> None:
    """Print what `check` found."""
    sheet = answer()
    print_rows(sheet, report.rows, ("outcome",))
    sheet.line(summary_text("now", Summary.of(row.before for row in report.rows)))
    print_metadata(sheet, report.metadata)
    if report.offline is not None:
        print_offline(sheet, report.offline)
    sheet.line(f"resolution: {source_text(report.source, report.made)}")
    print_target(sheet, report.target)


def print_offline(sheet: Sheet, offline: Offline) -> None:
    """Print whether an install without network works, and else what stands in the way."""
    if offline.works:
        until = f", until {minute(offline.until)}" if offline.ends_soon else ""
        sheet.line("offline: ", ("yes", "green"), until)
    else:
        print_obstacles(sheet, offline)
    if offline.by_name or offline.ends_soon:
        sheet.line("Only what is asked for by name needs index pages; a lock names URLs:")
        sheet.line("  wheelwarm prefetch ... --lock pylock.toml   (before pip 26.1: offline.txt)")


def print_obstacles(sheet: Sheet, offline: Offline) -> None:
    """Print what stands in the way, and why."""
    things = count_text(len(offline.obstacles), "thing stands", "things stand")
    sheet.line("offline: ", ("no", "red"), f", {things} in the way")
    for obstacle in offline.obstacles:
        artifact = obstacle.artifact
        what = f"index page of {artifact.name}" if artifact.kind is Kind.INDEX_PAGE else artifact.filename
        name = plain(redact(what or artifact.name))
        sheet.line(f"  {name}: ", *verdict_text(obstacle.verdict, brief=False))


def offline_data(offline: Offline) -> dict[str, Any]:
    """Return the answer to `--offline` for JSON."""
    obstacles = [
        {
            "name": one.artifact.name,
            "version": one.artifact.version,
            "filename": one.artifact.filename,
            "kind": one.artifact.kind.value,
            "url": redact(one.artifact.url),
            **verdict_data(one.verdict),
        }
        for one in offline.obstacles
    ]
    return {"works": offline.works, "until": moment(offline.until) if offline.works else None, "obstacles": obstacles}


def print_rows(sheet: Sheet, rows: Sequence[Row], last: Sequence[str]) -> None:
    """Print one line an artifact; on a narrow terminal with less of what name and version say already."""
    if not rows:
        return
    headers = ("name", "version", "file", "size", *last)
    cells = [row_cells(row, last, brief=False) for row in rows]
    widths, gap = column_widths(headers, cells), 2
    if sum(widths.values()) + gap * (len(headers) - 1) > sheet.width:
        cells = [row_cells(row, last, brief=True) for row in rows]
        gap = 1
        widths = column_widths(headers, cells)
        widths = narrowed(widths, sum(widths.values()) + gap * (len(headers) - 1) - sheet.width)
    if sheet.is_terminal:
        stdout().print(artifact_table(cells, widths, gap=gap))
    else:
        sheet.line("\n".join(plain_lines(cells, widths, gap=gap)))
    sheet.line()


def row_cells(row: Row, last: Sequence[str], *, brief: bool) -> list[Cell]:
    """Fill the columns of one row."""
    artifact = row.artifact
    filename = brief_file_name(artifact) if brief else artifact.filename
    bytes_ = "" if artifact.size is None else size(artifact.size)
    ends = {
        "before": verdict_text(row.before, brief=brief),
        "outcome": verdict_text(row.before, brief=False),
        "plan": (row.action or "",),
        "done": (done_text(row),),
        "after": verdict_text(row.final, brief=False),
    }
    names = (artifact.name, artifact.version, filename, bytes_)
    return [*((plain(name),) for name in names), *(ends[name] for name in last)]


def done_text(row: Row) -> str:
    """Write what was done, and by whom if it came one by one."""
    by_pip = row.lane is Lane.PIP and row.action in (Action.DOWNLOADED, Action.SEEDED)
    return f"{row.action} by pip" if by_pip else row.action or ""


def brief_file_name(artifact: Artifact) -> str:
    """Leave out of a file's name what the columns before it say: `...py3-none-any.whl`, `...tar.gz`."""
    stem = re.match(r".*?-\d[^-]*?(?=-|\.tar|\.zip)[-.]", artifact.filename)
    return f"\N{HORIZONTAL ELLIPSIS}{artifact.filename[stem.end() :]}" if stem else artifact.filename


def column_widths(headers: Sequence[str], cells: Sequence[Sequence[Cell]]) -> dict[str, int]:
    """Return how wide each column would like to be."""
    return {header: max(len(header), *(columns_of(row[at]) for row in cells)) for at, header in enumerate(headers)}


def plain_lines(cells: Sequence[Sequence[Cell]], widths: dict[str, int], *, gap: int) -> Iterator[str]:
    """Lay out the same rows for a pipe: no styles, and no blanks that fill the last column.

    Laying out a hundred rows with styles takes longer than finding out what stands in them.
    """
    for row in ([(header,) for header in widths], *cells):
        line = ""
        for (header, width), cell in zip(widths.items(), row, strict=True):
            text, taken = words(cell), columns_of(cell)
            fill = " " * (width - taken)
            text = text if taken <= width else f"{text[: max(0, width - 1)]}…"
            line += (fill + text if header == "size" else text + fill) + " " * gap
        yield line.rstrip()


def artifact_table(cells: Sequence[Sequence[Cell]], widths: dict[str, int], *, gap: int) -> Table:
    """Lay out rows in columns of these widths."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    for header, width in widths.items():
        justify: Literal["right", "left"] = "right" if header == "size" else "left"
        table.add_column(header, justify=justify, no_wrap=True, overflow="ellipsis", width=width)
    for row in cells:
        table.add_row(*map(styled, row))
    return table


def narrowed(widths: dict[str, int], excess: int) -> dict[str, int]:
    """Take the columns that a terminal lacks from the names of files and projects in turn."""
    widths = dict(widths)
    for header, least in GIVING_WAY:
        taken = max(0, min(widths[header] - least, excess))
        widths[header] -= taken
        excess -= taken
    return widths


def verdict_text(verdict: Verdict, *, brief: bool) -> Cell:
    """Write `miss (absent)`, coloured where colours are on; briefly, without a reason that goes without saying."""
    told = verdict.reason and not (brief and verdict.reason in (Reason.ABSENT, Reason.NOT_BUILT))
    return (verdict.outcome.value, STYLES[verdict.outcome]), f" ({verdict.reason})" if told else ""


def summary_text(label: str, summary: Summary) -> str:
    """Write one line of totals; what there is none of goes unmentioned, but for hits."""
    parts = [count_text(summary.hits, "hit")]
    parts += [f"{summary.stale} stale"] if summary.stale else []
    parts += [count_text(summary.misses, "miss", "misses")] if summary.misses else []
    parts += [f"{summary.uncacheable} uncacheable"] if summary.uncacheable else []
    parts += [f"{summary.local} local"] if summary.local else []
    return f"{label}: {', '.join(parts)}"


def print_metadata(sheet: Sheet, summary: Summary) -> None:
    """Print how many `.metadata` files pip would find; nothing where the index has none."""
    total = summary.hits + summary.stale + summary.misses + summary.uncacheable
    if total:
        sheet.line(f"metadata files: {summary.hits} of {total} are hits")


def print_target(sheet: Sheet, target: Target) -> None:
    """Print for which Python, pip and cache directory all this holds."""
    where = " ".join(["", *target.elsewhere.words()])
    sheet.line(f"target: Python {target.version} ({path_text(target.python)}), pip {target.pip}{where}")
    sheet.line(f"cache: {path_text(target.cache_dir)}")


def minute(seconds: float) -> str:
    """Write a time, in seconds since the epoch, to the minute."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def source_text(source: str, made: float) -> str:
    """Say who resolved, and when."""
    when = minute(made)
    return {
        "ledger": f"remembered from {when}",
        "lock": "the lock itself",
        "pins": "the exact pins and URLs themselves",
        "uv": f"by uv {when}",
    }.get(source, f"asked from the index {when}")


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
        "unneeded": [{"filename": one.filename, "size": one.size} for one in report.unneeded],
        "resolver": report.resolver,
        "resolution": resolution_data(report.source, report.made),
        "lock": str(report.lock) if report.lock else None,
    }


def resolution_data(source: str, made: float) -> dict[str, str]:
    """Return who resolved, and when, for JSON."""
    return {"source": source, "made": datetime.fromtimestamp(made, UTC).isoformat()}


def check_data(report: CheckReport) -> dict[str, Any]:
    """Return `data` of `check --json`."""
    return {
        "target": target_data(report.target),
        "artifacts": [artifact_data(row) for row in report.rows],
        "summary": summary_data(Summary.of(row.before for row in report.rows)),
        "metadata": summary_data(report.metadata),
        **({"offline": offline_data(report.offline)} if report.offline is not None else {}),
        "resolution": resolution_data(report.source, report.made),
        "seconds": round(report.seconds, 3),
    }


def target_data(target: Target) -> dict[str, Any]:
    """Return a target for JSON; `elsewhere` only for a machine that is not this one."""
    return {
        "python": str(target.python),
        "version": target.version,
        "pip": target.pip,
        "cache_dir": str(target.cache_dir),
        **({"elsewhere": elsewhere_data(target.elsewhere)} if target.elsewhere else {}),
    }


def elsewhere_data(elsewhere: Elsewhere) -> dict[str, Any]:
    """Return what was said of another machine for JSON."""
    return {
        "platforms": list(elsewhere.platforms),
        "python_version": elsewhere.python_version,
        "implementation": elsewhere.implementation,
        "abis": list(elsewhere.abis),
        "everywhere": elsewhere.everywhere,
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
        data |= {"action": row.action, "after": verdict_data(row.after), "lane": row.lane}
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


def row_errors(rows: Iterable[Failing]) -> list[dict[str, str]]:
    """Return what failed for single artifacts, for JSON."""
    return [error_data(row.error) for row in rows if row.error]


def print_failures(rows: Iterable[Failing]) -> None:
    """Print on standard error why single artifacts failed."""
    for row in rows:
        if row.error:
            print_labelled("failed", row.error.message, style="bold red")
            if row.error.hint:
                print_labelled("hint", row.error.hint)
