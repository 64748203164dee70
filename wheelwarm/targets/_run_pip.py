"""Runs the pip of the Python that runs this, as the `pip` script does; it must start on every Python that pip does.

Usage: python _run_pip.py PIP_ARGUMENT...
"""

import gc
import logging
import runpy
import sys
from pathlib import Path

# The debug log tells which URLs pip looked up. A line for each link of each index page comes with them, which nobody
# reads, and takes a quarter of the time of a pip that resolves.
UNREAD = "pip._internal.index.package_finder"
# The links live until pip ends; to look through them for garbage at every 700th new object takes a fourteenth.
COLLECT_AT = 50000


class VerboseLogger(logging.Logger):
    """A logger with the level between INFO and DEBUG that pip's own have."""

    def verbose(self, message: str, *arguments: object) -> None:
        """Log below INFO."""
        self.log(15, message, *arguments)


def hush(name: str) -> None:
    """Keep what a logger says below INFO out of every log; pip takes the logger that is there."""
    usual = logging.getLoggerClass()
    logging.setLoggerClass(VerboseLogger)
    logging.getLogger(name).setLevel(logging.INFO)
    logging.setLoggerClass(usual)


def main() -> None:
    """Run pip.

    The current folder, which `python -m` puts first on the path, may hold a `types.py`, and this file's holds modules
    of ours: neither is to hide the target's.
    """
    here = Path(__file__).parent
    sys.path[:] = [path for path in sys.path if path and Path(path) != here]
    hush(UNREAD)
    gc.set_threshold(COLLECT_AT)
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
