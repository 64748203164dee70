"""What pip leaves out for a machine that is elsewhere, since it judges markers by the Python that runs it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from wheelwarm.errors import ResolveError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wheelwarm.model import Resolution
    from wheelwarm.shelf.lookup import Shelf


def left_out(resolution: Resolution, shelf: Shelf) -> list[str]:
    """Return a sentence for each project that the machine will ask for and the resolution lacks.

    The files' own metadata tells, as far as it is in the cache; extras that were asked for are not followed.
    """
    if not shelf.target.elsewhere.arguments():
        return []
    return list(dict.fromkeys(_sentences(resolution, shelf)))


def _sentences(resolution: Resolution, shelf: Shelf) -> Iterator[str]:
    from packaging.utils import canonicalize_name

    from wheelwarm.resolution.pins import dependencies

    known = {canonicalize_name(one.name) for one in resolution.artifacts}
    for artifact in resolution.artifacts:
        with suppress(ResolveError):
            for needed in dependencies(artifact, (), shelf):
                if canonicalize_name(needed.name) not in known:
                    yield (
                        f"{artifact.name} needs {needed.name} on that machine, and pip, which judges markers as for "
                        "this one, left it out: name it too, or let uv resolve (--resolver uv)."
                    )
