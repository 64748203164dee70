"""Exact pins and direct URLs -> Resolution, from what the disk tells: no resolver, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wheelwarm.lookup import Shelf
    from wheelwarm.model import Resolution
    from wheelwarm.requirements import RequirementSet


def resolve_pins(requirements: RequirementSet, shelf: Shelf) -> Resolution | None:
    return None
