"""What the commands that take requirements print, for one target or several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from wheelwarm.cli.configuring import configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wheelwarm.check import CheckReport
    from wheelwarm.export import ExportReport
    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.parts import Part
    from wheelwarm.prefetch import PrefetchReport

R = TypeVar("R", "PrefetchReport", "CheckReport", "ExportReport")


def print_answer(
    command: str,
    wanted: RequirementSet,
    parts: Sequence[Part[R]],
    table: Callable[[R], None],
    data: Callable[[R], dict[str, Any]],
    *,
    done: bool,
    as_json: bool,
) -> None:
    """Print what came out for each target: its `table`, or its `data` for JSON."""
    from wheelwarm.render import parts as page
    from wheelwarm.render import print_json

    page.print_troubles(parts)
    if as_json:
        status = "ok" if done else "partial"
        read_from = {"config": configuration().path, "found_input": wanted.found}
        named = {key: str(path) if path else None for key, path in read_from.items()}
        answer = {**page.parts_data(parts, data), **named}
        print_json(command, status, answer, page.parts_errors(parts))
    else:
        page.print_parts(parts, table)
