"""Reports -> tables and JSON; progress while they are made. The only user of rich.

Standard output gets the answer, standard error the rest. Text from the cache or the network is never markup, and its
control characters are escaped. This module owns what all reports share: consoles, the JSON envelope, errors, words.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from wheelwarm.redaction import redact
from wheelwarm.render.plain import plain
from wheelwarm.render.sheet import aside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wheelwarm.errors import WheelwarmError

ENVELOPE_VERSION = 1


def path_text(path: Path | str) -> str:
    """Write a path for the answer: on a terminal the home folder is `~`, in a pipe a path is whole."""
    text = plain(str(path))
    if not sys.stdout.isatty():
        return text
    with suppress(RuntimeError):  # nobody says where home is
        home = str(Path.home())
        if len(home) > 1 and f"{text}{os.sep}".startswith(f"{home}{os.sep}"):
            return f"~{text[len(home) :]}"
    return text


def print_json(command: str, status: str, data: Mapping[str, Any], errors: Sequence[Mapping[str, str]]) -> None:
    """Print the one envelope of all commands."""
    envelope = {"wheelwarm": ENVELOPE_VERSION, "command": command, "status": status, "data": data, "errors": errors}
    sys.stdout.write(json.dumps(envelope, indent=2) + "\n")


def error_data(error: WheelwarmError) -> dict[str, str]:
    """Return an error for JSON."""
    return {"code": error.code, "message": redact(error.message), "hint": redact(error.hint)}


def print_error(error: WheelwarmError) -> None:
    """Print one sentence and a hint on standard error."""
    print_labelled("error", error.message, style="bold red")
    if error.hint:
        print_labelled("hint", error.hint)


def print_note(text: str) -> None:
    """Print on standard error what is no failure, but good to know."""
    print_labelled("note", text)


def print_warnings(warnings: Iterable[str]) -> None:
    """Print warnings on standard error."""
    for warning in warnings:
        print_labelled("warning", warning, style="bold yellow")


def print_labelled(label: str, text: str, *, style: str = "bold") -> None:
    """Print prose on standard error: on a terminal wrapped between words, so that a path or URL stays whole."""
    sheet = aside()
    said = f"{label}: {plain(redact(text))}"
    if sheet.is_terminal:
        said = "\n".join(wrap(said, sheet.width, break_long_words=False, break_on_hyphens=False))
    sheet.line((f"{label}: ", style), said[len(label) + 2 :])


def count_text(number: int, singular: str, plural: str = "") -> str:
    """Write a number with its noun in the right form."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
