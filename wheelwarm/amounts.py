"""How long and how much, as people write them: `30d`, `12h`, `P30D`; `2GB`, `500MiB`. Pure.

A bare number is refused: of days, hours and seconds, or of bytes and gigabytes, a wrong guess would empty a cache.
"""

from __future__ import annotations

import re

from wheelwarm.errors import InputError

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 604800

_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), _MINUTE),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), _HOUR),
    **dict.fromkeys(("d", "day", "days"), _DAY),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), _WEEK),
}
_NUMBER = r"\d{1,12}(?:\.\d{1,6})?"
_PART = re.compile(rf"({_NUMBER})\s*([a-z]+)\s*")
# ISO 8601, but for years and months: these have no fixed length.
_ISO = re.compile(
    rf"P(?=.)(?:({_NUMBER})W)?(?:({_NUMBER})D)?(?:T(?=.)(?:({_NUMBER})H)?(?:({_NUMBER})M)?(?:({_NUMBER})S)?)?",
    re.IGNORECASE,
)
_ISO_SECONDS = (_WEEK, _DAY, _HOUR, _MINUTE, 1)
_SIZE = re.compile(rf"({_NUMBER})\s*([kmgt]?)(i?)(b?|bytes?)", re.IGNORECASE)
_POWERS = "kmgt"

_DURATION_HINT = "Write 30d, 12h, 6w or P30D."
_SIZE_HINT = "Write 500MB, 2GB or 1.5GiB."


def seconds_of(text: str) -> float:
    """Read a duration: seconds, minutes, hours, days and weeks, or ISO 8601 without years and months.

    `m` is refused, since it may stand for minutes and for months. Raises InputError.
    """
    words = text.strip()
    if (found := _ISO.fullmatch(words)) is not None:
        parts = zip(found.groups(), _ISO_SECONDS, strict=True)
        return sum(float(number) * unit for number, unit in parts if number)
    lowered = words.lower()
    parts_found = _PART.findall(lowered)
    if not parts_found or _PART.sub("", lowered) or any(unit not in _SECONDS for _, unit in parts_found):
        raise InputError(f"'{text}' is no length of time: {_why_no_duration(lowered)}.", hint=_DURATION_HINT)
    return sum(float(number) * _SECONDS[unit] for number, unit in parts_found)


def bytes_of(text: str) -> int:
    """Read a size: powers of 1000 for `kB`, `MB`, `GB`, `TB` (or `2G`), of 1024 for `KiB`, `MiB` and so on.

    Raises InputError.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or not (found[2] or found[4]) or (found[3] and not found[2]):
        why = "it has no unit" if _is_number(text) else "its unit is not known"
        raise InputError(f"'{text}' is no size: {why}.", hint=_SIZE_HINT)
    power = _POWERS.index(found[2].lower()) + 1 if found[2] else 0
    return int(float(found[1]) * (1024 if found[3] else 1000) ** power)


def _why_no_duration(text: str) -> str:
    if _is_number(text):
        return "it has no unit"
    if re.fullmatch(rf"{_NUMBER}\s*m(?:o|on|onths?)?", text) or re.fullmatch(r"p.*\d[my].*", text):
        return "months and years have no fixed length, and m might mean minutes"
    return "its unit is not known"


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?[\d.,_ ]+", text.strip()) is not None
