"""The rows that keep what each entry of the cache is; only looks at the whole cache need them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from wheelwarm.entry_facts import Contents, Problem, Source
from wheelwarm.ledger.rows import check_texts
from wheelwarm.model import Kind

# Look-ups, since calling an enumeration costs ten times as much, and a large cache has very many rows.
_KINDS = {kind.value: kind for kind in Kind}
_SOURCES = {None: None} | {source.value: source for source in Source}
_PROBLEMS = {None: None} | {problem.value: problem for problem in Problem}


def entry_row(path: str, mark: str, what: Contents) -> tuple[object, ...]:
    """Return the row that keeps what an entry is."""
    names = (what.kind, what.name, what.version, what.filename, " ".join(what.tags), what.requires_python)
    states = (what.sha256, what.yanked, what.source, what.problem, what.expires, what.validator)
    return path, mark, *names, *states, what.origin


def contents_of(path: str, mark: str, *row: Any) -> tuple[str, str, Contents]:
    """Read what `entry_row` made; KeyError, TypeError or ValueError for anything else."""
    kind, name, version, filename, tags, requires_python, *states, origin = row
    sha256, yanked, source, problem, expires, validator = states
    check_texts(path, mark, name, version, filename, tags, requires_python, sha256, origin)
    contents = Contents(
        kind=_KINDS[kind],
        name=name,
        version=version,
        filename=filename,
        tags=_split(tags),
        requires_python=requires_python,
        sha256=sha256,
        yanked=bool(yanked),
        source=_SOURCES[source],
        problem=_PROBLEMS[problem],
        expires=None if expires is None else float(expires),
        validator=bool(validator),
        origin=origin,
    )
    return path, mark, contents


@lru_cache(maxsize=1024)
def _split(tags: str) -> tuple[str, ...]:
    """Split the tags of a wheel; thousands of wheels share one tuple."""
    return tuple(tags.split())
