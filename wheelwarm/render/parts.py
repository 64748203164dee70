"""The report of a run for one target or several: the same table and the same JSON object for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from wheelwarm.redaction import redact
from wheelwarm.render import error_data, print_error, print_warnings
from wheelwarm.render.artifacts import print_failures, row_errors, target_data
from wheelwarm.render.plain import plain
from wheelwarm.render.sheet import answer, aside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wheelwarm.check import CheckReport
    from wheelwarm.export import ExportReport
    from wheelwarm.parts import Part
    from wheelwarm.prefetch import PrefetchReport
    from wheelwarm.targets.target import Target

R = TypeVar("R", "PrefetchReport", "CheckReport", "ExportReport")


def print_parts(parts: Sequence[Part[R]], table: Callable[[R], None]) -> None:
    """Print each target's table, below a line that names the target where there are several."""
    for number, part in enumerate(parts, 1):
        if len(parts) > 1:
            answer().line((f"[{number} of {len(parts)}] {title(part.target)}", "bold"))
        if part.report is not None:
            table(part.report)
        else:
            answer().line("not done: see the error")
        if number < len(parts):
            answer().line()


def print_troubles(parts: Sequence[Part[R]]) -> None:
    """Print on standard error what went wrong: for whole targets, for single files, and what to know besides."""
    warnings = (warning for part in parts if part.report for warning in part.report.warnings)
    print_warnings(dict.fromkeys(warnings))
    for part in parts:
        if part.report is not None:
            print_failures(part.report.rows)
        if part.error is not None:
            aside().line(f"for {title(part.target)}:")
            print_error(part.error)


def parts_data(parts: Sequence[Part[R]], data: Callable[[R], dict[str, Any]]) -> dict[str, Any]:
    """Return `data` for JSON: one target's own, or `targets[]` with one such object each, or its error."""
    objects = [
        data(part.report)
        if part.report is not None
        else {"target": target_data(part.target), "error": error_data(part.error) if part.error else None}
        for part in parts
    ]
    return objects[0] if len(objects) == 1 else {"targets": objects}


def parts_errors(parts: Sequence[Part[R]]) -> list[dict[str, str]]:
    """Return `errors` for JSON, target by target."""
    return [error for part in parts for error in _errors(part)]


def _errors(part: Part[R]) -> Iterator[dict[str, str]]:
    if part.error is not None:
        yield error_data(part.error)
    if part.report is not None:
        yield from row_errors(part.report.rows)


def title(target: Target) -> str:
    """Name a target in one line."""
    words = target.elsewhere.words()
    where = f", {' '.join(words)}" if words else ""
    return plain(redact(f"Python {target.version} ({target.python}), pip {target.pip}{where}"))
