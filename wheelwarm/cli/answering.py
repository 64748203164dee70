"""From what a command raises to a message and an exit code: the only place that catches WheelwarmError."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from wheelwarm.errors import OfflineError, UsageError, WheelwarmError

if TYPE_CHECKING:
    from collections.abc import Iterator

NO = 1
USAGE = 2
FAILED = 3
INTERRUPTED = 130


@contextmanager
def answering(command: str, *, as_json: bool, offline_ok: bool = False) -> Iterator[None]:
    """Turn what a command raises into a message and an exit code; with `offline_ok`, no network is exit code 0."""
    try:
        yield
    except WheelwarmError as error:
        from wheelwarm import render

        passes = offline_ok and isinstance(error, OfflineError)
        if as_json:
            render.print_json(command, "partial" if passes else "error", {}, [render.error_data(error)])
        if passes:
            render.print_note(f"{error.message} {error.hint}")
            raise typer.Exit(0) from None
        render.print_error(error)
        raise typer.Exit(USAGE if isinstance(error, UsageError) else FAILED) from None
    except KeyboardInterrupt:
        typer.echo("Interrupted.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # The reader has seen enough, as in `wheelwarm list | head`; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
