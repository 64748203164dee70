"""What an input stands for, as far as that is known without network: the last resolution of it, or its own pins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wheelwarm import lockfile
from wheelwarm.errors import ResolveError
from wheelwarm.pins import resolve_pins
from wheelwarm.resolver import check_target, input_digest

if TYPE_CHECKING:
    from wheelwarm.lookup import Shelf
    from wheelwarm.model import Resolution
    from wheelwarm.requirements import RequirementSet


def known_resolution(requirements: RequirementSet, shelf: Shelf) -> Resolution:
    """Take the last resolution of the same input for the shelf's target, else the input's own pins and URLs.

    Raises ResolveError when neither tells what pip would ask for.
    """
    target = shelf.target
    check_target(requirements, target)
    remembered = shelf.ledger.recall(input_digest(requirements, target), target.identity)
    if remembered is None and requirements.only_locks:
        return lockfile.resolution(requirements.locks, target, requirements.options, now=shelf.now)
    resolution = remembered or resolve_pins(requirements, shelf)
    if resolution is None:
        raise ResolveError(
            "No earlier run has resolved these requirements for this Python, and they are not all exact pins or URLs.",
            hint="Run `wheelwarm prefetch` with them, or `wheelwarm check --resolve`, which lets pip ask the index.",
        )
    return resolution
