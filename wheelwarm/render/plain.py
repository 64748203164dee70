"""Text from the cache made fit for a terminal and its encoding, and lines of columns: for tables of any length."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from itertools import zip_longest
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_UNITS = ("kB", "MB", "GB", "TB")
_DAY = 86400
_GAP = "  "
_EIGHTHS = " ▏▎▍▌▋▊▉"
_FULL = "█"
_ELLIPSIS = "…"


def plain(text: str) -> str:
    """Write what is not printable (controls, half characters, marks that turn the direction) as an escape."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def write(text: str) -> None:
    """Write to standard output; what its encoding lacks becomes an escape."""
    sys.stdout.write(encodable(text, sys.stdout))


def encodable(text: str, file: TextIO) -> str:
    """Return a text as a file's encoding can have it: what that lacks as an escape."""
    encoding = file.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def size(amount: int) -> str:
    """Write bytes in powers of 1000, as pip does, to three or four digits."""
    if amount < 1000:
        return f"{amount} B"
    value = float(amount)
    for unit in _UNITS:
        value /= 1000
        if value < 999.95 or unit == _UNITS[-1]:
            break
    return f"{value:.1f} {unit}"


def ago(seconds: float) -> str:
    """Write how long ago something was, in one unit."""
    if seconds < 3600:
        return "just now" if seconds < 60 else f"{seconds // 60:.0f} min"
    if seconds < 2 * _DAY:
        return f"{seconds // 3600:.0f} h"
    days = int(seconds // _DAY)
    return f"{days} days" if days < 730 else f"{days // 365} years"


def moment(seconds: float) -> str | None:
    """Write a time in ISO 8601, UTC, to the second; None for one that no calendar has."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC).isoformat()
    except (OverflowError, OSError, ValueError):
        return None


def bar(share: float, width: int) -> str:
    """Draw a share of `width` columns by eighths, in ASCII where the output has no blocks; nothing for 0 alone."""
    eighths = max(round(share * width * 8), 1 if share > 0 else 0)
    if not _can_write(_FULL + _EIGHTHS):
        return "#" * max(eighths // 8, 1 if share > 0 else 0)
    return (_FULL * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def cut(text: str, width: int) -> str:
    """Shorten text to so many columns, with a mark where it goes on: an ellipsis, where the output has one."""
    if len(text) <= width or not width:
        return text[:width]
    return text[: width - 1] + (_ELLIPSIS if _can_write(_ELLIPSIS) else "~")


def _can_write(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def columns(
    rows: Iterable[Sequence[str]], *, right: frozenset[int], limits: Sequence[int | None], width: int
) -> Iterable[str]:
    """Lay rows out in columns as wide as they need, up to their limits; those numbered in `right` end flush.

    The last one gives way where a line would be longer than `width`.
    """
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    widths = [need if limit is None else min(need, limit) for need, limit in zip(widths, limits, strict=True)]
    widths[-1] = max(0, min(widths[-1], width - sum(widths[:-1]) - len(_GAP) * (len(widths) - 1)))
    for row in rows:
        cells = [_cell(text, need, right=at in right) for at, (text, need) in enumerate(zip(row, widths, strict=True))]
        yield _GAP.join(cells).rstrip()[:width]


def _cell(text: str, width: int, *, right: bool) -> str:
    text = cut(text, width)
    return text.rjust(width) if right else text.ljust(width)
