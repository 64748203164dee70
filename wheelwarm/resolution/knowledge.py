"""What an input stands for, as far as that is known without network: the last resolution of it, or its own pins."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wheelwarm import urls
from wheelwarm.errors import ResolveError
from wheelwarm.model import Kind
from wheelwarm.resolution.question import check_target, input_digest

if TYPE_CHECKING:
    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.model import Resolution
    from wheelwarm.shelf.lookup import Shelf


def known_resolution(requirements: RequirementSet, shelf: Shelf) -> Resolution:
    """Take the last resolution of the same input for the shelf's target, else the input's own pins and URLs.

    It counts whoever resolved: pip, or uv, which `source` then names.

    Raises ResolveError when neither tells what pip would ask for.
    """
    target = shelf.target
    check_target(requirements, target)
    remembered = _remembered(requirements, shelf)
    if requirements.only_locks:
        return _locked(requirements, shelf, remembered)
    resolution = remembered or _pinned(requirements, shelf)
    if resolution is None:
        raise ResolveError(
            "No earlier run has resolved these requirements for this Python, and they are not all exact pins or URLs.",
            hint="Run `wheelwarm prefetch` with them, or `wheelwarm check --resolve`, which lets pip ask the index.",
        )
    return resolution


def _locked(requirements: RequirementSet, shelf: Shelf, remembered: Resolution | None) -> Resolution:
    """Return what locks say, with what builds are known to ask for; a lock that leads to paths is read anew."""
    if remembered is not None and all(one.url.startswith("http") for one in remembered.artifacts):
        return replace(remembered, source="lock", made=shelf.now)
    from wheelwarm.inputs import lockfile

    said = lockfile.resolution(requirements.locks, shelf.target, requirements.options, now=shelf.now)
    if remembered is None:
        return said
    known = {name: getattr(remembered, name) for name in ("asked", "build_requests", "supporting")}
    return replace(said, recalled=True, **known)


def locked_wheels(requirements: RequirementSet, shelf: Shelf) -> Resolution | None:
    """Return what locks are known to say if that is wheels alone, which nothing but the lock decides; else None.

    What sdists are built with is the index's to say, each time anew.
    """
    if not requirements.only_locks:
        return None
    check_target(requirements, shelf.target)
    known = shelf.ledger.recall(input_digest(requirements, shelf.target), shelf.target.identity)
    return replace(known, source="lock", made=shelf.now) if known and _is_wheels(known) else None


def wheels_in_locks(requirements: RequirementSet, shelf: Shelf) -> Resolution | None:
    """Return the same, read from the locks themselves: a lock that nobody knows yet needs no resolver either."""
    if not requirements.only_locks:
        return None
    from wheelwarm.inputs import lockfile

    check_target(requirements, shelf.target)
    said = lockfile.resolution(requirements.locks, shelf.target, requirements.options, now=shelf.now)
    return said if _is_wheels(said) else None


def _is_wheels(resolution: Resolution) -> bool:
    return all(one.kind is Kind.WHEEL and one.url.startswith("http") for one in resolution.artifacts)


def _pinned(requirements: RequirementSet, shelf: Shelf) -> Resolution | None:
    from wheelwarm.resolution.pins import resolve_pins

    return resolve_pins(requirements, shelf)


def _remembered(requirements: RequirementSet, shelf: Shelf) -> Resolution | None:
    """Return the newest resolution of the input, pip's or uv's."""
    by_pip, by_uv = (
        shelf.ledger.recall(input_digest(requirements, shelf.target, resolver=resolver), shelf.target.identity)
        for resolver in ("pip", "uv")
    )
    if by_uv is None or (by_pip is not None and by_pip.made >= by_uv.made):
        return by_pip
    return replace(by_uv, source="uv")


# What these name is read by pip anew, and no digest tells that it has changed.
_READ_ANEW = ("constraint", "build-constraint", "find-links")


def fresh_resolution(requirements: RequirementSet, shelf: Shelf, *, resolver: str = "pip") -> Resolution | None:
    """Return the last resolution of the same input while every index page that it came from is fresh.

    Then a pip since 26.2 would ask nobody either; an earlier one asks about every page each time, so there nothing
    counts. None too where a page was stored since, where local files or repositories had a part in it, and for locks,
    which need no memory.
    """
    target = shelf.target
    if not target.traits.serves_fresh_pages or target.setting("refresh-package"):
        return None
    if requirements.remote_files or requirements.locks or requirements.options.find_links:
        return None
    if any(target.setting(name) for name in _READ_ANEW) or not all(line.by_name for line in requirements.lines):
        return None
    known = shelf.ledger.recall(input_digest(requirements, target, resolver=resolver), target.identity)
    if known is None or not all(one.url.startswith("http") for one in known.artifacts):
        return None
    pages = [url for url in known.asked if urls.is_page(url)]
    return known if pages and all(_is_fresh(url, known.made, shelf) for url in pages) else None


def _is_fresh(page: str, made: float, shelf: Shelf) -> bool:
    stored = shelf.fresh_since(page)
    return stored is not None and stored <= made
