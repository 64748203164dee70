"""The report of `verify`: what is damaged and why, for people and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wheelwarm.render import count_text
from wheelwarm.render.cache import KIND_WORDS, amount_data, body_path, removal_done
from wheelwarm.render.plain import columns, plain, size, write
from wheelwarm.render.sheet import stderr, stdout

if TYPE_CHECKING:
    from wheelwarm.verify import Damaged, Fixed, VerifyReport

_WIDE = 120
"""Columns from which on names are shown; below, the file's own name has to do."""


def problems_table(report: VerifyReport) -> None:
    """Print a line for each problem, none if there is none."""
    width = stdout().width
    wide = width >= _WIDE
    head = ("problem", "name", "version", "kind", "size", "file") if wide else ("problem", "size", "file")
    rows = [head, *(_cells(problem, wide=wide) for problem in report.problems)]
    if report.problems:
        limits = (None, 40, 24, None, None, None) if wide else (None, None, None)
        lines = columns(rows, right=frozenset({4 if wide else 1}), limits=limits, width=width)
        write("".join(f"{line}\n" for line in lines))


def _cells(problem: Damaged, *, wide: bool) -> tuple[str, ...]:
    holding = problem.holding
    contents = holding.contents
    name = (plain(contents.name or ""), plain(contents.version or ""), KIND_WORDS[contents.kind]) if wide else ()
    return problem.damage.value, *name, size(holding.item.bytes), plain(contents.filename or holding.item.path)


def summary(report: VerifyReport, fixed: Fixed, *, fix: bool) -> None:
    """Print what was looked at and found, and what has gone; on standard error what one might do now."""
    unchanged = f", {report.unchanged:,} unchanged" if report.unchanged else ""
    checked = f"{count_text(report.checked, 'entry', 'entries')} checked ({size(report.bytes)}){unchanged}"
    found = [f"{report.authentic:,} authentic", f"{report.readable:,} readable"]
    found += [count_text(len(report.problems), "problem")] if report.problems else []
    write(f"{checked}: {', '.join(found)}\n")
    if fix and report.problems:
        removal_done(fixed.removed)
    if report.busy:
        stderr().print(
            f"{count_text(report.busy, 'entry', 'entries')} left alone: being written just now", markup=False
        )
    if fixed.left and not fix:
        stderr().print("`wheelwarm verify --fix` removes just these; pip then fetches them afresh.", markup=False)


def verify_data(report: VerifyReport, fixed: Fixed) -> dict[str, Any]:
    """Return `data` of `verify --json`."""
    return {
        "cache_dir": str(report.cache_dir),
        "checked": report.checked,
        "unchanged": report.unchanged,
        "busy": report.busy,
        "bytes": report.bytes,
        "authentic": report.authentic,
        "readable": report.readable,
        "problems": [_problem_data(report, problem) for problem in report.problems],
        "planned": amount_data(report.plan.total),
        "removed": amount_data(fixed.removed),
    }


def _problem_data(report: VerifyReport, problem: Damaged) -> dict[str, Any]:
    return {
        "path": body_path(report.cache_dir, problem.holding),
        "filename": problem.holding.contents.filename,
        "reason": problem.damage.value,
    }
