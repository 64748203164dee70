"""From what a command raises to a message and an exit code, and from a question to an answer.

The only place that catches WheelwarmError.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from wheelwarm.errors import OfflineError, UsageError, WheelwarmError
from wheelwarm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wheelwarm.removal.removal import Plan

NO = 1
USAGE = 2
FAILED = 3
INTERRUPTED = 130

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@contextmanager
def answering(command: str, *, as_json: bool, offline_ok: bool = False) -> Iterator[None]:
    """Turn what a command raises into a message and an exit code; with `offline_ok`, no network is exit code 0."""
    try:
        with _with_a_reader(), _telling(command, as_json=as_json, offline_ok=offline_ok), _written():
            yield
    except KeyboardInterrupt:
        typer.echo("Interrupted.", err=True)
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def _telling(command: str, *, as_json: bool, offline_ok: bool) -> Iterator[None]:
    """Tell what went wrong, unless it is that the answer has nowhere to go."""
    try:
        yield
    except WheelwarmError as error:
        raise typer.Exit(_tell(error, command, as_json=as_json, offline_ok=offline_ok)) from None
    except OSError as error:
        if is_of_output(error):
            raise
        raise typer.Exit(_tell(_of_system(error), command, as_json=as_json)) from None


@contextmanager
def _with_a_reader() -> Iterator[None]:
    """End in order when the answer has nowhere to go, that of an error included."""
    try:
        yield
    except BrokenPipeError:
        # The reader has seen enough, as in `wheelwarm list | head`.
        _drop_output()
        raise typer.Exit(0) from None
    except OSError as error:
        raise typer.Exit(tell_unwritten(error)) from None


def tell_unwritten(error: OSError) -> int:
    """Say that the answer cannot be written, and return the exit code."""
    _drop_output()
    typer.echo(f"error: Standard output cannot be written: {error.strerror or error}.", err=True)
    return FAILED


def is_of_output(error: OSError) -> bool:
    """Tell whether it is the answer that cannot be written, as on a full disk: files have names."""
    return isinstance(error, BrokenPipeError) or (error.filename is None and error.errno in _FULL)


def _tell(error: WheelwarmError, command: str, *, as_json: bool, offline_ok: bool = False) -> int:
    """Say what went wrong, and return the exit code."""
    from wheelwarm import render

    passes = offline_ok and isinstance(error, OfflineError)
    if as_json:
        with _written():
            render.print_json(command, "partial" if passes else "error", {}, [render.error_data(error)])
    if passes:
        render.print_note(f"{error.message} {error.hint}")
        return 0
    render.print_error(error)
    return USAGE if isinstance(error, UsageError) else FAILED


def _of_system(error: OSError) -> WheelwarmError:
    """Put into a sentence what nobody foresaw of names, files and disks: a name too long, a folder gone."""
    name = f"{quoted(str(error.filename))}: " if error.filename else ""
    return WheelwarmError(f"{name}{error.strerror or error}.", hint="Check the name, the permissions and the disk.")


@contextmanager
def _written() -> Iterator[None]:
    """Have the answer written before the exit code is told, whatever that is."""
    if getattr(sys, "stdout", None) is None:  # closed by who has started us, as by `>&-`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for as long as we run
    try:
        yield
    finally:
        sys.stdout.flush()


def _drop_output() -> None:
    """Lead what is left of the answer nowhere: Python would try, and complain, once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_may_ask(*, as_json: bool) -> None:
    """Raise a usage error where nobody can be asked whether something is to go: the plan has to be seen first."""
    if as_json:
        raise typer.BadParameter("with --json nothing is asked: --yes or --dry-run is needed", param_hint="--yes")
    if not sys.stdin.isatty():
        raise typer.BadParameter("without a terminal to ask on, --yes is needed", param_hint="--yes")


def agrees(plan: Plan) -> bool:
    """Ask whether a plan that was shown is to be carried out; on standard error, so that the other has the answer.

    The end of the input is a no. Raises KeyboardInterrupt, which click takes for the same.
    """
    from wheelwarm.render import count_text

    files, folders = plan.total.files, len(plan.folders)
    what = count_text(files, "file") if files else count_text(folders, "empty folder")
    try:
        return typer.confirm(f"Remove {what}?", err=True)
    except typer.Abort as abort:
        typer.echo(err=True)
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise abort.__context__ from None
        return False
