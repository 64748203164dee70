"""One run for several targets: the same operation for each, one report a part."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from wheelwarm.errors import InputError, WheelwarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wheelwarm.targets.elsewhere import Elsewhere
    from wheelwarm.targets.target import Target

R = TypeVar("R")


class Part(NamedTuple, Generic[R]):
    """What came out for one target: a report, or the error that kept it from being made."""

    target: Target
    report: R | None = None
    error: WheelwarmError | None = None


def for_each(targets: Sequence[Target], operation: Callable[[Target], R]) -> list[Part[R]]:
    """Do the same for each target; an error of one keeps no other from being served.

    Raises the first error when no target could be served.
    """
    parts = [_attempt(target, operation) for target in targets]
    if all(part.error for part in parts):
        raise next(part.error for part in parts if part.error)
    return parts


def located(target: Target, elsewhere: Elsewhere) -> Target:
    """Return a target for a machine that is elsewhere: the same pip and cache, other tags and markers.

    Raises InputError for what names no machine, or all of them and one.
    """
    if elsewhere.everywhere and elsewhere.arguments():
        raise InputError(
            f"--all-platforms and {elsewhere.arguments()[0]} exclude each other.", hint="Leave one of them out."
        )
    if not elsewhere.arguments():
        return replace(target, elsewhere=elsewhere) if elsewhere else target
    own = target.tags[0].split("-")[1] if target.tags else f"{target.interpreter_name}{target.interpreter_version}"
    environment = elsewhere.environment(target.environment)
    return replace(
        target,
        version=environment["python_full_version"] if elsewhere.python_version else target.version,
        tags=elsewhere.tags(target.interpreter_name, ".".join(target.version.split(".")[:2]), own),
        environment=environment,
        elsewhere=elsewhere,
    )


def distinct(targets: Iterable[Target]) -> list[Target]:
    """Leave out targets that were named twice."""
    found: dict[tuple[str, ...], Target] = {}
    for target in targets:
        found.setdefault((str(target.python), str(target.cache_dir), target.identity), target)
    return list(found.values())


def _attempt(target: Target, operation: Callable[[Target], R]) -> Part[R]:
    try:
        return Part(target, operation(target))
    except WheelwarmError as error:
        return Part(target, error=error)
