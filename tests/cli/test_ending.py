"""A signal ends the program wherever it comes, and all else that Python ignores is still shown."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

# A signal in a callback of a weak reference, in which Python ignores exceptions, and then a wait for a lock.
LOST = """
import os, signal, sys, threading, weakref
from wheelwarm.cli.ending import heed_signals
heed_signals()
class Gone: pass
gone = Gone()
watch = weakref.ref(gone, lambda _: os.kill(os.getpid(), int(sys.argv[1])))
del gone
try:
    threading.Lock().acquire() and threading.Event().wait(60)
except KeyboardInterrupt:
    sys.exit(130)
finally:
    print("tidied up")
"""
OTHER = """
import weakref
from wheelwarm.cli.ending import heed_signals
heed_signals()
class Gone: pass
gone = Gone()
watch = weakref.ref(gone, lambda _: {}["x"])
del gone
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_a_callback_is_not_lost(number: signal.Signals, code: int) -> None:
    """Python ignores the exception there, as at the end of an import; the program ends all the same, and tidies up."""
    done = subprocess.run(
        [sys.executable, "-c", LOST, str(int(number))], capture_output=True, text=True, timeout=30, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (code, "tidied up\n", "")


def test_other_ignored_exceptions_are_shown() -> None:
    """What is no signal is Python's to show, and ends nothing."""
    done = subprocess.run([sys.executable, "-c", OTHER], capture_output=True, text=True, check=True)

    assert "KeyError: 'x'" in done.stderr
