"""How a signal ends the program: as an exception, so that temporary files and started processes go, and in any case."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

_ENDED_BY_SIGNAL = 128
_MOMENT_SECONDS = 0.05


def heed_signals() -> None:
    """End the program on SIGTERM as on Ctrl-C, wherever it is just then."""
    signal.signal(signal.SIGTERM, _end)
    sys.unraisablehook = _insist


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(_ENDED_BY_SIGNAL + number)


def _insist(lost: sys.UnraisableHookArgs) -> None:
    """Send a signal again whose exception is lost: Python ignores all from a callback, and every import ends in one."""
    number = _number_of(lost.exc_value)
    if number is None:
        sys.__unraisablehook__(lost)
        return
    import threading

    threading.Thread(target=_send_in_a_moment, args=(number,), daemon=True).start()


def _number_of(error: BaseException | None) -> int | None:
    """Return the signal that an exception stands for, None for any other."""
    if isinstance(error, KeyboardInterrupt):
        return signal.SIGINT
    by_us = isinstance(error, SystemExit) and error.code == _ENDED_BY_SIGNAL + signal.SIGTERM
    return signal.SIGTERM if by_us else None


def _send_in_a_moment(number: int) -> None:
    """Send it once the callback is over; a signal to the process also wakes a main thread that waits for a lock."""
    time.sleep(_MOMENT_SECONDS)
    os.kill(os.getpid(), number)
