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
        with _written():
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
        # The reader has seen enough, as in `wheelwarm list | head`.
        _drop_output()
        raise typer.Exit(0) from None
    except OSError as error:
        if error.filename is not None:
            raise
        # The answer has no place, as on a full disk.
        _drop_output()
        typer.echo(f"error: Standard output cannot be written: {error.strerror or error}.", err=True)
        raise typer.Exit(FAILED) from None


def agrees(files: int) -> bool:
    """Ask whether so many files are to go, on standard error, so that standard output has the answer alone.

    The end of the input is a no. Raises KeyboardInterrupt, which click takes for the same.
    """
    from wheelwarm.render import count_text

    try:
        return typer.confirm(f"Remove {count_text(files, 'file')}?", err=True)
    except typer.Abort as abort:
        typer.echo(err=True)
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise abort.__context__ from None
        return False


@contextmanager
def _written() -> Iterator[None]:
    """Have the answer written before the exit code is told, whatever that is."""
    try:
        yield
    finally:
        sys.stdout.flush()


def _drop_output() -> None:
    """Lead what is left of the answer nowhere: Python would try, and complain, once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
